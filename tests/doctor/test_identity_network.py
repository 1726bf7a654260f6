"""Is it the network that was meant? One change at a time, each with its cause and its words."""

import pytest
import torch
import torch.nn.functional as F
from identity_nets import IMAGES, Block, Net, asked, patient_of, troubles
from torch import Tensor, nn

from plusx import create, list_models
from plusx.catalog import family_of
from plusx.doctor.identity.known import nearest


class LeftOut(Block):
    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(y)))


class BeforeTheNorm(Block):
    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(F.relu(self.norm1(self.conv1(x))))
        return F.relu(self.norm2(y + self.skip(x)))


class FromTheMiddle(Block):
    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(x)) + x)


class ReluNorm(Block):
    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(F.relu(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(y)) + self.skip(x))


class Sigmoid(Block):
    def forward(self, x: Tensor) -> Tensor:
        y = torch.sigmoid(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(y)) + self.skip(x))


class Biased(Block):
    bias = True


class Spanning(Net):
    """One skip over the second and the third block."""

    def forward(self, x: Tensor) -> Tensor:
        y = self.blocks[0](F.relu(self.norm(self.conv(x))))
        t = y
        for block in (self.blocks[1], self.blocks[2]):
            t = F.relu(block.norm1(block.conv1(F.relu(t))))
            t = block.norm2(block.conv2(t))
        y = self.blocks[3:](F.relu(y + t))
        return self.fc(F.adaptive_avg_pool2d(y, 1).flatten(1))


