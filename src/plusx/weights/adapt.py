"""The two places where weights for another task may be fitted to a model: its stem and its head."""

from torch import Tensor, nn

from plusx.zoo import Network

__all__ = ["fitted_stem", "head_names", "stem_name"]

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def head_names(network: Network) -> tuple[str, ...]:
    """Return the tensors of the last layer of the head, whose rows are the classes."""
    layers = [name for name, part in network.head.named_modules() if [*part.parameters(False)]]
    last = ".".join(("head", *filter(None, layers[-1:])))
    return tuple(name for name in network.state_dict() if name.startswith(f"{last}."))


def stem_name(network: Network) -> str:
    """Return the weight of the convolution that sees the image; "" where the first layer is none.

    A network without a stem, such as VGG, begins with its first stage.
    """
    for name, part in network.named_modules():
        if "weight" in dict(part.named_parameters(recurse=False)):
            return f"{name}.weight" if isinstance(part, CONVOLUTIONS) else ""
    return ""


def fitted_stem(weight: Tensor, channels: int) -> Tensor | None:
    """Fit (out, in, kH, kW) to an image of `channels`; None where there is no rule.

    Many to one: the sum over the channels, which gives a grey image the answer that it had as a
    colour image of equal channels. One to many: a copy for each channel, divided by their number.
    """
    if channels == 1:
        return weight.sum(1, keepdim=True)
    if weight.shape[1] == 1:
        return weight.repeat_interleave(channels, 1) / channels
    return None
