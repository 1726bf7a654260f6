"""Learning rates, one batch by heart, noise and small batches, each against an oracle."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from doctor.learning_nets import AMPLE, asked, material, network, patient, sgd, verdict
from plusx import create
from plusx.doctor import Chart, Material, Patient, Training
from plusx.doctor.budget import Budget
from plusx.doctor.check import ask
from plusx.doctor.learning import CHECKS
from plusx.doctor.learning.answers import are_shares, surprise
from plusx.doctor.learning.noise import _groups
from plusx.doctor.learning.one_batch import one_batch
from plusx.doctor.learning.probe import _share
from plusx.doctor.learning.rates import Sweep, judged
from plusx.doctor.learning.spare import affordable
from plusx.doctor.learning.trend import fall
from plusx.doctor.learning.usual import low_but_usual


def at_rate(rate: float, *, adam: bool = False) -> Patient:
    model = network()
    made = torch.optim.Adam(model.parameters(), lr=rate) if adam else sgd(model, rate)
    return patient(model, Training(optimizer=made, loss=F.cross_entropy))


@pytest.mark.parametrize("rate, adam", [(0.1, False), (0.05, False), (3e-3, True), (0.01, True)])
def test_usual_rates_are_fine(rate: float, adam: bool) -> None:
    assert verdict("rate", at_rate(rate, adam=adam)) == ("fine", "")
    assert verdict("updates", at_rate(rate, adam=adam)) == ("fine", "")


@pytest.mark.parametrize("rate, adam", [(100.0, False), (3.0, True)])
def test_a_rate_far_too_high_is_wrong(rate: float, adam: bool) -> None:
    found = {name: verdict(name, at_rate(rate, adam=adam)) for name in ("rate", "updates")}
    assert ("wrong", "rate too high") in found.values()


@pytest.mark.parametrize("rate, adam", [(1e-4, False), (1e-5, True)])
def test_a_rate_far_too_low_is_seen(rate: float, adam: bool) -> None:
    finding = asked("rate", at_rate(rate, adam=adam))
    assert finding.verdict in ("wrong", "warning") and finding.cause == "rate too low"


@pytest.mark.parametrize("adam", [False, True])
def test_a_step_that_rounding_swallows_is_wrong(adam: bool) -> None:
    assert verdict("updates", at_rate(1e-9, adam=adam)) == ("wrong", "rate too low")
    assert verdict("updates", at_rate(1e-5, adam=adam)) == ("fine", "")


def test_a_head_that_leaves_zero_first_is_no_lost_step() -> None:
    model = network()
    head = [m for m in model.modules() if isinstance(m, nn.Linear)][-1]
    nn.init.zeros_(head.weight)  # as Fixup has it: no other weight has a gradient yet
    # the others are moved by decay alone, by 8e-8 of their size
    decayed = torch.optim.AdamW(model.parameters(), lr=1e-6, weight_decay=0.08)
    examined = patient(model, Training(optimizer=decayed, loss=F.cross_entropy))
    assert verdict("updates", examined) == ("fine", "")


def test_the_range_is_a_chart_around_the_present_rate() -> None:
    (check,) = [c for c in CHECKS if c.name == "learning.rate"]
    (chart,) = [c for c in ask(check, at_rate(0.1)) if isinstance(c, Chart)]
    assert chart.marks == (("present", 0.1),)
    assert chart.x == pytest.approx([0.1 * 10.0**e for e in range(-3, 4)])
    after = chart.lines["after 10 steps"]
    assert min(after) < chart.lines["before"][0] / 2  # some rate learns
    assert after[0] == pytest.approx(chart.lines["before"][0], rel=0.05)  # the lowest hardly


def test_the_judgement_of_a_sweep_by_hand() -> None:
    def at(*after: float) -> tuple[str, str]:
        return judged(Sweep(2.0, dict(zip((1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0), after))))

    low, nan = 0.1, math.nan
    assert at(1.9, 1.5, 0.5, low, 0.5, 5.0) == ("fine", "")
    assert at(0.5, low, 3.0, 4.0, nan, nan) == ("wrong", "rate too high")
    assert at(1.5, 0.5, low, nan, nan, nan) == ("warning", "rate too high")
    assert at(1.5, 0.5, low, 2.5, nan, nan) == ("fine", "")  # a bump that a warm-up takes
    assert at(2.0, 2.0, 2.0, 1.95, 1.5, low) == ("wrong", "rate too low")
    assert at(2.0, 2.0, 1.9, 1.6, 1.0, low) == ("warning", "rate too low")


@pytest.mark.parametrize(
    "rate, tried", [(0.1, (1e-3, 0.1, 10.0)), (100.0, (1.0, 10.0, 100.0, 1e4))]
)
def test_the_rate_between_is_tried_before_the_present_one_is_called_wrong(
    rate: float, tried: tuple[float, ...]
) -> None:
    steps = 0

    def step(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
        nonlocal steps
        steps += 1
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

    model = network()
    training = Training(optimizer=sgd(model, rate), loss=F.cross_entropy, step=step)
    budget = Budget(60.0, clock=lambda: steps * 12 / 25)  # time is up in the third rate
    (check,) = [c for c in CHECKS if c.name == "learning.rate"]
    found = ask(check, Patient(model, material(16), budget=budget, training=training))
    (chart,) = [c for c in found if isinstance(c, Chart)]
    assert chart.x == pytest.approx(tried)


def test_the_peak_of_a_schedule_counts_not_its_start() -> None:
    model = network()
    optimizer = sgd(model, 0.1)
    torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1e-4)
    training = Training(optimizer=optimizer, loss=F.cross_entropy)
    assert "at 0.1 " in asked("rate", patient(model, training)).figure


def test_the_share_by_which_a_step_moves_a_weight_is_that_of_autograd() -> None:
    model = nn.Sequential(nn.Linear(12, 5))
    examined = patient(model, Training(optimizer=torch.optim.SGD(model.parameters(), lr=0.3)))
    loss = F.cross_entropy(model(examined.x[:8]), examined.y[:8])
    (gradient,) = torch.autograd.grad(loss, model[0].weight)
    expected = float(0.3 * gradient.norm() / model[0].weight.detach().norm())
    assert f"the fastest by {expected:.1e}" in asked("updates", examined).figure


def dead() -> nn.Module:
    model = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU())
    nn.init.constant_(model[0].bias, -1000.0)
    return model.append(nn.Linear(32, 5))


def zero() -> nn.Module:
    model = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU())
    model.append(nn.Linear(32, 5))
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    return model


@pytest.mark.parametrize("make", [dead, zero])
def test_a_network_that_gives_all_images_the_same_answer_learns_nothing(make: object) -> None:
    finding = asked("one_batch", patient(make()))  # type: ignore[operator]
    assert (finding.verdict, finding.cause) == ("wrong", "does not learn")
    best = float(finding.figure.partition(" at best")[0].rpartition(" ")[2])
    assert best >= 0.99 * math.log(5)  # the entropy of evenly dealt labels


@pytest.mark.parametrize("end", [None, nn.Softmax(1), nn.LogSoftmax(1)])
def test_a_healthy_network_learns_a_batch_by_heart(end: nn.Module | None) -> None:
    assert verdict("one_batch", patient(network(end))) == ("fine", "")


@pytest.mark.full
@pytest.mark.parametrize("name", ["resnet20", "densenet40_12", "vit_tiny_patch4_32", "mlp8_512"])
def test_networks_of_the_zoo_learn_a_batch_by_heart(name: str) -> None:
    examined = Patient(
        create(name, num_classes=10, in_channels=1) if name == "mlp8_512" else create(name),
        Material(x=torch.randn(8, 1 if name == "mlp8_512" else 3, *_size(name)), y=None),
        budget=AMPLE,
    )
    assert [f.verdict for f in one_batch(examined)] == ["fine"]


def _size(name: str) -> tuple[int, int]:
    return (28, 28) if name == "mlp8_512" else (32, 32)


def test_without_time_nothing_is_said() -> None:
    examined = Patient(network(), material(), budget=Budget(1e-3))
    assert [f.verdict for f in ask(CHECKS[-5], examined)] == ["not applicable"]


def test_images_that_are_all_alike_cannot_be_told_apart() -> None:
    alike = Material(x=torch.ones(16, 12), y=None)
    finding = asked("one_batch", Patient(network(), alike, budget=AMPLE))
    assert (finding.verdict, finding.figure) == ("not applicable", "the images are all alike")


def test_the_loss_falls_on_labels_that_fit_and_on_none_that_cannot() -> None:
    assert verdict("data", patient(network(), count=256)) == ("fine", "")
    still = network()
    away = torch.optim.SGD(still.parameters(), lr=0.05, maximize=True)
    training = Training(optimizer=away, loss=F.cross_entropy)
    assert verdict("data", patient(still, training, count=256)) == ("warning", "does not learn")


def test_a_line_through_losses_against_a_closed_form() -> None:
    down, error = fall([3.0, 2.5, 2.0, 1.5])
    assert down == pytest.approx(1.5) and error == pytest.approx(0, abs=1e-12)
    down, error = fall([1.0, -1.0, -1.0, 1.0])  # slope 0, four residuals of 1, sum of squares 5
    assert down == pytest.approx(0) and error == pytest.approx(3 * math.sqrt(4 / 2 / 5))


class Noisy:
    """A step that tells losses of its own, with a deviation of 0.1."""

    def __init__(self, slope: float, noise: float = 0.1) -> None:
        self.slope, self.at = slope, 0
        self.noise = noise * torch.randn(1000, generator=torch.Generator().manual_seed(0))

    def __call__(self, *given: object) -> Tensor:
        self.at += 1
        return 2.3 + self.slope * self.at + self.noise[self.at]


def test_a_loss_is_said_to_stay_only_beyond_its_noise() -> None:
    def told(slope: float, noise: float = 0.1) -> tuple[str, str]:
        model = network()
        step = Noisy(slope, noise)
        training = Training(optimizer=sgd(model), step=step)
        return verdict("data", patient(model, training, count=256))

    assert told(-0.01) == ("fine", "")  # falls by 0.4
    assert told(-0.001) == ("fine", "")  # by 0.04, with an error of about that
    assert told(0.0) == ("fine", "")
    assert told(0.0, 0.001) == ("warning", "does not learn")
    assert told(0.02) == ("warning", "does not learn")


def test_a_small_batch_takes_a_part_of_the_rate() -> None:
    model = network()
    for optimizer, share in ((sgd(model), 1 / 4), (torch.optim.Adam(model.parameters()), 1 / 2)):
        known = patient(model, Training(optimizer=optimizer, batch_size=64))
        assert _share(known, optimizer, 16) == share
        assert _share(known, optimizer, 128) == 1
        assert _share(patient(model, Training(optimizer=optimizer)), optimizer, 8) == 1


class Forgetful(nn.Module):
    """Reads a row of images as a recurrence, and answers by its first step alone."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.fc = nn.LSTM(3, 64, batch_first=True), nn.Linear(64, 5)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.rnn(x.view(len(x), 4, 3))
        return self.fc(states[:, 0])


