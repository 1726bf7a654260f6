"""Does every channel and every position of the input matter?"""

from collections.abc import Iterator
from contextlib import suppress

import torch
from torch import Tensor

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.mode import evaluating
from plusx.doctor.passes import few, outputs, stirred, tensors
from plusx.doctor.patient import Patient

__all__ = ["inputs"]

POSITIONS = 0.1
"""Share of positions that may be without influence: a stride that does not divide the size loses
the last row and column, 0.9% at 224 pixels, 6% at 32. What leaves out a part loses more."""
TOKENS = 8
"""Places of a sequence of tokens that are looked at."""


def inputs(patient: Patient) -> Iterator[Finding]:
    """Take d(random direction of all outputs) / d(input), of several inputs, for exact zeros."""
    x = few(patient)
    if not x.is_floating_point():
        yield _tokens(patient, x)
        return
    influence = _influence(patient, x)
    if not influence.any():
        raise NotApplicable("no gradient reaches the input at all, whatever the reason")
    what = "channel" if x.dim() > 2 else "feature"
    dead = _dead(influence, 0)
    if x.dim() == 3 and not dead:  # (B, C, T) or (B, T, C): which of them is not to be seen
        dead = _dead(influence, 1)
    missed = influence.amax(dim=0) == 0
    share = float(missed.float().mean()) if missed.dim() else 0.0
    bad = bool(dead) or share > POSITIONS
    title = f"A {what} of the input is never used" if dead else "A part of the input is never used"
    why = f"no output changes with {what} {dead[0]}" if dead else _where(missed)
    yield Finding(
        check="wiring.inputs",
        verdict="wrong" if bad else "fine",
        title=title if bad else "All of the input matters",
        figure=f"{len(dead)} of {len(influence)} {what}s and {share:.1%} of the positions have a "
        "gradient of exactly zero",
        threshold=f"no {what}, {POSITIONS:.0%} of the positions (a stride may miss the last row)",
        cause="unused input" if bad else "",
        why=why if bad else "",
        next="look for a slice, a crop or a stride over single pixels in forward" if bad else "",
        weight=3,
    )


def _influence(patient: Patient, x: Tensor) -> Tensor:
    """Return the largest |gradient| over the inputs; float64 says whether a zero is one."""
    found = _gradient(patient, x.float())
    if not (found.isfinite().all() and (found > 0).all()):
        with suppress(RuntimeError):  # what does not move to float64 is another check's
            found = _gradient(patient, x.double())
    if not found.isfinite().all():
        raise NotApplicable("no finite gradient reaches the input")
    return found


def _gradient(patient: Patient, x: Tensor) -> Tensor:
    model = stirred(patient).to(x.dtype)
    x = x.clone().requires_grad_()
    generator = torch.Generator().manual_seed(0)
    with evaluating(model):  # backward, too: what is checkpointed runs again
        given = x.clone()  # forward may write over it
        found = [y for y in tensors(model(given, *patient.context(x))) if y.requires_grad]
        if not found:
            raise NotApplicable("the output has no gradient")
        directions = [torch.randn(y.shape, generator=generator).to(y) for y in found]
        (gradient,) = torch.autograd.grad(found, x, directions, allow_unused=True)
    if gradient is None:
        raise NotApplicable("no gradient reaches the input")
    return gradient.abs().amax(dim=0)


def _dead(influence: Tensor, axis: int) -> list[int]:
    """Return the places along one axis of a sample where nothing matters."""
    return [i for i, part in enumerate(influence.unbind(axis)) if not part.any()]


def _where(missed: Tensor) -> str:
    """Say which rows and columns are cut off."""
    if missed.dim() != 2:
        return f"{int(missed.sum())} of {missed.numel()} positions do not reach the output"
    rows, columns = (int(missed.all(dim=axis).sum()) for axis in (1, 0))
    if not rows and not columns:
        return "single pixels between others do not reach the output"
    return (
        f"{rows} of {missed.shape[0]} rows and {columns} of {missed.shape[1]} columns are cut off"
    )


def _tokens(patient: Patient, x: Tensor) -> Finding:
    """Change the token at a place in all samples at once: some output must change."""
    model = stirred(patient)
    model.eval()
    before = outputs(patient, model, x)
    rolled = x.roll(1, dims=0)
    places = [p for p in range(x.shape[1]) if not torch.equal(rolled[:, p], x[:, p])]
    places = places[:: -(-len(places) // TOKENS) or 1]
    if not places:
        raise NotApplicable("the inputs are all alike")
    dead = []
    for place in places:
        changed = x.clone()
        changed[:, place] = rolled[:, place]
        after = outputs(patient, model, changed)
        if all(torch.equal(one, other) for one, other in zip(after, before)):
            dead.append(place)
    return Finding(
        check="wiring.inputs",
        verdict="wrong" if dead else "fine",
        title="A place of the sequence is never used" if dead else "All of the input matters",
        figure=f"{len(dead)} of {len(places)} places change no output",
        threshold="none",
        cause="unused input" if dead else "",
        why=f"no output changes with the token at place {dead[0]}" if dead else "",
        next="look for a slice of the sequence in forward" if dead else "",
        weight=3,
    )
