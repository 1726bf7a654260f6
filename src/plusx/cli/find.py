"""`plusx train --find-lr` and `--find-batch-size`: measure, print, draw, train nothing."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from plusx.errors import InputError

if TYPE_CHECKING:
    from plusx.train.find_batch import BatchFound
    from plusx.train.find_rate import RateFound
    from plusx.train.setup import Setup

__all__ = ["find"]

STEPS = 20
"""Of an epoch, which a larger batch is not to go below."""


def find(
    prepare: "Callable[[], Setup]",
    *,
    rate: bool = False,
    batch_size: bool = False,
    plot: Path | None = None,
    json_output: bool = False,
) -> int:
    """Find a batch size, a learning rate, or first the one and then the other with it.

    Return the exit status: 1 where there was none to find. With `plot` (.png, .svg or .pdf) the
    curves are drawn there, both under one another.
    """
    from plusx.train.find_batch import find_batch_size
    from plusx.train.find_rate import find_rate

    if not (rate or batch_size):
        raise InputError("there is nothing to find; give --find-lr or --find-batch-size")
    if plot is not None and plot.suffix not in (".png", ".svg", ".pdf"):
        raise InputError(f"the plot is to be {plot}; expected a name in .png, .svg or .pdf")
    setup = prepare()
    found: dict[str, RateFound | BatchFound] = {}
    if batch_size:
        images = len(setup.data.train)
        most = max(setup.batch_size, images // STEPS)
        if not json_output:
            print(
                f"\nBatches of up to {most:,} are tried: larger ones would leave an epoch of "
                f"{images:,} images with fewer than {STEPS} steps\n"
            )
        one = find_batch_size(setup, most=most)
        found["batch_size"] = one
        setup = replace(setup, config=replace(setup.config, batch_size=one.chosen))
    if rate:
        found["learning_rate"] = find_rate(setup)
    if json_output:
        print(json.dumps({name: json.loads(one.to_json()) for name, one in found.items()}))
    else:
        print("\n\n".join(one.table() for one in found.values()))
        print(f"\n{_next_step(found, setup)}")
    if plot is not None:
        _draw(found, plot)
        if not json_output:
            print(f"Plot    {plot}")
    return int(any(one.chosen is None for one in found.values()))


def _next_step(found: "dict[str, RateFound | BatchFound]", setup: "Setup") -> str:
    """Say what to give to `plusx train`; a rate belongs to the batch size it was found with."""
    rate = found["learning_rate"].chosen if "learning_rate" in found else None
    if rate is None and "batch_size" not in found:
        return "Nothing was found to train with: see what `plusx train` says of the data"
    words = [f"--batch-size {setup.batch_size}"]
    if rate is not None:
        words.append(f"--learning-rate {rate:.2g}")
    return f"Train with {' '.join(words)}"


def _draw(found: "dict[str, RateFound | BatchFound]", plot: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.0 * len(found)), layout="constrained")
    FigureCanvasAgg(figure)
    for at, one in enumerate(found.values(), 1):
        one.plot(figure.add_subplot(len(found), 1, at))
    figure.savefig(plot)
