"""The laws of the house, for every network that `list_models` gives."""

import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from counts import expected
from plusx import create, list_models, record, summary, units
from plusx.catalog import family_of
from plusx.zoo import Network
from randomise import randomise

QUICK = ("resnet18", "resnet20", "plain20", "residual_gcn2", "residual_lstm2")
NAMES = [
    pytest.param(name, marks=() if name in QUICK else pytest.mark.full) for name in list_models()
]
every_network = pytest.mark.parametrize("name", NAMES)


Inputs = tuple[Tensor, ...]


def small(name: str) -> tuple[Network, Inputs]:
    """A network with all its weights and statistics drawn at random, and a small batch for it.

    Scales of norms shrink with depth, so that 600 units neither vanish nor overflow.
    """
    family = family_of(name)
    model = create(name, num_classes=10, in_channels=family.in_channels)
    randomise(model)
    return model, family.inputs(3, family.in_channels, family.small_size)


class Constant(nn.Module):
    """A transform that is always the same, whatever x and context are."""

    def __init__(self, t: Tensor) -> None:
        super().__init__()
        self.t = t

    def forward(self, x: Tensor, *context: object) -> Tensor:
        return self.t


def double(inputs: Inputs) -> Inputs:
    return tuple(x.double() if x.is_floating_point() else x for x in inputs)


def close(a: Tensor, b: Tensor, tolerance: float) -> bool:
    return bool((a - b).abs().max() <= tolerance * b.abs().max())


@every_network
def test_counts_are_the_papers(name: str) -> None:
    family = family_of(name)
    channels = family.in_channels
    model = create(name, num_classes=family.num_classes, in_channels=channels)
    found = summary(model, family.inputs(2, channels, model.size or family.size))
    want = expected(name)
    assert {"params": found.params, "macs": found.macs, "units": found.units} == want


@every_network
def test_without_its_transform_a_unit_is_its_shortcut(name: str) -> None:
    model, inputs = small(name)
    model.eval()
    with torch.no_grad(), record(model) as tape:
        model(*inputs)
    for unit in units(model):
        seen = tape.units[unit.name]
        nothing = torch.zeros_like(seen.transform)
        unit.module.transform = Constant(nothing)
        with torch.no_grad():
            y = unit.module(seen.x)
        assert torch.equal(y, unit.merge(seen.shortcut, nothing)), unit.name
        if isinstance(unit.shortcut, nn.Identity):
            # a concatenation keeps x as it is and sets the zeros beside it
            assert torch.equal(y[:, : seen.x.shape[1]], seen.x), unit.name


@every_network
def test_one_sample_does_not_depend_on_the_others(name: str) -> None:
    model, inputs = small(name)
    model.double().eval()
    inputs = double(inputs)
    with torch.no_grad():
        together = model(*inputs)
        alone = torch.cat([model(*(x[i : i + 1] for x in inputs)) for i in range(3)])
    assert close(together, alone, 1e-9)


@every_network
def test_bf16_autocast_is_finite_and_close(name: str) -> None:
    model, inputs = small(name)
    model.eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        found = model(*inputs).float()
    with torch.no_grad():
        want = model(*inputs)
    assert found.isfinite().all()
    assert close(found, want, 0.1)


def without_repeats(model: Network) -> Network:
    """Keep two of units that follow each other and are the same module but for their weights.

    A compiler walks through the code of each; a hundred more tell it nothing.
    """
    for chain in [m for m in model.modules() if isinstance(m, nn.Sequential)]:
        seen: list[str] = []
        for name, unit in list(chain.named_children()):
            seen.append(re.sub(r"0\.\d+", "", repr(unit)))  # the rates of dropped units rise
            if seen[-3:] == 3 * seen[-1:]:
                delattr(chain, name)
    return model


@every_network
def test_compiles_whole(name: str) -> None:
    model, inputs = small(name)
    without_repeats(model).eval()
    compiled: Callable[..., Tensor] = torch.compile(model, fullgraph=True, backend="eager")
    with torch.no_grad():
        assert close(compiled(*inputs), model(*inputs), 1e-5)
    torch.compiler.reset()


@every_network
def test_exports(name: str) -> None:
    model, inputs = small(name)
    without_repeats(model).eval()
    batch = torch.export.Dim("batch", min=2)
    shapes = ({0: batch},) * len(inputs)
    if len(inputs) > 1:  # the context is one argument, a tuple
        shapes = (shapes[0], shapes[1:])
    program = torch.export.export(model, inputs, dynamic_shapes=shapes)
    more = tuple(torch.cat([x, x]) for x in inputs)
    with torch.no_grad():
        assert close(program.module()(*more), model(*more), 1e-5)


@pytest.mark.full
@pytest.mark.parametrize("name", ["resnet8", "resnet18", "plain8"])
def test_inductor_agrees(name: str) -> None:
    model, inputs = small(name)
    model.eval()
    with torch.no_grad():
        assert close(torch.compile(model, fullgraph=True)(*inputs), model(*inputs), 1e-4)
    torch.compiler.reset()


@every_network
def test_every_parameter_gets_a_gradient(name: str) -> None:
    model, inputs = small(name)
    model(*inputs).square().sum().backward()
    for address, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), address
