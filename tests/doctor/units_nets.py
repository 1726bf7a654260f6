"""A small residual network as people write it, whose blocks can be broken one by one."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from plusx.doctor import Chart, Check, Finding, Material, Patient
from plusx.doctor.budget import Budget
from plusx.doctor.check import ask
from plusx.doctor.extent import FAILED

__all__ = ["Block", "Net", "answers", "causes", "charts", "patient"]


class Block(nn.Module):
    """relu(x + bn(conv(relu(bn(conv(x))))))"""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)

    def branch(self, x: Tensor) -> Tensor:
        return self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.branch(x) + x)


class Net(nn.Module):
    """Stem, five blocks, linear; `odd[at]` is the class of another block."""

    def __init__(
        self, odd: Mapping[int, type[nn.Module]] | None = None, *, block: type[nn.Module] = Block
    ) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.blocks = nn.Sequential(*((odd or {}).get(at, block)(8) for at in range(5)))
        self.fc = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.blocks(self.stem(x)).mean((2, 3)))


def patient(model: nn.Module, x: Tensor | None = None, *, seconds: float = 60.0) -> Patient:
    x = torch.randn(16, 3, 8, 8) if x is None else x
    return Patient(model, Material(x=x, y=None, real=False), budget=Budget(seconds))


def answers(checks: tuple[Check, ...], model: nn.Module, x: Tensor | None = None) -> list[Finding]:
    """Ask all checks; no check may fail."""
    asked = patient(model, x)
    found = [a for check in checks for a in ask(check, asked) if isinstance(a, Finding)]
    assert not [f for f in found if f.why == FAILED]
    return found


def causes(checks: tuple[Check, ...], model: nn.Module, x: Tensor | None = None) -> list[str]:
    """Return the causes of the troubles, the most important first."""
    troubles = [f for f in answers(checks, model, x) if f.verdict in ("wrong", "warning")]
    troubles.sort(key=lambda f: (f.verdict != "wrong", -f.weight))
    return [finding.cause for finding in troubles]


def charts(checks: tuple[Check, ...], model: nn.Module) -> dict[str, Chart]:
    asked = patient(model)
    found = [a for check in checks for a in ask(check, asked) if isinstance(a, Chart)]
    return {chart.name: chart for chart in found}
