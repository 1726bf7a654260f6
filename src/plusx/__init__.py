"""plusx: y = merge(shortcut(x), transform(x)), and everything that follows from it.

Names are imported on first use, so that the command line can answer before torch is loaded.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plusx.analysis.summary import Summary, summary
    from plusx.branch.hybrid import HybridAttention
    from plusx.catalog import create, list_models
    from plusx.errors import InputError
    from plusx.merge import Add, Scaled
    from plusx.parts.colour import RGBtoRGBL
    from plusx.residual import Residual
    from plusx.saving import load, save
    from plusx.tape import record
    from plusx.unit import Unit, units
    from plusx.weights import LoadReport, export_weights, load_weights

__version__ = "0.1.0"
__all__ = [
    "Add",
    "HybridAttention",
    "InputError",
    "LoadReport",
    "RGBtoRGBL",
    "Residual",
    "Scaled",
    "Summary",
    "Unit",
    "create",
    "export_weights",
    "list_models",
    "load",
    "load_weights",
    "record",
    "save",
    "summary",
    "units",
]

_HOMES = {
    "plusx.analysis.summary": ("Summary", "summary"),
    "plusx.branch.hybrid": ("HybridAttention",),
    "plusx.catalog": ("create", "list_models"),
    "plusx.errors": ("InputError",),
    "plusx.merge": ("Add", "Scaled"),
    "plusx.parts.colour": ("RGBtoRGBL",),
    "plusx.tape": ("record",),
    "plusx.residual": ("Residual",),
    "plusx.saving": ("load", "save"),
    "plusx.unit": ("Unit", "units"),
    "plusx.weights": ("LoadReport", "export_weights", "load_weights"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'plusx' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