BROKEN = {
    "depth": (
        lambda: Net(depths=(3, 2, 3)),
        "wrong depth",
        "two units in stage 2 instead of three",
    ),
    "all depths": (lambda: Net(depths=(2, 2, 2)), "wrong depth", "two units per stage"),
    "width": (lambda: Net(widths=(16, 32, 48)), "wrong width", "48 channels instead of 64"),
    "shortcut": (
        lambda: Net(project=True),
        "other shortcut",
        "272,474 parameters instead of 269,722",
    ),
    "stem": (lambda: Net(kernel=7), "wrong stem", "7x7 16"),
    "stride": (lambda: Net(strides=(2, 1, 2)), "stride in the wrong place", "gives 16x16"),
    "no shortcut": (lambda: Net(odd={4: LeftOut}), "no shortcut", "eight units instead of nine"),
    "no shortcuts": (lambda: Net(block=LeftOut), "no shortcut", "no unit has a shortcut"),
    "first": (lambda: Net(odd={0: LeftOut}), "no shortcut", "eight units"),
    "last": (lambda: Net(odd={8: LeftOut}), "no shortcut", "eight units"),
    "norm": (lambda: Net(odd={4: BeforeTheNorm}), "shortcut before the norm", "before the norm"),
    "middle": (lambda: Net(odd={4: FromTheMiddle}), "shortcut from elsewhere", "starts behind 3x3"),
    "span": (Spanning, "two blocks under one skip", "four layers under one skip"),
    "order": (lambda: Net(block=ReluNorm), "wrong order", "3x3 16, relu, BN"),
    "sigmoid": (lambda: Net(odd={2: Sigmoid}), "another network", "sigmoid instead of relu"),
    "bias": (lambda: Net(block=Biased), "bias before norm", "a bias where none was meant"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_change_to_what_was_expected_is_wrong_with_its_cause(case: str) -> None:
    make, cause, said = BROKEN[case]
    (finding,) = asked("network", patient_of(make(), expect="resnet20"))
    assert (finding.verdict, finding.cause) == ("wrong", cause)
    assert said in finding.title


def test_the_healthy_twins_are_fine() -> None:
    for model in (Net(), create("resnet20", num_classes=10)):
        (finding,) = asked("network", patient_of(model, expect="resnet20"))
        assert (finding.verdict, finding.title) == ("fine", "It is resnet20")
        assert finding.figure == "269,722 parameters, 9 units (3, 3, 3)"


def test_without_a_name_a_network_is_known_by_its_counts() -> None:
    (finding,) = asked("network", patient_of(Net()))
    assert (finding.verdict, finding.title) == ("fine", "It is resnet20")
    grey = Net()
    grey.conv, grey.fc = nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.Linear(64, 4)
    (finding,) = asked("network", patient_of(grey, IMAGES[:, :1]))
    assert finding.title == "It is resnet20"


@pytest.mark.parametrize("case", ["depth", "width", "shortcut", "stem", "stride", "order"])
def test_without_a_name_being_another_network_is_no_trouble(case: str) -> None:
    assert troubles("network", patient_of(BROKEN[case][0]())) == []


@pytest.mark.parametrize("case", ["no shortcut", "norm", "middle", "span"])
def test_what_nobody_means_is_said_without_a_name(case: str) -> None:
    make, cause, _ = BROKEN[case]
    assert troubles("network", patient_of(make())) == [("warning", cause)]


def test_a_network_of_ours_is_held_against_its_own_config() -> None:
    model = create("resnet20", num_classes=10, shortcut="project")
    assert troubles("network", patient_of(model)) == []
    stage = model.get_submodule("stages.1")
    del stage[1]
    assert troubles("network", patient_of(model)) == [("warning", "wrong depth")]


def test_ends_and_sums_of_preactivation_are_compared() -> None:
    bare = create("preact_resnet20", num_classes=10)
    bare.head.norm, bare.head.act = nn.Identity(), nn.Identity()
    model = patient_of(bare, expect="preact_resnet20")
    assert troubles("network", model) == [("wrong", "no final norm")]
    active = create("preact_resnet20", num_classes=10)
    stage = active.get_submodule("stages.1")
    stage[1] = nn.Sequential(stage[1], nn.ReLU())
    model = patient_of(active, expect="preact_resnet20")
    assert troubles("network", model) == [("wrong", "activation after the sum")]


def test_the_stride_in_the_1x1_is_another_version() -> None:
    model = create("resnet50", num_classes=10, transform="bottleneck-2015")
    model.config = None
    x = torch.randn(2, 3, 96, 96)
    assert troubles("network", patient_of(model, x)) == []
    expected = patient_of(model, x, expect="resnet50")
    assert troubles("network", expected) == [("wrong", "stride in the wrong place")]


def test_a_stem_for_photographs_is_wrong_at_32_pixels_where_the_name_is_expected() -> None:
    model = create("resnet18", num_classes=10)
    model.config = None
    assert troubles("network", patient_of(model, expect="resnet18")) == [("wrong", "wrong stem")]
    assert troubles("network", patient_of(model)) == []


def test_a_known_network_without_its_config_is_known() -> None:
    for name in ("wrn16_8", "densenet22_12", "resnetv2_18"):
        model = create(name, num_classes=10, **({"stem": "small"} if "v2" in name else {}))
        model.config = None
        (finding,) = asked("network", patient_of(model, expect=name))
        assert finding.title == f"It is {name}"


def test_what_cannot_be_traced_is_compared_by_its_parameters() -> None:
    class Branching(Net):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x if float(x.sum()) > 0 else -x)

    (finding,) = asked("network", patient_of(Branching(), expect="resnet20"))
    assert (finding.verdict, finding.title) == ("fine", "It has the parameters of resnet20")
    found = troubles("network", patient_of(Branching(project=True), expect="resnet20"))
    assert found == [("wrong", "another network")]


def test_shortcuts_where_none_were_meant() -> None:
    model = create("resnet20", num_classes=10)
    (finding,) = asked("network", patient_of(model, expect="plain20"))
    assert (finding.verdict, finding.cause) == ("wrong", "another network")
    assert "nine units with a shortcut where none was meant" in finding.title + finding.figure


def test_the_nearest_of_an_image_network_takes_images() -> None:
    seen = patient_of(create("resnet20", num_classes=10)).outline
    near = [each.name for each in nearest(seen, 10, count=len(list_models()))]
    assert near[0] == "resnet20" and len(near) < len(list_models())
    assert {len(family_of(name).inputs(1, 3, 32)[0].shape) for name in near} == {4}
