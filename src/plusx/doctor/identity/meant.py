"""The network that was meant, of the zoo, for the same images and classes: its outline."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from plusx.catalog import create, family_of, options_of
from plusx.data.spec import SMALL
from plusx.doctor.identity.outline import Outline, outline
from plusx.zoo import Config, Network, Option

__all__ = ["meant", "options_for", "params_of"]


def meant(
    name: str, inputs: Sequence[object], *, num_classes: int, config: Config | None = None
) -> Outline:
    """Outline the network `name` for such inputs; nothing is drawn or computed (meta device).

    With `config`, that of a network of ours, its channels and options are these. Raises
    `InputError` for an unknown name, and for a network that cannot be traced.
    """
    x = next(value for value in inputs if isinstance(value, Tensor))
    with torch.device("meta"):
        wanted = config or _usual(name, x, num_classes)
        made = _made(replace(wanted, num_classes=num_classes)).eval()
    return outline(
        made, [value.to("meta") if isinstance(value, Tensor) else value for value in inputs]
    )


def params_of(name: str, x: Tensor, num_classes: int) -> int:
    """Count the parameters of the network `name` for such inputs."""
    with torch.device("meta"):
        made = _made(_usual(name, x, num_classes))
    return sum(parameter.numel() for parameter in made.parameters())


def _made(config: Config) -> Network:
    return create(
        config.name,
        num_classes=config.num_classes,
        in_channels=config.in_channels,
        **config.options,
    )


def _usual(name: str, x: Tensor, num_classes: int) -> Config:
    family = family_of(name)
    of_images = family.in_channels == 3 or x.dim() == 4
    channels = x.shape[1] if of_images else family.in_channels
    return Config(name, num_classes, channels, options_for(name, x))


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
