"""Does the caller's step train, and does the caller's evaluation evaluate?

A step and a prediction are called in the mode in which the network was given: a step may rely on
a loop around it for `train()`. What leaves the network in the wrong mode by its own doing is wrong,
what was given so and stays so is worth a look.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from plusx.branch import DropPath, Shake, ShakeDrop
from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.learning.steps import need_step, take_step
from plusx.doctor.learning.targets import need_targets
from plusx.doctor.patient import Patient
from plusx.tape import watch

__all__ = ["evaluates", "has_modes", "trains"]


@dataclass(frozen=True)
class _Modes:
    """How many layers ran in training mode and in evaluation, and the first that was wrong."""

    training: int
    evaluating: int
    first_training: str
    first_evaluating: str


def has_modes(module: nn.Module) -> bool:
    """Whether a layer does something else in training than in evaluation."""
    match module:
        case nn.modules.batchnorm._BatchNorm():
            return module.track_running_stats
        case nn.modules.dropout._DropoutNd():
            return module.p > 0
        case _:
            return isinstance(module, DropPath | Shake | ShakeDrop)


def _modes(model: nn.Module, call: Callable[[], object]) -> _Modes:
    """Note the mode that the network and each layer with modes have while `call` runs them."""
    layers = {name: module for name, module in model.named_modules() if has_modes(module)}
    if not layers:
        raise NotApplicable("no layer does anything else in training than in evaluation")
    seen: dict[str, bool] = {}

    def see(name: str, x: Tensor, y: Tensor) -> None:
        # of a network in training, norms may be kept still on purpose
        seen[name] = model.training

    with watch(layers, see):
        call()
    if not seen:
        raise NotApplicable("none of its norms and dropouts was run: it uses another network")
    training = [name for name, mode in seen.items() if mode]
    evaluating = [name for name, mode in seen.items() if not mode]
    first = [names[0] if names else "" for names in (training, evaluating)]
    return _Modes(len(training), len(evaluating), *first)


def trains(patient: Patient) -> Iterator[Finding]:
    """Watch the modes of the layers while the caller's step runs."""
    need_step(patient)
    need_targets(patient)
    model, optimizer = patient.fresh()
    assert optimizer is not None
    given = model.training
    x, labels = patient.x[:4], patient.y[:4]
    seen = _modes(model, lambda: take_step(patient, model, optimizer, x, labels))
    figure = f"{seen.evaluating} of {seen.evaluating + seen.training} norms and dropouts ran so"
    if not seen.evaluating:
        yield Finding(
            check="learning.trains",
            verdict="fine",
            title="The training step trains in training mode",
            figure=f"{seen.training} norms and dropouts ran in training mode",
            threshold="all of them",
        )
        return
    yield Finding(
        check="learning.trains",
        verdict="wrong" if given else "warning",
        title="The training step runs the network in evaluation mode",
        figure=figure,
        threshold="none in a training step",
        place=seen.first_evaluating,
        cause="train never called",
        why="norms use their running statistics, which never move, and dropout does nothing"
        + ("" if given else "; the network was given in evaluation mode, and the step leaves it"),
        next="call model.train() before the step, after every evaluation",
        weight=3,
    )


def evaluates(patient: Patient) -> Iterator[Finding]:
    """Watch the modes of the layers while the caller predicts."""
    if patient.training is None or patient.training.predict is None:
        raise NotApplicable("how it is evaluated is not known; give Training(predict=...)")
    predict = patient.training.predict
    model, _ = patient.fresh()
    given = model.training
    with torch.no_grad():
        seen = _modes(model, lambda: predict(model, patient.x[:4]))
    if not seen.training:
        yield Finding(
            check="learning.evaluates",
            verdict="fine",
            title="The evaluation evaluates in evaluation mode",
            figure=f"{seen.evaluating} norms and dropouts ran in evaluation mode"
            + ("" if given else ", in which the network was given"),
            threshold="all of them",
        )
        return
    yield Finding(
        check="learning.evaluates",
        verdict="wrong",
        title="The evaluation runs the network in training mode",
        figure=f"{seen.training} of {seen.evaluating + seen.training} norms and dropouts ran so",
        threshold="none in an evaluation",
        place=seen.first_training,
        cause="eval never called",
        why="norms use the statistics of the batch that is evaluated and take them into their "
        "running ones, and dropout drops",
        next="call model.eval() before every evaluation, and model.train() after it",
        weight=3,
    )
