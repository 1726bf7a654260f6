"""Does every parameter get a finite gradient, and change in a step?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from plusx.doctor.finding import Finding, Verdict
from plusx.doctor.passes import few, stirred, tensors
from plusx.doctor.patient import Patient
from plusx.doctor.wiring.frozen import forgotten, of_layers

__all__ = ["Gradients", "gradient", "gradients"]

CHECK = "wiring.gradient"
ASKED = 12
"""Layers without gradient that are looked at one by one; what is left is looked at together."""


@dataclass(frozen=True)
class Gradients:
    """Names of parameters by what one backward pass and one step of gradient descent do to them."""

    learning: tuple[str, ...]  # requires_grad
    frozen: tuple[str, ...]
    missing: tuple[str, ...]  # learning, but without a gradient in training and in evaluation
    broken: tuple[str, ...]  # the gradient is not finite
    still: tuple[str, ...]  # the gradient is there, and the step changes nothing


def gradient(patient: Patient) -> Iterator[Finding]:
    """Tell parameters without gradient that are used (cut off) from those that never are."""
    found = gradients(patient)
    used = _used(patient, found.missing)
    cut = [name for name in found.missing if name in used]
    unused = [name for name in found.missing if name not in used]
    total = len(found.learning) + len(found.frozen)
    if found.broken:
        yield _trouble(
            found.broken,
            total,
            title="A gradient is not finite",
            cause="not finite",
            why="a value overflows, or a derivative is not defined at zero (sqrt, norm, log)",
            next="look at the scale of the weights; add an epsilon inside the root or logarithm",
        )
    if cut:
        yield _trouble(
            cut,
            total,
            title="The gradient does not reach a parameter that forward uses",
            cause="frozen parameter",
            why="the output changes with it, and backward gives it no gradient: a detach, .data or "
            "no_grad stands behind it",
            next="take the detach or no_grad away",
        )
    if unused:
        yield _trouble(
            unused,
            total,
            title="A parameter is never used",
            cause="unused parameter",
            why="the output does not change with it, and it gets no gradient",
            next="call the layer in forward, or take it out of the network",
            verdict="wrong" if of_layers(patient, unused) else "warning",
        )
    everything = not found.learning
    frozen = found.frozen if everything else forgotten(patient, found.frozen)
    if frozen:
        yield _trouble(
            frozen,
            total,
            title="Every parameter is frozen" if everything else "A parameter is frozen",
            cause="frozen parameter",
            why="its requires_grad is False",
            next="call requires_grad_() on it if it should learn",
            verdict="wrong" if everything else "warning",
        )
    if not (found.broken or found.missing or frozen):
        yield Finding(
            check=CHECK,
            verdict="fine",
            title="Every parameter gets a gradient",
            figure=f"{len(found.learning)} of {total} parameters; "
            f"{len(found.learning) - len(found.still)} change in a step, {len(found.still)} start "
            f"at gradient zero, {len(found.frozen)} are frozen",
            threshold="all of them, finite; a fixed table may be frozen, layers that no gradient "
            "has to pass (a backbone, a teacher), and what the optimizer leaves out",
        )


def gradients(patient: Patient) -> Gradients:
    """Send the gradient of a random direction of all outputs back, in training and evaluation.

    Only a parameter that has none in both is without: heads on the way are used in training alone,
    and what stochastic depth leaves out in training is there in evaluation.
    """
    model, _ = patient.fresh()
    _backward(patient, model.train())
    frozen = [name for name, p in model.named_parameters() if not p.requires_grad]
    broken = [n for n, p in model.named_parameters() if p.grad is not None and not _finite(p.grad)]
    learning = {name: p for name, p in model.named_parameters() if p.requires_grad}
    still = [name for name, p in learning.items() if p.grad is not None and not _changes(p, p.grad)]
    missing = [name for name, p in learning.items() if p.grad is None]
    if missing:
        model, _ = patient.fresh()
        _backward(patient, model.eval())
        parameters = dict(model.named_parameters())
        missing = [name for name in missing if parameters[name].grad is None]
    return Gradients(tuple(learning), tuple(frozen), tuple(missing), tuple(broken), tuple(still))


def _backward(patient: Patient, model: nn.Module) -> None:
    """Leave gradients on a copy, in training mode first; a batch of one may run in eval alone."""
    x = few(patient)
    try:
        outputs = list(tensors(model(x, *patient.material.context)))
    except ValueError:
        outputs = list(tensors(model.eval()(x, *patient.material.context)))
    made = [y for y in outputs if y.requires_grad]
    if made:
        generator = torch.Generator().manual_seed(0)
        loss = sum(((y * _like(y, generator)).mean() for y in made), torch.zeros(()))
        loss.backward()


def _like(y: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(y.shape, generator=generator).to(y)


def _changes(parameter: Tensor, grad: Tensor) -> bool:
    """Say whether w - 0.1 dL/dw differs from w: not lost in rounding either."""
    value = parameter.detach()
    return not torch.equal(value - 0.1 * grad, value)


def _finite(tensor: Tensor) -> bool:
    values = tensor.coalesce().values() if tensor.is_sparse else tensor
    return bool(values.isfinite().all())


def _used(patient: Patient, names: tuple[str, ...]) -> set[str]:
    """Return those of `names` that the output changes with, layer by layer."""
    layers: dict[str, list[str]] = {}
    for name in names:
        layers.setdefault(name.rpartition(".")[0], []).append(name)
    if not layers:
        return set()
    model = stirred(patient)
    before = _outputs(patient, model)
    used: set[str] = set()
    known = dict(model.named_parameters())
    groups = list(layers.values())
    rest = [name for own in groups[ASKED:] for name in own]
    for own in [*groups[:ASKED], *([rest] if rest else [])]:
        parameters = [known[name] for name in own]
        kept = [parameter.detach().clone() for parameter in parameters]
        with torch.no_grad():
            for parameter in parameters:
                parameter.mul_(1.5).add_(0.1)
            if not _same(before, _outputs(patient, model)):
                used.update(own)
            for parameter, value in zip(parameters, kept):
                parameter.copy_(value)
    return used


def _outputs(patient: Patient, model: nn.Module) -> list[Tensor]:
    """Run in training mode, in which norms keep deep networks finite; in evaluation if need be."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        try:
            return list(tensors(model.train()(few(patient), *patient.material.context)))
        except ValueError:
            return list(tensors(model.eval()(few(patient), *patient.material.context)))


def _same(before: list[Tensor], after: list[Tensor]) -> bool:
    return all(torch.equal(y.nan_to_num(), z.nan_to_num()) for y, z in zip(before, after))


def _trouble(
    names: Sequence[str],
    total: int,
    *,
    title: str,
    cause: str,
    why: str,
    next: str,
    verdict: Verdict = "wrong",
) -> Finding:
    return Finding(
        check=CHECK,
        verdict=verdict,
        title=title,
        figure=f"{len(names)} of {total} parameters, {names[0]} the first",
        threshold="none",
        place=names[0],
        cause=cause,
        why=why,
        next=next,
        weight=3,
    )
