"""The command line: `plusx VERB`, one file a verb, imported when it is called."""

import errno
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from cyclopts import App

from plusx import __version__
from plusx.cli.grouped import DOCTOR, EXPLAIN, GATES, TRAIN, Grouped
from plusx.errors import InputError

__all__ = ["app", "main"]

app = App(
    name="plusx",
    version=__version__,
    help="Residual networks, y = merge(shortcut(x), transform(x)): train them, look into them.",
    help_epilogue="Start with: plusx train --data digits",
)
GROUPS = {"train": TRAIN, "doctor": DOCTOR, "explain": EXPLAIN, "gates": GATES}
for _verb, _help in {
    "train": "Train a network on images; leave a run folder with model and report.",
    "resume": "Go on with a run that was interrupted.",
    "plan": "Estimate time, cost, memory and communication of a run.",
    "adapt": "Adapt a trained network to images of another kind, without labels.",
    "predict": "Name the most probable classes of images.",
    "doctor": "Examine a network, ours or not: what is wrong, why, what to do next.",
    "explain": "Show why a network says what it says of images: where it looks, who saw it.",
    "gates": "Look at the gates of a network: what they weigh, where they look, what it is worth.",
    "models": "List the networks that `--model` and `plusx info` know.",
    "info": "Draw a network as a table: units, shapes, parameters, MACs, memory.",
}.items():
    app.command(
        f"plusx.cli.{_verb}:{_verb}",
        name=_verb,
        help=_help,
        help_formatter=Grouped(GROUPS[_verb]) if _verb in GROUPS else None,
    )


def main(tokens: Sequence[str] | None = None) -> NoReturn:
    """Run one command; exit with 0 done, 1 bad news, 2 a wrong call.

    A run that was stopped and can go on exits with 75, Ctrl-C before there is a run with 130.
    """
    try:
        status = app(tokens, result_action="return_value") or 0
    except InputError as error:
        status = _fail(str(error))
    except KeyboardInterrupt:
        print("plusx: stopped before there was anything to keep", file=sys.stderr)
        status = 130
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone, as `head` does
        status = 0
    except OSError as error:
        status = _fail(_explain(error))
    note = os.environ.get("PLUSX_STATUS")
    if note and status:  # one of several: a launcher would take another status for a crash
        Path(note).write_text(str(status))
        status = 0
    if "WORLD_SIZE" in os.environ:
        _end(status)
    sys.exit(status)


def _end(status: int) -> NoReturn:
    """End one of several processes at once: threads of their connection may still be running.

    What wraps a network keeps the connection open beyond `Ranks.leave`, and an interpreter that is
    torn down around its threads now and then ends with "terminate called without an active
    exception", which a launcher takes for a death.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # nobody reads it any more, or it is closed
            stream.flush()
    os._exit(status)


def _fail(message: str) -> int:
    if os.environ.get("RANK", "0") == "0":  # of several processes one speaks
        print(f"plusx: {message}", file=sys.stderr)
    return 2


def _explain(error: OSError) -> str:
    """Say what the system refused, and what to do."""
    where = f" {error.filename}" if error.filename else ""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            hint = "free some space, then go on with `plusx resume RUN`"
            return f"the disk is full; what was saved before stands: {hint}"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return f"no permission to write or read{where}; give a folder of your own with --out"
        case _:
            return f"{error.strerror or error}{where}"
