"""A stop on request: finish the step, save, leave with a status of its own."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from plusx.train.result import Examination, TrainResult

__all__ = [
    "STOPPED",
    "NonFiniteLossError",
    "StopRequest",
    "StoppedError",
    "UnhealthyError",
    "stop_request",
]

STOPPED = 75
"""Exit status of a run that was stopped and can go on: EX_TEMPFAIL of sysexits.h, "try again"."""

# What asks for a stop: Ctrl-C, `kill` and batch systems at the end of a job's time, and the notice
# that they send some minutes before it (Slurm's --signal=USR1@120, LSF's and PBS's USR2).
_ASKING = ("SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGXCPU")


class StoppedError(Exception):
    """Training stopped on request; the run folder has all that is needed to go on."""

    def __init__(self, run: Path, signal_number: int) -> None:
        name = signal.Signals(signal_number).name
        super().__init__(f"stopped by {name}; go on with `plusx resume {run}`")
        self.signal_number = signal_number


class NonFiniteLossError(Exception):
    """The loss became NaN or infinite; the message says when, why, and what to try.

    `result` is what the run left, for its report.
    """

    def __init__(self, message: str, result: TrainResult | None = None) -> None:
        super().__init__(message)
        self.result = result


class UnhealthyError(Exception):
    """The examination before the first step found something wrong; nothing was trained, or kept.

    `examination` says what, in the process that examined.
    """

    def __init__(self, examination: Examination | None) -> None:
        super().__init__(examination.sentence if examination else "something is wrong")
        self.examination = examination


@dataclass
class StopRequest:
    """The signal that asked for a stop, or 0."""

    signal_number: int = 0


@contextmanager
def stop_request() -> Iterator[StopRequest]:
    """Turn the first signal that asks for a stop into a request; a second Ctrl-C stops at once."""
    request = StopRequest()

    def ask(number: int, frame: FrameType | None) -> None:
        request.signal_number = number
        signal.signal(signal.SIGINT, signal.default_int_handler)

    numbers = [getattr(signal, name) for name in _ASKING if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        signal.signal(number, ask)
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
