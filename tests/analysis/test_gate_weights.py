"""Weights, maps and dynamics of gates against what can be worked out by hand."""

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from gate_nets import ByMean, Fixed, Means, Place, flat
from matplotlib import pyplot
from scipy.stats import f_oneway
from torch import nn

from plusx import InputError, create
from plusx.analysis.gate_dynamics import gate_dynamics, paired_interval
from plusx.analysis.gate_flow import gate_flow
from plusx.analysis.gate_importance import gate_importance
from plusx.analysis.gate_learning import gate_learning
from plusx.analysis.gate_maps import gate_maps
from plusx.analysis.gate_moments import Moments
from plusx.analysis.gate_weights import ChannelWeights, GateWeights, gate_weights

IMAGES = flat((1.0, 2.0), (3.0, 2.0), (5.0, 2.0), (7.0, 6.0))
LABELS = torch.tensor([0, 0, 1, 1])


def test_weights_by_class_are_the_scaled_means() -> None:
    model = nn.Sequential(ByMean(1.0, 10.0), Means())
    found = gate_weights(model, IMAGES, LABELS, classes=("a", "b", "empty"), batch=3)
    row = found["0"]
    assert row.mean.tolist() == [4, 30]
    assert row.by_class[:2].tolist() == [[2, 20], [6, 40]] and np.isnan(row.by_class[2]).all()
    assert row.std.tolist() == pytest.approx([5**0.5, 300**0.5])
    assert row.between == pytest.approx((4 + 100) / (5 + 300))  # sums of variances, by hand
    assert row.chance == 1 / 3
    assert "channel" in found.table() and found.plot().get_images()
    assert json.loads(json.dumps(found.to_json()))["gates"][0]["by_class"][2] == [None, None]


def test_a_fixed_gate_has_no_variance_and_loses_nothing() -> None:
    model = nn.Sequential(Fixed(0.3, 0.7), Means())
    assert gate_weights(model, IMAGES, LABELS)["0"].between == 0
    found = gate_dynamics(model, IMAGES, LABELS, batch=3)
    assert found.together.lost == found.together.flips == 0
    assert found.together.change < 1e-6 and found.gates[0].varies == pytest.approx(0, abs=1e-6)


def test_a_gate_that_decides_loses_by_hand() -> None:
    # logits m * (scale m): by the gate 1 against 2, 9 against 2, 25 against 2, 49 against 18
    model = nn.Sequential(ByMean(1.0, 0.5), Means())
    labels = torch.tensor([1, 0, 0, 0])
    found = gate_dynamics(model, IMAGES, labels, batch=3)
    fixed = IMAGES.mean((2, 3)) * torch.tensor([4.0, 1.5])  # at the mean of the weights
    right = (fixed.argmax(1) == labels).float().mean().item()  # 4 against 3 is wrong
    assert found.accuracy == 1 and right == 0.75
    assert found.gates[0].accuracy == right and found.gates[0].lost == 0.25
    assert found.gates[0].flips == 0.25
    plain = model(IMAGES).detach()
    change = (fixed - plain).square().mean().sqrt() / (plain - plain.mean(0)).square().mean().sqrt()
    assert found.gates[0].change == pytest.approx(change.item(), rel=1e-5)
    assert "all gates" in found.table() and found.plot().lines
    json.dumps(found.to_json())


def test_moments_are_those_of_numpy() -> None:
    values, labels = torch.randn(50, 3, 2) + 1000, torch.randint(4, (50,))
    seen = Moments.of(4)
    for x, y in zip(values.split(7), labels.split(7)):
        seen.add(x, y)
    array = values.double().numpy()
    assert np.allclose(seen.mean, array.mean(0)) and np.allclose(seen.variance, array.var(0))
    of_classes = np.stack([array[labels == k].mean(0) for k in range(4)])
    assert np.allclose(seen.by_class, of_classes)
    assert np.allclose(seen.between, of_classes[labels].var(0))


def test_the_paired_interval_covers_as_often_as_it_says() -> None:
    low, high = paired_interval(0, 0, 100)
    assert low == -high and 0.01 < high < 0.03
    rng = np.random.default_rng(0)
    draws = rng.multinomial(200, [0.10, 0.05, 0.85], size=2000)
    covered = [a < 0.05 < b for a, b in (paired_interval(w, g, 200) for w, g, _ in draws)]
    assert 0.93 < np.mean(covered) < 0.97


