"""How many inputs a training step of an examination may take: memory for them has to be there."""

from typing import TYPE_CHECKING

import torch

from plusx.data.memory import free_memory
from plusx.doctor.cost.count import counted
from plusx.doctor.finding import NotApplicable

if TYPE_CHECKING:
    from plusx.doctor.patient import Patient

__all__ = ["MOST", "at_once"]

MOST = 16
LARGE = 3 * 128 * 128
"""Numbers of an input below which sixteen are no matter of memory."""
SHARE = 1 / 3
"""Of the free memory, for what the backward pass needs: it makes about as much again."""


def at_once(patient: "Patient") -> int:
    """Return sixteen, or as many as fit, and at least two: of EfficientNet-B7 at 600 pixels, two.

    One image of it keeps 3.6 GiB for the backward pass. Where nothing can be counted, sixteen.
    """
    x = patient.material.x[:1]
    if x.numel() < LARGE:
        return MOST
    try:
        held = counted(patient).held
    except NotApplicable:
        return MOST
    free = torch.cuda.mem_get_info(x.device)[0] if x.is_cuda else free_memory()
    return max(2, min(MOST, int(SHARE * free / max(held, 1))))
