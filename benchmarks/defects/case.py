"""Case, what the doctor is given; Defect, one small change to it and the cause that it must get."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from plusx.doctor import Diagnosis, Material, Training, examine
from plusx.doctor.budget import Budget
from plusx.doctor.causes import CAUSES
from plusx.doctor.extent import FAILED

__all__ = ["Case", "Defect", "Verdict", "make_verdict", "usual"]

FIRST = 3
"""The right cause has to be among so many first findings."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """All that somebody who asks the doctor gives; `run` is a folder that training left."""

    model: nn.Module
    data: Material | None = None
    training: Training | None = None
    expect: str | None = None
    run: Path | None = None

    def examine(self, seconds: float) -> Diagnosis:
        """Examine within seconds of work: what else the machine does changes nothing."""
        given = {"run": self.run} if self.run is not None else {}
        return examine(
            self.model,
            self.data,
            expect=self.expect,
            training=self.training,
            budget=Budget(seconds, clock=time.thread_time),
            **given,
        )


@dataclass(frozen=True)
class Defect:
    """`make` breaks `base`; any of `causes` is the right answer. A base of peers needs theirs."""

    name: str
    base: str
    causes: tuple[str, ...]
    make: Callable[[], Case]

    def __post_init__(self) -> None:
        unknown = [cause for cause in self.causes if cause not in CAUSES]
        assert self.causes and not unknown, f"{self.name}: {unknown} not in CAUSES"

    @property
    def key(self) -> str:
        return f"{self.name} ({self.base})"

    @property
    def of_peers(self) -> bool:
        return self.base.startswith(("torchvision", "timm"))

    def case(self, seed: int = 0) -> Case:
        """Break a network that is drawn anew; the random state is that of the seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.make()


@dataclass(frozen=True)
class Verdict:
    """What the doctor found: `rank` is the right cause's place among the troubles, from 1."""

    rank: int | None
    troubles: tuple[str, ...]
    verdict: str
    seconds: float
    failed: tuple[str, ...] = field(default=())

    @property
    def right(self) -> bool:
        """Whether the right cause is among the first findings."""
        return self.rank is not None and self.rank <= FIRST

    @property
    def caught(self) -> bool:
        """Whether anything was found at all."""
        return bool(self.troubles)


def make_verdict(diagnosis: Diagnosis, causes: tuple[str, ...]) -> Verdict:
    """Hold a diagnosis against the right causes."""
    found = [finding.cause or finding.check for finding in diagnosis.troubles]
    ranks = [at for at, cause in enumerate(found, start=1) if cause in causes]
    failed = [
        f"{finding.check}: {finding.figure}"
        for finding in diagnosis.findings
        if finding.why == FAILED
    ]
    return Verdict(
        rank=ranks[0] if ranks else None,
        troubles=tuple(
            f"{finding.verdict}: {cause}" for finding, cause in zip(diagnosis.troubles, found)
        ),
        verdict=diagnosis.verdict,
        seconds=round(diagnosis.seconds, 1),
        failed=tuple(failed),
    )


def usual(
    model: nn.Module,
    *,
    rate: float = 0.05,
    optimizer: torch.optim.Optimizer | None = None,
    loss: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy,
    others: Mapping[str, Callable[..., object]] | None = None,
) -> Training:
    """Train as most do: SGD with momentum 0.9 and weight decay, cross-entropy, batches of 64."""
    return Training(
        optimizer=optimizer
        or torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9, weight_decay=5e-4),
        loss=loss,
        batch_size=64,
        **(others or {}),  # type: ignore[arg-type]
    )
