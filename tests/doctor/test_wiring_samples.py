"""Batch, input, statistics and repetition: broken on purpose, against the healthy twin."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from wiring_nets import Net, Tokens, causes, found, patient

from plusx import create
from plusx.doctor.wiring.inputs import inputs
from plusx.doctor.wiring.repeat import repeat
from plusx.doctor.wiring.samples import leak, samples
from plusx.doctor.wiring.shapes import batches, sizes
from plusx.doctor.wiring.statistics import statistics
from plusx.doctor.wiring.writes import writes

TOKENS = torch.arange(24).view(4, 6) % 11
ALL = [samples, inputs, repeat, batches, writes, statistics]


def changed(**methods) -> Net:
    """The network with other methods."""
    return type("Changed", (Net,), methods)()


@pytest.mark.parametrize("look", ALL)
@pytest.mark.parametrize(
    "name",
    [
        "resnet8",
        "rezero_resnet20",
        "skipinit_resnet20",
        pytest.param("vit_tiny_patch4_32", marks=pytest.mark.full),
    ],
)
def test_healthy_networks_are_fine(look, name: str) -> None:
    model = create(name, num_classes=5)
    side = 32 if name.startswith("vit") else 16
    assert causes(look, model, torch.randn(4, 3, side, side)) == []


@pytest.mark.parametrize("look", ALL)
def test_a_network_of_tokens_is_fine(look) -> None:
    assert causes(look, Tokens(), TOKENS) == []


MIXED = {
    "view": lambda self, x: (
        x.contiguous().view(x.shape[1], x.shape[0], *x.shape[2:]).transpose(0, 1)
    ),
    "mean": lambda self, x: x - x.mean(dim=0, keepdim=True),
    "softmax": lambda self, x: x.softmax(dim=0),
    "roll": lambda self, x: x + 0.01 * x.roll(1, dims=0),
}


@pytest.mark.parametrize("how", MIXED)
def test_images_that_mix_are_seen(how: str) -> None:
    assert causes(samples, changed(after=MIXED[how])) == ["samples mixed"]


def test_images_that_mix_in_training_alone_are_seen() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(5, 5)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x - x.mean(dim=0) if self.training else x)

    (finding,) = found(samples, Mixed(), torch.randn(6, 5))
    assert (finding.cause, finding.verdict) == ("samples mixed", "wrong")
    assert "in training" in finding.title


class Alone(nn.Module):
    """Another result when an image comes alone: by rounding, or by a factor."""

    def __init__(self, *, rounds: bool) -> None:
        super().__init__()
        self.layer, self.rounds = nn.Linear(5, 5), rounds

    def forward(self, x: Tensor) -> Tensor:
        y = torch.sigmoid(self.layer(x))
        if not self.rounds:
            return y / len(x)
        y = y * (1 + 4 * torch.finfo(x.dtype).eps) if len(x) == 1 else y
        for _ in range(25):  # a chaotic map makes much of a last digit
            y = 3.9 * y * (1 - y)
        return y


def test_rounding_that_a_network_makes_much_of_is_no_mixing() -> None:
    assert causes(samples, Alone(rounds=True), torch.randn(6, 5)) == []
    assert causes(samples, Alone(rounds=False), torch.randn(6, 5)) == ["samples mixed"]


def test_a_batch_norm_by_hand_with_running_statistics_mixes_in_training_as_it_may() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(5, 5)
            self.register_buffer("mean", torch.zeros(5))

        def forward(self, x: Tensor) -> Tensor:
            if self.training:
                self.mean = 0.9 * self.mean + 0.1 * x.mean(dim=0).detach()
                return self.layer(x - x.mean(dim=0))
            return self.layer(x - self.mean)

    assert causes(samples, Own(), torch.randn(6, 5)) == []


def test_the_leak_is_what_a_calculation_by_hand_says() -> None:
    class Sum(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + x.sum(dim=0)

    x = torch.tensor([[1.0, 2.0], [3.0, 5.0]])
    # the odd image [3, 5] becomes [5, 3]: outputs of the first go from [5, 9] to [7, 7]
    expected = 2 / ((25 + 81) / 2) ** 0.5
    assert leak(patient(Sum(), x), Sum(), x) == pytest.approx(expected)


def test_attention_over_the_batch() -> None:
    assert causes(samples, Tokens(batch_first=False), TOKENS) == ["samples mixed"]


UNUSED = {
    "channel": lambda self, x: x * torch.tensor([1.0, 1.0, 0.0]).view(3, 1, 1),
    "half": lambda self, x: x[..., :4],
    "pixels": lambda self, x: x[..., ::4, ::4],
}


@pytest.mark.parametrize("how", UNUSED)
def test_input_that_is_not_used(how: str) -> None:
    assert causes(inputs, changed(before=UNUSED[how])) == ["unused input"]


def test_the_share_of_unused_pixels_is_counted() -> None:
    (finding,) = found(inputs, changed(before=lambda self, x: x[..., :6]))
    assert "0 of 3 channels and 25.0% of the positions" in finding.figure
    assert "0 of 8 rows and 2 of 8 columns" in finding.why


def test_a_token_that_is_not_used() -> None:
    class Late(Tokens):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x[:, 2:])

    (finding,) = found(inputs, Late(), TOKENS)
    assert (finding.cause, finding.figure) == ("unused input", "2 of 6 places change no output")


def test_dropout_in_evaluation_by_function() -> None:
    model = changed(after=lambda self, x: F.dropout(x, 0.3))
    (finding,) = found(repeat, model)
    assert (finding.cause, finding.verdict, finding.place) == ("dropout in eval", "wrong", "")


def test_dropout_in_evaluation_by_module() -> None:
    class Always(nn.Dropout):
        def train(self, mode: bool = True) -> nn.Dropout:
            return super().train(True)

    model = Net()
    model.blocks.append(Always(0.3))
    (finding,) = found(repeat, model)
    assert (finding.cause, finding.place) == ("dropout in eval", "blocks.2")


def test_noise_in_evaluation_is_no_dropout() -> None:
    model = changed(after=lambda self, x: x + torch.randn_like(x))
    assert causes(repeat, model) == ["random eval"]
    assert causes(samples, model) == []  # with the same random numbers the images do not mix
    model.blocks.append(nn.Dropout(0.5))
    assert causes(repeat, model) == ["random eval"]


def test_attention_with_dropout_in_evaluation() -> None:
    class Attend(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.scaled_dot_product_attention(x, x, x, dropout_p=0.5)

    assert causes(repeat, Attend(), torch.randn(2, 4, 8)) == ["dropout in eval"]


def test_writing_over_the_input() -> None:
    assert causes(writes, changed(before=lambda self, x: x.mul_(2))) == ["changes its input"]
    assert causes(writes, changed(before=lambda self, x: x.mul(2))) == []


def test_batches() -> None:
    assert causes(batches, changed(after=lambda self, x: x.squeeze(1))) == []  # nothing to squeeze
    assert causes(batches, changed(after=lambda self, x: x.squeeze())) == ["batch of one"]
    squeezed = type("S", (Net,), {"forward": lambda self, x: Net.forward(self, x).squeeze()})()
    assert causes(batches, squeezed) == ["batch of one"]
    fixed = changed(after=lambda self, x: x.view(6, 6, 8, 8))
    assert causes(batches, fixed) == ["fixed size"]

    class Rows(Net):
        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.blocks(self.stem(x)).view(-1, 6))

    (finding,) = found(batches, Rows())
    assert (finding.cause, finding.figure) == ("samples mixed", "6 of (3, 8, 8) give (384, 5)")


def test_one_value_per_channel_is_torchs_to_refuse() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 8), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 5))
    (finding,) = found(batches, model)
    assert finding.verdict == "fine"
    assert "a batch of one raises ValueError: Expected more than 1 value" in finding.figure


def test_another_error_of_one_input_in_training_is_worth_a_look() -> None:
    class Alone(Net):
        def after(self, x: Tensor) -> Tensor:
            return x.squeeze() if self.training else x

    (finding,) = found(batches, Alone())
    assert (finding.cause, finding.verdict) == ("batch of one", "warning")


def test_sizes_are_a_remark() -> None:
    (finding,) = found(sizes, Net())
    assert finding.figure == "runs at 8x8, 8x12, 12x8, 9x9"
    (finding,) = found(sizes, nn.Sequential(nn.Flatten(), nn.Linear(192, 5)))
    assert (finding.verdict, finding.cause) == ("fine", "fixed size")


@pytest.mark.parametrize("momentum", [0.0003, 0.01, 0.1, 0.3, None])
def test_healthy_momenta(momentum: float | None) -> None:
    model = Net()
    model.blocks[1].norm2.momentum = momentum
    (finding,) = found(statistics, model)
    assert finding.verdict == "fine"
    if momentum == 0.3:
        assert "0.100 to 0.300" in finding.figure


@pytest.mark.parametrize(
    ("momentum", "cause"),
    [
        (0.0, "statistics frozen"),
        (1.0, "statistics of one batch"),
        (0.99, "statistics of one batch"),
    ],
)
def test_broken_momenta(momentum: float, cause: str) -> None:
    model = Net()
    model.blocks[1].norm1.momentum = momentum
    (finding,) = found(statistics, model)
    assert (finding.cause, finding.place) == (cause, "blocks.1.norm1")


def test_statistics_of_nothing_but_zeros_still_move() -> None:
    model = Net()
    nn.init.zeros_(model.blocks[0].conv1.weight)
    assert causes(statistics, model) == []


def test_a_norm_that_chance_leaves_out_is_not_judged() -> None:
    model = changed(after=lambda self, x: self.last(x) if next(self.turns) else x)
    model.last = nn.BatchNorm2d(6, momentum=0.0)
    model.turns = Turns()
    assert causes(statistics, model) == []
    model.turns = Turns(always=True)
    assert causes(statistics, model) == ["statistics frozen"]


class Turns:
    """True, False, True, ..."""

    def __init__(self, *, always: bool = False) -> None:
        self.count = 0
        self.always = always

    def __next__(self) -> bool:
        self.count += 1
        return self.always or self.count % 2 == 1


def test_norms_without_statistics() -> None:
    model = Net()
    model.blocks[0].norm1 = nn.BatchNorm2d(6, track_running_stats=False)
    assert causes(statistics, model) == ["no running statistics"]
    assert causes(samples, model) == []  # said once


def test_statistics_that_move_in_evaluation() -> None:
    class Awake(nn.BatchNorm2d):
        def train(self, mode: bool = True) -> nn.BatchNorm2d:
            return super().train(True)

    model = Net()
    model.blocks[0].norm1 = Awake(6)
    (finding,) = found(statistics, model)
    assert (finding.cause, finding.place) == ("statistics move in eval", "blocks.0.norm1")


def test_a_function_that_normalises_by_the_batch_is_named_once() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("mean", torch.zeros(6))
            self.register_buffer("var", torch.ones(6))

        def forward(self, x: Tensor) -> Tensor:
            return F.batch_norm(x, self.mean, self.var, training=True)

    model = Net()
    model.blocks.append(Own())
    (finding,) = found(statistics, model)
    assert (finding.cause, finding.place) == ("statistics move in eval", "blocks.2")
    assert causes(samples, model) == []


def test_norms_that_sleep_in_training_are_worth_a_look() -> None:
    class Asleep(nn.BatchNorm2d):
        def train(self, mode: bool = True) -> nn.BatchNorm2d:
            return super().train(False)

    model = Net()
    model.blocks[0].norm1 = Asleep(6)
    (finding,) = found(statistics, model)
    assert (finding.cause, finding.verdict) == ("statistics frozen", "warning")


def test_a_forward_that_writes_over_its_image_uses_all_of_it() -> None:
    class Standardises(Net):
        def before(self, x: Tensor) -> Tensor:
            return x.sub_(0.5).div_(0.25)

    assert causes(inputs, Standardises()) == []
