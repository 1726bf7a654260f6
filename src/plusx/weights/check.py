"""Do the weights fit? Every tensor that does not, by name, and the switch that would help."""

from collections.abc import Mapping, Sequence, Set

from torch import Tensor

from plusx.weights.adapt import head_names, stem_name
from plusx.weights.layout import Keys
from plusx.zoo import Network

__all__ = ["hint", "misfits", "some"]

SHOWN = 8  # names in a message, of each kind


def misfits(
    network: Network,
    keys: Keys,
    given: Mapping[str, Tensor],
    found: Mapping[str, Tensor],
    kept: Set[str],
) -> str:
    """Say what of `given` does not fit `network`, or nothing.

    `found` has the tensors of `given` by their names in the network, as they would be loaded;
    `kept` those names that stay as they are.
    """
    own = network.state_dict()
    known = {key for key, _ in keys.values()}
    lacking = [key for name, (key, _) in keys.items() if name not in found and name not in kept]
    wrong = [
        f"{keys[name][0]} {_said(tensor)}, the model's {_said(own[name])}"
        for name, tensor in found.items()
        if _said(tensor) != _said(own[name])
    ]
    problems = (
        ("it lacks", lacking),
        ("it has the unknown", [key for key in given if key not in known]),
        ("of another shape or kind are", wrong),
    )
    return "; ".join(f"{words} {some(names)}" for words, names in problems if names)


def hint(network: Network, found: Mapping[str, Tensor], kept: Set[str], *, complete: bool) -> str:
    """Name the switches that would help, and say so where they would be enough.

    `complete` says that every tensor given has a place, if not its shape.
    """
    own = network.state_dict()
    first, last = stem_name(network), head_names(network)
    apart = {n for n in own.keys() - kept if n not in found or _said(found[n]) != _said(own[n])}
    head = bool(apart & {*last}) and all(
        found[name].shape[1:] == own[name].shape[1:] for name in last if name in found
    )
    stem = first in apart and first in found and _other_channels(found[first], own[first])
    places = " and ".join(["its head"] * head + ["its stem"] * stem)
    words = [
        f"only {places} differ{'s' * (head != stem)}" * (complete and apart <= {first, *last}),
        'head="adapt" keeps the model\'s own last layer' * head,
        'stem="adapt" fits one input channel to many or many to one' * stem,
    ]
    return "".join(f"; {word}" for word in words if word and places)


def _other_channels(given: Tensor, own: Tensor) -> bool:
    sides = (given.shape[:1], given.shape[2:]) == (own.shape[:1], own.shape[2:])
    return sides and given.dim() > 1 and 1 in (given.shape[1], own.shape[1])


def some(names: Sequence[str]) -> str:
    """List the first names, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _said(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)}{'' if tensor.is_floating_point() else ' of whole numbers'}"
