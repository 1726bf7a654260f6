"""Which frozen parameters does nothing say are meant to be so?"""

from collections.abc import Sequence

from torch import Tensor

from plusx.doctor.passes import few, tensors
from plusx.doctor.patient import Patient
from plusx.tape import watch

__all__ = ["forgotten", "of_layers"]


def forgotten(patient: Patient, names: Sequence[str]) -> list[str]:
    """Return the frozen parameters of layers that a gradient has to pass.

    Meant are those that an optimizer of just the others leaves out; and layers whose output needs
    no gradient: a backbone before all that learns, a teacher.
    """
    layers = of_layers(patient, names)
    if not layers or _others_held(patient):
        return []
    passed = _passed_by_gradients(patient)
    return [name for name in layers if _of_nearest(passed, name)]


def of_layers(patient: Patient, names: Sequence[str]) -> list[str]:
    """Return those of `names` that belong to a layer.

    A parameter beside layers may be a fixed table of positions, or a token for another task.
    """
    modules = dict(patient.model.named_modules())
    owners = {name: modules[name.rpartition(".")[0]] for name in names}
    return [name for name, owner in owners.items() if next(owner.children(), None) is None]


def _others_held(patient: Patient) -> bool:
    """Say whether the optimizer has all parameters that learn, and no other."""
    if patient.optimizer is None:
        return False
    held = {id(p) for group in patient.optimizer.param_groups for p in group["params"]}
    return held == {id(p) for p in patient.model.parameters() if p.requires_grad}


def _passed_by_gradients(patient: Patient) -> dict[str, bool]:
    """Say of each module that runs whether its output has a gradient to hand on."""
    x, (model, _) = few(patient), patient.fresh()
    seen: dict[str, bool] = {}

    def see(name: str, first: Tensor, y: object) -> None:
        seen[name] = seen.get(name, False) or any(each.requires_grad for each in tensors(y))

    try:
        with watch(dict(model.named_modules()), see):
            model.eval()(x, *patient.context(x))
    except RuntimeError:  # TorchScript has no hooks
        return {}
    return seen


def _of_nearest(seen: dict[str, bool], name: str) -> bool:
    """Look at the innermost module about a parameter that ran: torch's attention runs whole."""
    while name:
        name = name.rpartition(".")[0]
        if name in seen:
            return seen[name]
    return True
