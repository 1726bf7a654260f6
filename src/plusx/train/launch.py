"""Several processes on this machine that train as one: what torchrun does, called here."""

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from plusx.data.parallel import available_cores
from plusx.errors import InputError

__all__ = ["launched", "run_together", "speaks"]

RESTARTS = 3
"""How often a group is started again after one of its processes has died."""


def launched() -> bool:
    """Say whether a launcher has started this process as one of several."""
    return "WORLD_SIZE" in os.environ


def speaks() -> bool:
    """Say whether this process is alone or the first of several."""
    return os.environ.get("RANK", "0") == "0"


def run_together(devices: int, arguments: Sequence[str]) -> int:
    """Run `plusx ARGUMENTS` in `devices` processes that find each other; return the exit status.

    When a process dies, all are started again and go on from the last checkpoint, up to three
    times. A status that says how the run ended is handed over in a file, PLUSX_STATUS: a launcher
    takes every status but 0 for a death. Raises `InputError` for less than one device.
    """
    if devices < 1:
        raise InputError(f"devices is {devices}; expected 1 or more")
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, available_cores() // devices)))
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=devices,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        run_id=str(os.getpid()),
        max_restarts=RESTARTS,
        monitor_interval=0.2,
    )
    with tempfile.TemporaryDirectory() as folder:
        note = Path(folder) / "status"
        os.environ["PLUSX_STATUS"] = str(note)
        status = 0
        try:
            elastic_launch(config, sys.executable)("-m", "plusx", *arguments)
        except ChildFailedError as error:
            _, failure = error.get_first_failure()
            status = failure.exitcode if failure.exitcode > 0 else 1
        except SignalException as stopped:
            status = 128 + stopped.sigval
        finally:
            del os.environ["PLUSX_STATUS"]
        return int(note.read_text()) if note.exists() else status
