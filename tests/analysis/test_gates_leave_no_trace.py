"""Every question about gates leaves the network as it was, also where it fails."""

from collections.abc import Callable

import pytest
import torch
from gate_nets import ByMean, Means
from torch import Tensor, nn

from plusx import InputError, create
from plusx.analysis.gate_complexity import gate_complexity
from plusx.analysis.gate_dynamics import gate_dynamics
from plusx.analysis.gate_flow import gate_flow
from plusx.analysis.gate_importance import gate_importance
from plusx.analysis.gate_learning import gate_learning
from plusx.analysis.gate_maps import gate_maps
from plusx.analysis.gate_weights import gate_weights
from plusx.analysis.gates import gates

FIRST = "stages.0.0.unit.transform.gate"
QUESTIONS: dict[str, Callable[[nn.Module, Tensor, Tensor], object]] = {
    "weights": gate_weights,
    "maps": lambda model, x, y: gate_maps(model, x),
    "dynamics": gate_dynamics,
    "complexity": lambda model, x, y: gate_complexity(model, x),
    "importance": lambda model, x, y: gate_importance(
        model, x, y, gate=FIRST, shares=(0.5,), seeds=1
    ),
    "flow": gate_flow,
    "learning": lambda model, x, y: gate_learning({"a": model}, x, y, steps=1, batch=4),
}


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("fails", [False, True])
def test_the_network_is_as_before(question: str, fails: bool) -> None:
    model = create("resnet8", num_classes=10, attention="se").train()
    model.stem.eval()
    x, y = torch.randn(12, 3, 8, 8), torch.arange(12) % 10
    model(x).sum().backward()
    grads = [parameter.grad for parameter in model.parameters()]
    copies = [grad.clone() for grad in grads if grad is not None]
    modes = [module.training for module in model.modules()]
    state = {name: value.clone() for name, value in model.state_dict().items()}
    keys = [set(module.__dict__) for module in model.modules()]
    random, seen = torch.get_rng_state(), x.clone()
    if fails:
        with pytest.raises((RuntimeError, ValueError)):
            QUESTIONS[question](model, x[:, :2], y)
    else:
        QUESTIONS[question](model, x, y)
    assert torch.equal(x, seen) and torch.equal(torch.get_rng_state(), random)
    assert [module.training for module in model.modules()] == modes
    assert [set(module.__dict__) for module in model.modules()] == keys
    assert all(p.grad is grad for p, grad in zip(model.parameters(), grads))
    assert all(torch.equal(grad, copy) for grad, copy in zip(grads, copies) if grad is not None)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_one_batch_or_several_say_the_same() -> None:
    model = create("resnet8", num_classes=10, attention="eca").eval()
    x, y = torch.randn(7, 3, 8, 8), torch.arange(7)
    one, several = (gate_weights(model, x, y, batch=batch) for batch in (7, 3))
    for a, b in zip(one.gates, several.gates):
        assert a.mean == pytest.approx(b.mean, rel=1e-5)
        assert a.between == pytest.approx(b.between, rel=1e-3)
    flows = [gate_flow(model, x, y, batch=batch).rows for batch in (7, 3)]
    for c, d in zip(*flows):
        assert c.direct == pytest.approx(d.direct, rel=1e-4)
        assert c.transform == pytest.approx(d.transform, rel=1e-4)


def test_parts_side_by_side_are_gates_of_what_is_left() -> None:
    class Together(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(2, 2, 1), nn.Conv2d(2, 1, 1)

        def forward(self, x: Tensor) -> Tensor:
            first = self.a(x.mean((2, 3), keepdim=True)).sigmoid()
            return x * first * self.b(x).sigmoid()

    assert [g.kind for g in gates(Together(), torch.rand(1, 2, 4, 4))] == ["channel", "spatial"]


def test_a_repeated_weight_is_a_weight_a_channel() -> None:
    class Expanded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gate = ByMean(1.0, 1.0)

        def forward(self, x: Tensor) -> Tensor:
            weights = (x.mean((2, 3), keepdim=True) * self.gate.scale).expand_as(x)
            return torch.addcmul(x, x, weights)

    assert [gate.kind for gate in gates(Expanded(), torch.rand(1, 2, 4, 4))] == ["channel"]


def test_a_network_that_gives_no_logits_is_told_so() -> None:
    model = nn.Sequential(ByMean(1.0, 1.0))
    with pytest.raises(InputError, match=r"expected \(batch, classes\)"):
        gate_dynamics(model, torch.rand(4, 2, 3, 3), torch.zeros(4, dtype=torch.long))
    with pytest.raises(InputError, match="every parameter of 'a' is frozen"):
        frozen = nn.Sequential(ByMean(1.0, 1.0), Means()).requires_grad_(False)
        gate_learning({"a": frozen}, torch.rand(4, 2, 3, 3), torch.zeros(4, dtype=torch.long))
