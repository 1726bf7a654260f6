"""The 20-layer network of He et al. 2015, section 4.2, by hand, to be changed in one place."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from plusx.doctor import Finding, Material, Patient
from plusx.doctor.budget import Budget
from plusx.doctor.check import Check, ask
from plusx.doctor.extent import FAILED
from plusx.doctor.identity import CHECKS

IMAGES = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
BY_NAME = {check.name.removeprefix("identity."): check for check in CHECKS}


class Block(nn.Module):
    bias = False

    def __init__(self, before: int, width: int, stride: int, *, project: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride=stride, padding=1, bias=self.bias)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=self.bias)
        self.norm2 = nn.BatchNorm2d(width)
        self.stride, self.extra = stride, width - before
        self.project = None
        if project and (stride > 1 or self.extra):
            conv = nn.Conv2d(before, width, 1, stride=stride, bias=False)
            self.project = nn.Sequential(conv, nn.BatchNorm2d(width))

    def skip(self, x: Tensor) -> Tensor:
        if self.project is not None:
            return self.project(x)
        half = self.extra // 2
        if self.stride == 1 and not half:
            return x
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, half, half))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        y += self.skip(x)
        return F.relu(y)


class Net(nn.Module):
    """`odd[i]` is the class of block i."""

    def __init__(
        self,
        *,
        depths: Sequence[int] = (3, 3, 3),
        widths: Sequence[int] = (16, 32, 64),
        strides: Sequence[int] = (1, 2, 2),
        project: bool = False,
        block: type[Block] = Block,
        odd: Mapping[int, type[Block]] | None = None,
        kernel: int = 3,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, widths[0], kernel, padding=kernel // 2, bias=block.bias)
        self.norm = nn.BatchNorm2d(widths[0])
        blocks: list[nn.Module] = []
        before = widths[0]
        for depth, width, stride in zip(depths, widths, strides):
            for at in range(depth):
                made = (odd or {}).get(len(blocks), block)
                blocks.append(made(before, width, 1 if at else stride, project=project))
                before = width
        self.blocks = nn.Sequential(*blocks)
        self.fc = nn.Linear(before, 10)

    def forward(self, x: Tensor) -> Tensor:
        y = self.blocks(F.relu(self.norm(self.conv(x))))
        return self.fc(F.adaptive_avg_pool2d(y, 1).flatten(1))


def patient_of(
    model: nn.Module, x: Tensor = IMAGES, *, expect: str | None = None, **more
) -> Patient:
    return Patient(model, Material(x=x, y=None, **more), budget=Budget(60.0), expect=expect)


def asked(check: str, patient: Patient) -> list[Finding]:
    """What a check finds; it must not fail itself."""
    findings = [each for each in ask(one(check), patient) if isinstance(each, Finding)]
    assert not [f for f in findings if f.why == FAILED]
    return findings


def one(check: str) -> Check:
    return BY_NAME[check]


def troubles(check: str, patient: Patient) -> list[tuple[str, str]]:
    return [
        (f.verdict, f.cause) for f in asked(check, patient) if f.verdict in ("wrong", "warning")
    ]
