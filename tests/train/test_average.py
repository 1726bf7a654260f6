"""Averaged weights against the sum written out, and put in and taken out without a trace."""

import io

import pytest
import torch
from torch import nn

from plusx import InputError, create
from plusx.train.average import Average


def model() -> nn.Module:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4 * 36, 2))
    return net.train()


def shake(net: nn.Module) -> None:
    """Change weights, statistics and counters."""
    with torch.no_grad():
        for param in net.parameters():
            param.add_(torch.randn_like(param))
    net(torch.randn(5, 3, 8, 8))


def values(net: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in net.state_dict().items()}


def test_against_the_sum_written_out() -> None:
    net = model().double()
    net.forward = lambda x: nn.Sequential.forward(net, x.double())  # type: ignore[method-assign]
    average = Average(net, 0.9)
    path = [values(net)]
    for _ in range(100):
        shake(net)
        path.append(values(net))
        average.update(net)
    for name, found in average.values.items():
        if not found.is_floating_point():
            assert torch.equal(found, path[-1][name])
            continue
        expected = path[0][name]
        for t, weights in enumerate(path[1:]):
            decay = min(0.9, (1 + t) / (10 + t))
            expected = decay * expected + (1 - decay) * weights[name]
        torch.testing.assert_close(found, expected)
    assert min(0.9, 81 / 90) == 0.9  # both sides of the minimum were seen


def test_the_first_update_forgets_nine_tenths_of_the_start() -> None:
    net = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(net.weight)
    average = Average(net, 0.999)
    nn.init.ones_(net.weight)
    average.update(net)
    assert float(average.values["weight"]) == pytest.approx(0.9)
    assert net.weight.item() == 1


def test_within_a_block_the_model_has_the_average() -> None:
    net = model()
    average = Average(net, 0.5)
    shake(net)
    average.update(net)
    before, kept = values(net), {n: v.clone() for n, v in average.values.items()}
    objects = [*net.parameters(), *net.buffers()]
    with average.within(net):
        assert all(torch.equal(value, kept[name]) for name, value in net.state_dict().items())
        shake(net)  # is lost, and leaves the average as it is
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(torch.equal(value, kept[name]) for name, value in average.values.items())
    assert all(a is b for a, b in zip(objects, [*net.parameters(), *net.buffers()]))


def test_a_block_that_raises_leaves_no_trace() -> None:
    net = model()
    average = Average(net, 0.5)
    shake(net)
    before = values(net)
    with pytest.raises(ZeroDivisionError), average.within(net), torch.inference_mode():
        raise ZeroDivisionError
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(param.requires_grad for param in net.parameters())
    net(torch.randn(2, 3, 8, 8)).sum().backward()


def test_short_weights_are_averaged_in_float32() -> None:
    net = nn.Linear(2, 2, bias=False).bfloat16()
    nn.init.zeros_(net.weight)
    average = Average(net, 0.999)
    average.updates = 10**6  # past the warm-up
    nn.init.ones_(net.weight)
    for _ in range(10):
        average.update(net)
    assert average.values["weight"].dtype == torch.float32
    assert float(average.values["weight"][0, 0]) == pytest.approx(1 - 0.999**10)
    with average.within(net):
        assert net.weight.dtype == torch.bfloat16 and net.weight[0, 0].item() > 0
    assert net.weight[0, 0].item() == 1


def test_the_state_goes_through_a_file_exactly() -> None:
    net = create("resnet8", num_classes=3)
    average = Average(net, 0.99)
    with torch.no_grad():
        for param in net.parameters():
            param.mul_(1.5)
    average.update(net)
    file = io.BytesIO()
    torch.save(average.state_dict(), file)
    file.seek(0)
    resumed = Average(create("resnet8", num_classes=3), 0.5)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    for each in (average, resumed):
        each.update(net)
    assert (resumed.decay, resumed.updates) == (0.99, 2)
    for name, value in average.values.items():
        assert torch.equal(resumed.values[name], value)


def test_another_model_is_refused() -> None:
    average = Average(nn.Linear(2, 2), 0.9)
    with pytest.raises(InputError, match="the model lacks 'bias'"):
        average.update(nn.Linear(2, 2, bias=False))
    with (
        pytest.raises(InputError, match=r"'weight' of the model has shape \(2, 3\)"),
        average.within(nn.Linear(3, 2)),
    ):
        pass
    with pytest.raises(InputError, match=r"the saved average has '1\.bias'"):
        state = Average(nn.Sequential(nn.Identity(), nn.Linear(2, 2)), 0.9).state_dict()
        average.load_state_dict(state)


@pytest.mark.parametrize("decay", [-0.1, 1.0, float("nan")])
def test_decays_out_of_range_are_refused(decay: float) -> None:
    with pytest.raises(InputError, match=f"decay is {decay}, expected"):
        Average(nn.Linear(2, 2), decay)
