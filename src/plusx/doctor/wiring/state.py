"""Is all that forward uses saved and restored?"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.passes import distance, evaluated, evaluates_the_same, few, passed
from plusx.doctor.patient import Patient
from plusx.doctor.wiring.attributes import hidden_tensors, need_registered

__all__ = ["state"]

SAME = 1e-5
"""Change of the output over its rms; the same weights on the same images give 0."""


def state(patient: Patient) -> Iterator[Finding]:
    """Use a copy in training, change all its weights, load the network's state; it must agree.

    What training moved and the state does not hold still differs then.
    """
    need_registered(patient.model)
    if not evaluates_the_same(patient):
        raise NotApplicable("evaluation gives other results each time")
    x = few(patient)
    model, _ = patient.fresh()
    saved = _saved(model)
    expected = evaluated(patient, patient.model, x)
    _use(patient, model, x)
    _change(model)
    try:
        model.load_state_dict(saved, strict=False)
    except RuntimeError as error:
        raise NotApplicable(f"the state does not load: {str(error).splitlines()[0]}") from error
    apart = distance(evaluated(patient, model, x), expected)
    bad = apart > SAME
    lost = _lost(patient.model, model) if bad else ""
    yield Finding(
        check="wiring.state",
        verdict="wrong" if bad else "fine",
        title="The state does not hold all that forward uses" if bad else "The state is whole",
        figure=f"with the state loaded the output differs by {apart:.1e} of its rms; "
        f"{len(saved)} tensors are saved",
        threshold=f"{SAME:g}; the same weights give the same output",
        place=lost,
        cause="state not saved" if bad else "",
        why=f"{lost or 'something'} changes in training, and state_dict does not hold it"
        if bad
        else "",
        next="make it a parameter, or a buffer: register_buffer(name, tensor)" if bad else "",
        weight=3,
    )


def _saved(model: nn.Module) -> dict[str, Tensor]:
    """Copy the tensors of the state; the versions of its modules stay with it."""
    state = model.state_dict()
    for name, value in [*state.items()]:
        if isinstance(value, Tensor):
            state[name] = value.clone()
        else:
            del state[name]
    return state


def _use(patient: Patient, model: nn.Module, x: Tensor) -> None:
    """Let a training pass move what training moves."""
    try:
        passed(patient, model.train(), x.roll(1, dims=-1))
    except ValueError:  # a batch of one
        model.eval()


def _change(model: nn.Module) -> None:
    """Change all weights and the statistics that are to be saved.

    Other buffers are constants that each network makes anew.
    """
    moving = [
        buffer
        for module in model.modules()
        for name, buffer in module.named_buffers(recurse=False)
        if name not in module._non_persistent_buffers_set
    ]
    with torch.no_grad():
        for tensor in (*model.parameters(), *moving):
            if tensor.is_floating_point():
                tensor.mul_(1.5).add_(0.1)


def _lost(before: nn.Module, after: nn.Module) -> str:
    """Name the first tensor that still differs."""
    old = dict(before.named_parameters()) | dict(before.named_buffers()) | hidden_tensors(before)
    new = dict(after.named_parameters()) | dict(after.named_buffers()) | hidden_tensors(after)
    for name, value in new.items():
        if name not in old or old[name].shape != value.shape or not torch.equal(old[name], value):
            return name
    return ""
