"""Which share of the machine's limit in matrix products does a training step reach?

The whole step of `plusx train` (crop, mirror, normalise, forward, backward, update), whose useful
work is 6 FLOP a MAC and image: 2 for the forward pass, 4 for the backward pass; beside products of
square matrices in the same precision, in turns: the fastest of three sizes, by `torch.mm` or as a
1x1 convolution (other libraries, and on some machines one is twice the other). On all cores.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F

import sets
from ledger import TRY, Row, Steps, record, row
from measure import interleaved, medians
from plusx import summary
from plusx.data import Batch, batches, shuffled
from plusx.train.allocator import keep_freed_memory
from plusx.train.config import TrainConfig
from plusx.train.prepare import prepare
from plusx.train.setup import Setup, Silent
from plusx.train.state import Progress
from plusx.train.step import take_step

SIDES = (256,) if TRY else (1024, 2048, 4096)
PRECISIONS = {"32": torch.float32, "bf16": torch.bfloat16}
CELLS = {  # network: side of the images, batch
    "resnet20": (32, 128),
    "resnet18": (224, 2 if TRY else 32),
    "resnet50": (224, 2 if TRY else 16),
}


def set_up(
    network: str,
    precision: str | None,
    *,
    side: int,
    batch: int,
    device: str = "cpu",
    recipe: str = "usual",
    **settings: Any,
) -> Setup:
    """A run of `plusx train` on noise in memory, ready for its first step."""
    data = sets.noise(side, max(10, 4 * batch), 10)
    config = TrainConfig(
        data=str(data),
        model=network,
        size=side,
        precision=precision,
        batch_size=batch,
        in_memory=True,
        device=device,
        recipe=recipe,
        **settings,
    )
    return prepare(config, reporter=Silent())


def training_step(setup: Setup) -> Callable[[], None]:
    """One step of the run at each call, with batches as the run draws them."""
    progress, tally = Progress(), torch.zeros(3, device=setup.device)
    found = endless(setup)
    setup.network.train()

    def step() -> None:
        take_step(setup, progress, next(found), tally)

    return step


def endless(setup: Setup) -> Iterator[Batch]:
    while True:
        yield from batches(
            setup.data.train,
            shuffled(setup.data.train, generator=torch.Generator().manual_seed(0)),
            batch_size=setup.batch_size,
            device=setup.device,
            views=setup.views(0),
        )


def products(dtype: torch.dtype) -> dict[str, Callable[[], object]]:
    """Square matrix products of each size, by each way."""
    ways: dict[str, Callable[[], object]] = {}
    for side in SIDES:
        a, b = torch.randn(2, side, side).to(dtype).unbind()
        image = a.view(1, 32, side // 32, side).permute(0, 3, 1, 2)  # channels last
        ways[f"mm {side}"] = partial(torch.mm, a, b)
        ways[f"1x1 {side}"] = partial(F.conv2d, image, b.view(side, side, 1, 1))
    return ways


def cell(network: str, precision: str) -> dict[str, Any]:
    side, batch = CELLS[network]
    setup = set_up(network, precision, side=side, batch=batch)
    ways = {"step": training_step(setup), **products(PRECISIONS[precision])}
    seconds = medians(interleaved(ways, repeats=1 if TRY else 9))
    flop = 6 * summary(setup.network, (3, side, side)).macs * batch
    reached = flop / seconds["step"] / 1e9
    limit = max(2 * n**3 / seconds[f"{way} {n}"] / 1e9 for n in SIDES for way in ("mm", "1x1"))
    return {
        "step, GFLOP/s": round(reached, 1),
        "matrix product, GFLOP/s": round(limit, 1),
        "share, %": round(100 * reached / limit, 1),
        "median seconds": seconds,
    }


def rows(figures: dict[str, Any]) -> list[Row]:
    return [
        row(
            f"training step of {title}: share of the limit in matrix products",
            of["share, %"],
            unit="%",
            note=f"{of['step, GFLOP/s']} of {of['matrix product, GFLOP/s']} GFLOP/s",
        )
        for title, of in figures.items()
    ]


def main() -> None:
    keep_freed_memory()
    steps = Steps("limit", total=len(CELLS) * len(PRECISIONS), cells=CELLS, sides=SIDES)
    figures = {}
    for network, (side, batch) in CELLS.items():
        for precision in PRECISIONS:
            title = f"{network} at {side}, batch {batch}, {precision.replace('32', 'float32')}"
            figures[title] = steps.once(title, lambda n=network, p=precision: cell(n, p))
    record("limit", figures, rows=rows(figures), seconds=steps.seconds)
    steps.finish()


if __name__ == "__main__":
    main()
