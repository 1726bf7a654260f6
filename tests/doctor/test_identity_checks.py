"""What is wrong with a network whatever was meant: ends, sums, biases, stems, sizes."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from identity_nets import IMAGES, Block, Net, asked, patient_of, troubles
from torch import Tensor, nn

from plusx import create
from plusx.doctor.identity import CHECKS

NAMES = [check.name.removeprefix("identity.") for check in CHECKS]


class PreBlock(nn.Module):
    """y = x + transform(relu(norm(x))), and what `after` makes of it."""

    def __init__(self, width: int, after: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.after = after

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.relu(self.norm1(x)))
        return self.after(x + self.conv2(F.relu(self.norm2(y))))


def same(x: Tensor) -> Tensor:
    return x


class PreNet(nn.Module):
    def __init__(self, *, end: str = "norm relu", after: Callable[[Tensor], Tensor] = same) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.blocks = nn.Sequential(*(PreBlock(8, after) for _ in range(3)))
        self.norm = nn.BatchNorm2d(8) if "norm" in end else nn.Identity()
        self.act = nn.ReLU() if "relu" in end else nn.Identity()
        self.fc = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.norm(self.blocks(self.conv(x))))
        return self.fc(y.mean(dim=(2, 3)))


def test_a_preactivation_network_needs_its_end() -> None:
    assert troubles("preact", patient_of(PreNet())) == []
    assert troubles("preact", patient_of(PreNet(end=""))) == [("warning", "no final norm")]
    assert troubles("preact", patient_of(PreNet(end="norm"))) == [("warning", "no final norm")]
    known = patient_of(PreNet(end=""), expect="preact_resnet20")
    assert troubles("preact", known) == [("wrong", "no final norm")]
    model = create("preact_resnet20", num_classes=10)
    model.head.norm, model.head.act = nn.Identity(), nn.Identity()
    assert troubles("preact", patient_of(model)) == [("wrong", "no final norm")]


def test_one_block_that_runs_again_and_again_needs_no_norm_at_its_end() -> None:
    class Again(nn.Module):
        def __init__(self, count: int) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, 8, 3, padding=1)
            self.blocks = nn.ModuleList(
                nn.Sequential(nn.GroupNorm(2, 8), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1))
                for _ in range(count)
            )
            self.fc = nn.Linear(8, 10)

        def forward(self, x: Tensor) -> Tensor:
            x = self.stem(x)
            for place in range(4):
                x = x + self.blocks[place % len(self.blocks)](x)
            return self.fc(x.relu().mean((2, 3)))

    assert troubles("preact", patient_of(Again(1))) == []
    assert troubles("preact", patient_of(Again(4))) == [("warning", "no final norm")]


def test_an_activation_on_preactivation_sums_is_wrong_and_said_once() -> None:
    (finding,) = asked("preact", patient_of(PreNet(after=F.relu)))
    assert (finding.verdict, finding.cause) == ("wrong", "activation after the sum")
    assert finding.figure == "3 of 3 sums"
    assert finding.place.startswith("blocks.0")


def test_an_activation_after_the_sum_is_right_where_the_transform_ends_in_a_norm() -> None:
    (finding,) = asked("preact", patient_of(Net()))
    assert finding.verdict == "not applicable"


def test_biases_before_norms_are_counted() -> None:
    class Biased(Block):
        bias = True

    (finding,) = asked("bias", patient_of(Net(block=Biased)))
    assert (finding.verdict, finding.cause) == ("warning", "bias before norm")
    # 16 in the stem, then six convolutions of each width
    assert finding.figure.startswith("19 of 20 layers")
    assert finding.figure.endswith(f"{16 + 6 * (16 + 32 + 64)} parameters")
    assert troubles("bias", patient_of(Net())) == []


def test_one_bias_of_twenty_does_no_harm() -> None:
    model = Net()
    model.conv = nn.Conv2d(3, 16, 3, padding=1)
    (finding,) = asked("bias", patient_of(model))
    assert finding.verdict == "fine" and finding.figure.startswith("1 of 20")


def test_a_bias_that_something_else_reads_too_is_no_waste() -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

        def forward(self, x: Tensor) -> Tensor:
            y = self.conv(x)
            return (y + self.norm(y)).mean(dim=(2, 3))

    assert troubles("bias", patient_of(Both())) == []


def test_known_networks_have_their_biases_by_design() -> None:
    model = create("vgg11_bn_cifar", num_classes=10)
    model.config = None
    (finding,) = asked("bias", patient_of(model))
    assert finding.title == "Biases before norms are as vgg11_bn_cifar has them"


def test_a_stem_for_photographs_leaves_one_place_at_32_pixels() -> None:
    model = create("resnet18", num_classes=10)
    assert troubles("stem", patient_of(model)) == [("warning", "wrong stem")]
    expected = patient_of(model, expect="resnet18")
    assert troubles("stem", expected) == [("wrong", "wrong stem")]
    (finding,) = asked("stem", patient_of(model))
    assert finding.figure.startswith("3 of 17 convolutions")  # 64 / 32 = 2, then one place
    assert "8x8 after the stem" in finding.figure


@pytest.mark.parametrize(("stem", "side"), [("small", 32), ("large", 96)])
def test_stems_that_suit_the_images_are_fine(stem: str, side: int) -> None:
    model = create("resnet18", num_classes=10, stem=stem)
    assert troubles("stem", patient_of(model, torch.randn(2, 3, side, side))) == []


def test_made_up_images_have_no_size_to_judge() -> None:
    made_up = patient_of(create("resnet18", num_classes=10), real=False)
    assert [f.verdict for f in asked("stem", made_up)] == ["not applicable"]


def test_parameters_are_held_against_the_number_of_images() -> None:
    model = create("resnet18", num_classes=10, stem="small")
    params = sum(p.numel() for p in model.parameters())
    assert troubles("samples", patient_of(model, samples=50_000)) == []
    few = patient_of(model, samples=500)
    (finding,) = asked("samples", few)
    assert (finding.verdict, finding.cause) == ("warning", "too many parameters")
    assert finding.figure.startswith(f"{params / 500:,.1f} parameters an image")


def test_a_trained_network_may_be_large() -> None:
    model = create("resnet18", num_classes=10, stem="small")
    model(IMAGES)  # in training mode: its norms have seen a batch
    assert troubles("samples", patient_of(model, samples=500)) == []


@pytest.mark.parametrize("name", ["resnet8", "preact_resnet20", "densenet22_12", "wrn16_8"])
def test_networks_of_the_zoo_are_healthy(name: str) -> None:
    model = create(name, num_classes=10)
    for check in NAMES:
        assert troubles(check, patient_of(model)) == []


@pytest.mark.full
@pytest.mark.parametrize(
    "name",
    [
        "vgg11_bn",
        "fixup_resnet50",
        "shake26_2x32d",
        "resnetv2_50",
        "efficientnet_b0",
        "cbam_resnet50",
        "densenet121",
        "mobilenet_v2",
        "vit_tiny_patch16_224",
        "seresnext50_32x4d",
        "resnet50d",
        "pyramidnet110_a84",
    ],
)
def test_networks_for_photographs_are_healthy(name: str) -> None:
    x = torch.randn(2, 3, 224, 224)
    model = create(name)
    for check in NAMES:
        assert troubles(check, patient_of(model, x)) == []


@pytest.mark.parametrize("check", NAMES)
def test_tokens_vectors_and_plain_nets_are_no_trouble(check: str) -> None:
    mlp = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3))
    assert troubles(check, patient_of(mlp, torch.randn(4, 12))) == []
    tokens = nn.Sequential(nn.Embedding(11, 8), nn.Flatten(), nn.Linear(32, 3))
    assert troubles(check, patient_of(tokens, torch.randint(11, (4, 4)))) == []
    recurrent = create("residual_lstm2", num_classes=3)
    assert troubles(check, patient_of(recurrent, torch.randn(4, 6, 3))) == []


@pytest.mark.parametrize("check", NAMES)
def test_a_check_leaves_the_network_as_it_was(check: str) -> None:
    model = Net()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    patient = patient_of(model, expect="resnet20", samples=10)
    asked(check, patient)
    after = patient.model.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert all(module.training for module in patient.model.modules())


def test_biases_are_counted_where_there_are_no_logits() -> None:
    layers: list[nn.Module] = []
    for _ in range(3):
        layers += [nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU()]
    assert troubles("bias", patient_of(nn.Sequential(*layers))) == [("warning", "bias before norm")]
