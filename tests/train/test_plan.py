"""Plans: the formula by hand, memory against what tensors have, time against measured runs."""

import json
from dataclasses import replace

import matplotlib
import pytest

from plusx import InputError, create
from plusx.cli.plan import plan as command
from plusx.train.config import TrainConfig
from plusx.train.estimate import Job, Target, estimate
from plusx.train.plan import plan
from plusx.train.plan_measure import Measured, measured

matplotlib.use("Agg")
# 6 * 1e9 * 100 = 0.6 TFLOP/s, half of the machine's 1.2
HERE = Measured("a machine", "32", 16, 100.0, 1.2e12, 10**9, 400, 4 * 10**9, 800, 1e6, 5e6)
JOB = Job(images=10_050, val_images=1_200, epochs=3, batch_size=200)


def test_one_device_like_this_one_by_hand() -> None:
    found = estimate(HERE, JOB, Target(price=2.0))
    assert found.compute_seconds == found.step_seconds == 2.0  # 200 images at 100 a second
    assert found.communication_seconds == found.communication_bytes == 0
    # 50 whole steps, and validation at a third of 1,200 / 100 s
    assert found.epoch_seconds == pytest.approx(50 * 2.0 + 4.0)
    assert found.total_seconds == pytest.approx(312.0)
    assert found.cost == pytest.approx(2.0 * 312 / 3600)
    assert found.activation_bytes == 200e6 + 5e6
    assert found.memory_bytes == 400 + 4e9 + 800 + 205e6


def test_four_other_devices_by_hand() -> None:
    target = Target(
        4, tflops=60.0, bandwidth=2.0, overlap=0.6, price=3.0, utilization=0.5, latency=0.1
    )
    found = estimate(HERE, JOB, target)
    # half of 60 TFLOP/s are 5,000 images/s of 6 GFLOP; 50 images a device take 10 ms
    assert found.device_images_per_second == pytest.approx(5000)
    assert found.compute_seconds == pytest.approx(0.01)
    assert found.communication_bytes == pytest.approx(1.5 * 4e9)
    assert found.communication_seconds == pytest.approx(3.6)  # 6 messages
    assert found.hidden_seconds == pytest.approx(0.6 * 2 / 3 * 0.01)
    assert found.step_seconds == pytest.approx(3.606)
    assert found.images_per_second == pytest.approx(200 / 3.606)
    assert found.epoch_seconds == pytest.approx(50 * 3.606 + 1200 / (3 * 4 * 5000))
    assert found.device_hours == pytest.approx(4 * found.total_seconds / 3600)
    assert found.cost == pytest.approx(3 * found.device_hours)
    quick = estimate(HERE, JOB, replace(target, bandwidth=1e9, latency=0.0))
    assert quick.step_seconds == pytest.approx(0.01)  # all of it is hidden


def test_a_stated_rate_is_not_reached_by_more_than_a_fifth_unless_said() -> None:
    found = estimate(HERE, JOB, Target(tflops=60.0))
    assert found.device_images_per_second == pytest.approx(0.2 * 60e12 / 6e9)
    slow = estimate(replace(HERE, matmul=12e12), JOB, Target(tflops=60.0))
    assert slow.device_images_per_second == pytest.approx(0.05 * 60e12 / 6e9)
    crowded = estimate(HERE, JOB, Target(2, crowding=2.0))
    assert crowded.compute_seconds == pytest.approx(2.0)


def test_a_plan_names_its_assumptions() -> None:
    found = estimate(HERE, JOB, Target(4, tflops=60.0, bandwidth=2.0))
    table = found.table()
    for word in ("2 GB/s", "50%", "60 TFLOP/s", "--utilization", "give --price", "not counted"):
        assert word in table, word
    assert json.loads(found.to_json())["step_seconds"] == found.step_seconds
    assert found.plot().get_xlabel() == "devices"
    matplotlib.pyplot.close("all")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"gpus": 0}, "gpus is 0"),
        ({"tflops": 0.0}, "tflops is 0"),
        ({"bandwidth": -1.0}, "bandwidth is -1"),
        ({"overlap": 1.5}, "overlap is 1.5"),
        ({"price": -1.0}, "price is -1"),
        ({"utilization": 2.0}, "utilization is 2"),
    ],
)
def test_wrong_numbers_are_refused(wrong: dict[str, float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        plan(TrainConfig(data="1000", model="resnet8", size=32), **wrong)  # type: ignore[arg-type]


def test_wrong_data_is_refused() -> None:
    with pytest.raises(InputError, match="classes of its own"):
        plan(TrainConfig(data="digits"), num_classes=3)
    with pytest.raises(InputError, match="1 images"):
        plan(TrainConfig(data="1"))
    with pytest.raises(InputError, match="for 3 process"):
        plan(TrainConfig(data="1000", model="resnet8", size=32, batch_size=64), gpus=3)


def config(**changes: object) -> TrainConfig:
    base = TrainConfig(
        data="x", model="resnet8", batch_size=16, precision="32", device="cpu"
    ).following("usual")
    return replace(base, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(("optimizer", "copies"), [("nesterov", 1), ("adamw", 2), ("lamb", 2)])
def test_bytes_are_those_of_the_tensors(optimizer: str, copies: int) -> None:
    network = create("resnet8", num_classes=10)
    found = measured(network, config(optimizer=optimizer), (3, 16, 16))
    count = sum(p.numel() for p in network.parameters())
    assert found.parameter_bytes == found.gradient_bytes == 4 * count
    assert found.state_bytes == pytest.approx(copies * 4 * count, rel=0.01)  # and step counters
    assert found.images_per_second > 0 and found.matmul > 0 and found.batch == 16


def test_activations_are_those_of_the_summary() -> None:
    from plusx import summary

    network = create("resnet8", num_classes=10)
    found = measured(network, config(), (3, 16, 16))
    # the summary, counted on torch's meta device, does not see the images and the loss
    assert found.kept_each == pytest.approx(summary(network, 16).activation_bytes, rel=0.1)
    assert found.kept_once < found.kept_each


def test_the_command_takes_a_number_of_images(capsys: pytest.CaptureFixture[str]) -> None:
    words = {"model": "resnet8", "gpus": 2, "batch_size": 32, "epochs": 5, "num_classes": 10}
    command(data="1_000", size=32, device="cpu", price=1.0, json_output=True, **words)  # type: ignore
    found = json.loads(capsys.readouterr().out)
    assert found["job"] == {"images": 1000, "val_images": 0, "epochs": 5, "batch_size": 32}
    assert found["target"]["bandwidth"] == 1.0 and found["cost"] > 0
    command(data="1000", size=32, device="cpu", tflops=10, **words)  # type: ignore[arg-type]
    assert "10 TFLOP/s" in capsys.readouterr().out
