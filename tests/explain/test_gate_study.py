"""A gate study asks each question of the right images, and keeps what belongs together."""

import math
import statistics
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from gate_samples import SPEC, gated, halves, studied
from plusx import InputError, create
from plusx.analysis.gate_dynamics import gate_dynamics
from plusx.analysis.gate_flow import gate_flow
from plusx.analysis.gate_maps import gate_maps
from plusx.analysis.gate_weights import gate_weights
from plusx.analysis.summary import summary
from plusx.branch import SE
from plusx.data import normalise
from plusx.explain import gate_study as module
from plusx.explain import grad_cam
from plusx.explain.gate_study import STEPS, gate_study


def test_the_answers_are_those_of_the_questions() -> None:
    pixels, labels = halves(24)
    model, x = gated(), normalise(pixels, SPEC)
    found = studied()
    assert found.weights.to_json() == gate_weights(model, x, labels, classes=SPEC.classes).to_json()
    assert found.dynamics == gate_dynamics(model, x, labels)
    assert found.flow == gate_flow(model, x, labels)
    assert found.complexity is not None and found.complexity.count == 24
    assert found.importance is not None and found.notes == ()


def test_examples_are_of_each_class_in_turn() -> None:
    pixels, _ = halves(8)
    labels = torch.tensor([0, 0, 0, 1, 0, 1, 0, 0])
    found = gate_study(gated(), pixels, labels, spec=SPEC)
    assert found.truths.tolist() == [0, 1, 0, 1, 0, 0]
    assert torch.equal(found.pixels, pixels[[0, 3, 1, 5, 2, 4]])


def test_maps_are_correlated_with_grad_cam_of_the_same_unit() -> None:
    pixels, _ = halves(24)
    model, x = gated(), normalise(pixels, SPEC)
    maps = gate_maps(model, x)
    for each in studied().beside:
        assert each.gate.startswith(f"{each.unit}.")
        ours = maps.over_image(each.gate).flatten(1).double().numpy()
        cams = grad_cam(model, x, unit=each.unit).maps.flatten(1).double().numpy()
        for index in range(24):
            if np.ptp(ours[index]) > 1e-3 and np.ptp(cams[index]) > 1e-3:
                wanted = np.corrcoef(ours[index], cams[index])[0, 1]
                assert each.r[index] == pytest.approx(wanted, abs=1e-5)
        assert np.allclose(each.shown, each.r[:6], atol=1e-5, equal_nan=True)
        assert each.cams is not None and each.cams.shape == each.maps.shape == (6, 12, 12)


def test_mean_and_interval_of_r_are_of_the_images_where_it_is_defined() -> None:
    some = studied().beside[0]
    values = [0.1, 0.5, 0.3, 0.7]
    found = replace(some, r=np.array([values[0], np.nan, *values[1:]]))
    half = 3.182 * statistics.stdev(values) / 2  # Student's t of 3 degrees of freedom
    assert found.mean == pytest.approx(0.4)
    assert found.interval == pytest.approx((0.4 - half, 0.4 + half), abs=1e-3)
    none = replace(some, r=np.array([np.nan]))
    assert np.isnan(none.mean) and np.isnan(none.interval).all()


def test_it_says_what_is_done_and_leaves_no_trace() -> None:
    pixels, labels = halves(10)
    model, heard = gated("se").train(), list[str]()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(3)
    state = torch.get_rng_state()
    found = gate_study(model, pixels, labels, spec=SPEC, progress=heard.append)
    assert heard == list(STEPS)
    assert found.beside == (), "SE has no weight a place"
    assert model.training and torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_what_is_left_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, labels = halves(8)
    monkeypatch.setattr(module, "WORK", 1e6)
    found = gate_study(gated("se"), pixels, labels, spec=SPEC)
    assert found.complexity is None and found.importance is None
    few, why = found.notes
    assert few == "8 images are too few to correlate gates with complexity."
    gate = min(found.weights.gates, key=lambda gate: len(gate.mean)).name
    macs = summary(gated("se"), (1, 12, 12)).macs
    minutes = math.ceil(32 * macs * (len(found.weights[gate].mean) + 49) / 1e6)
    assert f"take about {minutes} minutes" in why and f"--gate {gate} asks" in why
    assert found.left_out == why
    named = gate_study(gated("se"), pixels, labels, spec=SPEC, gate=gate)
    assert named.importance is not None and named.importance.gate == gate
    one = nn.Sequential(SE(1), nn.Flatten(), nn.Linear(144, 2))
    for model in (gated("hybrid-spatial"), one):  # places, and one channel of one
        found = gate_study(model, pixels, labels, spec=SPEC)
        assert "No gate weighs channels, so none are taken away." in found.notes


def test_a_unit_without_a_map_has_no_grad_cam() -> None:
    class Alone(nn.Module):
        """A gate of places around which there is no unit."""

        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(2.0))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = x * torch.sigmoid(x.mean(1, keepdim=True) * self.scale)
            return x.mean(3).flatten(1)[:, :2]

    pixels, labels = halves(4)
    (each,) = gate_study(Alone(), pixels, labels, spec=SPEC).beside
    assert each.cams is None and np.isnan(each.r).all()


def test_a_network_without_gates_is_refused() -> None:
    pixels, labels = halves(2)
    model = create("resnet8", num_classes=2, in_channels=1)
    with pytest.raises(InputError, match="no gate"):
        gate_study(model, pixels, labels, spec=SPEC)
