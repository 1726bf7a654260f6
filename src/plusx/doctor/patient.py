"""Patient: a copy of the network with all that is known of it, and what several checks measure."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import torch
from torch import Tensor, nn

from plusx.doctor.budget import Budget
from plusx.doctor.copies import copied, own_copy
from plusx.doctor.finding import NotApplicable
from plusx.doctor.material import Material
from plusx.doctor.mode import evaluating
from plusx.doctor.training import Training
from plusx.errors import InputError
from plusx.unit import Unit, units
from plusx.zoo import Network

if TYPE_CHECKING:
    from plusx.doctor.identity.outline import Outline
    from plusx.doctor.shortcuts.row import Row
    from plusx.doctor.signal.passing import Passing
    from plusx.graph import Traced

__all__ = ["Patient"]

CLOSED = "layers of a ScriptModule cannot be watched; give the nn.Module that it was made of"


@dataclass(frozen=True, eq=False)
class _Seen:
    units: tuple[Unit, ...]
    reason: str  # why there are none to be seen, "" where there are


@final
class Patient:
    """A network under examination: `model` is a copy, and every check gives it back as it was.

    A check that takes steps or writes weights does so on `fresh()`. `optimizer`, where there is
    one, holds the copy's parameters.
    """

    def __init__(
        self,
        model: nn.Module,
        material: Material,
        *,
        budget: Budget,
        training: Training | None = None,
        expect: str | None = None,
        run: Path | None = None,
        name: str = "",
    ) -> None:
        self.model, self.training = own_copy(model, training)
        self.optimizer = self.training.optimizer if self.training else None
        self.material = material
        self.budget = budget
        self.expect = expect
        self.run = run
        self.name = name or _name(model)
        self.stopped = ""  # why nothing can be asked that runs the network
        self.closed = CLOSED if isinstance(self.model, torch.jit.ScriptModule) else ""

    @property
    def x(self) -> Tensor:
        """The first images, at most 16; all where there is context, which belongs to just these."""
        return self.material.x if self.material.context else self.material.x[: self.at_once]

    @cached_property
    def at_once(self) -> int:
        """How many inputs a training step may take: 16, or fewer large ones."""
        from plusx.doctor.at_once import at_once

        return at_once(self)

    @property
    def y(self) -> Tensor:
        """Their targets, of any kind; drawn classes where there are none."""
        y = self.material.y
        if y is None:
            count = max(self.num_classes, 1)
            y = torch.randint(count, self.x.shape[:1], generator=torch.Generator().manual_seed(0))
        return y[: len(self.x)]

    @property
    def labels(self) -> Tensor:
        """Their classes, int64 (B,), given or drawn; `NotApplicable` where targets are none."""
        if self.material.y is not None and self.material.labels is None:
            raise NotApplicable("the targets are no classes")
        return self.y

    @cached_property
    def num_classes(self) -> int:
        """The logits of an image; raises `NotApplicable` where the output is not (B, classes)."""
        y = self.forward(self.model, self.x[:2])
        if not isinstance(y, Tensor) or y.dim() != 2:
            raise NotApplicable("the network does not give logits, (batch, classes)")
        return y.shape[1]

    def context(self, x: Tensor) -> tuple[object, ...]:
        """Return what forward takes besides x; of what there is one for each input, the first."""
        count = len(self.material.x)
        return tuple(
            c[: len(x)] if isinstance(c, Tensor) and c.shape[:1] == (count,) else c
            for c in self.material.context
        )

    def forward(self, model: nn.Module, x: Tensor) -> object:
        """Run a copy of the network in evaluation mode, without gradients."""
        with evaluating(model), torch.no_grad():
            return model(x, *self.context(x))

    def logits(self, model: nn.Module, x: Tensor) -> Tensor:
        """Run a copy in the mode that it has; (B, classes), of the first of several outputs."""
        return self.first(model(x, *self.context(x)))

    @staticmethod
    def first(y: Any) -> Tensor:
        """Return the logits in what a network gives, the first where these are several."""
        if isinstance(y, dict):
            y = next(iter(y.values()))
        if hasattr(y, "logits"):
            y = y.logits
        elif is_dataclass(y):
            y = getattr(y, fields(y)[0].name)
        if isinstance(y, tuple | list):
            y = y[0]
        if not isinstance(y, Tensor):
            raise NotApplicable(f"the network gives {type(y).__name__}, expected logits")
        return y

    def fresh(self) -> tuple[nn.Module, torch.optim.Optimizer | None]:
        """Return another copy of the network, with its optimizer, to do with as one likes."""
        return copied(self.model, self.optimizer)

    @cached_property
    def _seen(self) -> _Seen:
        try:
            with evaluating(self.model):
                return _Seen(tuple(units(self.model, (self.x, *self.context(self.x)))), "")
        except InputError as error:
            return _Seen((), str(error).splitlines()[0])

    @property
    def units(self) -> tuple[Unit, ...]:
        """The residual units, in evaluation mode; none where they cannot be seen."""
        return self._seen.units

    @property
    def unseen(self) -> str:
        """Why the network's units cannot be seen, or nothing."""
        return self._seen.reason

    @cached_property
    def passing(self) -> "Passing":
        """What one training pass shows; several questions are about it."""
        from plusx.doctor.signal.passing import measure

        return measure(self)

    @cached_property
    def _outlined(self) -> "Outline | str":
        from plusx.doctor.identity.seen import outline_of

        with evaluating(self.model):
            return outline_of(self)

    @property
    def has_outline(self) -> bool:
        """Whether it can be read as stem, units and end."""
        return not isinstance(self._outlined, str)

    @property
    def outline(self) -> "Outline":
        """The network as stem, units and end; raises `NotApplicable` where it has no such form."""
        if isinstance(self._outlined, str):
            raise NotApplicable(self._outlined)
        return self._outlined

    @cached_property
    def graph(self) -> "tuple[Traced, Sequence[object]]":
        """The graph of an evaluation pass, with the inputs of that pass."""
        from plusx.doctor.shortcuts.row import graph_of

        with evaluating(self.model):
            return graph_of(self)

    @cached_property
    def row(self) -> "Row":
        """The units in the graph of an evaluation pass, with what stands between them."""
        from plusx.doctor.shortcuts.row import Row

        self.need_units()
        return Row(*self.graph)

    def need_units(self) -> tuple[Unit, ...]:
        """Return the units; raise `NotApplicable` where there are none."""
        if self.unseen:
            raise NotApplicable(f"its units cannot be seen: {self.unseen}")
        if not self.units:
            raise NotApplicable("the network has no residual units")
        return self.units


def _name(model: nn.Module) -> str:
    if isinstance(model, torch.jit.ScriptModule):
        return str(model.original_name)
    config = model.config if isinstance(model, Network) else None
    return config.name if config else type(model).__name__
