"""`plusx train --data PATH --model NAME`."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from plusx.cli.console import ConsoleReporter
from plusx.train.config import TrainConfig
from plusx.train.result import TrainResult

__all__ = ["run_and_report", "train"]


def train(config: Annotated[TrainConfig, Parameter(name="*")], *, out: Path | None = None) -> int:
    """Train a network on images; leave a run folder with model and report.

    Parameters
    ----------
    out
        The run folder, new or empty; by default the next free one in runs/.
    """
    from plusx.train.run import free_folder
    from plusx.train.run import train as run

    folder = out or free_folder(config)
    reporter = ConsoleReporter()
    return run_and_report(
        folder, lambda command: run(config, out=folder, reporter=reporter, command=command)
    )


def run_and_report(folder: Path, run: Callable[[str], TrainResult]) -> int:
    """Run, write report.html, end with what a person wants to know; return the exit status."""
    from plusx.files import write_text
    from plusx.report.training import build
    from plusx.train.stop import NonFiniteLossError, StoppedError

    command = " ".join(["plusx", *sys.argv[1:]])
    report = folder / "report.html"
    try:
        result = run(command)
    except StoppedError as stop:
        print(f"plusx: {stop}", file=sys.stderr)
        return 128 + stop.signal_number
    except NonFiniteLossError as error:
        if error.result is not None:
            write_text(report, build(error.result))
        print(f"plusx: {error}\nReport  {report}", file=sys.stderr)
        return 1
    write_text(report, build(result))
    print(
        f"\n{result.health.sentence}\n"
        f"Report  {report}\n"
        f"Model   {folder / 'model'}   (plusx predict {folder} IMAGE)"
    )
    return 1 if result.health.level == "bad" else 0
