"""The families, one file each; `plusx.catalog` builds them by name."""

from plusx.zoo import plain, resnet
from plusx.zoo.network import Config, Family, Network, Option, Options, Range

__all__ = ["FAMILIES", "Config", "Family", "Network", "Option", "Options", "Range"]

FAMILIES: tuple[Family, ...] = (*resnet.FAMILIES, *plain.FAMILIES)
