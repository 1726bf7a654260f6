"""The laws of the house, for every network that `list_models` gives."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from golden_counts import expected
from plusx import create, list_models, record, summary, units
from plusx.catalog import family_of
from plusx.zoo import Network
from reference import network as reference_network

QUICK = ("resnet18", "resnet20", "plain20", "resnet50")
NAMES = [
    pytest.param(name, marks=() if name in QUICK else pytest.mark.full) for name in list_models()
]
every_network = pytest.mark.parametrize("name", NAMES)


def small(name: str) -> tuple[Network, Tensor]:
    """A network with all its weights and statistics drawn at random, and a small batch for it.

    Scales shrink with depth, so that 600 units neither vanish nor overflow.
    """
    side = 64 if family_of(name).size == 224 else 8
    model = create(name, num_classes=10)
    depth = max(1, len(units(model)))
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5).div_(depth**0.5)
                module.bias.normal_(0, 0.1)
                assert module.running_mean is not None and module.running_var is not None
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
    return model, torch.randn(3, 3, side, side)


def close(a: Tensor, b: Tensor, tolerance: float) -> bool:
    return bool((a - b).abs().max() <= tolerance * b.abs().max())


@every_network
def test_counts_are_the_papers(name: str) -> None:
    family = family_of(name)
    found = summary(create(name, num_classes=family.num_classes), family.size)
    want = expected(name)
    assert {"params": found.params, "macs": found.macs, "units": found.units} == want


@every_network
def test_without_its_transform_a_unit_is_its_shortcut(name: str) -> None:
    model, images = small(name)
    model.eval()
    with torch.no_grad(), record(model) as tape:
        model(images)
    for unit in units(model):
        seen = tape.units[unit.name]
        nothing = torch.zeros_like(seen.transform)
        handle = unit.transform.register_forward_hook(lambda m, i, t, zero=nothing: zero)
        with torch.no_grad():
            y = unit.module(seen.x)
        handle.remove()
        assert torch.equal(y, unit.merge(seen.shortcut, nothing)), unit.name
        if isinstance(unit.shortcut, nn.Identity):
            assert torch.equal(y, seen.x), unit.name


@every_network
@pytest.mark.parametrize("training", [False, True])
def test_equals_the_hand_written_network(name: str, training: bool) -> None:
    model, images = small(name)
    state = {key: tensor.double() for key, tensor in model.state_dict().items()}
    model = model.double().train(training)
    with torch.no_grad():
        want = reference_network(images.double(), state, training=training)
        # 110 plain layers in training mode multiply a rounding error by some 10^6
        tolerance = 1e-5 if training and name.startswith("plain") else 1e-9
        assert close(model(images.double()), want, tolerance)


@every_network
def test_one_sample_does_not_depend_on_the_others(name: str) -> None:
    model, images = small(name)
    model.double().eval()
    with torch.no_grad():
        together = model(images.double())
        alone = torch.cat([model(image[None].double()) for image in images])
    assert close(together, alone, 1e-9)


@every_network
def test_bf16_autocast_is_finite_and_close(name: str) -> None:
    model, images = small(name)
    model.eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        found = model(images).float()
    with torch.no_grad():
        want = model(images)
    assert found.isfinite().all()
    assert close(found, want, 0.1)


@every_network
def test_compiles_whole(name: str) -> None:
    model, images = small(name)
    model.eval()
    compiled: Callable[[Tensor], Tensor] = torch.compile(model, fullgraph=True, backend="eager")
    with torch.no_grad():
        assert close(compiled(images), model(images), 1e-5)
    torch.compiler.reset()


@every_network
def test_exports(name: str) -> None:
    model, images = small(name)
    model.eval()
    batch = torch.export.Dim("batch", min=2)
    program = torch.export.export(model, (images,), dynamic_shapes=({0: batch},))
    with torch.no_grad():
        more = torch.cat([images, images])
        assert close(program.module()(more), model(more), 1e-5)


@pytest.mark.full
@pytest.mark.parametrize("name", ["resnet8", "resnet18", "plain8"])
def test_inductor_agrees(name: str) -> None:
    model, images = small(name)
    model.eval()
    with torch.no_grad():
        assert close(torch.compile(model, fullgraph=True)(images), model(images), 1e-4)
    torch.compiler.reset()


@every_network
def test_every_parameter_gets_a_gradient(name: str) -> None:
    model, images = small(name)
    model(images).square().sum().backward()
    for address, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), address
