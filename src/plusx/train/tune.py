"""Which parts of a network with given weights learn, and how fast: head, all, gradual, layerwise.

head: feature extraction, the head alone. all: everything at one rate. gradual: from the head
downwards, stage by stage (Howard and Ruder 2018, "Universal language model fine-tuning", section
3.3). layerwise: a smaller rate for deeper units (the same paper's discriminative fine-tuning).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from torch import nn

from plusx.analysis.aligned import aligned
from plusx.errors import InputError, nearest
from plusx.train.levels import Level, by_stages, by_units

__all__ = [
    "LAYER_DECAY",
    "UNFROZEN_BY",
    "Group",
    "Tune",
    "Tuning",
    "drop_gradients",
    "freeze",
    "set_modes",
    "tuning",
]

Tune = Literal["head", "all", "gradual", "layerwise"]

UNFROZEN_BY = 0.5
"""Share of the run after which gradual unfreezing has reached the stem."""

LAYER_DECAY = 0.9
"""Rate of a unit over that of the unit above: 0.43 for the stem of resnet18, 0.19 of resnet50."""


@dataclass(frozen=True, eq=False)
class Group:
    """Parameters that learn at `multiple` times the rate; 0 means that they do not change at all.

    `decays` says whether weight decay acts on them: on weights of two and more dimensions alone.
    """

    name: str
    params: tuple[nn.Parameter, ...]
    multiple: float
    decays: bool


@dataclass(frozen=True, eq=False)
class Tuning:
    """Groups, from the stem to the head, and the modules that stand still in evaluation mode.

    Which groups there are, in which order and with which parameters, depends on network and kind
    alone: in the course of a run only `multiple` and `still` change, so an optimizer made from
    `groups` at any share fits its checkpoint of any other.
    """

    kind: Tune
    groups: tuple[Group, ...]
    still: tuple[nn.Module, ...]

    @property
    def frozen(self) -> tuple[nn.Parameter, ...]:
        """The parameters that do not change."""
        return tuple(p for group in self.groups if group.multiple == 0 for p in group.params)

    def __str__(self) -> str:
        count = sum(p.numel() for group in self.groups for p in group.params)
        moving = count - sum(p.numel() for p in self.frozen)
        return f"tune {self.kind}: {moving:,} of {count:,} parameters learn"

    def table(self) -> str:
        """List the groups: name, rate multiple, weight decay, parameters."""
        lines = [("part", "decay", "rate", "params")]
        for group in self.groups:
            count = sum(p.numel() for p in group.params)
            decay = "yes" if group.decays else "no"
            lines.append((group.name, decay, f"{group.multiple:.4g}", f"{count:,}"))
        return "\n".join(aligned(lines, words=2))


def tuning(
    model: nn.Module, kind: Tune, *, share: float = 0.0, decay: float = LAYER_DECAY
) -> Tuning:
    """Say what learns when `share` of the run (0 to 1) is done: a pure function.

    head: the head learns, all else is frozen, statistics of norms included.
    all: one rate.
    gradual: the head from the start, then one more stage below it at equal shares of the first half
    of the run, the stem last; what is frozen keeps its statistics too. Howard and Ruder thaw one
    layer an epoch; here a run of any number of epochs gives each stage the same time.
    layerwise: rate * `decay` ** (units above), by depth of unit: the stem has all of them above,
    head and last unit have none. In ViTs attention and MLP are units of their own, so a block's
    decay is `decay` squared. The usual code (BEiT, Bao et al. 2021) counts the head as one more
    layer above: there all but the head are slower by one factor more.

    >>> from plusx import create
    >>> found = tuning(create("resnet20", num_classes=10), "gradual", share=0.25)
    >>> print(found)
    tune gradual: 255,242 of 269,722 parameters learn
    """
    _check(kind, share, decay)
    levels = [Level("all", tuple(model.parameters()), ())] if kind == "all" else by_stages(model)
    if kind == "layerwise":
        levels = by_units(model)
    below = len(levels) - 1  # all but the head
    match kind:
        case "all":
            multiples = [1.0]
        case "head":
            multiples = [0.0] * below + [1.0]
        case "gradual":
            thawed = sum(share >= UNFROZEN_BY * k / below for k in range(1, below + 1))
            multiples = [0.0] * (below - thawed) + [1.0] * (thawed + 1)
        case "layerwise":
            multiples = [decay ** (below - 1 - at) for at in range(below)] + [1.0]
    still = [m for level, x in zip(levels, multiples, strict=True) if x == 0 for m in level.modules]
    return Tuning(kind, tuple(_groups(levels, multiples)), tuple(still))


def set_modes(model: nn.Module, tuning: Tuning) -> None:
    """Put `model` in training mode, and in evaluation mode what stands still."""
    model.train()
    for module in tuning.still:
        module.eval()


def freeze(tuning: Tuning) -> None:
    """Let autograd leave out what is frozen; this also saves its part of the backward pass.

    A parameter without a gradient is skipped by every optimizer of torch, momentum and weight decay
    included, so it stays the same bit for bit. DistributedDataParallel looks at `requires_grad`
    once, when it wraps, and waits for every gradient it saw asked for: there this is called before
    it for "head", and for "gradual" `drop_gradients` alone in every step, with the same result.
    """
    for group in tuning.groups:
        for parameter in group.params:
            parameter.requires_grad_(group.multiple != 0)
    drop_gradients(tuning)


def drop_gradients(tuning: Tuning) -> None:
    """Forget the gradients of what is frozen: after the backward pass, before clip and step."""
    for parameter in tuning.frozen:
        parameter.grad = None


def _groups(levels: Sequence[Level], multiples: Sequence[float]) -> list[Group]:
    found = []
    for level, multiple in zip(levels, multiples, strict=True):
        for decays in (True, False):
            params = tuple(p for p in level.params if (p.dim() > 1) is decays)
            if params:
                found.append(Group(level.name, params, multiple, decays))
    return found


def _check(kind: str, share: float, decay: float) -> None:
    if kind not in get_args(Tune):
        known = get_args(Tune)
        raise InputError(
            f"tune is {kind!r}{nearest(str(kind), known)}; expected one of {', '.join(known)}"
        )
    if not 0 <= share <= 1:
        raise InputError(f"the share of the run that is done is {share}; expected 0 to 1")
    if not 0 < decay <= 1:
        raise InputError(
            f"the decay by depth is {decay}; expected above 0 and at most 1, such as {LAYER_DECAY}"
        )
