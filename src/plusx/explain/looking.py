"""look(model, images, target, unit): layers with their gradients, from one pass."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from plusx.analysis.untouched import untouched
from plusx.errors import InputError, nearest
from plusx.explain.answer import Answer, Target, answer_in, check_images, run_on
from plusx.explain.places import as_map
from plusx.tape import Tape, record

__all__ = [
    "Layer", "Pass", "Unit", "chosen", "layers", "look", "made_of", "passed", "still",
]  # fmt: skip

PIXELS = (
    ", which a class activation map is made of; integrated gradients explain any network: "
    "--method integrated-gradients"
)
"""What to do where there is no map."""
Unit = str | Sequence[str] | None
"""An address, several, or None: the last unit that is a map and reaches the answer."""


@dataclass(frozen=True, eq=False)
class Layer:
    """What one layer gives and the gradient of the target's logit by it: (B, C, h, w), float32."""

    name: str
    values: Tensor
    gradients: Tensor


@dataclass(frozen=True, eq=False)
class Pass:
    """One forward pass: what was recorded, the class of each image and its logit."""

    tape: Tape
    images: Tensor
    answer: Answer

    @property
    def targets(self) -> Tensor:
        """The class that is explained of each image: (B,)."""
        return self.answer.targets

    @property
    def scores(self) -> Tensor:
        """The logits of these classes: (B,)."""
        return self.answer.scores

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images."""
        return self.images.shape[-2], self.images.shape[-1]

    def gradient(self, value: Tensor) -> Tensor | None:
        """Return d(sum of scores) / d(value), or None where no way leads from it to them."""
        (found,) = torch.autograd.grad(
            self.scores.sum(), [value], retain_graph=True, allow_unused=True
        )
        return found


@contextmanager
def still(model: nn.Module) -> Iterator[None]:
    """Put the model in evaluation with gradients on, and leave no trace."""
    with torch.inference_mode(False), torch.enable_grad(), untouched(model):
        model.eval()
        yield


def look(model: nn.Module, images: Tensor, target: Target, unit: Unit) -> tuple[Pass, list[Layer]]:
    """Run `model` on `images` (B, C, H, W) and return the layers at `unit`.

    The names of units come before those of other modules, whose output can be asked for, too: of
    torchvision's `layer4.1` the unit is the sum, before the ReLU, and `layer4` ends behind it.
    """
    with still(model):
        seen = passed(model, images, target, unit)
        found = layers(model, seen, unit)
    return seen, found


def passed(model: nn.Module, images: Tensor, target: Target, unit: Unit = None) -> Pass:
    """Run `model`, in evaluation already, and record its units and the modules at `unit`."""
    check_images(images)
    modules = dict(model.named_modules())
    wanted = {name: modules[name] for name in _names(unit) if name in modules}
    x = images.detach().clone().requires_grad_()
    with record(model, modules=wanted) as tape:
        output = run_on(model, x)
    if not tape.units and unit is None:
        wanted = {name: module for name, module in modules.items() if isinstance(module, nn.Conv2d)}
        with record(model, modules=wanted) as tape:
            output = run_on(model, x)
    return Pass(tape, x, answer_in(output, len(images), target))


def made_of(later: Tensor, value: Tensor) -> bool:
    """Tell whether a way leads from `value` to `later`."""
    (found,) = torch.autograd.grad(later.sum(), [value], retain_graph=True, allow_unused=True)
    return found is not None


def layers(model: nn.Module, seen: Pass, unit: Unit) -> list[Layer]:
    """Return the layers at `unit` of what was seen."""
    values = {**seen.tape.outputs, **{name: u.y for name, u in seen.tape.units.items()}}
    names = _names(unit) or (chosen(seen, values, otherwise=PIXELS),)
    return [_layer(model, seen, name, values) for name in names]


def chosen(seen: Pass, values: Mapping[str, Tensor], *, otherwise: str = "") -> str:
    """Choose the last layer that is a map whose places the answer depends on.

    The last block of a vision transformer is passed over: only its class token is read. An error
    ends with what can be done `otherwise`.
    """
    maps = [name for name, value in values.items() if as_map(value, seen.size) is not None]
    if not maps:
        raise InputError(
            f"the network has no unit and no convolution whose output is a map over the image"
            f"{otherwise}"
        )
    for name in reversed(maps):
        gradient = seen.gradient(values[name])
        places = None if gradient is None else as_map(gradient, seen.size)
        if places is not None and bool(places.any()):
            return name
    return maps[-1]


def _names(unit: Unit) -> tuple[str, ...]:
    return () if unit is None else (unit,) if isinstance(unit, str) else tuple(unit)


def _layer(model: nn.Module, seen: Pass, name: str, values: Mapping[str, Tensor]) -> Layer:
    if name not in values:
        known = [*seen.tape.units, *(other for other, _ in model.named_modules() if other)]
        hint = nearest(name, known) or f"; its units are {list(seen.tape.units)}"
        raise InputError(f"the network has no unit {name!r} that is run{hint}")
    value = as_map(values[name], seen.size)
    if value is None:
        raise InputError(
            f"{name!r} gives {tuple(values[name].shape)}, expected a map over images of "
            f"{seen.size[0]}x{seen.size[1]} with two places or more; choose an earlier unit"
        )
    gradient = seen.gradient(values[name])
    whole = torch.zeros_like(values[name]) if gradient is None else gradient
    places = as_map(whole, seen.size)
    assert places is not None
    return Layer(name, value.detach().float(), places.detach().float())
