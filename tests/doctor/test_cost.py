"""What a network costs: against counts by hand, and slowness made on purpose."""

import time

import pytest
import torch
from torch import Tensor, nn

from plusx import create, summary
from plusx.doctor import Finding, Material, Patient
from plusx.doctor.budget import Budget
from plusx.doctor.check import ask
from plusx.doctor.cost import CHECKS, limit
from plusx.doctor.cost.count import counted
from plusx.doctor.cost.peers import PEERS

BY_NAME = {check.name.removeprefix("cost."): check for check in CHECKS}
X = torch.randn(4, 3, 16, 16)


def patient_of(model: nn.Module, x: Tensor = X, **more) -> Patient:
    return Patient(model, Material(x=x, y=None, **more), budget=Budget(60.0))


def asked(name: str, patient: Patient) -> Finding:
    (finding,) = ask(BY_NAME[name], patient)
    assert isinstance(finding, Finding)
    return finding


def test_counts_are_those_of_the_layers() -> None:
    model = nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.Flatten(), nn.Linear(5 * 256, 7))
    found = counted(patient_of(model))
    assert found.params == (27 * 5 + 5) + (5 * 256 * 7 + 7)
    assert found.macs == 256 * 27 * 5 + 5 * 256 * 7
    # the image, and the convolution's map that the linear layer has for its input, 4 bytes each
    assert found.held == 4 * (3 * 256 + 5 * 256)


def test_counts_are_those_of_the_summary() -> None:
    model = create("resnet20", num_classes=10)
    found, known = counted(patient_of(model)), summary(model, 16)
    assert (found.params, found.macs) == (known.params, known.macs)
    assert asked("count", patient_of(model)).figure.startswith("269,722 parameters (float32)")


@pytest.mark.parametrize("form", ["tuple", "dict"])
def test_a_network_may_give_more_than_logits(form: str) -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(6, 4)

        def forward(self, x: Tensor) -> object:
            y = self.linear(x)
            return (y, x) if form == "tuple" else {"logits": y, "x": x}

    assert counted(patient_of(Two(), torch.randn(3, 6))).macs == 24


def test_speed_is_said_beside_a_product_of_the_same_seconds(monkeypatch) -> None:
    monkeypatch.setattr(limit, "SECONDS", 0.1)
    monkeypatch.setattr(limit, "SIDE", 64)
    finding = asked("speed", patient_of(create("resnet8", num_classes=10)))
    assert finding.verdict == "fine"
    assert "GFLOP/s" in finding.figure and "matrix product's" in finding.figure


def test_a_step_that_does_nothing_for_long_is_far_from_the_limit(monkeypatch) -> None:
    class Slow(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            time.sleep(0.02)
            return self.linear(x)

    monkeypatch.setattr(limit, "SECONDS", 0.1)
    monkeypatch.setattr(limit, "SIDE", 64)
    monkeypatch.setattr(limit, "LONG", 0.01)
    monkeypatch.setattr(limit.os, "getloadavg", lambda: (0.0, 0.0, 0.0))
    finding = asked("speed", patient_of(Slow(), torch.randn(4, 3)))
    assert (finding.verdict, finding.cause) == ("warning", "far from the limit")
    monkeypatch.setattr(limit.os, "getloadavg", lambda: (1e6, 0.0, 0.0))
    busy = asked("speed", patient_of(Slow(), torch.randn(4, 3)))
    assert busy.verdict == "fine" and "others at work" in busy.figure


def test_both_ways_of_a_product_give_it(monkeypatch) -> None:
    monkeypatch.setattr(limit, "SIDE", 64)
    torch.manual_seed(0)
    made = {name: way() for name, way in limit.products(torch.device("cpu")).items()}
    as_image = made["1x1"].permute(0, 2, 3, 1).reshape(64, 64)  # type: ignore[attr-defined]
    torch.manual_seed(0)
    a, b = torch.randn(2, 64, 64).unbind()
    torch.testing.assert_close(made["mm"], a @ b)
    torch.testing.assert_close(as_image, a @ b.T)


def test_plain_peers_are_counted_by_hand() -> None:
    finding = asked("peers", patient_of(create("resnet8", num_classes=10)))
    size = 3 * 16 * 16
    assert f"a linear map {size * 10 + 10:,} parameters, {size * 10:,} MACs" in finding.figure
    hidden = size * 256 + 256 + 256 * 10 + 10
    assert f"an MLP of 256 {hidden:,} parameters" in finding.figure
    convs = 64 * 27 * 32 + 16 * 288 * 64 + 4 * 576 * 128 + 128 * 10  # maps of 8x8, 4x4, 2x2
    assert f"{convs:,} MACs" in finding.figure
    assert len(PEERS) == 3


def test_plain_peers_are_of_the_dtype_of_the_images() -> None:
    one, other = (
        asked("peers", patient_of(model.to(dtype), torch.randn(8, 3, 16, 16).to(dtype)))
        for dtype in (torch.float32, torch.bfloat16)
        for model in [create("resnet8", num_classes=10)]
    )
    counts = [
        [part.partition(" ms")[0].rpartition(",")[0] for part in finding.figure.split("; ")]
        for finding in (one, other)
    ]
    assert one.verdict == other.verdict == "fine"
    assert counts[0] == counts[1] and len(counts[0]) == 4


def test_what_takes_no_images_has_no_plain_peers() -> None:
    finding = asked("peers", patient_of(nn.Linear(6, 4), torch.randn(3, 6)))
    assert finding.verdict == "not applicable"


@pytest.mark.parametrize("check", BY_NAME)
def test_no_check_of_cost_leaves_a_trace(check: str, monkeypatch) -> None:
    monkeypatch.setattr(limit, "SECONDS", 0.1)
    monkeypatch.setattr(limit, "SIDE", 64)
    model = create("resnet8", num_classes=10)
    patient = patient_of(model)
    asked(check, patient)
    after = patient.model.state_dict()
    assert all(torch.equal(after[name], value) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in patient.model.parameters())
    assert patient.model.training
