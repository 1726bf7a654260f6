"""Ctrl-C and SIGTERM: finish the step, save, stop."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from plusx.train.result import TrainResult

__all__ = ["NonFiniteLossError", "StopRequest", "StoppedError", "stop_request"]


class StoppedError(Exception):
    """Training stopped on request; the run folder has all that is needed to go on."""

    def __init__(self, run: Path, signal_number: int) -> None:
        super().__init__(f"stopped; go on with `plusx resume {run}`")
        self.signal_number = signal_number


class NonFiniteLossError(Exception):
    """The loss became NaN or infinite; the message says when, why, and what to try.

    `result` is what the run left, for its report.
    """

    def __init__(self, message: str, result: TrainResult | None = None) -> None:
        super().__init__(message)
        self.result = result


@dataclass
class StopRequest:
    """The signal that asked for a stop, if any."""

    signal_number: int | None = None


@contextmanager
def stop_request() -> Iterator[StopRequest]:
    """Turn the first SIGINT or SIGTERM into a request; a second Ctrl-C stops at once."""
    request = StopRequest()

    def ask(number: int, frame: FrameType | None) -> None:
        request.signal_number = number
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, ask)
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
