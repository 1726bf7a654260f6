"""Claim: a network of `Residual` units is as fast as the same blocks written by hand (>= 0.98x).

Eager, float32, forward (evaluation, no gradient) and training step (SGD), resnet20 at batch 128
and 32 pixels, resnet18 at batch 8 and 224 pixels, in turns.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from handwritten import resnet18, resnet20
from ledger import TRY, Row, record, row
from measure import interleaved, medians, ratio
from plusx import create


def step(model: nn.Module, optimizer: torch.optim.SGD, x: Tensor, y: Tensor) -> None:
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()


def compare(
    ours: nn.Module, theirs: nn.Module, x: Tensor, y: Tensor, repeats: int
) -> dict[str, object]:
    steps, forwards = {}, {}
    for name, model in (("plusx", ours), ("by hand", theirs)):
        model.train()
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
        steps[name] = lambda m=model, o=optimizer: step(m, o, x, y)
        forwards[name] = lambda m=model: m(x)
    trained = interleaved(steps, repeats=repeats)
    for model in (ours, theirs):
        model.eval()
    with torch.no_grad():
        ran = interleaved(forwards, repeats=2 * repeats)
    return {
        "training step, times as fast": round(ratio(trained, "plusx", "by hand"), 3),
        "forward, times as fast": round(ratio(ran, "plusx", "by hand"), 3),
        "training step, median seconds": medians(trained),
        "forward, median seconds": medians(ran),
    }


def rows(figures: dict[str, Any]) -> list[Row]:
    return [
        row(
            f"{network}, against the same blocks written by hand, {what}",
            of[f"{what}, times as fast"],
            at_least=0.98,
        )
        for network, of in figures.items()
        for what in ("training step", "forward")
    ]


def main() -> None:
    torch.manual_seed(0)
    repeats = 2 if TRY else 40
    small = torch.randn(128, 3, 32, 32), torch.randint(0, 10, (128,))
    large = torch.randn(8, 3, 224, 224), torch.randint(0, 1000, (8,))
    figures = {
        "resnet20, batch 128, 32 pixels": compare(
            create("resnet20", num_classes=10), resnet20(), *small, repeats
        ),
        "resnet18, batch 8, 224 pixels": compare(create("resnet18"), resnet18(), *large, repeats),
    }
    record("equation", figures, rows=rows(figures))


if __name__ == "__main__":
    main()
