"""ends(model, images): the last units that are maps, one of each stream."""

from torch import Tensor, nn

from plusx.branch.streams import Beside
from plusx.explain.looking import Pass, made_of, passed, still
from plusx.explain.places import as_map

__all__ = ["ends"]


def ends(model: nn.Module, images: Tensor) -> tuple[str, ...]:
    """Return the last map of each stream of a network; none where it has no streams of ours.

    An end is a unit whose places the answer depends on and that no later end is made of.

    >>> import torch
    >>> from plusx import create
    >>> ends(create("dualstream_resnet18", num_classes=2), torch.randn(1, 3, 64, 64))
    ('stages.3.rgb.1.unit', 'stages.3.l.1.unit')
    """
    if not any(isinstance(module, Beside) for module in model.modules()):
        return ()
    with still(model):
        seen = passed(model, images[:1], None)
        found: list[str] = []
        for name in reversed(seen.tape.units):
            y = seen.tape.units[name].y
            later = [seen.tape.units[end].y for end in found]
            if _matters(seen, y) and not any(made_of(end, y) for end in later):
                found.append(name)
    return tuple(found[::-1])


def _matters(seen: Pass, y: Tensor) -> bool:
    gradient = seen.gradient(y)
    places = None if gradient is None else as_map(gradient, seen.size)
    return places is not None and bool(places.any())
