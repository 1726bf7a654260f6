"""What does the network cost: parameters, MACs, activations that training keeps?"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from plusx.analysis.costs import measure
from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.patient import Patient
from plusx.errors import InputError

__all__ = ["Count", "count", "counted"]


@dataclass(frozen=True)
class Count:
    """Of one sample: multiply-accumulates, and bytes kept for the backward pass in float32."""

    params: int
    macs: int
    held: int


class _Logits(nn.Module):
    """The network with one tensor for its output, as `measure` wants it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, *context: object) -> Tensor:
        return Patient.first(self.model(x, *context))


def counted(patient: Patient) -> Count:
    """Count on torch's meta device: nothing is computed.

    Raises `NotApplicable` for a network that cannot be there: with layers that do not move along,
    or a forward that reads values.
    """
    x = patient.material.x[:2]
    given = (x, *patient.context(x))
    inputs = tuple(v.to("meta") for v in given if isinstance(v, Tensor))
    model, _ = patient.fresh()  # some keep tensors of a pass, which would stay on meta
    whole = _Logits(model)
    try:
        cost = measure(whole, inputs, {"network": whole})["network"]
    except InputError as error:
        raise NotApplicable(
            f"it cannot be counted without being computed: {error.__cause__ or error}"
        ) from error
    params = sum(parameter.numel() for parameter in patient.model.parameters())
    return Count(params, cost.macs, cost.held)


def count(patient: Patient) -> Iterator[Finding]:
    """Say what one sample costs; no figure of it is wrong by itself."""
    of = counted(patient)
    size = "x".join(map(str, patient.x.shape[1:])) or "1"
    kept = f"{of.held / 2**20:,.2f} MiB of activations kept in training"
    dtype = str(next(patient.model.parameters(), torch.zeros(1)).dtype).removeprefix("torch.")
    yield Finding(
        check="cost.count",
        verdict="fine",
        title="What the network costs",
        figure=f"{of.params:,} parameters ({dtype}), {of.macs:,} MACs and {kept}, "
        f"for one input of {size}",
    )
