"""How large is the network, and what is it made of?"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from plusx.analysis.aligned import aligned
from plusx.analysis.costs import measure
from plusx.analysis.describe import describe
from plusx.analysis.drawing import BLUE, ORANGE, depth_axis, new_axes
from plusx.analysis.outline import outline
from plusx.catalog import family_of
from plusx.errors import InputError
from plusx.unit import outer_units, units
from plusx.zoo import Network

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Row", "Summary", "summary"]


@dataclass(frozen=True)
class Row:
    """One unit, or one part of the network outside its units. Counts are for one image.

    `params` counts weights, `macs` multiply-accumulates (half the FLOPs), `activation_bytes` what
    a training step keeps for its backward pass in float32.
    """

    name: str
    shortcut: str
    transform: str
    merge: str
    output: tuple[int, ...]
    params: int
    macs: int
    activation_bytes: int


@dataclass(frozen=True)
class Summary:
    """A network in figures; MACs of convolutions and matrix products, not FLOPs."""

    name: str
    input_size: tuple[int, ...]
    sample: str
    params: int
    macs: int
    units: int | None
    """None where the network cannot be traced; `units(model)` says why."""
    activation_bytes: int
    rows: tuple[Row, ...]

    def to_json(self) -> dict[str, object]:
        """Return the figures as plain JSON values."""
        return asdict(self)

    def cells(self) -> list[tuple[str, ...]]:
        """Return the network as words: a head, a line a unit, equal neighbours on one, totals."""
        lines = [("", "shortcut", "transform", "merge", "output", "params", "MACs", "activations")]
        for group in _grouped(self.rows):
            row = group[0]
            name = row.name if len(group) == 1 else f"{row.name} x {len(group)}"
            output = "x".join(map(str, row.output))
            words = (name, row.shortcut, row.transform, row.merge, output)
            lines.append((*words, *_figures(group)))
        units = (
            "units unknown" if self.units is None else f"{self.units} unit{'s' * (self.units != 1)}"
        )
        return [*lines, ("total", units, "", "", "", *_figures((self,)))]

    def table(self) -> str:
        """Draw the network: a line a unit, equal neighbours on one line, totals last."""
        title = f"{self.name}, one {self.sample} (MACs, not FLOPs; activations kept in training)"
        return "\n".join([title, "", *aligned(self.cells(), words=5, total=1)])

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw which share of parameters, MACs and activations each part has, by depth."""
        ax = ax or new_axes()
        depth = range(len(self.rows))
        for label, style, color, of in (
            ("parameters", "-", BLUE, [row.params for row in self.rows]),
            ("MACs", "--", ORANGE, [row.macs for row in self.rows]),
            ("activations", ":", None, [row.activation_bytes for row in self.rows]),
        ):
            shares = [100 * value / max(sum(of), 1) for value in of]
            ax.plot(shares, depth, style, color=color or "gray", label=label)
        depth_axis(ax, [row.name for row in self.rows])
        ax.set_xlabel("% of the network")
        ax.legend()
        return ax


def summary(model: nn.Module, input_size: int | tuple[int, ...] | tuple[Tensor, ...]) -> Summary:
    """Count parameters, MACs and training activations of `model` at `input_size`.

    `input_size` is that of one sample, such as (C, H, W); or one number for a square image with the
    channels of the first convolution; or a tuple of example tensors, a batch of at least two, for
    a network that takes more than one. Nothing is computed (torch's meta device) and the model is
    left as it is. Raises `ValueError` when the network cannot take such an input.

    >>> from plusx import create
    >>> found = summary(create("resnet20", num_classes=10), 32)
    >>> found.params, found.macs, found.units
    (269722, 40551040, 9)
    """
    inputs = _inputs(model, input_size)
    parts = dict(outline(model))
    measured = measure(model, inputs, parts)
    rows = tuple(
        Row(
            name,
            *_words(part),
            output=measured[name].output,
            params=sum(parameter.numel() for parameter in part.parameters()),
            macs=measured[name].macs,
            activation_bytes=measured[name].held,
        )
        for name, part in parts.items()
    )
    size = tuple(inputs[0].shape[1:])
    return Summary(
        name=_name(model),
        input_size=size,
        sample=_sample(model, size),
        params=sum(parameter.numel() for parameter in model.parameters()),
        macs=sum(row.macs for row in rows),
        units=_num_units(model, inputs),
        activation_bytes=sum(row.activation_bytes for row in rows),
        rows=rows,
    )


def _words(part: nn.Module) -> tuple[str, str, str]:
    """Say shortcut, transform and merge of a part; one without a single unit is all transform."""
    found = outer_units(part)
    if len(found) != 1:
        return "-", describe(part), "-"
    unit = found[0]
    before: list[nn.Module] = []
    after = [] if part is unit.module else list(part.children())
    if unit.module in after:
        place = after.index(unit.module)
        before, after = after[:place], after[place + 1 :]
    branches = ((*before, unit.shortcut), (*before, unit.transform), (unit.merge, *after))
    shortcut, transform, merge = (
        ", ".join(filter(None, map(describe, branch))) for branch in branches
    )
    return shortcut, transform, merge


def _inputs(
    model: nn.Module, input_size: int | tuple[int, ...] | tuple[Tensor, ...]
) -> tuple[Tensor, ...]:
    """Return inputs on the meta device: two samples, since one fails a norm over a 1x1 map."""
    if isinstance(input_size, int):
        first = next((m for m in model.modules() if isinstance(m, nn.Conv2d)), None)
        if first is None:
            raise InputError("the network has no convolution; give the input size as (C, H, W)")
        input_size = (first.in_channels, input_size, input_size)
    tensors = tuple(part.to("meta") for part in input_size if isinstance(part, Tensor))
    return tensors or (torch.empty(2, *input_size, device="meta"),)


def _num_units(model: nn.Module, inputs: tuple[Tensor, ...]) -> int | None:
    device = next((parameter.device for parameter in model.parameters()), "cpu")
    try:
        return len(units(model, [torch.zeros_like(part, device=device) for part in inputs]))
    except InputError:
        return None


def _name(model: nn.Module) -> str:
    if isinstance(model, Network) and model.config is not None:
        return model.config.name
    return type(model).__name__


def _sample(model: nn.Module, size: tuple[int, ...]) -> str:
    """Say what one input is: "image of 3x32x32", "graph of 18 nodes with 7 features"."""
    if isinstance(model, Network) and model.config is not None:
        return family_of(model.config.name).sample.format(*size)
    return f"{'image' if len(size) == 3 else 'input'} of {'x'.join(map(str, size))}"


def _grouped(rows: tuple[Row, ...]) -> list[list[Row]]:
    """Put neighbours that differ in nothing but their names together."""
    groups: list[list[Row]] = []
    for row in rows:
        if groups and replace(groups[-1][0], name=row.name) == row:
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups


def _figures(rows: Sequence[Row | Summary]) -> tuple[str, str, str]:
    return (
        f"{sum(row.params for row in rows):,}",
        f"{sum(row.macs for row in rows):,}",
        f"{sum(row.activation_bytes for row in rows) / 2**20:.2f} MiB",
    )