def test_maps_are_the_weights_of_the_places() -> None:
    model = nn.Sequential(Place(), ByMean(1.0, 1.0), Means())
    images = torch.rand(5, 2, 4, 6)
    found = gate_maps(model, images.clone(), batch=2)
    assert list(found.maps) == ["0"] and found.units == {"0": ""}
    assert torch.allclose(found.maps["0"], 2 * images.mean(1))
    same = found.correlations("0", 3 * images.mean(1) + 1)
    assert same == pytest.approx(np.ones(5))
    other = torch.rand(5, 4, 6)
    by_numpy = [np.corrcoef(a.flatten(), b.flatten())[0, 1] for a, b in zip(images.mean(1), other)]
    assert found.correlations("0", other) == pytest.approx(np.array(by_numpy), abs=1e-5)
    assert np.isnan(found.correlations("0", torch.ones(5, 4, 6))).all()
    assert "4x6" in found.table() and found.plot().get_images()
    json.dumps(found.to_json())
    with pytest.raises(InputError, match="no gate of places '1'"):
        found.over_image("1")
    with pytest.raises(InputError, match=r"expected \(5, height, width\)"):
        found.correlations("0", torch.ones(4, 4, 6))


def test_a_non_local_map_says_how_much_a_place_is_heard() -> None:
    model = create("resnet8", num_classes=10, attention="nonlocal").eval()
    images = torch.randn(2, 3, 16, 16)
    made = gate_maps(model, images).maps["stages.2.0.unit.transform.gate.transform"]
    assert made.shape == (2, 2, 2)  # 4x4 places, every other is heard
    assert torch.allclose(made.sum((1, 2)), torch.ones(2))  # a softmax
    assert F.relu(made).equal(made)


def test_wrong_inputs_are_refused() -> None:
    model = nn.Sequential(ByMean(1.0, 1.0), Means())
    with pytest.raises(InputError, match="4 images have labels"):
        gate_weights(model, IMAGES, LABELS[:2])
    for question in (gate_flow, gate_importance):
        with pytest.raises(InputError, match="labels go from 1 to 2, expected 0 to 1"):
            question(model, IMAGES, LABELS + 1)
    with pytest.raises(InputError, match="labels go from -1 to 0, expected 0 or more"):
        gate_weights(model, IMAGES, LABELS - 1)
    with pytest.raises(InputError, match="labels go from 1 to 2, expected 0 to 1"):
        gate_learning({"a": model}, IMAGES, LABELS + 1, steps=1, batch=4)
    with pytest.raises(InputError, match="1 classes are named"):
        gate_weights(model, IMAGES, LABELS, classes=("a",))
    with pytest.raises(InputError, match="has no gate"):
        gate_dynamics(Means(), IMAGES, LABELS)
    with pytest.raises(InputError, match="expected at least 1"):
        gate_weights(model, IMAGES, LABELS, batch=0)
    with pytest.raises(InputError, match="expected one that weighs places"):
        gate_maps(model, IMAGES).plot()


@pytest.mark.parametrize("shift", [0.0, 0.5, 0.9, 1.5])
def test_beyond_chance_is_the_f_test_of_one_weight(shift: float) -> None:
    """By analysis of variance, of scipy, at a level of 0.05 for all gates together."""
    rng = np.random.default_rng(0)
    groups = [rng.normal(shift * k, 1, 9) for k in range(3)]
    values = np.concatenate(groups)
    within = sum(((group - group.mean()) ** 2).sum() for group in groups)
    between = 1 - within / ((values - values.mean()) ** 2).sum()
    one = np.zeros(1)
    row = ChannelWeights("gate", "channel", "", one, one, np.zeros((3, 1)), between, 2 / 26)
    p = f_oneway(*groups).pvalue
    for gates in (1, 4):
        found = GateWeights(("a", "b", "c"), 27, (row,) * gates)
        assert found.beyond_chance(row) == (p < 0.05 / gates)


def test_nothing_is_beyond_chance_without_two_images_of_a_class() -> None:
    one = np.zeros(1)
    for classes, chance in ((1, 0.0), (5, 1.0)):
        row = ChannelWeights("gate", "channel", "", one, one, np.zeros((classes, 1)), 1.0, chance)
        assert not GateWeights(("a",) * classes, 5, (row,)).beyond_chance(row)


def test_colours_of_weights_that_hardly_differ_span_a_tenth() -> None:
    by_class = np.array([[0.995, 0.997], [0.996, 0.996]])
    row = ChannelWeights("gate", "channel", "", by_class.mean(0), by_class[0], by_class, 0.0, 0.0)
    axes = GateWeights(("a", "b"), 2, (row,)).plot()
    low, high = axes.images[0].get_clim()
    assert high - low == pytest.approx(0.0997) and (low + high) / 2 == pytest.approx(0.996)
    pyplot.close("all")
