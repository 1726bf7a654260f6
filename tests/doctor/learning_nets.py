"""A small network, what it learns on, and a check asked of it."""

import torch
from torch import nn

from plusx.doctor import Finding, Material, Patient, Training
from plusx.doctor.budget import Budget
from plusx.doctor.check import ask
from plusx.doctor.extent import FAILED
from plusx.doctor.learning import CHECKS

AMPLE = Budget(1e5)
"""Time enough on any machine: what is measured here are networks, not clocks."""


def network(end: nn.Module | None = None) -> nn.Module:
    """A small network with a norm and dropout, for vectors of 12 in 5 classes."""
    layers = [nn.Linear(12, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 5)]
    return nn.Sequential(*layers, *([end] if end is not None else []))


def sgd(model: nn.Module, rate: float = 0.1) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)


def material(count: int = 16) -> Material:
    """Vectors whose class can be learned: the largest of their first five entries."""
    x = torch.randn(count, 12)
    return Material(x=x, y=x[:, :5].argmax(1))


def patient(model: nn.Module, training: Training | None = None, *, count: int = 16) -> Patient:
    return Patient(model, material(count), budget=AMPLE, training=training)


def asked(name: str, patient: Patient) -> Finding:
    """The one finding of a check."""
    (check,) = [c for c in CHECKS if c.name == f"learning.{name}"]
    (finding,) = [f for f in ask(check, patient) if isinstance(f, Finding)]
    assert finding.why != FAILED, finding.figure
    return finding


def verdict(name: str, patient: Patient) -> tuple[str, str]:
    finding = asked(name, patient)
    return finding.verdict, finding.cause
