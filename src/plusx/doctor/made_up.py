"""Inputs made up for a network, where nothing is given: of its family, or the first that work."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from plusx.catalog import family_of
from plusx.doctor.copies import copied
from plusx.doctor.fitted import fitted
from plusx.doctor.material import Material
from plusx.doctor.mode import evaluating
from plusx.errors import InputError
from plusx.zoo import Network

__all__ = ["made_up"]

COUNT = 16


def made_up(model: nn.Module, *, size: int | None = None) -> Material:
    """Make up standard normal inputs that the network takes, `size` a side if that is given.

    Raises `InputError` where none of the usual ones do, with what the network said of the first.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if isinstance(model, Network) and model.config is not None:
            family = family_of(model.config.name)
            side = size or model.size or family.size
            x, *context = family.inputs(COUNT, model.config.in_channels, side)
            return Material(x=x, y=None, context=tuple(context), real=False)
        if isinstance(model, torch.jit.ScriptModule):
            raise InputError(
                "a ScriptModule does not tell what it takes, expected an example batch as data; or "
                "give the nn.Module that it was made of"
            )
        refused = ""
        for x in _usual(model, size):
            error = _refused(model, x)
            if not error:
                return Material(x=x, y=None, real=False)
            refused = refused or f" ({tuple(x.shape)} gives {error})"
    raise InputError(
        f"{type(model).__name__} takes none of the usual inputs{refused}, expected a network for "
        "images, vectors or tokens that runs; give an example batch as data, or mend its forward"
    )


def _usual(model: nn.Module, size: int | None) -> Sequence[Tensor]:
    """Return inputs to try, by the first layer with weights, the likeliest first."""
    for module in model.modules():
        match module:
            case nn.Conv2d():
                sides = [224, 256, 32, 28, 64, 299, 96, 128]
                if module.kernel_size == (3, 3) and module.stride == (1, 1):
                    sides = [32, 28, 64, 224, 256]
                sides = [size] if size else sides
                return [torch.randn(COUNT, module.in_channels, side, side) for side in sides]
            case nn.Conv1d():
                lengths = [size] if size else [128, 256, 1024]
                return [torch.randn(COUNT, module.in_channels, length) for length in lengths]
            case nn.Conv3d():
                side = size or 112
                return [torch.randn(4, module.in_channels, 16, side, side)]
            case nn.Linear():
                n = module.in_features
                flat = [torch.randn(COUNT, n), torch.randn(COUNT, 16, n)]
                return [*flat, *_unflattened(n)]
            case nn.RNNBase():
                return [torch.randn(COUNT, 16, module.input_size)]
            case nn.Embedding():
                return [torch.randint(module.num_embeddings, (COUNT, 32))]
    return []


def _unflattened(length: int) -> list[Tensor]:
    """Return images, grey and coloured, of so many pixels in all."""
    sides = {channels: round((length / channels) ** 0.5) for channels in (1, 3)}
    return [
        torch.randn(COUNT, channels, side, side)
        for channels, side in sides.items()
        if channels * side * side == length
    ]


def _refused(model: nn.Module, x: Tensor) -> str:
    """Say what error the network raises on two of `x`, or nothing."""
    model, _ = copied(model, None)
    try:
        with evaluating(model), torch.no_grad():
            model(fitted(x[:2], model))
    except (
        Exception,
        SystemExit,
    ) as error:  # whatever somebody's code raises, it does not take this
        return f"{type(error).__name__}: {(str(error).strip() or '-').splitlines()[0]}"
    return ""
