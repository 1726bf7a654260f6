"""A small residual network by hand, to be broken in one place each time."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from plusx.doctor import Chart, Finding, Material, Patient
from plusx.doctor.budget import Budget
from plusx.doctor.check import Check, ask
from plusx.doctor.extent import FAILED

Look = Callable[[Patient], Iterable[Finding | Chart]]


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(x + self.norm2(self.conv2(y)))


class Net(nn.Module):
    """Images (B, 3, 8, 8) -> (B, 5); `before` and `after` stand around the blocks."""

    def __init__(self, *, width: int = 6, num_classes: int = 5) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.blocks = nn.Sequential(Block(width), Block(width))
        self.head = nn.Linear(width, num_classes)

    def before(self, x: Tensor) -> Tensor:
        return x

    def after(self, x: Tensor) -> Tensor:
        return x

    def forward(self, x: Tensor) -> Tensor:
        x = self.after(self.blocks(self.stem(self.before(x))))
        return self.head(x.mean(dim=(2, 3)))


class Tokens(nn.Module):
    """Tokens (B, T) -> (B, T, 11), with the head tied to the embedding by design."""

    def __init__(self, *, batch_first: bool = True) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 8)
        self.norm = nn.LayerNorm(8)
        self.attend = nn.MultiheadAttention(8, 2, batch_first=batch_first)
        self.head = nn.Linear(8, 11, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        y = self.norm(x)
        return self.head(x + self.attend(y, y, y, need_weights=False)[0])


def patient(model: nn.Module, x: Tensor | None = None) -> Patient:
    x = torch.randn(6, 3, 8, 8) if x is None else x
    return Patient(model, Material(x=x, y=None, real=False), budget=Budget(600.0))


def found(look: Look, model: nn.Module, x: Tensor | None = None) -> list[Finding]:
    """Ask one question, as the examination does; what fails in the check itself fails here."""
    answers = ask(Check("wiring.test", "?", look), patient(model, x))
    findings = [each for each in answers if isinstance(each, Finding)]
    assert not any(each.why == FAILED for each in findings), findings
    return findings


def causes(look: Look, model: nn.Module, x: Tensor | None = None) -> list[str]:
    """The causes of what is wrong or worth a look."""
    troubles = [f for f in found(look, model, x) if f.verdict in ("wrong", "warning")]
    assert all(f.why and f.next and f.figure and f.threshold for f in troubles)
    return [finding.cause for finding in troubles]
