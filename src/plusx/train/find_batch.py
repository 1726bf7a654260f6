"""Which batch size? Measured: what fits in memory, images/s, and the noise of the gradient."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from plusx.analysis.aligned import aligned
from plusx.analysis.drawing import BLUE, ORANGE, new_axes
from plusx.analysis.summary import summary
from plusx.data.memory import free_memory
from plusx.errors import InputError
from plusx.train.noise import measured_noise
from plusx.train.setup import Setup
from plusx.train.try_batch import Measured, try_batch

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["BatchFound", "find_batch_size", "largest_fitting", "stops_growing"]

GROWTH = 0.05  # of images/s by a doubling of the batch, less than which does not pay
SAFE = 0.8  # share of the free memory that a batch may take
FIRST = 8  # the smallest batch that is measured
MOST = 4096
LONGEST = 10.0  # seconds of a step, beyond which no larger batch is measured


@dataclass(frozen=True)
class BatchFound:
    """What was measured at each power of two, and the batch size that was chosen.

    `largest` fits in memory; `fits_all` says that it is not memory that ends there but images.
    `noise` is the gradient noise scale in images, with its 95% interval, or None where the
    measurement could not tell it from zero.
    """

    sizes: tuple[Measured, ...]
    largest: int
    fits_all: bool
    chosen: int
    noise: tuple[float, float, float] | None
    reason: str

    def to_json(self) -> str:
        """Return everything as JSON."""
        return json.dumps(asdict(self))

    def table(self) -> str:
        """List the batch sizes, and the reason for the choice."""
        lines = [("batch size", "images/s", "growth", "peak memory", "")]
        before: Measured | None = None
        for row in self.sizes:
            growth = (
                f"{row.images_per_second / before.images_per_second - 1:+.0%}" if before else ""
            )
            mark = "chosen" if row.batch_size == self.chosen else ""
            memory = f"{row.memory_bytes / 1e9:.2f} GB"
            speed = f"{row.images_per_second:,.0f}"
            lines.append((f"{row.batch_size}", speed, growth, memory, mark))
            before = row
        return "\n".join([*aligned(lines), "", self.reason])

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw images/s by batch size, with the choice and the largest that fits."""
        ax = ax or new_axes()
        sizes = [row.batch_size for row in self.sizes]
        ax.plot(sizes, [row.images_per_second for row in self.sizes], "o-", color=BLUE)
        ax.axvline(self.chosen, color=ORANGE, label=f"chosen: {self.chosen}")
        ax.axvline(self.largest, color="gray", linestyle=":", label=f"largest: {self.largest:,}")
        ax.set_xscale("log", base=2)
        ax.set_xticks(sizes, [f"{size:,}" for size in sizes])
        ax.set_ylim(bottom=0)
        ax.set_xlabel("batch size")
        ax.set_ylabel("images/s")
        ax.legend()
        return ax


def find_batch_size(setup: Setup, *, most: int = MOST) -> BatchFound:
    """Find the largest batch that fits, the speed of smaller ones, and where it stops growing.

    On a GPU a batch fits if a step with it succeeds; elsewhere if the growth of the process by each
    image, measured at the powers of two, leaves a fifth of the free memory. All steps have a rate
    of zero, and everything is then as before. The noise scale is that of McCandlish et al. 2018,
    "An empirical model of large-batch training", arXiv 1812.06162, appendix A.1. Raises
    `InputError` where not even a batch of two fits, and for several processes.
    """
    if setup.ranks.world > 1:
        raise InputError(
            f"{setup.ranks.world} processes cannot search together; search with one, and give the "
            "run of many so many times its --batch-size"
        )
    most = min(most, len(setup.data.train))
    least = 2 * setup.config.accumulate
    if most < least:
        raise InputError(f"the largest batch to try is {most}, expected {least} or more")
    free = free_memory()  # before anything is measured
    rows, failed = _doubling(setup, most, free)
    if not rows:
        raise InputError(
            f"not even a batch of {failed} fits in memory; give a smaller --size, "
            "--recompute all, or --accumulate"
        )
    largest = _largest(setup, rows, most=most, failed=failed, free=free)
    chosen = stops_growing([(row.batch_size, row.images_per_second) for row in rows])
    noise = measured_noise(setup, most=rows[-1].batch_size)
    return BatchFound(
        tuple(rows),
        largest,
        largest == most,
        chosen,
        noise,
        _reason(setup, rows, chosen=chosen, largest=largest, most=most, noise=noise),
    )


