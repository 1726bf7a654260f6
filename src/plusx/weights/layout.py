"""A layout: how somebody else names and shapes the tensors of a network, as one small table."""

import re
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cache

from torch import Tensor, nn

from plusx.branch import DropPath, Gated, ShakeDrop

__all__ = ["CONV_1X1", "Form", "Keys", "Layout", "Row", "Rows", "as_conv", "keys_of"]


@dataclass(frozen=True)
class Form:
    """How the peer shapes a tensor: two functions, each the other's inverse, bit for bit."""

    to_peer: Callable[[Tensor], Tensor]
    from_peer: Callable[[Tensor], Tensor]


SAME = Form(lambda t: t, lambda t: t)


def as_conv(kernel_size: int) -> Form:
    """Return the form of a linear layer on a flattened map that is the peer's convolution of it."""
    sides = (kernel_size, kernel_size)
    return Form(
        lambda t: t.unflatten(1, (-1, *sides)) if t.dim() == 2 else t,
        lambda t: t.flatten(1) if t.dim() == 4 and t.shape[2:] == sides else t,
    )


CONV_1X1 = as_conv(1)

Row = tuple[str, str] | tuple[str, str, Form]
"""(address, key): `stages.{s}.unit.conv{i}` and `layer{s+1}.conv{i}`, perhaps with a form."""

Rows = Sequence[Row] | Callable[[nn.Module], Sequence[Row]]
"""The rows of a layout, or a function that writes them for a network."""

Keys = Mapping[str, tuple[str, Form]]
"""For each name in a network's state dict: the peer's key, and the peer's form."""


@dataclass(frozen=True)
class Layout:
    """Whose names they are, and the rows that say them; the first row that fits an address counts.

    A placeholder such as `{s}` stands for a whole number, and `{s+1}` in the key for the next one.
    A row fits an address when it is the address or a beginning of it that ends before a dot; what
    follows stays as it is. No rows at all: the names are ours.
    """

    name: str
    rows: Rows = field(default=(("", ""),))


def keys_of(network: nn.Module, layout: Layout) -> Keys | None:
    """Return the peer's key and form of every tensor, or None where a tensor has no row.

    What a transform is wrapped in has no name at the peers: the rows see the addresses without it.
    """
    rows = layout.rows(network) if callable(layout.rows) else layout.rows
    wrapped = {
        f"{name}.{_WRAPPERS[type(part)]}"
        for name, part in network.named_modules()
        if type(part) in _WRAPPERS
    }
    found = {}
    for name in network.state_dict():
        address = name if rows == (("", ""),) else _without(wrapped, name)
        row = next((made for row in rows if (made := _apply(row, address))), None)
        if row is None:
            return None
        found[name] = row
    return found


_WRAPPERS: Mapping[type[nn.Module], str] = {
    DropPath: "transform",
    ShakeDrop: "transform",
    Gated: "body",
}
"""What may stand around a transform, and its own name for what it stands around."""


def _without(wrapped: Set[str], name: str) -> str:
    """Leave out of an address the steps from a wrapper to what it wraps."""
    if not wrapped:
        return name
    steps = name.split(".")
    return ".".join(s for i, s in enumerate(steps, 1) if ".".join(steps[:i]) not in wrapped)


def _apply(row: Row, address: str) -> tuple[str, Form] | None:
    """Return the key that a row gives to an address, or None where it does not fit."""
    pattern, key, *form = row
    match = _matcher(pattern).match(address)
    if match is None:
        return None
    numbers = {name: int(number) for name, number in match.groupdict().items()}
    made = _PLACE.sub(lambda place: str(numbers[place[1]] + int(place[2] or 0)), key)
    return made + address[match.end() :], form[0] if form else SAME


_PLACE = re.compile(r"\{(\w+)([+-]\d+)?\}")


@cache
def _matcher(pattern: str) -> re.Pattern[str]:
    """`a.{s}.b{i}` as an expression that ends at a dot or at the end."""
    if not pattern:
        return re.compile("")
    pieces = _PLACE.split(pattern)  # text, name, shift, text, name, shift, ..., text
    made = "".join(
        re.escape(text) + f"(?P<{name}>\\d+)" for text, name in zip(pieces[::3], pieces[1::3])
    )
    return re.compile(made + re.escape(pieces[-1]) + r"(?=\.|$)")
