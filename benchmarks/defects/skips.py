"""Skips that are not there, there in name only, or somewhere else."""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from defects.bases import BASES
from defects.case import Case, Defect
from defects.preact_by_hand import PreActResNet, ReluFirstBlock
from defects.resnet_by_hand import BasicBlock, ResNet
from defects.transformer_by_hand import Block, Transformer
from plusx.residual import Residual

__all__ = ["DEFECTS", "of_base"]


def of_base(base: str, model: nn.Module, *, expect: bool = False) -> Case:
    """Another network on the data of a base, and nothing told of its training."""
    healthy = BASES[base]()
    return Case(model=model, data=healthy.data, expect=healthy.expect if expect else None)


class LeftOut(BasicBlock):
    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.branch(x))


class Detached(BasicBlock):
    def forward(self, x: Tensor) -> Tensor:
        identity = x.detach()
        out = self.branch(x)
        out += identity
        return F.relu(out)


class ByValue(BasicBlock):
    """A tensor that is made anew of another has no history."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            identity = x.clone()
        return F.relu(self.branch(x) + identity)


class BeforeTheNorm(BasicBlock):
    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.conv2(out)
        out += x
        return F.relu(self.bn2(out))


class Twice(BasicBlock):
    def forward(self, x: Tensor) -> Tensor:
        identity = x
        out = self.branch(x) + identity
        if self.downsample is None:
            out += identity
        return F.relu(out)


class FromTheMiddle(BasicBlock):
    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(x)) + x)


class ToItself(BasicBlock):
    """`identity = x` stands a line too low."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.branch(x)
        identity = x
        x += identity
        return F.relu(x)


class ScaledAway(BasicBlock):
    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.branch(x) + 0.001 * x)


class Drowned(BasicBlock):
    def forward(self, x: Tensor) -> Tensor:
        return F.relu(100 * self.branch(x) + x)


class Idle(BasicBlock):
    def forward(self, x: Tensor) -> Tensor:
        return F.relu(0 * self.branch(x) + x)


class Overwriting(ReluFirstBlock):
    inplace = True


class FromTheBlockBefore(nn.Sequential):
    """The third block's skip starts where the second's does."""

    def forward(self, x: Tensor) -> Tensor:
        first = self[0](x)
        second = self[1](first)
        return F.relu(self[2].branch(second) + first)


class TwoUnderOne(nn.Sequential):
    """The second and the third block have one skip."""

    def forward(self, x: Tensor) -> Tensor:
        first = self[0](x)
        out = F.relu(self[1].branch(first))
        return F.relu(self[2].branch(out) + first)


class WithoutSkip(Block):
    def forward(self, x: Tensor) -> Tensor:
        x = self.dropout(self.attn(self.norm1(x)))
        return x + self.mlp(x)


class DetachedAttention(Block):
    def forward(self, x: Tensor) -> Tensor:
        x = x.detach() + self.dropout(self.attn(self.norm1(x)))
        return x + self.mlp(x)


class AddedTwice(Block):
    def forward(self, x: Tensor) -> Tensor:
        x = x + self.dropout(self.attn(self.norm1(x)))
        return x + self.mlp(x) + x


