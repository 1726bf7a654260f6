"""The network that was meant, of the zoo, for the same images and classes: its outline."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from plusx.catalog import create, family_of, options_of
from plusx.data.spec import SMALL
from plusx.doctor.identity.outline import Outline, outline
from plusx.zoo import Network, Option

__all__ = ["meant", "options_for", "params_of"]


def meant(
    name: str,
    inputs: Sequence[object],
    *,
    num_classes: int,
    options: Mapping[str, Option] | None = None,
) -> Outline:
    """Outline the network `name` for such inputs; nothing is drawn or computed (meta device).

    Raises `InputError` for an unknown name.
    """
    x = next(value for value in inputs if isinstance(value, Tensor))
    options = options_for(name, x) if options is None else options
    with torch.device("meta"):
        made = _made(name, x, num_classes, options).eval()
    return outline(
        made, [value.to("meta") if isinstance(value, Tensor) else value for value in inputs]
    )


def params_of(name: str, x: Tensor, num_classes: int) -> int:
    """Count the parameters of the network `name` for such inputs."""
    with torch.device("meta"):
        made = _made(name, x, num_classes, options_for(name, x))
    return sum(parameter.numel() for parameter in made.parameters())


def _made(name: str, x: Tensor, num_classes: int, options: Mapping[str, Option]) -> Network:
    if family_of(name).in_channels == 3 or x.dim() == 4:
        return create(name, num_classes=num_classes, in_channels=x.shape[1], **options)
    return create(name, num_classes=num_classes, in_channels=family_of(name).in_channels, **options)


def options_for(name: str, x: Tensor) -> dict[str, Option]:
    """Return what `plusx train` would add to the name for such images: a stem, an image size."""
    known = options_of(name)
    if x.dim() != 4:
        return {}
    side = x.shape[-1]
    options: dict[str, Option] = {}
    if "stem" in known and family_of(name).size > SMALL >= side:
        options["stem"] = "small"
    if "image_size" in known:
        options["image_size"] = side
    return options
