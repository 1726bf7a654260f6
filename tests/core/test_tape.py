"""units, record and watch: what they see, and that they leave no trace."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from plusx import Residual, create, record, units
from plusx.analysis.signal import signal
from plusx.analysis.summary import summary
from plusx.analysis.untouched import untouched
from plusx.tape import watch


def test_units_of_other_networks() -> None:
    assert units(nn.Linear(2, 2)) == []
    nested = Residual(nn.Sequential(Residual(nn.Linear(2, 2)), nn.ReLU()))
    assert [unit.name for unit in units(nested)] == ["", "transform.0"]


def test_the_tape_holds_the_equation_of_every_unit() -> None:
    model = create("resnet20", num_classes=10)
    with record(model) as tape:
        model(torch.randn(2, 3, 32, 32))
    assert list(tape.units) == [unit.name for unit in units(model)]
    for seen in tape.units.values():
        assert torch.equal(seen.y, seen.shortcut + seen.transform)


def test_a_module_without_arguments_is_watched_too() -> None:
    class Table(nn.Module):
        def forward(self) -> torch.Tensor:
            return torch.ones(3)

    table, layer = Table(), nn.Linear(3, 3)
    seen: list[tuple[str, tuple[int, ...], tuple[int, ...]]] = []
    with watch(
        {"table": table, "layer": layer},
        lambda name, x, y: seen.append((name, tuple(x.shape), tuple(y.shape))),
    ):
        layer(input=table())
        layer(table())
    assert seen == [("table", (0,), (3,)), ("layer", (3,), (3,))] * 2


def test_gradients_are_autograds() -> None:
    unit = Residual(nn.Linear(3, 3))
    x = torch.randn(2, 3)
    with record(unit) as tape:
        unit(x).square().sum().backward()
    y = (x + unit.transform(x)).detach()
    assert tape.units[""].transform.grad is not None
    assert torch.allclose(tape.units[""].transform.grad, 2 * y)


def test_other_modules_are_recorded_by_name() -> None:
    model = create("resnet8", num_classes=10)
    with record(model, modules={"stem": model.stem}) as tape:
        model(torch.randn(2, 3, 8, 8))
    assert tape.outputs["stem"].shape == (2, 16, 8, 8)


def test_no_hook_is_left_also_when_it_raises() -> None:
    model = create("resnet8", num_classes=10)
    with pytest.raises(RuntimeError), record(model):
        model(torch.randn(2, 5, 8, 8))
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize("training", [False, True])
def test_analyses_leave_no_trace(training: bool) -> None:
    model = create("resnet8", num_classes=10).train(training)
    images, labels = torch.randn(4, 3, 8, 8), torch.randint(0, 10, (4,))
    F.cross_entropy(model(images), labels).backward()
    before = copy.deepcopy(model)
    grads = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    state = torch.get_rng_state()
    signal(model, images, labels)
    summary(model, 8)
    assert torch.equal(torch.get_rng_state(), state)
    assert [m.training for m in model.modules()] == [m.training for m in before.modules()]
    for key, tensor in model.state_dict().items():
        assert torch.equal(tensor, before.state_dict()[key]), key
    after = [p.grad for p in model.parameters() if p.grad is not None]
    assert all(torch.equal(a, b) for a, b in zip(after, grads, strict=True))
    assert not any(module._forward_hooks for module in model.modules())


def test_untouched_restores_also_when_it_raises() -> None:
    model = create("resnet8", num_classes=10)
    mean = model.stem.norm.running_mean.clone()
    with pytest.raises(ZeroDivisionError), untouched(model):
        model.eval().train()(torch.randn(4, 3, 8, 8))
        raise ZeroDivisionError
    assert torch.equal(model.stem.norm.running_mean, mean)


def test_what_follows_in_place_writes_over_no_record() -> None:
    def maps(inplace: bool) -> tuple[Tensor, Tensor]:
        torch.manual_seed(0)
        body = nn.Conv2d(3, 3, 3, padding=1)
        model = nn.Sequential(Residual(body), nn.ReLU(inplace=inplace), nn.Flatten())
        with record(model) as tape:
            model(torch.randn(2, 3, 4, 4)).square().sum().backward()
        y = tape.units["0"].y
        return y.detach(), y.grad

    for written, kept in zip(maps(True), maps(False), strict=True):
        torch.testing.assert_close(written, kept, rtol=0, atol=0)
    assert float(maps(True)[0].min()) < 0
