"""What a caller gives as data, as material to examine with; made up where nothing is given."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from plusx.catalog import family_of
from plusx.doctor.material import Material
from plusx.errors import InputError
from plusx.zoo import Network

__all__ = ["made_up", "material_for"]

COUNT = 16


def material_for(model: nn.Module, data: object) -> Material:
    """Turn `data` into material: None, images, (images, labels) as the network takes them."""
    match data:
        case None:
            return made_up(model)
        case Material():
            return data
        case Tensor():
            return Material(x=data, y=None)
        case (Tensor() as x, Tensor() as y):
            return Material(x=x, y=y)
        case _:
            raise InputError(
                f"data is a {type(data).__name__}, expected images as a tensor (B, C, H, W) or "
                "(images, labels)"
            )


def made_up(model: nn.Module) -> Material:
    """Make up standard normal inputs that the network takes: of its family, or the first that work.

    Raises `InputError` where none of the usual ones do.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if isinstance(model, Network) and model.config is not None:
            family = family_of(model.config.name)
            size = model.size or family.size
            x, *context = family.inputs(COUNT, model.config.in_channels, size)
            return Material(x=x, y=None, context=tuple(context), real=False)
        for x in _usual(model):
            if _takes(model, x):
                return Material(x=x, y=None, real=False)
    raise InputError(
        f"{type(model).__name__} takes none of the usual inputs, expected a network for images, "
        "vectors or tokens; give an example batch as data"
    )


def _usual(model: nn.Module) -> Sequence[Tensor]:
    """Return inputs to try, by the first layer with weights, the likeliest first."""
    for module in model.modules():
        match module:
            case nn.Conv2d():
                sides = [224, 256, 32, 28, 64, 299, 96, 128]
                if module.kernel_size == (3, 3) and module.stride == (1, 1):
                    sides = [32, 28, 64, 224, 256]
                return [torch.randn(COUNT, module.in_channels, side, side) for side in sides]
            case nn.Conv1d():
                return [torch.randn(COUNT, module.in_channels, n) for n in (128, 256, 1024)]
            case nn.Conv3d():
                return [torch.randn(4, module.in_channels, 16, 112, 112)]
            case nn.Linear():
                n = module.in_features
                side = int(n**0.5)
                flat = [torch.randn(COUNT, n), torch.randn(COUNT, 16, n)]
                square = [torch.randn(COUNT, 1, side, side)] if side * side == n else []
                return [*flat, *square]
            case nn.Embedding():
                return [torch.randint(module.num_embeddings, (COUNT, 32))]
    return []


def _takes(model: nn.Module, x: Tensor) -> bool:
    from plusx.doctor.patient import copied, evaluating

    model, _ = copied(model, None)
    try:
        with evaluating(model), torch.no_grad():
            model(x[:2])
    except Exception:  # whatever somebody's code raises, it does not take this
        return False
    return True
