"""Muon: orthogonalisation against the singular values, steps against hand and torch's SGD."""

import io
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from plusx import InputError
from plusx.train.muon import Muon, orthogonalise


def polynomial(values: np.ndarray, turns: int) -> np.ndarray:
    for _ in range(turns):
        values = 3.4445 * values - 4.7750 * values**3 + 2.0315 * values**5
    return values


def by_hand(matrix: Tensor, turns: int = 5) -> Tensor:
    """U p(S) V' by a singular value decomposition in double precision."""
    u, s, v = np.linalg.svd(matrix.double().numpy(), full_matrices=False)
    return torch.from_numpy(u @ np.diag(polynomial(s / np.sqrt((s**2).sum()), turns)) @ v)


@pytest.mark.parametrize("shape", [(8, 8), (6, 20), (20, 6), (1, 9), (9, 1)])
@pytest.mark.parametrize("turns", [1, 3, 5])
def test_the_singular_values_go_through_the_polynomial(shape: tuple[int, int], turns: int) -> None:
    matrix = torch.randn(shape, dtype=torch.float64)
    found = orthogonalise(matrix, turns=turns, dtype=torch.float64)
    torch.testing.assert_close(found, by_hand(matrix, turns), rtol=1e-9, atol=1e-9)
    found = orthogonalise(matrix.float(), turns=turns)
    torch.testing.assert_close(found.double(), by_hand(matrix, turns), rtol=1e-4, atol=1e-4)


def test_the_band_that_is_promised() -> None:
    values = polynomial(np.geomspace(0.01, 1, 100_001), 5)
    assert values.min() >= 0.68 and values.max() <= 1.21
    matrices = torch.randn(4, 32, 96)
    for dtype, slack in ((torch.float32, 0.0), (torch.bfloat16, 0.05)):
        singular = torch.linalg.svdvals(orthogonalise(matrices, dtype=dtype))
        assert 0.68 - slack <= float(singular.min()) and float(singular.max()) <= 1.21 + slack


@pytest.mark.parametrize("decades", [0, 3, 6])
@pytest.mark.parametrize("shape", [(64, 576), (64, 64), (128, 32)])
def test_single_precision_is_enough_for_any_spread(shape: tuple[int, int], decades: int) -> None:
    u, s, v = torch.linalg.svd(torch.randn(shape, dtype=torch.float64), full_matrices=False)
    matrix = u * torch.logspace(0, -decades, len(s)) @ v
    found = orthogonalise(matrix.float())
    torch.testing.assert_close(found.double(), by_hand(matrix), rtol=0, atol=1e-3)


def test_neither_length_nor_neighbours_matter() -> None:
    matrices = torch.randn(3, 5, 7, dtype=torch.float64)
    together = orthogonalise(matrices, dtype=torch.float64)
    for matrix, found in zip(matrices, together):
        alone = orthogonalise(1e-3 * matrix, dtype=torch.float64)
        torch.testing.assert_close(alone, found, rtol=1e-10, atol=1e-10)
    assert torch.equal(orthogonalise(torch.zeros(3, 4)), torch.zeros(3, 4))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_steps_of_filters_and_matrices_by_hand(layout: torch.memory_format) -> None:
    weights = [torch.randn(6, 3, 3, 3), torch.randn(6, 3, 3, 3), torch.randn(12, 5)]
    weights = [w.double() for w in weights]
    params = [w.to(memory_format=layout) if w.dim() == 4 else w for w in weights]
    params = [p.clone().requires_grad_() for p in params]
    optimizer = Muon(params, lr=0.1, momentum=0.6, weight_decay=0.2)
    velocities = [torch.zeros_like(w) for w in weights]
    for _ in range(3):
        for place, (param, weight) in enumerate(zip(params, weights)):
            gradient = torch.randn_like(weight)
            param.grad = gradient.clone()
            velocities[place] = 0.6 * velocities[place] + gradient
            move = by_hand((gradient + 0.6 * velocities[place]).reshape(len(weight), -1))
            scale = max(1, move.shape[0] / move.shape[1]) ** 0.5
            shrunk = weight * (1 - 0.1 * 0.2)
            weights[place] = shrunk - 0.1 * scale * move.view(weight.shape)
        optimizer.step()
    for param, weight in zip(params, weights):
        torch.testing.assert_close(param.detach(), weight, rtol=1e-4, atol=1e-5)


