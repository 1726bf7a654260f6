"""Has a network been trained? As far as its norms tell."""

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

__all__ = ["untrained"]


def untrained(model: nn.Module) -> bool | None:
    """Tell whether nobody has trained the network yet; None where it has no norm that would tell.

    A batch norm counts its batches; other norms start with scales of one or zero, shifts of zero.
    """
    counts = [
        m.num_batches_tracked
        for m in model.modules()
        if isinstance(m, _NormBase) and isinstance(m.num_batches_tracked, Tensor)
    ]
    if counts:
        return not any(bool(count) for count in counts)
    norms = [m for m in model.modules() if isinstance(m, nn.LayerNorm | nn.GroupNorm)]
    if not norms:
        return None
    return all(_as_drawn(norm) for norm in norms)


def _as_drawn(norm: nn.Module) -> bool:
    scale, shift = getattr(norm, "weight", None), getattr(norm, "bias", None)
    scaled = isinstance(scale, Tensor) and not bool(((scale == 0) | (scale == 1)).all())
    return not scaled and not (isinstance(shift, Tensor) and bool(shift.any()))
