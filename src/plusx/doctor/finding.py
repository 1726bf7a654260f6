"""Finding: what one check saw, what it was held against, why it may be so, and what to do."""

from dataclasses import asdict, dataclass
from typing import Literal

from plusx.doctor.causes import CAUSES

__all__ = ["VERDICTS", "Chart", "Finding", "NotApplicable", "TooLong", "Verdict"]

Verdict = Literal["wrong", "warning", "fine", "not applicable"]
VERDICTS: tuple[Verdict, ...] = ("wrong", "warning", "fine", "not applicable")


class NotApplicable(Exception):
    """Raised by a check that has nothing to look at here; its words say why."""


class TooLong(NotApplicable):
    """Raised by a check that only a longer budget lets answer; its words say why."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The answer of one check.

    `check` is its address, "section.name"; `title` says in a sentence what is so; `figure` is what
    was measured, with its unit; `threshold` is what it was held against and where that comes from;
    `place` names unit and layer. `cause` is the likely cause, one of `CAUSES`, `why` says how
    it brings the figure about, `next` what to do.

    `weight` puts findings of one verdict in order: 3, the cause itself was seen; 2, the figure has
    one likely cause; 1, a symptom that several causes have.
    """

    check: str
    verdict: Verdict
    title: str
    figure: str = ""
    threshold: str = ""
    place: str = ""
    cause: str = ""
    why: str = ""
    next: str = ""
    weight: int = 1

    def __post_init__(self) -> None:
        assert not self.cause or self.cause in CAUSES, f"{self.cause!r} is not in CAUSES"

    @property
    def section(self) -> str:
        """Return the part of the examination: "wiring" of "wiring.samples"."""
        return self.check.partition(".")[0]

    def to_json(self) -> dict[str, object]:
        """Return plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Lines to draw: `lines[label]` has a value for each of `x`, names (by depth) or numbers.

    NaN leaves a gap. `log` holds the axes ("x", "y", "xy") that are logarithmic; `marks` are
    vertical lines, named.
    """

    name: str
    title: str
    caption: str
    x: tuple[str, ...] | tuple[float, ...]
    lines: dict[str, tuple[float, ...]]
    x_label: str = ""
    y_label: str = ""
    log: str = ""
    marks: tuple[tuple[str, float], ...] = ()

    def to_json(self) -> dict[str, object]:
        """Return plain JSON values."""
        return asdict(self)
