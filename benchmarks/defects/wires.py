"""Layers that are not used, not known, frozen or shared; samples mixed, pixels left out."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from defects.bases import BASES
from defects.case import Case, Defect
from defects.digits import digits
from defects.resnet_by_hand import BasicBlock, ResNet
from defects.skips import of_base
from defects.transformer_by_hand import Block, Transformer

__all__ = ["DEFECTS"]


class SpareLayer(BasicBlock):
    """A third convolution that forward forgets."""

    def __init__(self, in_planes: int, planes: int, stride: int, *, shortcut: str) -> None:
        super().__init__(in_planes, planes, stride, shortcut=shortcut)
        self.conv3 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)


class OneNorm(BasicBlock):
    """The first norm stands after the second convolution, too."""

    def __init__(self, in_planes: int, planes: int, stride: int, *, shortcut: str) -> None:
        super().__init__(in_planes, planes, stride, shortcut=shortcut)
        self.bn2 = self.bn1


class SpareNorm(Block):
    """The second norm is not the MLP's."""

    def mlp(self, x: Tensor) -> Tensor:
        return self.dropout(self.fc2(F.gelu(self.fc1(self.norm1(x)))))


class AsList(nn.Module):
    """Blocks in a plain list."""

    def __init__(self, blocks: nn.Sequential) -> None:
        super().__init__()
        self.blocks = list(blocks)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x


class StemWithoutGradient(ResNet):
    def features(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            out = F.relu(self.bn1(self.conv1(x)))
        out = self.layer3(self.layer2(self.layer1(out)))
        return F.adaptive_avg_pool2d(out, 1).flatten(1)


class CutBetweenStages(ResNet):
    def features(self, x: Tensor) -> Tensor:
        out = self.layer1(F.relu(self.bn1(self.conv1(x))))
        out = self.layer3(self.layer2(out.detach()))
        return F.adaptive_avg_pool2d(out, 1).flatten(1)


class OverTheBatch(Block):
    """nn.MultiheadAttention takes (tokens, batch, dim) unless it is told otherwise."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__(dim, heads)
        self.attn = nn.MultiheadAttention(dim, heads)  # type: ignore[assignment]

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm1(x)
        x = x + self.attn(h, h, h, need_weights=False)[0]
        return x + self.mlp(x)


class ViewForPermute(ResNet):
    """(B, C) wanted of (B, C, 1, 1), and C images of B channels taken."""

    def forward(self, x: Tensor) -> Tensor:
        out = self.features(x)
        return self.fc(out.view(out.size(1), out.size(0)).t())


class PatchesByView(Transformer):
    """(B, D, N) viewed as (N, B, D) and turned: tokens of several images in each."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x).flatten(2)
        b, d, n = x.shape
        x = x.reshape(n, b, d).transpose(0, 1) + self.pos
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x).mean(dim=1))


class OneChannel(ResNet):
    def features(self, x: Tensor) -> Tensor:
        only = torch.zeros_like(x)
        only[:, 0] = x[:, 0]
        return super().features(only)


class Cropped(ResNet):
    def features(self, x: Tensor) -> Tensor:
        return super().features(x[:, :, : x.size(2) // 2])


class Squeezed(ResNet):
    """A batch of one loses its first dimension with the last two."""

    def features(self, x: Tensor) -> Tensor:
        out = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))
        return F.adaptive_avg_pool2d(out, 1).squeeze()

    def forward(self, x: Tensor) -> Tensor:
        return F.log_softmax(self.fc(self.features(x)), dim=1)


class WrongHead(ResNet):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(128, 10)


class LogOfInput(ResNet):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(torch.log(x))


class WritesOver(ResNet):
    def forward(self, x: Tensor) -> Tensor:
        x -= x.mean(dim=(2, 3), keepdim=True)
        return super().forward(x)


def hand(model: nn.Module) -> Case:
    return of_base("resnet by hand", model)


