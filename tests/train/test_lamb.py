"""LAMB against its formulae by hand."""

import io
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from plusx import InputError
from plusx.train.lamb import Lamb

SETTINGS: dict[str, Any] = {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.3}


def by_hand(weight: Tensor, gradients: list[Tensor], weight_decay: float) -> Tensor:
    """The published algorithm, element by element, in double precision."""
    lr, (first, second), eps = 0.1, (0.8, 0.95), 1e-6
    w = weight.double().flatten().tolist()
    m, v = [0.0] * len(w), [0.0] * len(w)
    for t, gradient in enumerate(gradients, start=1):
        g = gradient.double().flatten().tolist()
        m = [first * a + (1 - first) * b for a, b in zip(m, g)]
        v = [second * a + (1 - second) * b * b for a, b in zip(v, g)]
        u = [
            a / (1 - first**t) / (math.sqrt(b / (1 - second**t)) + eps) + weight_decay * c
            for a, b, c in zip(m, v, w)
        ]
        ratio = 1.0
        if weight_decay > 0 and any(w) and any(u):
            ratio = math.hypot(*w) / math.hypot(*u)
        w = [a - lr * ratio * b for a, b in zip(w, u)]
    return torch.tensor(w, dtype=torch.float64).view(weight.shape)


def step(optimizer: Lamb, params: list[Tensor], gradients: list[Tensor]) -> None:
    for param, gradient in zip(params, gradients):
        param.grad = gradient.to(param.dtype).clone()
    optimizer.step()


@pytest.mark.parametrize("weight_decay", [0.3, 0.0])
def test_three_steps_of_two_parameters_by_hand(weight_decay: float) -> None:
    weights = [torch.randn(4, 3, dtype=torch.float64), torch.randn(5, dtype=torch.float64)]
    gradients = [[torch.randn_like(weight) for weight in weights] for _ in range(3)]
    params = [weight.clone().requires_grad_() for weight in weights]
    optimizer = Lamb(params, **(SETTINGS | {"weight_decay": weight_decay}))
    for each in gradients:
        step(optimizer, params, each)
    for place, weight in enumerate(weights):
        expected = by_hand(weight, [each[place] for each in gradients], weight_decay)
        torch.testing.assert_close(params[place].detach(), expected, rtol=1e-12, atol=1e-12)


def test_without_decay_it_is_adam() -> None:
    start = torch.randn(6, 2, dtype=torch.float64)
    ours, theirs = (start.clone().requires_grad_() for _ in range(2))
    optimizer = Lamb([ours], lr=0.01, eps=1e-8)
    adam = torch.optim.Adam([theirs], lr=0.01, eps=1e-8)
    for _ in range(5):
        ours.grad = torch.randn_like(start)
        theirs.grad = ours.grad.clone()
        optimizer.step()
        adam.step()
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_a_step_is_as_long_as_the_weights_say() -> None:
    weight = torch.randn(8, 8, requires_grad=True)
    before = weight.detach().clone()
    weight.grad = 1e3 * torch.randn(8, 8)  # of whatever size
    Lamb([weight], lr=0.02, weight_decay=0.1).step()
    moved = (weight.detach() - before).norm() / before.norm()
    assert float(moved) == pytest.approx(0.02, rel=1e-4)


@pytest.mark.parametrize(("weight", "gradient"), [(0.0, 1.0), (1.0, 0.0), (0.0, 0.0)])
def test_zeros_have_the_ratio_one(weight: float, gradient: float) -> None:
    param = torch.full((3,), weight, dtype=torch.float64, requires_grad=True)
    optimizer = Lamb([param], **SETTINGS)
    step(optimizer, [param], [torch.full((3,), gradient)])
    expected = by_hand(torch.full((3,), weight), [torch.full((3,), gradient)], 0.3)
    torch.testing.assert_close(param.detach(), expected)


def test_a_parameter_that_joins_later_counts_its_own_steps() -> None:
    early, late = (torch.ones(3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    optimizer = Lamb([early, late], **SETTINGS)
    gradients = [torch.randn(3, dtype=torch.float64) for _ in range(3)]
    step(optimizer, [early], gradients[:1])
    step(optimizer, [early, late], [gradients[1], gradients[2]])
    expected = by_hand(torch.ones(3), gradients[2:], 0.3)
    torch.testing.assert_close(late.detach(), expected)
    expected = by_hand(torch.ones(3), gradients[:2], 0.3)
    torch.testing.assert_close(early.detach(), expected)


def test_the_state_goes_through_a_file_exactly() -> None:
    gradients = [torch.randn(4, 3, 2, 2) for _ in range(6)]
    start = torch.randn(4, 3, 2, 2).contiguous(memory_format=torch.channels_last)
    one = start.clone().requires_grad_()
    optimizer = Lamb([one], **SETTINGS)
    for gradient in gradients[:3]:
        step(optimizer, [one], [gradient])
    other = one.detach().clone().requires_grad_()
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    resumed = Lamb([other], lr=1.0)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    for gradient in gradients[3:]:
        step(optimizer, [one], [gradient])
        step(resumed, [other], [gradient])
    assert torch.equal(one, other)


def test_a_closure_is_run_with_gradients() -> None:
    weight = torch.ones(2, requires_grad=True)

    def closure() -> float:
        loss = weight.square().sum()
        loss.backward()
        return loss.item()

    assert Lamb([weight], lr=0.1).step(closure) == 2.0
    assert weight[0].item() == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("name", "value"),
    [("lr", -1.0), ("betas", (1.0, 0.9)), ("betas", (0.9, -0.1)), ("eps", 0.0),
     ("weight_decay", math.nan)],
)  # fmt: skip
def test_numbers_out_of_range_are_refused(name: str, value: object) -> None:
    with pytest.raises(InputError, match=f"{name} of Lamb is .*, expected"):
        Lamb([torch.ones(2, requires_grad=True)], **{name: value})
    optimizer = Lamb([torch.ones(2, requires_grad=True)])
    with pytest.raises(InputError, match=f"{name} of Lamb"):
        optimizer.add_param_group({"params": [torch.ones(2, requires_grad=True)], name: value})
