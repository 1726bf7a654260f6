"""Each broken skip gets its cause, and its healthy twin is fine."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from units_nets import Block, Net, answers, causes, charts, patient

import plusx
from plusx.doctor.shortcuts import CHECKS
from plusx.residual import Residual


class LeftOut(Block):
    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.branch(x))


class Detached(Block):
    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.branch(x) + x.detach())


class Data(Block):
    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.branch(x) + x.data)


class NoGrad(Block):
    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            s = x.clone()
        return F.relu(self.branch(x) + s)


class Twice(Block):
    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.branch(x) + x + x)


class Doubled(Block):
    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.branch(x) + 2 * x)


class Scaled(Block):
    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.branch(x) + 0.01 * x)


class FromTheMiddle(Block):
    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(x)) + x)


class BeforeTheNorm(Block):
    def forward(self, x: Tensor) -> Tensor:
        t = self.conv2(F.relu(self.bn1(self.conv1(x))))
        return F.relu(self.bn2(t + x))


class Idle(Block):
    def forward(self, x: Tensor) -> Tensor:
        return F.relu(0 * self.branch(x) + x)


class Drowning(Block):
    def forward(self, x: Tensor) -> Tensor:
        return F.relu(500 * self.branch(x) + x)


@pytest.mark.parametrize(
    ("block", "cause"),
    [
        (LeftOut, "no shortcut"),
        (Detached, "shortcut detached"),
        (Data, "shortcut detached"),
        (NoGrad, "shortcut detached"),
        (Twice, "shortcut added twice"),
        (Doubled, "shortcut added twice"),
        (Scaled, "shortcut scaled away"),
        (FromTheMiddle, "shortcut from elsewhere"),
        (BeforeTheNorm, "shortcut before the norm"),
        (Idle, "unit does nothing"),
        (Drowning, "unit does everything"),
    ],
)
@pytest.mark.parametrize("at", [2, 4])
def test_a_broken_block_gets_its_cause(block: type[Block], cause: str, at: int) -> None:
    model = Net({at: block})
    assert causes(CHECKS, model)[0] == cause
    (place, *_) = (f.place for f in answers(CHECKS, model) if f.cause == cause)
    assert place.partition(":")[0] == f"blocks.{at}"


@pytest.mark.parametrize("block", [Detached, NoGrad, Twice, Scaled])
def test_all_blocks_broken_alike_are_found_as_one_is(block: type[Block]) -> None:
    found = [f for f in answers(CHECKS, Net(block=block)) if f.verdict == "wrong"]
    assert len(found) == 1 and "5 of" in found[0].figure


class ReluFirst(nn.Module):
    inplace = False

    def __init__(self, width: int) -> None:
        super().__init__()
        self.relu = nn.ReLU(inplace=self.inplace)
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2(torch.relu(self.conv1(self.relu(x)))) + x


class Overwriting(ReluFirst):
    inplace = True


def test_a_skip_overwritten_in_place() -> None:
    assert causes(CHECKS, Net(block=ReluFirst)) == []
    assert causes(CHECKS, Net(block=Overwriting)) == ["shortcut overwritten"]


def test_an_operation_in_place_that_changes_no_value_does_no_harm() -> None:
    class Harmless(Block):
        def forward(self, x: Tensor) -> Tensor:
            x.relu_()  # x is a ReLU's output
            return F.relu(self.branch(x) + x)

    assert "shortcut overwritten" not in causes(CHECKS, Net({3: Harmless}))


@pytest.mark.parametrize("inplace", [False, True])
def test_a_block_whose_input_is_lost_before_the_sum(inplace: bool) -> None:
    class ToItself(Block):
        def forward(self, x: Tensor) -> Tensor:
            x = self.branch(x)
            identity = x
            if inplace:
                x += identity
            else:
                x = x + identity
            return F.relu(x)

    found = [f for f in answers(CHECKS, Net(block=ToItself)) if f.cause == "shortcut overwritten"]
    assert [f.verdict for f in found] == ["wrong"] and "5 of" in found[0].figure


def test_a_skip_of_ours_overwritten_in_place() -> None:
    def net(inplace: bool) -> nn.Module:
        body = [
            Residual(nn.Sequential(nn.ReLU(inplace), nn.Conv2d(3, 3, 3, padding=1)))
            for _ in range(3)
        ]
        return nn.Sequential(nn.Conv2d(3, 3, 1), *body, nn.Flatten(), nn.Linear(192, 4))

    assert causes(CHECKS, net(False)) == []
    assert causes(CHECKS, net(True)) == ["shortcut overwritten"]


class FromTheBlockBefore(nn.Sequential):
    def forward(self, x: Tensor) -> Tensor:
        first = self[0](x)
        second = self[1](first)
        third = F.relu(self[2].branch(second) + first)  # type: ignore[operator]
        return self[4](self[3](third))


class TwoUnderOne(nn.Sequential):
    def forward(self, x: Tensor) -> Tensor:
        first = self[0](x)
        out = F.relu(self[1].branch(first))  # type: ignore[operator]
        third = F.relu(self[2].branch(out) + first)  # type: ignore[operator]
        return self[4](self[3](third))


@pytest.mark.parametrize(
    ("row", "cause"),
    [
        (FromTheBlockBefore, "shortcut from elsewhere"),
        (TwoUnderOne, "two blocks under one skip"),
    ],
)
def test_a_skip_over_two_blocks(row: type[nn.Sequential], cause: str) -> None:
    model = Net()
    model.blocks = row(*model.blocks)
    assert causes(CHECKS, model) == [cause]


class Detach(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.detach()


class DoubleAdd(nn.Module):
    def forward(self, s: Tensor, t: Tensor) -> Tensor:
        return s + t + s


@pytest.mark.parametrize(
    ("part", "made", "cause"),
    [
        ("shortcut", Detach(), "shortcut detached"),
        ("merge", DoubleAdd(), "shortcut added twice"),
    ],
)
def test_units_of_ours(part: str, made: nn.Module, cause: str) -> None:
    model = plusx.create("resnet8", num_classes=4)
    setattr(model.get_submodule("stages.0.0.unit"), part, made)
    assert causes(CHECKS, model, torch.randn(16, 3, 16, 16)) == [cause]


def test_a_unit_of_ours_without_its_skip() -> None:
    model = plusx.create("resnet14", num_classes=4)
    block = model.get_submodule("stages.1.1")
    block.unit = block.get_submodule("unit.transform")  # type: ignore[assignment]
    assert causes(CHECKS, model, torch.randn(16, 3, 16, 16)) == ["no shortcut"]


@pytest.mark.parametrize(
    "name",
    [
        "resnet8",
        "preact_resnet20",
        "rezero_resnet20",
        "skipinit_resnet20",
        "fixup_resnet20",
        "layerscale_resnet20",
        "densenet22_12",
        "highway_conv19",
        "shake26_2x16d",
    ],
)
def test_healthy_networks_are_fine(name: str) -> None:
    model = plusx.create(name, num_classes=4)
    assert causes(CHECKS, model, torch.randn(8, 3, 16, 16)) == []


def test_stochastic_depth_and_zeroed_norms_are_fine() -> None:
    x = torch.randn(8, 3, 16, 16)
    assert causes(CHECKS, plusx.create("resnet14", num_classes=4, drop_path=0.5), x) == []
    assert causes(CHECKS, plusx.create("resnet14", num_classes=4, init="zero-last"), x) == []


def test_a_mobile_network_needs_no_skip_where_the_shape_changes() -> None:
    class Inverted(nn.Module):
        def __init__(self, width: int, out: int, stride: int) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(width, 16, 1), nn.Conv2d(16, out, 3, stride, 1)
            self.skip = stride == 1 and width == out

        def forward(self, x: Tensor) -> Tensor:
            y = self.b(F.relu(self.a(x)))
            return x + y if self.skip else y

    sizes = [(3, 8, 1), (8, 8, 1), (8, 8, 1), (8, 12, 2), (12, 12, 1), (12, 12, 1), (12, 16, 2)]
    body = [Inverted(*size) for size in sizes]
    model = nn.Sequential(*body, nn.Flatten(), nn.Linear(64, 4))
    assert causes(CHECKS, model) == []


def test_a_network_without_units_is_not_judged() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, 8), nn.ReLU(), nn.Linear(8, 4))
    assert {f.verdict for f in answers(CHECKS, model)} == {"not applicable"}


def test_gradients_by_way_are_those_of_autograd() -> None:
    """y = x + A x and L = sum(c y): through the shortcut c, through the transform A^T c."""
    body = nn.Linear(4, 4, bias=False)
    model = nn.Sequential(nn.Linear(4, 4), Residual(body), Residual(nn.Linear(4, 4)))
    asked = patient(model, torch.randn(16, 4))
    way = asked.passing.ways[0]
    assert way.carried == pytest.approx(way.gradient)
    assert way.coefficient == pytest.approx(1.0)
    x = asked.x
    first, last = model[0], model[2]
    s = first(x).detach().requires_grad_()
    labels = asked.y
    y = s + body(s)
    y.retain_grad()
    F.cross_entropy(last(y), labels).backward()
    assert y.grad is not None
    assert way.gradient == pytest.approx(float(y.grad.norm()), rel=1e-4)
    assert way.made == pytest.approx(float((y.grad @ body.weight.detach()).norm()), rel=1e-4)
    assert way.t == pytest.approx(float(body(s).detach().square().mean().sqrt()), rel=1e-4)


def test_charts_have_a_value_for_each_unit() -> None:
    drawn = charts(CHECKS, Net())
    assert set(drawn) == {"gradient by way", "shortcut against transform"}
    for chart in drawn.values():
        assert chart.x == tuple(f"blocks.{at}" for at in range(5))
        assert all(len(line) == 5 for line in chart.lines.values())
