"""Does the network know all of its layers?"""

from collections.abc import Iterator

from torch import Tensor, nn

from plusx.doctor.finding import Finding
from plusx.doctor.patient import Patient
from plusx.doctor.wiring.attributes import hidden_layers, hidden_tensors

__all__ = ["registered"]


def registered(patient: Patient) -> Iterator[Finding]:
    """Look for layers and learning tensors in plain lists, tuples, dictionaries and attributes.

    `parameters()`, `to()` and `state_dict()` do not see those.
    """
    model = patient.model
    hidden: dict[str, nn.Module | Tensor] = dict(hidden_layers(model))
    hidden |= {n: t for n, t in hidden_tensors(model).items() if t.requires_grad and t.is_leaf}
    count = sum(_numel(each) for each in hidden.values())
    known = sum(p.numel() for p in model.parameters())
    first = next(iter(hidden), "")
    yield Finding(
        check="wiring.registered",
        verdict="wrong" if hidden else "fine",
        title="Layers are hidden from parameters()" if hidden else "All layers are registered",
        figure=f"{len(hidden)} of them with {count:,} weights, beside {known:,} registered ones",
        threshold="none: the optimizer, to() and state_dict() see registered modules only",
        place=first,
        cause="unregistered layer" if hidden else "",
        why=f"{first} is no registered module or parameter" if hidden else "",
        next="use nn.ModuleList, nn.ModuleDict or nn.Parameter there" if hidden else "",
        weight=3,
    )


def _numel(value: nn.Module | Tensor) -> int:
    if isinstance(value, Tensor):
        return value.numel()
    return sum(parameter.numel() for parameter in value.parameters())
