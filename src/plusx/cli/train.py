"""`plusx train --data PATH --model NAME`."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from plusx.cli.console import ConsoleReporter, Json
from plusx.cli.find import find
from plusx.train.config import TrainConfig
from plusx.train.result import TrainResult

__all__ = ["run_and_report", "train"]

NOTHING = "plusx: nothing was trained; mend it, or train all the same with --anyway"


def train(
    config: Annotated[TrainConfig, Parameter(name="*")],
    *,
    out: Path | None = None,
    devices: int = 1,
    find_lr: bool = False,
    find_batch_size: bool = False,
    plot: Path | None = None,
    anyway: bool = False,
    json_output: Json = False,
) -> int:
    """Train a network on images; leave a run folder with model and report.

    Parameters
    ----------
    out
        The run folder, new or empty; by default the next free one in runs/.
    devices
        Processes that train as one, each on a device of its own (on a CPU: with its share of the
        cores). What torchrun starts, on one machine or many, needs no such number.
    find_lr
        Train nothing: look for a learning rate, and say why it is the one.
    find_batch_size
        Train nothing: look for the largest batch that fits, and the smallest that is as fast.
    plot
        What --find-lr and --find-batch-size draw their curves to (.png, .svg or .pdf).
    anyway
        Train also where the examination at the beginning finds something wrong.
    json_output
        Print what they find as JSON.
    """
    from plusx.doctor.before_training import before_training
    from plusx.train.launch import launched, run_together
    from plusx.train.prepare import prepare
    from plusx.train.run import free_folder
    from plusx.train.run import train as run
    from plusx.train.setup import Silent

    if find_lr or find_batch_size:
        watcher = Silent() if json_output else ConsoleReporter()
        return find(
            lambda: prepare(config, reporter=watcher),
            rate=find_lr,
            batch_size=find_batch_size,
            plot=plot,
            json_output=json_output,
        )
    if devices != 1 and not launched():
        place = [] if out else ["--out", str(free_folder(config))]  # to be found again
        return run_together(devices, [*sys.argv[1:], *place])
    reporter = ConsoleReporter()
    return run_and_report(
        lambda command: run(
            config,
            out=out,
            reporter=reporter,
            command=command,
            examine=before_training,
            anyway=anyway,
        )
    )


def run_and_report(run: Callable[[str], TrainResult | None]) -> int:
    """Run, write report.html, end with what a person wants to know; return the exit status."""
    from plusx.train.launch import speaks
    from plusx.train.stop import STOPPED, NonFiniteLossError, StoppedError, UnhealthyError

    command = " ".join(["plusx", *sys.argv[1:]])
    try:
        result = run(command)
    except StoppedError as stop:
        if speaks():
            print(f"plusx: {stop}", file=sys.stderr)
        return STOPPED
    except UnhealthyError as error:
        if error.examination is not None:
            print(f"\n{error.examination.table}\n\n{NOTHING}", file=sys.stderr)
        return 1
    except NonFiniteLossError as error:
        if error.result is not None:
            report = _written(error.result)
            print(f"plusx: {error}\nReport  {report}", file=sys.stderr)
        return 1
    if result is None:
        return 0  # the first process tells the rest
    report = _written(result)
    print(
        f"\n{result.health.sentence}\n"
        f"Report  {report}\n"
        f"Model   {result.folder / 'model'}   (plusx predict {result.folder} IMAGE)"
    )
    return 1 if result.health.level == "bad" else 0


def _written(result: TrainResult) -> Path:
    """Write the run's report; return where it is."""
    from plusx.files import write_text
    from plusx.report.training import build

    report = result.folder / "report.html"
    write_text(report, build(result))
    return report