def test_usual_rates_of_adam_are_never_far_too_low() -> None:
    def low(model: nn.Module, optimizer: torch.optim.Optimizer, rate: float) -> bool:
        return low_but_usual(patient(model, Training(optimizer=optimizer)), optimizer, rate)

    drawn, plain = network(), Forgetful()
    adam, descent = torch.optim.AdamW(drawn.parameters()), sgd(drawn)
    assert low(drawn, adam, 1e-4) and not low(drawn, adam, 1e-5) and not low(drawn, descent, 1e-3)
    drawn(torch.randn(16, 12))  # its batch norm has seen a batch
    assert low(drawn, adam, 2e-5) and low(drawn, descent, 1e-3) and not low(drawn, adam, 1e-7)
    assert low(plain, torch.optim.Adam(plain.parameters()), 1e-3)
    slow = Training(optimizer=torch.optim.Adam(plain.parameters(), lr=1e-4), loss=F.cross_entropy)
    assert verdict("rate", patient(plain, slow)) == ("fine", "")


def test_the_probe_wants_real_labelled_images() -> None:
    made_up = replace(material(128), real=False)
    examined = Patient(network(), made_up, budget=AMPLE)
    for name in ("data", "noise"):
        assert verdict(name, examined)[0] == "not applicable"


def test_groups_of_gradients_are_those_of_autograd() -> None:
    model = nn.Linear(12, 5)  # no norm: the mean over a group is the gradient of its images
    examined = patient(model, count=96)
    torch.manual_seed(3)
    mean_small, big = _groups(examined, seconds=1e4)[0]
    torch.manual_seed(3)
    some = torch.randperm(96)[:32]
    x, y = examined.material.x[some], examined.material.y[some]

    def square(part: slice) -> float:
        loss = F.cross_entropy(model(x[part]), y[part])
        grads = torch.autograd.grad(loss, list(model.parameters()))
        return sum(float(g.square().sum()) for g in grads)

    small = [square(slice(at, at + 8)) for at in range(0, 32, 8)]
    assert mean_small == pytest.approx(sum(small) / 4, rel=1e-4)
    assert big == pytest.approx(square(slice(0, 32)), rel=1e-4)


