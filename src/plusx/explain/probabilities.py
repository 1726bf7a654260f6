"""probabilities(logits): how sure a network is of each class."""

from torch import Tensor

from plusx.errors import InputError

__all__ = ["probabilities"]


def probabilities(logits: Tensor) -> Tensor:
    """Return softmax(logits), (B, classes); of a single logit it would be 1 whatever it is."""
    if logits.shape[1] < 2:
        raise InputError(
            "the network gives one number for an image, expected the logits of two classes or "
            "more; of a yes or no z let it give torch.cat([torch.zeros_like(z), z], 1), whose "
            "softmax is sigmoid(z)"
        )
    return logits.softmax(1)
