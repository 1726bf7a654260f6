"""Do running statistics move in training, stand still in evaluation, and stand for many batches?"""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.mode import evaluating
from plusx.doctor.passes import few, passed
from plusx.doctor.patient import Patient
from plusx.tape import watch

__all__ = ["batch_in_eval", "moving_in_eval", "statistics"]

CHECK = "wiring.statistics"
MOMENTUM = 0.9
"""Weight of the last batch from which on its statistics are the last batch's; torch's default is
0.1, timm's and torchvision's networks have 0.0003 to 0.1."""


def statistics(patient: Patient) -> Iterator[Finding]:
    """Show every batch norm the same batch twice and measure how far its statistics move.

    r1 - r0 = m (b - r0) and r2 - r1 = m (b - r1), so that 1 - m = |r2 - r1| / |r1 - r0|.
    """
    norms = _norms(patient.model)
    if not norms and not any(b.is_floating_point() for b in patient.model.buffers()):
        raise NotApplicable("the network keeps no running statistics")
    without = [name for name, norm in norms.items() if norm.running_var is None]
    moving = moving_in_eval(patient)
    weights, asleep = _momenta(patient, norms)
    frozen = [name for name, weight in weights.items() if weight == 0]
    last = [name for name, weight in weights.items() if weight >= MOMENTUM]
    troubles = [
        *_trouble(without, norms, *WITHOUT, figure="they have none"),
        *_trouble(moving, norms, *_moving(patient.model), figure="they move in evaluation"),
        *_trouble(frozen, norms, *FROZEN, figure="they do not move in a step of training"),
        *_trouble(asleep, norms, *ASLEEP, figure="train() leaves them in evaluation", light=True),
        *_trouble(
            last, norms, *LAST, figure=f"a batch counts {max(weights.values(), default=0):.2f}"
        ),
    ]
    yield from troubles or [_fine(weights, norms)]


WITHOUT = (
    "no running statistics",
    "Evaluation depends on the batch",
    "the norm keeps no running statistics: in evaluation, too, it normalises by the batch",
    "set track_running_stats=True, or take a norm of single images (group, layer)",
)
MOVING = (
    "statistics move in eval",
    "Running statistics move in evaluation",
    "a norm stays in training mode when the network is put into evaluation mode",
    "let eval() reach the norm: no train() override, training=self.training in F.batch_norm",
)
FROZEN = (
    "statistics frozen",
    "Running statistics never move",
    "the norm's momentum is 0: evaluation normalises by what the statistics were at the start",
    "set the momentum to 0.1, torch's default",
)
ASLEEP = (
    "statistics frozen",
    "train() does not reach a batch norm",
    "the norm stays in evaluation mode in training: right when it is frozen on purpose",
    "let train() reach the norm, unless it is to be frozen",
)
LAST = (
    "statistics of one batch",
    "Running statistics are the last batch's",
    "the norm's momentum is near 1, which in torch is the weight of the newest batch",
    "set the momentum to 0.1 (what other frameworks call 0.9)",
)


def _moving(model: nn.Module) -> tuple[str, str, str, str]:
    if not isinstance(model, torch.jit.ScriptModule):
        return MOVING
    why = "a network that is traced in training mode stays in it, whatever eval() says"
    return (*MOVING[:2], why, "put the network into eval() before torch.jit.trace")


def batch_in_eval(patient: Patient) -> bool:
    """Say whether a batch norm normalises by the batch in evaluation: images then mix in it."""
    with evaluating(patient.model):
        norms = _norms(patient.model).values()
        return any(norm.training or norm.running_var is None for norm in norms)


def _norms(model: nn.Module) -> dict[str, _BatchNorm]:
    return {name: m for name, m in model.named_modules() if isinstance(m, _BatchNorm)}


