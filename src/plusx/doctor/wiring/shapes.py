"""Which sizes and batches does the network take?"""

from collections.abc import Iterator

from torch import Tensor
from torch.nn import functional as F

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.passes import evaluated, few, passed
from plusx.doctor.patient import Patient

__all__ = ["batches", "sizes"]

ERRORS = (RuntimeError, ValueError, IndexError, TypeError, AssertionError)
"""What forwards raise at a shape that they do not take."""
TORCHS_OWN = "Expected more than 1"
"""How the error of a norm over single values begins."""


def batches(patient: Patient) -> Iterator[Finding]:
    """Run with one and with three inputs; each must have its own row in the output."""
    if patient.material.context:
        raise NotApplicable("forward takes more than one argument")
    x = patient.x[: max(4, len(few(patient)))]
    together = evaluated(patient, patient.model, x)
    if together.shape[:1] != x.shape[:1]:
        if x.dim() == 4 and together.dim() <= 2:
            yield _rows(together, x)
            return
        raise NotApplicable("the output has not one row for each input")
    trouble = next(_troubles(patient, x, together), None)
    if trouble:
        yield trouble
        return
    refused = _training_alone(patient, x)
    bad = bool(refused) and TORCHS_OWN not in refused
    yield Finding(
        check="wiring.batches",
        verdict="warning" if bad else "fine",
        title="Training with a batch of one does not run"
        if bad
        else "Any number of inputs can be in a batch",
        figure=f"1, {min(3, len(x))} and {len(x)} give as many rows"
        + (f"; in training a batch of one raises {refused}" if refused else ", 1 in training, too"),
        threshold="a row for each input; norms over single values are torch's to refuse",
        cause="batch of one" if bad else "",
        why="forward in training relies on more than one image" if bad else "",
        next="keep the batch's axis: squeeze(-1), flatten(1)" if bad else "",
        weight=2,
    )


def _troubles(patient: Patient, x: Tensor, together: Tensor) -> Iterator[Finding]:
    for count in (3, 1):
        if count >= len(x):
            continue
        words, shape = _shape(patient, x[:count])
        if shape == (count, *together.shape[1:]):
            continue
        got = f"gives {shape}" if shape else words
        yield Finding(
            check="wiring.batches",
            verdict="wrong",
            title=f"A batch of {count} does not run"
            if not shape
            else f"A batch of {count} gives {shape}",
            figure=f"{count} of {tuple(x.shape[1:])} {got}; {len(x)} give {tuple(together.shape)}",
            threshold=f"({count}, {', '.join(str(n) for n in together.shape[1:])})",
            cause="batch of one" if count == 1 else "fixed size",
            why="squeeze() takes the batch's axis away, too"
            if count == 1
            else "a number of images is written into forward",
            next="name the axis: squeeze(-1), flatten(1)"
            if count == 1
            else "take the batch size from x.shape[0], or write -1",
            weight=3,
        )


def _shape(patient: Patient, x: Tensor) -> tuple[str, tuple[int, ...]]:
    try:
        return "", tuple(evaluated(patient, patient.model, x).shape)
    except ERRORS as error:
        return _words(error), ()


def _training_alone(patient: Patient, x: Tensor) -> str:
    """Return what one input raises in training, or nothing."""
    model, _ = patient.fresh()
    try:
        passed(patient, model.train(), x[:1])
    except ERRORS as error:
        return _words(error)
    return ""


def _rows(y: Tensor, x: Tensor) -> Finding:
    return Finding(
        check="wiring.batches",
        verdict="wrong",
        title="The output has not one row for each input",
        figure=f"{len(x)} of {tuple(x.shape[1:])} give {tuple(y.shape)}",
        threshold=f"{len(x)} rows",
        cause="samples mixed",
        why="a view or reshape takes numbers of an image for further images",
        next="flatten(1), or a mean over the image's axes, before the head",
        weight=3,
    )


def sizes(patient: Patient) -> Iterator[Finding]:
    """Run with images of other sizes; a network for one size alone is no fault, and said."""
    x = few(patient)[:2]
    if x.dim() != 4:
        raise NotApplicable("the inputs are no images")
    height, width = x.shape[-2:]
    others = [(height, width * 3 // 2), (height * 3 // 2, width), (height + 1, width + 1)]
    taken, refused = [], ""
    for size in [(height, width), *others]:
        try:
            y = evaluated(patient, patient.model, F.interpolate(x.float(), size=size).to(x.dtype))
        except ERRORS as error:
            refused = refused or f"{size[0]}x{size[1]}: {_words(error)}"
        else:
            if y.shape[:1] == x.shape[:1]:
                taken.append(f"{size[0]}x{size[1]}")
            else:
                refused = refused or f"{size[0]}x{size[1]} gives {tuple(y.shape)}"
    fixed = len(taken) == 1
    yield Finding(
        check="wiring.sizes",
        verdict="fine",
        title="The network takes one size of image alone" if fixed else "Several sizes run",
        figure=f"runs at {', '.join(taken)}" + (f"; refused: {refused}" if refused else ""),
        threshold="a fixed size is a choice: positions or a linear layer are made for it",
        cause="fixed size" if fixed else "",
    )


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).strip() or '-').splitlines()[0]}"
