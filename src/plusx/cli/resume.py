"""`plusx resume RUN`."""

import sys
from pathlib import Path

from plusx.cli.console import ConsoleReporter
from plusx.cli.train import run_and_report

__all__ = ["resume"]


def resume(
    run: Path, *, devices: int = 1, shard: bool | None = None, stages: int | None = None
) -> int:
    """Go on with a run that was interrupted, from its last checkpoint.

    Parameters
    ----------
    run
        The run folder that `plusx train` made.
    devices
        Processes that train as one, as in `plusx train`; the run may have had another number.
    shard
        Split every parameter over them, or no longer; by itself as the run did.
    stages
        Cut the network into so many stages, a process each; by itself as the run did.
    """
    from plusx.train.launch import launched, run_together
    from plusx.train.run import resume as go_on

    if devices != 1 and not launched():
        return run_together(devices, sys.argv[1:])
    reporter = ConsoleReporter()
    return run_and_report(
        lambda command: go_on(run, reporter=reporter, command=command, shard=shard, stages=stages)
    )