def test_a_tiny_batch_of_noisy_gradients_is_worth_a_look() -> None:
    x, y = torch.randn(960, 12), torch.randint(5, (960,))
    model = nn.Linear(12, 5)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    with torch.no_grad():  # a weak trend in much noise
        x[:, 0] += 0.5 * (y == 0)
    examined = Patient(model, Material(x=x, y=y), budget=AMPLE, training=Training(batch_size=1))
    found = asked("noise", examined)
    assert found.verdict in ("warning", "not applicable")
    if found.verdict == "warning":
        assert found.cause == "noisy gradient"


def test_batch_norm_at_two_images_is_worth_a_look_and_group_norm_has_no_such_noise() -> None:
    def convolutions() -> nn.Module:
        layers = [nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1)]
        return nn.Sequential(*layers, nn.Flatten(), nn.BatchNorm1d(8), nn.Linear(8, 5))

    images = Material(x=torch.randn(16, 3, 8, 8), y=None)

    def found(size: int) -> tuple[str, str, str]:
        training = Training(batch_size=size)
        examined = Patient(convolutions(), images, budget=AMPLE, training=training)
        finding = asked("small_batches", examined)
        return finding.verdict, finding.cause, finding.threshold

    assert found(2)[:2] == ("warning", "small batch statistics")
    assert found(64)[:2] == ("fine", "")
    assert found(2)[2].endswith("with group norm 0%")