def listed() -> Case:
    model = ResNet()
    model.layer2 = AsList(model.layer2)
    return hand(model)


def listed_transformer() -> Case:
    model = Transformer()
    blocks = list(model.blocks)
    del model.blocks
    model.__dict__["blocks"] = blocks
    return of_base("transformer by hand", model)


def frozen() -> Case:
    """Frozen for another purpose, and forgotten."""
    healthy = BASES["resnet20"]()
    for parameter in healthy.model.get_submodule("stages.1").parameters():
        parameter.requires_grad = False
    return of_base("resnet20", healthy.model)


def repeated() -> Case:
    """[block] * 3 is one block three times."""
    model = ResNet()
    block = BasicBlock(16, 16, 1)
    model.layer1 = nn.Sequential(*[block] * 3)
    return hand(model)


def repeated_transformer() -> Case:
    model = Transformer()
    model.blocks = nn.ModuleList([Block(64, 4)] * 4)
    return of_base("transformer by hand", model)


def tied() -> Case:
    """Two convolutions of a stage have one weight."""
    model = BASES["resnet20"]().model
    first, second = (model.get_submodule(f"stages.2.{at}.unit.transform.conv2") for at in (1, 2))
    second.weight = first.weight
    return of_base("resnet20", model)


HAND, BLOCKS = "resnet by hand", "transformer by hand"
DEFECTS = (
    Defect(
        "a convolution never used",
        HAND,
        ("unused parameter",),
        lambda: hand(ResNet(odd={(2, 1): SpareLayer})),
    ),
    Defect(
        "a norm never used",
        BLOCKS,
        ("unused parameter",),
        lambda: of_base(BLOCKS, Transformer(block=SpareNorm)),
    ),
    Defect("a list for a Sequential", HAND, ("unregistered layer",), listed),
    Defect("a list for a ModuleList", BLOCKS, ("unregistered layer",), listed_transformer),
    Defect("a stage frozen", "resnet20", ("frozen parameter",), frozen),
    Defect(
        "no_grad around the stem", HAND, ("frozen parameter",), lambda: hand(StemWithoutGradient())
    ),
    Defect(
        "detach between two stages",
        HAND,
        ("frozen parameter",),
        lambda: hand(CutBetweenStages()),
    ),
    Defect("[block] * 3", HAND, ("weights shared",), repeated),
    Defect("[block] * 4", BLOCKS, ("weights shared",), repeated_transformer),
    Defect("one weight in two convolutions", "resnet20", ("weights shared",), tied),
    Defect(
        "one norm in two places",
        HAND,
        ("weights shared",),
        lambda: hand(ResNet(odd={(2, 1): OneNorm})),
    ),
    Defect("a view for a permute", HAND, ("samples mixed",), lambda: hand(ViewForPermute())),
    Defect(
        "patches by a view for a permute",
        BLOCKS,
        ("samples mixed",),
        lambda: of_base(BLOCKS, PatchesByView()),
    ),
    Defect(
        "attention over the batch",
        BLOCKS,
        ("samples mixed",),
        lambda: of_base(BLOCKS, Transformer(block=OverTheBatch)),
    ),
    Defect(
        "one channel of three is seen",
        HAND,
        ("unused input",),
        lambda: Case(model=OneChannel(channels=3), data=digits(channels=3)),
    ),
    Defect("half of the image is seen", HAND, ("unused input",), lambda: hand(Cropped())),
    Defect("squeeze of a batch of one", HAND, ("batch of one",), lambda: hand(Squeezed())),
    Defect("a head for 128 of 64", HAND, ("does not run",), lambda: hand(WrongHead())),
    Defect("logarithm of the image", HAND, ("not finite",), lambda: hand(LogOfInput())),
    Defect(
        "forward writes over the image",
        HAND,
        ("changes its input",),
        lambda: hand(WritesOver()),
    ),
)
