"""Does a layer or parameter stand in two places?"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from plusx.doctor.finding import Finding, Verdict
from plusx.doctor.mode import evaluating
from plusx.doctor.passes import few
from plusx.doctor.patient import Patient
from plusx.doctor.wiring.streams import in_streams
from plusx.doctor.wiring.tied import everywhere, tied
from plusx.tape import watch

__all__ = ["shared"]

CHECK = "wiring.shared"
THRESHOLD = (
    "none, but embedding and head, layers handed down from above, cells of a recurrence, and an "
    "encoder of several inputs"
)
STEP = 16
"""Calls of one layer in a pass that are not a recurrence over a sequence."""


def shared(patient: Patient) -> Iterator[Finding]:
    """Look for parameters with two addresses, and for layers that forward calls twice.

    Embedding and head of a language model are tied by design, a recurrent network calls its cells
    by design, a siamese one its encoder, and what has no weights may be used as often as one likes.
    """
    model, calls = patient.model, _calls(patient)
    often = [name for name, count in calls.items() if count > 1]
    streams = in_streams(patient, often) if often else set()
    trouble = (
        _twice(model, calls, streams)
        or _instead(model, calls)
        or _norm(model, [name for name in often if name not in streams], calls)
    )
    how = "with several inputs side by side" if streams else "as in a recurrence"
    again = f"; {len(often)} layers are called again, {how}" if often else ""
    if any(isinstance(module, torch.jit.ScriptModule) for module in model.modules()):
        again += "; how often TorchScript's layers are called cannot be seen"
    yield trouble or Finding(
        check=CHECK,
        verdict="fine",
        title="No weights are shared by accident",
        figure=f"no parameter has two places{again}",
        threshold=THRESHOLD,
    )


def _twice(model: nn.Module, calls: Mapping[str, int], streams: Set[str]) -> Finding | None:
    pairs = [pair for pair in tied(model, calls) if pair[0].rpartition(".")[0] not in streams]
    meant = bool(pairs) and all(everywhere(model, *pair) for pair in pairs)
    return (
        _finding(
            "warning" if meant else "wrong",
            title="One parameter stands in two places",
            figure=f"{len(pairs)} of {sum(1 for _ in model.parameters())} parameters; "
            f"{pairs[0][0]} is {pairs[0][1]}",
            place=pairs[0][0],
            why="the same layer or tensor was put there twice: both places learn one and the same",
            next="make a new layer for each place, in a comprehension instead of [layer] * n",
        )
        if pairs
        else None
    )


def _instead(model: nn.Module, calls: Mapping[str, int]) -> Finding | None:
    name, twin = next(_called_for_a_twin(model, calls), ("", ""))
    return (
        _finding(
            "wrong",
            title="A layer is called in place of its twin",
            figure=f"{name} is called {calls[name]} times, its twin {twin} never",
            place=name,
            why="two layers are alike, and forward calls one of them twice",
            next=f"call {twin} where it belongs",
        )
        if name
        else None
    )


def _norm(model: nn.Module, often: Sequence[str], calls: Mapping[str, int]) -> Finding | None:
    norms = [name for name in often if _has_statistics(model, name)]
    return (
        _finding(
            "warning",
            title="A batch norm is used in several places",
            figure=f"{len(norms)} norms; {norms[0]} is called {calls[norms[0]]} times in a pass",
            place=norms[0],
            why="its running statistics mix those of all places, and fit none in evaluation",
            next="give each place its own norm, or take one without statistics",
        )
        if norms
        else None
    )


def _finding(
    verdict: Verdict, *, title: str, figure: str, place: str, why: str, next: str
) -> Finding:
    return Finding(
        check=CHECK,
        verdict=verdict,
        title=title,
        figure=figure,
        threshold=THRESHOLD,
        place=place,
        cause="weights shared",
        why=why,
        next=next,
        weight=3,
    )


def _calls(patient: Patient) -> Counter[str]:
    """Count the calls of each layer with weights in one pass in evaluation mode."""
    calls: Counter[str] = Counter()
    x = few(patient)

    def see(name: str, x: Tensor, y: Tensor) -> None:
        calls[name] += 1

    layers = {
        name: module
        for name, module in patient.model.named_modules()
        if next(module.parameters(recurse=False), None) is not None
        and not isinstance(module, torch.jit.ScriptModule)  # which has no hooks
    }
    try:
        with evaluating(patient.model), torch.no_grad(), watch(layers, see):
            patient.model(x, *patient.context(x))
    except IndexError:  # a layer that takes all its arguments by name: it cannot be watched
        return Counter()
    return calls


def _called_for_a_twin(model: nn.Module, calls: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Yield the layers called again that have a twin beside them which is never called."""
    for name, count in calls.items():
        if 1 < count < STEP:
            parent, _, own = name.rpartition(".")
            for other, twin in model.get_submodule(parent).named_children():
                address = f"{parent}.{other}".lstrip(".")
                if other != own and address not in calls and _alike(model, name, twin):
                    yield name, address


def _alike(model: nn.Module, name: str, twin: nn.Module) -> bool:
    module = model.get_submodule(name)
    shapes = [p.shape for p in module.parameters()]
    return type(module) is type(twin) and shapes == [p.shape for p in twin.parameters()]


def _has_statistics(model: nn.Module, name: str) -> bool:
    module = model.get_submodule(name)
    return isinstance(module, _BatchNorm) and module.track_running_stats
