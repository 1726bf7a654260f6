"""record of networks that are not ours: values and gradients by hand, nothing left behind."""

import copy

import pytest
import torch
import torch.nn.functional as F
from foreign import NETWORKS, Branching, Decoder, Highway, PostActivation
from torch import Tensor, nn

from plusx import InputError, record


def test_the_tape_has_values_and_gradients_of_code_in_place() -> None:
    torch.manual_seed(0)
    model, x = PostActivation(8, 12, 2), torch.randn(2, 8, 6, 6, requires_grad=True)
    hand = copy.deepcopy(model)
    assert hand.downsample is not None
    with record(model) as tape:
        y = model(x)
    y.square().sum().backward()

    h = x.detach().clone().requires_grad_()
    s = hand.downsample(h)
    t = hand.bn2(hand.conv2(F.relu(hand.bn1(hand.conv1(h)))))
    total = s + t
    for tensor in (s, t, total):
        tensor.retain_grad()
    F.relu(total).square().sum().backward()

    (unit,) = tape.units.values()
    for seen, by_hand in ((unit.shortcut, s), (unit.transform, t), (unit.y, total), (unit.x, h)):
        assert torch.equal(seen, by_hand)
        assert seen.grad is not None and torch.equal(seen.grad, by_hand.grad)
    for one, other in zip(model.parameters(), hand.parameters()):
        assert torch.equal(one.grad, other.grad)
    for one, other in zip(model.buffers(), hand.buffers()):
        assert torch.equal(one, other)  # the statistics moved once


@pytest.mark.parametrize("name", NETWORKS)
def test_a_recorded_pass_is_the_pass(name: str) -> None:
    torch.manual_seed(1)
    make, draw, names = NETWORKS[name]
    model, x = make(), draw()
    plain = copy.deepcopy(model)(x)
    with record(model) as tape:
        assert torch.equal(model(x), plain)
    assert list(tape.units) == names
    assert "forward" not in model.__dict__


def test_of_a_gated_sum_the_tape_has_what_is_added() -> None:
    model, x = Highway(8), torch.randn(2, 8)
    with record(model) as tape:
        model(x)
    gate = torch.sigmoid(model.gate(x))
    assert torch.equal(tape.units[""].shortcut, x)
    assert torch.equal(tape.units[""].transform, gate * torch.tanh(model.body(x)))


def test_outputs_of_modules_are_those_that_hooks_see() -> None:
    model, ids = Decoder(), torch.randint(20, (2, 6))
    asked = {"attention": model.h[1].attn, "block": model.h[0], "last": model.head, "": model}
    seen: dict[str, Tensor] = {}

    def keep(name: str) -> object:
        return lambda module, inputs, y: seen.update({name: y})

    handles = [module.register_forward_hook(keep(name)) for name, module in asked.items()]
    model(ids)
    for handle in handles:
        handle.remove()
    with record(model, modules=asked) as tape:
        model(ids)
    assert tape.outputs.keys() == seen.keys()
    assert all(torch.equal(tape.outputs[name], seen[name]) for name in seen)


def test_a_pass_is_traced_with_its_own_inputs_and_mode() -> None:
    model = nn.Sequential(Branching(), nn.Linear(8, 2))
    with record(model) as tape:
        model(torch.randn(3, 8))
        assert len(tape.units) == 3
        model(input=torch.randn(4, 8))
        assert len(tape.units) == 4


def test_a_network_that_cannot_be_traced_says_so_and_is_left_as_it_was() -> None:
    class Asking(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x if x.sum().item() > 0 else -x

    model = Asking()
    with pytest.raises(InputError, match="Asking cannot be traced"), record(model):
        model(torch.ones(2))
    assert torch.equal(model(-torch.ones(2)), torch.ones(2))
