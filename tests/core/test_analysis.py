"""Summary, signal and evaluation against what can be worked out by hand."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from plusx import InputError, Residual, create, summary
from plusx.analysis.costs import measure
from plusx.analysis.evaluation import evaluation
from plusx.analysis.signal import signal


def test_a_summary_of_two_layers_by_hand() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.ReLU())
    found = summary(model, (3, 4, 4))
    assert (found.params, found.macs, found.units) == (216, 216 * 16, 0)
    # backward needs the input of the convolution and the output of the ReLU, in float32
    assert [row.activation_bytes for row in found.rows] == [3 * 16 * 4, 8 * 16 * 4]
    assert found.rows[0].output == (8, 4, 4)


def test_a_summary_names_shortcut_transform_and_merge() -> None:
    table = summary(create("resnet20", num_classes=10), 32).table()
    assert "stages.0.0 x 3  identity" in table
    assert "pad 16 channels /2  3x3 32 /2, BN, ReLU, 3x3 32, BN  Add, ReLU" in table
    assert "269,722  40,551,040" in table
    assert "MACs, not FLOPs" in table


def test_a_summary_refuses_an_input_that_does_not_fit() -> None:
    with pytest.raises(InputError, match=r"cannot take an input of \(1, 32, 32\)"):
        summary(create("resnet20"), (1, 32, 32))
    with pytest.raises(InputError, match="no convolution"):
        summary(nn.Linear(2, 2), 8)


def test_signal_is_plain_autograd() -> None:
    model = create("resnet8", num_classes=10)
    images, labels = torch.randn(8, 3, 8, 8), torch.randint(0, 10, (8,))
    found = signal(model, images, labels)
    loss = F.cross_entropy(model(images), labels)
    loss.backward()
    assert found.loss == pytest.approx(loss.item(), rel=1e-5)
    assert [part.name for part in found.parts] == [
        "stem", "stages.0.0", "stages.1.0", "stages.2.0", "head",
    ]  # fmt: skip
    stem = torch.cat([p.grad.flatten() for p in model.stem.parameters() if p.grad is not None])
    assert found.parts[0].gradient == pytest.approx(stem.norm().item(), rel=1e-4)
    assert found.parts[0].share is None and found.parts[1].share is not None


def test_signal_of_a_frozen_part_is_none_and_the_rest_as_before() -> None:
    model = create("resnet8", num_classes=10)
    batch = torch.randn(8, 3, 8, 8), torch.randint(0, 10, (8,))
    free = signal(model, *batch)
    model.stem.requires_grad_(False)
    found = signal(model, *batch)
    assert found.parts[0].gradient is None and "frozen" in found.table()
    assert found.parts[1:] == free.parts[1:] and math.isnan(found.gradients()[0])
    modes = [module.training for module in model.modules()]
    still = signal(model, *batch, still=[model.stem])
    assert still.activations[0] != found.activations[0]  # its statistics are the running ones
    assert [module.training for module in model.modules()] == modes
    with pytest.raises(InputError, match="every parameter of the network is frozen"):
        signal(model.requires_grad_(False), *batch)


def test_signal_sees_an_idle_unit_and_dead_channels() -> None:
    model = nn.Sequential(Residual(nn.Conv2d(2, 2, 1)), nn.ReLU(), nn.Flatten())
    unit = model[0]
    nn.init.zeros_(unit.transform.weight)
    unit.transform.bias.data = torch.tensor([0.0, -100.0])
    found = signal(model, torch.rand(4, 2, 1, 1), torch.zeros(4, dtype=torch.long))
    assert found.activations[0].dead == 0.5
    nn.init.zeros_(unit.transform.bias)
    found = signal(model, torch.rand(4, 2, 1, 1), torch.zeros(4, dtype=torch.long))
    assert found.parts[0].share == 0.0


def test_evaluation_by_hand() -> None:
    p = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.2, 0.8]])
    found = evaluation(p, np.array([0, 1, 1, 1]), ("a", "b"), num_bins=2)
    assert found.accuracy == 0.75
    assert found.confusion.tolist() == [[1, 0], [1, 2]]
    assert found.loss == pytest.approx(-np.log([0.9, 0.4, 0.7, 0.8]).mean())
    assert found.calibration_error == pytest.approx(0.0)  # mean confidence 0.75, accuracy 0.75
    with pytest.raises(ValueError, match="at least one row"):
        evaluation(np.zeros((0, 2)), np.zeros(0, dtype=int), ("a", "b"))


class Positions(nn.Module):
    """Makes a tensor in forward, on the device that is the default."""

    def __init__(self, *, drawn: bool) -> None:
        super().__init__()
        self.layer, self.drawn = nn.Linear(4, 6), drawn

    def forward(self, x: Tensor) -> Tensor:
        if self.drawn:  # stochastic depth by hand reads what it draws
            return self.layer(x) * (torch.rand(1).item() < 2)
        return self.layer(x + torch.arange(4.0))


@pytest.mark.parametrize("drawn", [False, True])
def test_tensors_that_forward_makes_do_not_hinder_counting(drawn: bool) -> None:
    model = Positions(drawn=drawn)
    cost = measure(model, (torch.empty(2, 4, device="meta"),), {"all": model})["all"]
    assert (cost.macs, cost.output) == (4 * 6, (6,))
