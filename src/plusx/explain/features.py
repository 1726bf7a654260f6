"""features(model, pool): what the channels of a network look for, early, in the middle and late."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from plusx.analysis.drawing import spread
from plusx.data import InputSpec
from plusx.errors import InputError
from plusx.explain.answer import Target
from plusx.explain.channels import At, layers_of
from plusx.explain.exciting import Excited, excite
from plusx.explain.extremes import Extremes, extremes
from plusx.explain.filters import Filters, filters
from plusx.explain.looking import chosen, look, passed, still
from plusx.explain.material import Images
from plusx.explain.places import as_map
from plusx.explain.suited import suited

__all__ = ["Features", "features"]

LARGE = 128
"""Pixels a side of the images that are made: what excites a channel is a texture, and repeats."""


@dataclass(frozen=True, eq=False)
class Features:
    """What the first layer looks for, and what some channels of some layers answer to.

    `weights` is how much each channel of `excited.at` spoke for the answers that were explained:
    its values times the gradient of the logit, summed over the places, the mean over the images.
    """

    filters: Filters | None
    excited: Excited
    extremes: Extremes
    weights: Tensor
    pool: Images


def features(
    model: nn.Module,
    pool: Images,
    explained: Images,
    target: Target = None,
    *,
    layers: Sequence[str] = (),
    channels: int = 3,
    steps: int = 96,
    progress: Callable[[int], object] = lambda step: None,
) -> Features:
    """Show the `channels` of each of `layers` that spoke most for `target` in `explained`.

    By default that is the network's answer to each. `layers` are addresses of units or modules, by
    default of three units: the first, the middle, the last.
    The strongest and weakest examples come from `pool`.
    """
    if channels < 1:
        raise InputError(f"channels is {channels}, expected 1 or more")
    x = suited(model, explained.x)
    names = layers_of(model, layers) or _three(model, x)
    _, found = look(model, x, target, names)
    at: list[At] = []
    weights: list[float] = []
    for layer in found:
        spoke = (layer.values * layer.gradients).sum((2, 3)).mean(0)
        best = spoke.topk(min(channels, len(spoke)))
        at += [(layer.name, int(place)) for place in best.indices]
        weights += best.values.tolist()
    try:
        first = filters(model)
    except InputError:  # a network that begins otherwise
        first = None
    made = excite(model, at, spec=_small(model, explained.spec), steps=steps, progress=progress)
    ends = extremes(model, suited(model, pool.x), at, names=pool.names)
    return Features(first, made, ends, torch.tensor(weights), pool)


def _small(model: nn.Module, spec: InputSpec) -> InputSpec:
    """Let images be of `LARGE` pixels at most, where the network takes such."""
    smaller = replace(spec, size=min(spec.size, LARGE))
    x = suited(model, torch.zeros(1, spec.channels, smaller.size, smaller.size))
    try:
        with still(model), torch.no_grad():
            model(x)
    except Exception:  # whatever a network of one size alone raises
        return spec
    return smaller


def _three(model: nn.Module, x: Tensor) -> list[str]:
    """Choose the first, the middle and the last layer that are maps and modules of their own."""
    modules = dict(model.named_modules())
    with still(model):
        seen = passed(model, x[:1], None)
        values = {**seen.tape.outputs, **{name: one.y for name, one in seen.tape.units.items()}}
        last = chosen(seen, values)
    maps = [name for name, value in values.items() if as_map(value, seen.size) is not None]
    # several joins of one module are numbered: together they are the module
    found = [name.partition(":")[0] for name in maps[: maps.index(last) + 1]]
    found = [name for name in dict.fromkeys(found) if name and name in modules]
    found = found or _convolutions(model, x)
    if not found:
        raise InputError(
            "the network has no unit and no convolution that is a module of its own and gives a "
            "map; name layers by address"
        )
    return [found[place] for place in spread(len(found), 3)]


def _convolutions(model: nn.Module, x: Tensor) -> list[str]:
    """Return those that give maps: of a network that is one unit as a whole."""
    names = [name for name, module in model.named_modules() if isinstance(module, nn.Conv2d)]
    with still(model):
        seen = passed(model, x[:1], None, names)
    outputs = seen.tape.outputs
    return [n for n in names if n in outputs and as_map(outputs[n], seen.size) is not None]