def moving_in_eval(patient: Patient) -> list[str]:
    """Return the modules with buffers of floating numbers that a pass in evaluation changes."""
    model, _ = patient.fresh()
    before = _buffers(model)
    passed(patient, model.eval(), few(patient))
    changed = [name for name, b in _buffers(model).items() if not _equal(b, before.get(name))]
    return list(dict.fromkeys(name.rpartition(".")[0] for name in changed))


def _buffers(model: nn.Module) -> dict[str, Tensor]:
    return {n: b.clone() for n, b in model.named_buffers() if b.is_floating_point()}


def _equal(one: Tensor, other: Tensor | None) -> bool:
    return other is not None and torch.equal(one.nan_to_num(), other.nan_to_num())


def _momenta(patient: Patient, norms: dict[str, _BatchNorm]) -> tuple[dict[str, float], list[str]]:
    """Measure each norm's weight of the newest batch; and name those that train() does not reach.

    Norms with a cumulative average (momentum None) are left out, as their weight is 1 / batches,
    and those that do not run once in each pass: left out by chance, or several times.
    """
    x, (model, _) = few(patient), patient.fresh()
    model.train()
    ran: list[Counter[str]] = []

    def see(name: str, given: Tensor, y: Tensor) -> None:
        ran[-1][name] += 1

    watched = {
        name: model.get_submodule(name)
        for name, norm in norms.items()
        if norm.running_var is not None and norm.momentum is not None
    }
    still = [name for name, norm in watched.items() if not norm.training]
    states = [_buffers(model)]
    with watch(watched, see):
        for _ in range(2 if watched else 0):
            ran.append(Counter())
            try:
                passed(patient, model, x)
            except ValueError as error:  # one value per channel: a batch of one
                raise NotApplicable(f"training does not run: {error}") from error
            states.append(_buffers(model))
    weights = {}
    for name in watched:
        if all(calls[name] == 1 for calls in ran) and name not in still:
            weights[name] = _weight([_of(name, state) for state in states])
    return weights, [name for name in still if not _frozen(norms[name])]


def _frozen(norm: nn.Module) -> bool:
    """Say whether its scale and shift do not learn either: then it stands still on purpose."""
    own = list(norm.parameters())
    return bool(own) and not any(parameter.requires_grad for parameter in own)


def _of(name: str, state: dict[str, Tensor]) -> Tensor:
    return torch.cat([state[f"{name}.running_{which}"].double() for which in ("mean", "var")])


def _weight(r: list[Tensor]) -> float:
    first, second = (float((b - a).norm()) for a, b in pairwise(r))
    return 0.0 if first == 0 else 1 - second / first


def _trouble(
    names: list[str],
    norms: dict[str, _BatchNorm],
    cause: str,
    title: str,
    why: str,
    next: str,
    *,
    figure: str,
    light: bool = False,
) -> Iterator[Finding]:
    if names:
        known = all(name in norms for name in names)
        count = f"{len(names)} of {len(norms)} batch norms" if known else f"{len(names)} modules"
        yield Finding(
            check=CHECK,
            verdict="warning" if light else "wrong",
            title=title,
            figure=f"{count}: {figure}",
            threshold=f"in training above 0 and below {MOMENTUM} (healthy: 0.0003 to 0.1)",
            place=names[0],
            cause=cause,
            why=why,
            next=next,
            weight=3,
        )


def _fine(weights: dict[str, float], norms: dict[str, _BatchNorm]) -> Finding:
    """Say what was measured: of norms that run once in a pass; other buffers stand still in eval"""
    low, high = min(weights.values(), default=0.0), max(weights.values(), default=0.0)
    some = f", the newest batch counts {low:.3f} to {high:.3f}" if weights else ""
    return Finding(
        check=CHECK,
        verdict="fine",
        title="Running statistics move in training alone"
        if norms
        else "No tensor that is kept moves in evaluation",
        figure=f"{len(weights)} of {len(norms)} batch norms run once in a pass{some}"
        if norms
        else "no batch norm; the other buffers stand still",
        threshold=f"above 0, below {MOMENTUM}, and no change in evaluation",
    )
