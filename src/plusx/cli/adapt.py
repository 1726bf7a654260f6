"""`plusx adapt RUN --data NEW`."""

import json
import sys
from pathlib import Path
from typing import Literal

from plusx.cli.console import ConsoleReporter, Json

__all__ = ["adapt"]


def adapt(
    run: Path,
    *,
    data: str,
    method: Literal["statistics", "coral"] = "statistics",
    source: str | None = None,
    epochs: int | None = None,
    out: Path | None = None,
    seed: int = 0,
    json_output: Json = False,
) -> int:
    """Adapt a trained network to images of another kind, without labels of them.

    Parameters
    ----------
    run
        A run folder, or the model folder of one.
    data
        The new images, as for `plusx train`, or a folder of images without classes. Labels, where
        there are any, are used to measure accuracy before and after, and for nothing else.
    method
        statistics: batch norms take the mean and variance of the new images, in seconds. coral:
        the network trains on, its features aligned in both domains.
    source
        Labelled images for coral; by default those of the run.
    epochs
        Passes of coral over the source images; 5 by default.
    out
        The new model folder; by default RUN-adapted.
    seed
        Of the order of the images, and of what coral draws.
    json_output
        Print JSON.
    """
    from plusx.train.adapt_run import adapt_run

    reporter = _Aside() if json_output else ConsoleReporter()
    folder, found = adapt_run(
        run,
        data,
        reporter=reporter,
        method=method,
        source=source,
        epochs=epochs,
        out=out,
        seed=seed,
    )
    worse = found.gain is not None and found.gain < 0
    if json_output:
        story = json.loads((folder / "adaptation.json").read_text(encoding="utf-8"))
        print(json.dumps({"model": str(folder), **story}, indent=2))
        return int(worse)
    print(*found.lines(), sep="\n")
    if worse:
        print("It is worse than before on these images: better keep the old network for them")
    print(f"Model   {folder}   (plusx predict {folder} IMAGE)")
    return int(worse)


class _Aside(ConsoleReporter):
    """Lines to standard error: standard output is for the program that reads JSON."""

    def say(self, line: str) -> None:
        """Print one line."""
        print(line, file=sys.stderr, flush=True)