def test_a_group_that_is_not_orthogonal_is_sgd_to_the_bit() -> None:
    starts = [torch.randn(4, 3), torch.randn(4)]
    ours = [s.clone().requires_grad_() for s in starts]
    theirs = [s.clone().requires_grad_() for s in starts]
    options: dict[str, Any] = {"lr": 0.05, "momentum": 0.85, "weight_decay": 0.01}
    optimizer = Muon(ours, orthogonal=False, **options)
    sgd = torch.optim.SGD(theirs, nesterov=True, foreach=True, **options)
    for _ in range(4):
        for a, b in zip(ours, theirs):
            a.grad = torch.randn_like(a)
            b.grad = a.grad.clone()
        optimizer.step()
        sgd.step()
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs))


def test_rows_are_held_at_a_length() -> None:
    weight = torch.randn(8, 2, 3, 3, dtype=torch.float64)
    param, zeros = weight.clone().requires_grad_(), torch.zeros(4, 3, requires_grad=True)
    param.grad, zeros.grad = torch.randn_like(weight), torch.zeros(4, 3)
    direction = by_hand((1.6 * param.grad).reshape(8, -1)).view(weight.shape)
    Muon([{"params": [param]}, {"params": [zeros]}], lr=0.1, momentum=0.6, row_norm=2.0).step()
    expected = weight * (2 * 8**0.5 / weight.norm()) - 0.1 * direction
    torch.testing.assert_close(param.detach(), expected, rtol=1e-4, atol=1e-5)
    assert not zeros.any()


def test_it_trains() -> None:
    x, model = torch.randn(64, 3, 8, 8), nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten())
    model.append(nn.Linear(8 * 36, 2))
    wanted = (x.mean((1, 2, 3)) > 0).long()
    filters = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() == 1]
    optimizer = Muon([{"params": filters}, {"params": others, "orthogonal": False}], lr=0.02)
    losses = []
    for _ in range(60):
        loss = nn.functional.cross_entropy(model(x), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_the_state_goes_through_a_file_exactly() -> None:
    def groups(params: list[Tensor]) -> list[dict[str, Any]]:
        return [
            {"params": params[:2], "lr": 0.1, "row_norm": 1.0},
            {"params": params[2:], "lr": 0.2, "orthogonal": False, "momentum": 0.5},
        ]

    def step(optimizer: Muon, params: list[Tensor], seed: int) -> None:
        source = torch.Generator().manual_seed(seed)
        for param in params:
            param.grad = torch.randn(param.shape, generator=source)
        optimizer.step()

    one = [torch.randn(4, 3, 3, 3), torch.randn(5, 4), torch.randn(5)]
    one = [p.requires_grad_() for p in one]
    optimizer = Muon(groups(one))
    for seed in range(3):
        step(optimizer, one, seed)
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    other = [p.detach().clone().requires_grad_() for p in one]
    resumed = Muon([{"params": other[:2]}, {"params": other[2:], "orthogonal": False}])
    resumed.load_state_dict(torch.load(file, weights_only=True))
    for seed in range(3, 6):
        step(optimizer, one, seed)
        step(resumed, other, seed)
    assert all(torch.equal(a, b) for a, b in zip(one, other))


def test_parameters_without_a_gradient_stay() -> None:
    still, moving = torch.ones(2, 2, requires_grad=True), torch.ones(2, 2, requires_grad=True)
    optimizer = Muon([still, moving])
    optimizer.step()
    moving.grad = torch.eye(2)
    optimizer.step()
    assert torch.equal(still, torch.ones(2, 2)) and not torch.equal(moving, still)
    assert still not in optimizer.state


@pytest.mark.parametrize(
    ("name", "value"),
    [("lr", -0.1), ("momentum", 1.0), ("weight_decay", -1.0), ("row_norm", 0.0), ("turns", 0)],
)
def test_numbers_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(InputError, match=f"{name} of Muon is {value}, expected"):
        Muon([torch.ones(2, 2, requires_grad=True)], **{name: value})


def test_a_bias_in_an_orthogonal_group_is_refused() -> None:
    bias = torch.ones(3, requires_grad=True)
    with pytest.raises(InputError, match=r"shape \(3,\) .* orthogonal=False"):
        Muon([torch.ones(2, 2, requires_grad=True), bias])
