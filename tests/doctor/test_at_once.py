"""Large inputs are examined by as few as memory holds."""

import pytest
import torch
from torch import nn

import plusx.doctor.at_once
from plusx.doctor import Material, Patient
from plusx.doctor.at_once import at_once
from plusx.doctor.budget import Budget


def patient(side: int) -> Patient:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Flatten(1), nn.AdaptiveAvgPool1d(8))
    x = torch.zeros(16, 3, side, side)
    return Patient(model, Material(x=x, y=None, real=False), budget=Budget(10.0))


@pytest.mark.parametrize("free, expected", [(1 << 40, 16), (1 << 20, 2)])
def test_as_many_as_fit(monkeypatch: pytest.MonkeyPatch, free: int, expected: int) -> None:
    monkeypatch.setattr(plusx.doctor.at_once, "free_memory", lambda: free)
    assert at_once(patient(256)) == len(patient(256).x) == expected
    assert at_once(patient(32)) == 16  # small ones are not counted


def test_a_share_of_what_is_free_is_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    side, images = 256, 5
    # for the backward pass the convolution keeps 3 channels, and the pool 4: four bytes a number
    free = 3 * images * 4 * (3 + 4) * side * side
    monkeypatch.setattr(plusx.doctor.at_once, "free_memory", lambda: free)
    assert at_once(patient(side)) == images
