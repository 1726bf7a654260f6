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


def hint(network: Network, found: Mapping[str, Tensor]) -> str:
    """Name the switch that would help, where one would."""
    own = network.state_dict()
    first = stem_name(network)
    last = [name for name in head_names(network) if name in found]
    if any(found[name].shape[:1] != own[name].shape[:1] for name in last):
        return '; head="adapt" keeps the model\'s own last layer'
    if first in found and found[first].shape[1:2] != own[first].shape[1:2]:
        return '; stem="adapt" fits one input channel to many or many to one'
    return ""


def some(names: Sequence[str]) -> str:
    """List the first names, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _said(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)}{'' if tensor.is_floating_point() else ' of whole numbers'}"
