"""`plusx resume RUN`."""

from pathlib import Path

from plusx.cli.console import ConsoleReporter
from plusx.cli.train import run_and_report

__all__ = ["resume"]


def resume(run: Path) -> int:
    """Go on with a run that was interrupted, from its last checkpoint.

    Parameters
    ----------
    run
        The run folder that `plusx train` made.
    """
    from plusx.train.run import resume as go_on

    reporter = ConsoleReporter()
    return run_and_report(lambda command: go_on(run, reporter=reporter, command=command))
