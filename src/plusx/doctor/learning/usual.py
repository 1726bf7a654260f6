"""Rates that are usual with an optimizer: nobody is told that they are far too low."""

import torch

from plusx.doctor.age import untrained
from plusx.doctor.patient import Patient

__all__ = ["low_but_usual"]

ADAM, ADAM_TRAINED, SGD_TRAINED = 1e-4, 1e-5, 1e-4
"""The least that are usual: with Adam 3e-4 to 1e-3 from a draw, 1e-5 to 1e-4 for what is trained
(BERT: Devlin et al. 2019, appendix A.3, 2e-5 to 5e-5); with SGD 1e-3 for what is trained. Networks
whose norms do not tell may be trained."""


def low_but_usual(patient: Patient, optimizer: torch.optim.Optimizer, rate: float) -> bool:
    """Tell whether a rate at which the loss falls slowly on one batch is what many train at."""
    adaptive = any("betas" in group for group in optimizer.param_groups)
    if untrained(patient.model):
        return adaptive and rate >= ADAM
    return rate >= (ADAM_TRAINED if adaptive else SGD_TRAINED)
