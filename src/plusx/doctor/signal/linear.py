"""Is there an activation at all? Layers in a row without one are a single linear layer."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.mode import evaluating
from plusx.doctor.passes import few, follows, stirred
from plusx.doctor.patient import Patient
from plusx.doctor.signal.passing import LAYERS
from plusx.tape import watch

__all__ = ["bend", "linear"]

CHECK = "signal.linear"
PAIRS = 4
FAR = 3.0
"""Inputs are taken so many times larger: a ReLU that is open for all of them is seen to close."""
BENT = 1e-2
"""In float32 what bends by more is no rounding: nothing more is asked."""
ROUNDING = 1e-9
"""In float64, where networks without activations have 1e-14. At the start 22 healthy ones of the
zoo have 0.6 to 30, 34 of torchvision and timm 3e-4 (resmlp_12, of affine norms) to 9."""


def linear(patient: Patient) -> Iterator[Finding]:
    """Hold f((a + b) / 2) against (f(a) + f(b)) / 2: of an affine map they are the same.

    Noise on the weights first: what starts at zero says nothing.
    """
    if not patient.x.is_floating_point() or len(patient.x) < 2 or patient.material.context:
        raise NotApplicable("there is nothing between two inputs of this kind")
    model = stirred(patient).requires_grad_()
    found = bend(patient, model, torch.float32)
    if found < BENT:
        found = bend(patient, model, torch.float64)
    straight = found < ROUNDING
    chain = _longest_chain(patient, model) if straight else 0
    if straight and chain < 2:
        raise NotApplicable("a linear map, of no two layers in a row that are seen: it needs none")
    yield Finding(
        check=CHECK,
        verdict="wrong" if straight else "fine",
        title="There is no activation: the network is a linear map"
        if straight
        else "The network is no linear map",
        figure=f"half way between two inputs the output is {found:.1g} of its change off the line"
        + (f"; {chain} layers with weights in a row" if straight else ""),
        threshold=f"more than {ROUNDING:g}, which is rounding in float64; 56 healthy networks of "
        "the zoo, torchvision and timm: 3e-4 and more",
        cause="no activation" if straight else "",
        why="layers without an activation between them multiply to one linear layer, whatever "
        "their number: more depth learns nothing more"
        if straight
        else "",
        next="put a ReLU or another activation after each layer but the last" if straight else "",
        weight=3,
    )


def bend(patient: Patient, model: nn.Module, dtype: torch.dtype) -> float:
    """Return how far f is off the line half way, over the change of f between the two ends.

    The largest of a few pairs; probabilities are taken back to logits.
    """
    x = few(patient)
    count = min(PAIRS, len(x) // 2)
    a, b = x[:count].to(dtype), -x[count : 2 * count].to(dtype)
    ends = FAR * torch.cat((a, b))
    try:
        with evaluating(model), torch.no_grad():
            y = patient.logits(
                model.to(dtype), torch.cat((ends, (ends[:count] + ends[count:]) / 2))
            )
    except RuntimeError as error:
        raise NotApplicable(f"it takes no inputs of {dtype}") from error
    if y.dim() == 0 or len(y) != 3 * count or not y.is_floating_point():
        raise NotApplicable("the output has not one row of numbers for each input")
    one, other, middle = _logits(y.to(dtype)).flatten(1).split(count)
    change = (one - other).norm(dim=1)
    if not (y.isfinite().all() and change.all()):
        raise NotApplicable("the output is not finite, or the same for all inputs")
    return float(((middle - (one + other) / 2).norm(dim=1) / change).max())


def _logits(y: Tensor) -> Tensor:
    """Undo a softmax, or its logarithm, up to a shift of each row."""
    if y.dim() != 2 or y.shape[1] < 2:
        return y
    if bool((y >= 0).all()) and torch.allclose(y.sum(1), torch.ones_like(y[:, 0]), atol=1e-4):
        y = y.clamp_min(torch.finfo(y.dtype).tiny).log()
    total = y.logsumexp(1)
    return y - y.mean(1, keepdim=True) if torch.allclose(total, 0 * total, atol=1e-4) else y


def _longest_chain(patient: Patient, model: nn.Module) -> int:
    """Count the layers with weights in the longest row, each behind the one before it."""
    layers = {name: m for name, m in model.named_modules() if isinstance(m, LAYERS)}
    ends: list[tuple[Tensor, int]] = []

    def see(name: str, x: Tensor, y: Tensor) -> None:
        before = [depth for end, depth in ends if follows(x, end)]
        ends.append((y, 1 + max(before, default=0)))

    with evaluating(model), torch.enable_grad(), watch(layers, see):
        patient.logits(model, patient.x[:2].to(next(model.parameters()).dtype))
    return max((depth for _, depth in ends), default=0)