def test_where_no_group_norm_fits_only_the_noise_of_batch_norm_is_told() -> None:
    class Reads(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) + self[1].running_mean.mean()

    layers = [nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    images = Material(x=torch.randn(16, 3, 8, 8), y=None)
    reads = Patient(Reads(*layers), images, budget=AMPLE, training=Training(batch_size=64))
    finding = asked("small_batches", reads)
    assert finding.verdict == "fine" and "group norm" not in finding.threshold


def test_answers_that_are_distributions() -> None:
    y = torch.randn(6, 4)
    assert are_shares(y.softmax(1)) and not are_shares(y) and not are_shares(y.log_softmax(1))
    assert not are_shares(torch.ones(6, 1)) and not are_shares(torch.zeros(6, 4))
    labels = torch.arange(6) % 4
    for given in (y, y.softmax(1), y.log_softmax(1)):
        assert float(surprise(given, labels)) == pytest.approx(float(F.cross_entropy(y, labels)))


def test_what_is_affordable_shrinks_with_the_time() -> None:
    clock = [0.0]

    class Slow(nn.Module):
        """A forward pass takes 1 s for 100,000 pixels."""

        def forward(self, x: Tensor) -> Tensor:
            clock[0] += x[:, 0].numel() / 1e5
            return x.mean((2, 3))

    x = torch.randn(16, 3, 224, 224)
    budget = Budget(1e5, clock=lambda: clock[0])
    examined = Patient(Slow(), Material(x=x, y=None), budget=budget)

    def shape(seconds: float) -> tuple[int, ...]:
        return tuple(affordable(examined, x, seconds=seconds).shape)

    each = 224 * 224 / 1e5
    assert shape(3 * 16 * each + 0.01) == (16, 3, 224, 224)
    assert shape(3 * 8 * each + 0.01) == (8, 3, 224, 224)
    assert shape(3 * 8 * each - 0.01) == (8, 3, 96, 96)
    assert shape(1.0) == (0, 3, 224, 224)
