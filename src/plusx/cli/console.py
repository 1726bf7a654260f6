"""What a person at a terminal sees: lines, and bars while something takes long."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

if TYPE_CHECKING:
    from plusx.train.setup import Advance

__all__ = ["ConsoleReporter", "Json"]

Json = Annotated[bool, Parameter(name="--json", negative="")]
"""The option `--json`: print what a program can read."""


class ConsoleReporter:
    """Lines to standard output, bars to standard error, and none where that is no terminal."""

    def __init__(self) -> None:
        self._bars = Console(stderr=True)

    def say(self, line: str) -> None:
        """Print one line."""
        print(line, flush=True)

    @contextmanager
    def progress(self, description: str, total: int | None) -> Iterator["Advance"]:
        """Draw a bar with count and time left, gone when the block ends."""
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self._bars,
            transient=True,
            disable=not self._bars.is_terminal,
        ) as bars:
            task = bars.add_task(description, total=total)

            def advance(steps: int, now: str = "") -> None:
                bars.update(task, advance=steps, description=f"{description}  {now}".rstrip())

            yield advance
