"""Labels that are classes of a network."""

from torch import Tensor

from plusx.errors import InputError

__all__ = ["known"]


def known(labels: Tensor, classes: int | None = None) -> Tensor:
    """Return labels (B,) as int64; raise `InputError` where one is below 0, or beyond `classes`.

    >>> import torch
    >>> known(torch.tensor([0, 3], dtype=torch.uint8), 4)
    tensor([0, 3])
    """
    least, most = int(labels.min()), int(labels.max())
    if least < 0 or (classes is not None and most >= classes):
        ends = "0 or more" if classes is None else f"0 to {classes - 1}, as there are logits"
        raise InputError(f"labels go from {least} to {most}, expected {ends}")
    return labels.long()
