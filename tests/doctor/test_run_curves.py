"""Past runs: curves made up to have one trouble each, and a real run."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

import plusx
from plusx.doctor import Chart, Finding, Material, Patient, Raw
from plusx.doctor.budget import Budget
from plusx.doctor.check import ask
from plusx.doctor.given import material_for
from plusx.doctor.run import CHECKS
from plusx.doctor.run.past import least_count
from plusx.train import curve_rules
from plusx.train.config import TrainConfig
from plusx.train.result import Epoch
from plusx.train.run import train
from plusx.train.setup import Silent

CONFIG = TrainConfig(data="digits", model="resnet8").following("usual")


def _epoch(number: int, of: int = 20) -> Epoch:
    done = number / of
    return Epoch(
        epoch=number,
        step=20 * number,
        learning_rate=0.05 * (1 + math.cos(math.pi * done)) + 1e-6,
        train_loss=0.5 + 1.8 * 0.01**done,
        train_accuracy=round(0.95 - 0.8 * 0.01**done, 3),
        val_loss=0.4 + 1.8 * 0.01**done,
        val_accuracy=round(0.94 - 0.8 * 0.01**done, 3),
        seconds=1.0,
        images_per_second=1000.0,
        memory_bytes=0,
    )


def _healthy() -> list[Epoch]:
    return [_epoch(number + 1) for number in range(20)]


def _folder(
    path: Path,
    epochs: Sequence[Epoch],
    *,
    log: str = "",
    config: TrainConfig = CONFIG,
    test: float | None = 0.93,
) -> Path:
    config = replace(config, epochs=max(1, len(epochs)))
    (path / "config.json").write_text(json.dumps(asdict(config)))
    events = [{"event": "epoch", **asdict(epoch)} for epoch in epochs]
    if test is not None:
        right = round(100 * test)
        confusion = [[right if i == j else 0 for j in range(10)] for i in range(10)]
        for i in range(10):
            confusion[i][(i + 1) % 10] += 100 - right
        events.append({"event": "test", "accuracy": test, "count": 1000, "confusion": confusion})
    (path / "metrics.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events))
    (path / "log.txt").write_text(log)
    return path


def _asked(folder: Path | None, material: Material | None = None) -> list[Finding | Chart]:
    torch.manual_seed(0)
    model = plusx.create("resnet8", num_classes=10, in_channels=1)
    material = material or material_for(model, None)
    patient = Patient(model, material, budget=Budget(60), run=folder)
    found = [each for check in CHECKS for each in ask(check, patient)]
    assert not [f for f in found if isinstance(f, Finding) and "failed" in f.figure], found
    return found


def _troubles(found: Sequence[Finding | Chart]) -> dict[str, str]:
    findings = [f for f in found if isinstance(f, Finding)]
    return {f.cause: f.verdict for f in findings if f.verdict in ("wrong", "warning")}


def test_a_healthy_run_is_fine_and_drawn(tmp_path: Path) -> None:
    found = _asked(_folder(tmp_path, _healthy()))
    assert _troubles(found) == {}
    assert sum(isinstance(f, Finding) and f.verdict == "fine" for f in found) == 7
    loss, accuracy, rate = (f for f in found if isinstance(f, Chart))
    assert [len(chart.x) for chart in (loss, accuracy, rate)] == [20, 20, 20]
    assert loss.lines["training"][0] == _epoch(1).train_loss and loss.marks == (("best", 20.0),)


def _overfitted(epochs: list[Epoch]) -> list[Epoch]:
    return [replace(e, val_accuracy=round(max(0.0, e.val_accuracy - 0.2), 3)) for e in epochs]


def _flat(epochs: list[Epoch]) -> list[Epoch]:
    return [replace(e, learning_rate=0.1) for e in epochs]


def _jumping(epochs: list[Epoch]) -> list[Epoch]:
    return [replace(e, train_loss=e.train_loss + (e.epoch == 15)) for e in epochs]


def _broken(epochs: list[Epoch]) -> list[Epoch]:
    return [replace(e, val_loss=math.nan if e.epoch == 15 else e.val_loss) for e in epochs]


def _rising(epochs: list[Epoch]) -> list[Epoch]:
    return [
        replace(e, val_accuracy=round(0.0469 * e.epoch, 4), train_accuracy=0.047 * e.epoch)
        for e in epochs
    ]


def _easier(epochs: list[Epoch]) -> list[Epoch]:
    return [replace(e, train_accuracy=e.val_accuracy - 0.2) for e in epochs]


@pytest.mark.parametrize(
    ("spoil", "cause", "verdict"),
    [
        (_overfitted, "overfits", "warning"),
        (_flat, "rate never decayed", "warning"),
        (_jumping, "unstable", "warning"),
        (_broken, "unstable", "wrong"),
        (_rising, "too short", "warning"),
        (_easier, "validation easier", "warning"),
    ],
)
def test_one_trouble_has_its_cause(
    spoil: Callable[[list[Epoch]], list[Epoch]], cause: str, verdict: str, tmp_path: Path
) -> None:
    assert _troubles(_asked(_folder(tmp_path, spoil(_healthy())))) == {cause: verdict}


def test_a_run_that_learned_nothing(tmp_path: Path) -> None:
    dull = [replace(e, train_accuracy=0.1, val_accuracy=0.1) for e in _healthy()]
    found = _asked(_folder(tmp_path, dull, test=0.1))
    assert _troubles(found) == {"underfits": "wrong"}
    assert _troubles(_asked(_folder(tmp_path, dull[:2], test=0.1))) == {"too short": "warning"}


@pytest.mark.parametrize(
    ("factor", "cause"), [(1000, "rate too high"), (3, "underfits"), (1e-3, "rate too low")]
)
def test_a_rate_far_from_the_usual_is_blamed_where_nothing_was_learned(
    factor: float, cause: str, tmp_path: Path
) -> None:
    dull = [
        replace(e, train_accuracy=0.1, val_accuracy=0.1, learning_rate=factor * e.learning_rate)
        for e in _healthy()
    ]
    assert _troubles(_asked(_folder(tmp_path, dull, test=0.1))) == {cause: "wrong"}


def test_a_curve_that_never_falls_does_not_jump(tmp_path: Path) -> None:
    flat = [replace(e, train_loss=2.3 + 0.02 * (e.epoch % 2)) for e in _healthy()]
    assert _troubles(_asked(_folder(tmp_path, flat))) == {}


def test_what_went_astray_is_told_by_the_log(tmp_path: Path) -> None:
    log = "the loss was not finite at step 3. Going back to step 1 of epoch 2 with 0.5\n"
    assert _troubles(_asked(_folder(tmp_path, _healthy(), log=log))) == {"unstable": "wrong"}
    log = "the loss was not finite at step 3 of epoch 1\n"
    assert _troubles(_asked(_folder(tmp_path, [], log=log, test=None))) == {"unstable": "wrong"}


@pytest.mark.parametrize("how", [{"cutmix": 1.0}, {"mixup": 0.2}, {"policy": "randaugment"}])
def test_what_makes_training_hard_explains_it(how: dict[str, object], tmp_path: Path) -> None:
    config = replace(CONFIG, **how)
    assert config.cutmix or config.mixup or config.policy
    epochs = [replace(e, train_accuracy=e.val_accuracy - 0.12) for e in _healthy()]
    found = _asked(_folder(tmp_path, epochs, config=config))
    assert _troubles(found) == {}
    (told,) = [f for f in found if isinstance(f, Finding) and f.check == "run.validation"]
    assert str(next(iter(how))) in told.why or "randaugment" in told.why


def test_validation_images_that_stand_in_training(tmp_path: Path) -> None:
    images = torch.randint(0, 256, (60, 1, 8, 8), dtype=torch.uint8)
    labels = torch.arange(60) % 10
    names = tuple(map(str, range(60)))
    material = Material(
        x=torch.randn(16, 1, 8, 8),
        y=None,
        train=Raw(images, labels, names),
        val=Raw(images[:20], labels[:20], names[:20]),
    )
    found = _asked(_folder(tmp_path, _easier(_healthy())), material)
    assert _troubles(found) == {"splits overlap": "warning"}


@pytest.mark.full
def test_a_cheap_model_that_does_better_tells_of_underfitting(tmp_path: Path) -> None:
    model = plusx.create("resnet8", num_classes=10, in_channels=1)
    dull = [
        replace(e, train_accuracy=e.train_accuracy - 0.3, val_accuracy=e.val_accuracy - 0.3)
        for e in _healthy()
    ]
    folder = _folder(tmp_path, dull, test=0.63)
    assert _troubles(_asked(folder, material_for(model, "digits"))) == {"underfits": "warning"}


def test_what_to_try_next_is_what_can_gain_most(tmp_path: Path) -> None:
    def words(spoil: Callable[[list[Epoch]], list[Epoch]]) -> str:
        found = _asked(_folder(tmp_path, spoil(_healthy())))
        (told,) = [f for f in found if isinstance(f, Finding) and f.check == "run.next"]
        return told.next

    assert words(_overfitted).startswith("more images")
    assert words(_rising) == "--epochs 40"
    assert words(_easier) == "a larger network"


def test_no_run_or_a_damaged_one_is_not_judged(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    for folder in (None, tmp_path, tmp_path / "absent"):
        for found in _asked(folder):
            assert isinstance(found, Finding) and found.verdict == "not applicable"


def test_the_least_count_behind_shares() -> None:
    shares = [k / 5906 for k in (5261, 5408, 5500)]
    assert 5906 % least_count(shares) == 0 and least_count(shares) > 1000
    assert least_count([0.5]) == 2


def test_deviation_and_gain_by_hand() -> None:
    assert curve_rules.deviation(0.5, 100) == pytest.approx(0.05)
    assert curve_rules.deviation(1.0, 100) == pytest.approx(0.01)
    epochs = [replace(_epoch(i + 1), val_accuracy=i / 40) for i in range(30)]
    assert curve_rules.gain(epochs) == pytest.approx(3 / 40)  # of 30, the last against the 27th
    assert curve_rules.gain(epochs[:2]) is None
    assert curve_rules.chance(4, [[8, 0], [1, 1]]) == pytest.approx(0.8)


@pytest.mark.full
def test_a_real_run_is_fine(tmp_path: Path) -> None:
    config = TrainConfig(data="digits", model="resnet8", recipe="quick", epochs=8)
    train(config, reporter=Silent(), out=tmp_path / "run")
    assert _troubles(_asked(tmp_path / "run")) == {}
