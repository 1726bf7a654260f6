"""Residual and highway LSTM and the residual RNN by hand, and what is special in them."""

from collections.abc import Callable

import pytest
import reference_recurrent as by_hand
import torch
from torch import Tensor, nn

from plusx import InputError, create, record, units
from plusx.merge import Highway
from plusx.zoo.recurrent import LSTM


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("residual_lstm1", by_hand.residual_lstm),
        ("residual_lstm4", by_hand.residual_lstm),
        ("residual_rnn", by_hand.residual_rnn),
        ("highway_lstm2", by_hand.highway_lstm),
        ("highway_lstm5", by_hand.highway_lstm),
    ],
)
@pytest.mark.parametrize("training", [False, True])
def test_equals_the_hand_written_network(
    name: str, reference: Callable[..., Tensor], training: bool
) -> None:
    model = create(name, num_classes=10, in_channels=3, width=16).double().train(training)
    for parameter in model.parameters():
        nn.init.normal_(parameter, 0, 0.3)
    x = torch.randn(3, 7, 3).double()
    with torch.no_grad():
        want = reference(x, model.state_dict())
        assert (model(x) - want).abs().max() <= 1e-9 * want.abs().max()


def test_the_lstm_is_torchs() -> None:
    ours, torchs = LSTM(8), nn.LSTM(8, 8, batch_first=True)
    torchs.load_state_dict({f"{name}_l0": value for name, value in ours.state_dict().items()})
    x, y = (torch.randn(3, 5, 8) for _ in range(2))
    want, _ = torchs(x)
    assert torch.equal(ours(x), want)
    (ours(x) * y).sum().backward()
    (want * y).sum().backward()
    assert torch.equal(ours.weight_hh.grad, torchs.weight_hh_l0.grad)


def test_the_residual_rnn_starts_as_a_sum_over_time() -> None:
    model = create("residual_rnn", num_classes=5, in_channels=3)
    x = torch.randn(2, 6, 3)
    want = model.head.linear(torch.tanh(model.stem(x)).sum(1))
    assert torch.allclose(model(x), want, atol=1e-5)


def test_one_unit_is_applied_at_every_step_and_a_tape_holds_the_last() -> None:
    model = create("residual_rnn", num_classes=5, in_channels=3, width=4)
    calls: list[Tensor] = []
    (unit,) = units(model)
    unit.module.register_forward_hook(lambda module, x, y: calls.append(y))
    with torch.no_grad(), record(model) as tape:
        y = model(torch.randn(2, 6, 3))
    assert len(calls) == 6
    assert torch.equal(tape.units[unit.name].x, calls[4])
    assert torch.equal(model.head.linear(tape.units[unit.name].y), y)


def test_an_open_depth_gate_adds_the_cells_below_and_a_closed_one_does_not() -> None:
    model = create("highway_lstm2", num_classes=5, in_channels=3, width=4).eval()
    (unit,) = units(model)
    assert isinstance(unit.merge, Highway)
    below, x, h, c = torch.randn(4, 2, 4)
    memory = unit.transform.memory(x, h, c)
    for bias, want in ((100.0, below + memory), (-100.0, memory)):
        nn.init.constant_(unit.transform.depth_gate.bias, bias)
        assert torch.allclose(unit.module(below, x, h, c), want, atol=1e-6)


@pytest.mark.parametrize("name", ["residual_lstm2", "highway_lstm3", "residual_rnn"])
def test_stochastic_depth_fits(name: str) -> None:
    model = create(name, num_classes=5, in_channels=3, drop_path=0.5)
    x = torch.randn(2, 6, 3)
    assert not torch.equal(model.train()(x), model(x))
    assert torch.equal(model.eval()(x), model(x))


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("residual_lstm0", {}, "at least 1 layer; 0 is too few"),
        ("highway_lstm1", {}, "at least 2 layers; 1 is too few"),
        ("residual_lstm2", {"width": 0}, "width=0 is not a whole number"),
        ("residual_rnn", {"attention": "bam"}, "BAM looks at neighbouring places"),
    ],
)
def test_wrong_calls_say_what_is_right(name: str, options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        create(name, **options)


def test_another_number_of_features_is_refused() -> None:
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        create("residual_lstm2", in_channels=3)(torch.randn(2, 6, 4))