class Detach(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.detach()


class DoubleAdd(nn.Module):
    def forward(self, s: Tensor, t: Tensor) -> Tensor:
        return s + t + s


def odd(block: type[BasicBlock]) -> Case:
    """One block of the second stage is another."""
    return of_base("resnet by hand", ResNet(odd={(2, 1): block}))


def every(block: type[BasicBlock]) -> Case:
    """All blocks that keep their shape are others."""
    places = {(1, 0), *((stage, at) for stage in (1, 2, 3) for at in (1, 2))}
    return of_base("resnet by hand", ResNet(odd=dict.fromkeys(places, block)))


def staged(stage: type[nn.Sequential]) -> Case:
    model = ResNet()
    model.layer2 = stage(*model.layer2)
    return of_base("resnet by hand", model)


def in_ours(base: str, stage: int, at: int, change: Callable[[Residual], nn.Module]) -> Case:
    """Change one unit of a network of ours."""
    healthy = BASES[base]()
    block = healthy.model.get_submodule(f"stages.{stage}.{at}")
    if isinstance(block, Residual):
        healthy.model.get_submodule(f"stages.{stage}")[at] = change(block)  # type: ignore[operator]
    else:
        block.unit = change(block.get_submodule("unit"))  # type: ignore[arg-type]
    return of_base(base, healthy.model)


def with_parts(unit: Residual, **parts: nn.Module) -> Residual:
    for name, part in parts.items():
        setattr(unit, name, part)
    return unit


def two_of_ours() -> Case:
    """Two transforms in a row under one skip, at the place of two units."""
    model = BASES["resnet20"]().model
    stage = model.get_submodule("stages.1")
    second, third = stage[1].unit, stage[2].unit  # type: ignore[index]
    second.transform = nn.Sequential(second.transform, nn.ReLU(), third.transform)
    del stage[2]  # type: ignore[operator]
    return of_base("resnet20", model, expect=True)


def attention(block: type[Block]) -> Case:
    return of_base("transformer by hand", Transformer(block=block))


def one_attention(block: type[Block]) -> Case:
    model = Transformer()
    model.blocks[1] = block(64, 4)
    return of_base("transformer by hand", model)


HAND = "resnet by hand"
DEFECTS = (
    Defect("a skip left out", HAND, ("no shortcut",), partial(odd, LeftOut)),
    Defect("a skip detached", HAND, ("shortcut detached",), partial(odd, Detached)),
    Defect("all skips detached", HAND, ("shortcut detached",), partial(every, Detached)),
    Defect("a skip copied without gradient", HAND, ("shortcut detached",), partial(odd, ByValue)),
    Defect("sum before the norm", HAND, ("shortcut before the norm",), partial(odd, BeforeTheNorm)),
    Defect("a skip added twice", HAND, ("shortcut added twice",), partial(odd, Twice)),
    Defect("all skips added twice", HAND, ("shortcut added twice",), partial(every, Twice)),
    Defect(
        "a skip from the middle of its block",
        HAND,
        ("shortcut from elsewhere",),
        partial(odd, FromTheMiddle),
    ),
    Defect(
        "a skip from the block before",
        HAND,
        ("shortcut from elsewhere",),
        partial(staged, FromTheBlockBefore),
    ),
    Defect(
        "two blocks under one skip",
        HAND,
        ("two blocks under one skip",),
        partial(staged, TwoUnderOne),
    ),
    Defect(
        "a block added to itself",
        HAND,
        ("shortcut overwritten", "no shortcut"),
        partial(odd, ToItself),
    ),
    Defect(
        "every block added to itself",
        HAND,
        ("shortcut overwritten",),
        partial(every, ToItself),
    ),
    Defect("a skip times 0.001", HAND, ("shortcut scaled away",), partial(odd, ScaledAway)),
    Defect(
        "a transform times 100",
        HAND,
        ("unit does everything", "initialised too large"),
        partial(odd, Drowned),
    ),
    Defect(
        "a transform times 0",
        HAND,
        ("unit does nothing", "unused parameter"),
        partial(odd, Idle),
    ),
    Defect(
        "in-place ReLU over what the skip carries",
        "relu first by hand",
        ("shortcut overwritten",),
        lambda: of_base("relu first by hand", PreActResNet(block=Overwriting)),
    ),
    Defect(
        "a skip left out",
        "resnet20",
        ("no shortcut",),
        lambda: in_ours("resnet20", 1, 1, lambda unit: unit.transform),
    ),
    Defect(
        "a skip detached",
        "resnet20",
        ("shortcut detached",),
        lambda: in_ours("resnet20", 2, 1, lambda unit: with_parts(unit, shortcut=Detach())),
    ),
    Defect(
        "a skip added twice",
        "resnet20",
        ("shortcut added twice",),
        lambda: in_ours("resnet20", 1, 2, lambda unit: with_parts(unit, merge=DoubleAdd())),
    ),
    Defect("two blocks under one skip", "resnet20", ("two blocks under one skip",), two_of_ours),
    Defect(
        "a skip left out",
        "preact_resnet20",
        ("no shortcut",),
        lambda: in_ours("preact_resnet20", 1, 1, lambda unit: unit.transform),
    ),
    Defect(
        "a skip detached",
        "densenet22_12",
        ("shortcut detached",),
        lambda: in_ours("densenet22_12", 2, 2, lambda unit: with_parts(unit, shortcut=Detach())),
    ),
    Defect(
        "an attention without skip",
        "transformer by hand",
        ("no shortcut",),
        partial(one_attention, WithoutSkip),
    ),
    Defect(
        "an attention's skip detached",
        "transformer by hand",
        ("shortcut detached",),
        partial(one_attention, DetachedAttention),
    ),
    Defect(
        "every MLP's skip added twice",
        "transformer by hand",
        ("shortcut added twice",),
        partial(attention, AddedTwice),
    ),
)