def stops_growing(speeds: Sequence[tuple[int, float]], growth: float = GROWTH) -> int:
    """Return the first batch size after which no larger one is faster by more than `growth`.

    `speeds` are (batch size, images/s) in ascending order. All larger ones count, not the next
    alone: one slow measurement must not end the search.

    >>> stops_growing([(8, 100.0), (16, 150.0), (32, 155.0), (64, 156.0)])
    16
    """
    for at, (size, speed) in enumerate(speeds):
        if all(later <= (1 + growth) * speed for _, later in speeds[at + 1 :]):
            return size
    raise InputError("no batch size was measured; expected one or more")


def largest_fitting(fits: Callable[[int], bool], *, good: int, bad: int, within: float) -> int:
    """Search by halves between `good`, which fits, and `bad`, which does not.

    Ends when the two lie within that share of each other; 0 finds the very number.
    """
    while bad - good > max(1, within * good):
        middle = (good + bad) // 2
        good, bad = (middle, bad) if fits(middle) else (good, middle)
    return good


def _doubling(setup: Setup, most: int, free: int) -> tuple[list[Measured], int | None]:
    """Measure size after size until memory, images, or the growth of speed end; also what failed.

    They are powers of two, times the parts in which a batch passes.
    """
    rows: list[Measured] = []
    parts = setup.config.accumulate
    size = parts * min(FIRST, 1 << ((most // parts).bit_length() - 1))
    with setup.reporter.progress("measuring batch sizes", None) as advance:
        while size <= most:
            fits = setup.device.type == "cuda" or _needed(setup, rows, size) <= SAFE * free
            row = try_batch(setup, size) if fits else None
            if row is None:
                if rows or size == 2 * parts:
                    return rows, size
                most = size = size // 2  # start lower
                continue
            rows.append(row)
            advance(1)
            if size > LONGEST * row.images_per_second:
                break
            if len(rows) > 3:
                best = stops_growing([(r.batch_size, r.images_per_second) for r in rows])
                if best <= rows[-4].batch_size:  # for three doublings no faster
                    break
            size *= 2
    return rows, None


def _each(setup: Setup, rows: Sequence[Measured]) -> float:
    """Return the bytes that one more image takes: the steepest growth that was measured.

    Where none was, because freed memory of something else was used again, what the network keeps
    for its backward pass in float32.
    """
    grown = [
        (b.memory_bytes - a.memory_bytes) / (b.batch_size - a.batch_size)
        for a, b in zip(rows[-3:], rows[-3:][1:])
    ]
    spec, config = setup.data.input, setup.config
    side = config.train_size or spec.size
    kept = summary(setup.network, (spec.channels, side, side)).activation_bytes
    return max([float(kept / config.accumulate) if not grown or max(grown) <= 0 else 0.0, *grown])


def _needed(setup: Setup, rows: Sequence[Measured], size: int) -> float:
    """Predict by how much the process grows from the first measurement to a batch of `size`."""
    return _each(setup, rows) * (size - (rows[0].batch_size if rows else 0))


def _largest(
    setup: Setup, rows: Sequence[Measured], *, most: int, failed: int | None, free: int
) -> int:
    """Return the largest batch that fits, to an eighth on a GPU, and `most` at most."""
    good = rows[-1].batch_size
    if setup.device.type != "cuda":
        fitting = rows[0].batch_size + int(SAFE * free / max(1.0, _each(setup, rows)))
        return max(good, min(most, fitting, failed - 1 if failed else most))
    bad = failed
    while bad is None:
        if good == most:
            return most
        size = min(most, 2 * good)
        good, bad = (good, size) if try_batch(setup, size) is None else (size, None)
    return largest_fitting(
        lambda size: try_batch(setup, size) is not None, good=good, bad=bad, within=1 / 8
    )


def _reason(
    setup: Setup,
    rows: Sequence[Measured],
    *,
    chosen: int,
    largest: int,
    most: int,
    noise: tuple[float, float, float] | None,
) -> str:
    grows = f"From a batch of {chosen} on, no larger one was faster by more than {GROWTH:.0%}"
    if chosen == rows[-1].batch_size:
        grows = f"A batch of {chosen} is the largest that was measured, and the fastest"
    fits = f"up to {largest:,} fit in memory"
    if largest == most:
        fits = f"{largest:,} fit in memory too, and no more were to be tried"
    said = f"{grows}; {fits}"
    if noise is not None:
        scale, low, high = noise
        said += (
            f". The gradient's noise scale is about {scale:,.0f} images (95% interval {low:,.0f} "
            f"to {high:,.0f}) at the start and grows in training: larger batches than that save "
            "few steps"
        )
    if setup.config.accumulate > 1:
        said += f". Batches pass in {setup.config.accumulate} parts"
    return said
