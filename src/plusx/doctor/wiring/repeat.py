"""Does evaluation give the same output twice?"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, final

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from plusx.doctor.finding import Finding
from plusx.doctor.mode import evaluating
from plusx.doctor.passes import distance, few
from plusx.doctor.patient import Patient
from plusx.doctor.wiring.attributes import need_registered
from plusx.tape import watch

__all__ = ["repeat"]

SAME = 1e-5
"""Change of the output over its rms; the same kernels on the same numbers give 0."""
DROPOUTS = {F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout}
DROPOUTS |= {F.feature_alpha_dropout}


def repeat(patient: Patient) -> Iterator[Finding]:
    """Run twice in evaluation mode; where the outputs differ, see whether dropout is at work."""
    x = few(patient)
    with evaluating(patient.model), torch.no_grad():
        first, second = (patient.logits(patient.model, x) for _ in range(2))
        if not first.isfinite().all():
            second = first  # not finite is another check's; it says nothing on chance
            apart = 0.0
        else:
            apart = distance(second, first)
        if apart <= SAME:
            yield Finding(
                check="wiring.repeat",
                verdict="fine",
                title="Evaluation gives the same twice",
                figure=f"two passes differ by {apart:.1e} of the output's rms",
                threshold=f"{SAME:g}; the same kernels on the same numbers give 0",
            )
            return
        need_registered(patient.model)
        place, dropout = _first_change(patient, x)
    yield Finding(
        check="wiring.repeat",
        verdict="wrong",
        title="Dropout is on in evaluation" if dropout else "Evaluation gives other results twice",
        figure=f"two passes differ by {apart:.1e} of the output's rms",
        threshold=f"{SAME:g}; the same kernels on the same numbers give 0",
        place=place,
        cause="dropout in eval" if dropout else "random eval",
        why=f"{dropout} runs in evaluation mode" if dropout else "random numbers stand in forward",
        next="use nn.Dropout, or F.dropout(x, p, training=self.training)"
        if dropout
        else "draw random numbers only where self.training says so",
        weight=3,
    )


def _first_change(patient: Patient, x: Tensor) -> tuple[str, str]:
    """Return where passes first differ, and the name of the dropout that runs, if one does.

    The first module to end with another output is the innermost, as a block ends after its layers.
    Where its input differs already, the change comes from its parent's forward.
    """
    model = patient.model
    seen: list[dict[str, tuple[Tensor, Tensor]]] = []
    modules = {name: m for name, m in model.named_modules() if name}
    ran = _Dropouts()
    for _ in range(2):
        ends: dict[str, tuple[Tensor, Tensor]] = {}
        seen.append(ends)
        with _watched(modules, ends), ran:
            patient.logits(model, x)
    for name, (before, after) in seen[0].items():
        again = seen[1].get(name)
        if again is not None and not _equal(after, again[1]):
            place = name if _equal(before, again[0]) else name.rpartition(".")[0]
            return place, ran.name
    return "", ran.name


def _equal(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.equal(one, other)


@contextmanager
def _watched(
    modules: dict[str, nn.Module], ends: dict[str, tuple[Tensor, Tensor]]
) -> Iterator[None]:
    """Keep the first input and output of each module that has tensors there."""

    def see(name: str, x: object, y: object) -> None:
        if name not in ends and isinstance(x, Tensor) and isinstance(y, Tensor):
            ends[name] = (x.clone(), y.clone())

    with watch(modules, see):
        yield


@final
class _Dropouts(TorchFunctionMode):
    """Notes the name of the first dropout that is called with training on."""

    name = ""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        kwargs = kwargs or {}
        on = func in DROPOUTS and kwargs.get("training") and kwargs.get("p", 0) > 0
        on = on or (func is torch.dropout and args[1] > 0 and args[2])
        on = on or kwargs.get("dropout_p", 0) > 0
        if on and not self.name:
            self.name = getattr(func, "__name__", "dropout")
        return func(*args, **kwargs)
