"""A network of others gets weights from a file, which runs no code."""

from torch import nn

from plusx.errors import InputError
from plusx.weights.source import read

__all__ = ["filled"]


def filled(model: nn.Module, source: str) -> None:
    """Fill all of the network; `InputError`, naming a tensor, where names or shapes differ."""
    tensors = read(source).tensors
    own = model.state_dict()
    both = own.keys() & tensors.keys()
    for problem, names in (
        ("lack", own.keys() - tensors.keys()),
        ("have the unknown", tensors.keys() - own.keys()),
        ("have another shape of", {n for n in both if own[n].shape != tensors[n].shape}),
    ):
        if names:
            raise InputError(
                f"the weights of {source} {problem} tensor {min(names)!r}, {len(names)} such in "
                "all: they belong to another network"
            )
    model.load_state_dict(dict(tensors))
