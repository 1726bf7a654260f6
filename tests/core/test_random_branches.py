"""Branches that are left out, mixed or scaled at random."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from plusx import InputError, create, units
from plusx.branch import DropPath, Shake, ShakeDrop
from plusx.branch.shake import Draw, even, keep, shake
from plusx.surgery import add_shake_drop

MANY = 40_000
"""Samples of a mean: its error is below 0.01 by four standard deviations."""


class Times(nn.Module):
    """y = factor x, context after it ignored."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor, *context: object) -> Tensor:
        return self.factor * x


Wrap = Callable[[nn.Module], nn.Module]
WRAPPERS: dict[str, Wrap] = {
    "drop-path": lambda f: DropPath(f, 0.3),
    "drop-path-batch": lambda f: DropPath(f, 0.3, mode="batch"),
    "shake-drop": lambda f: ShakeDrop(f, 0.3),
    "shake-drop-batch": lambda f: ShakeDrop(f, 0.3, mode="batch"),
    "shake": lambda f: Shake(f, Times(3.0)),
    "shake-batch": lambda f: Shake(f, Times(3.0), mode="batch"),
}
every_wrapper = pytest.mark.parametrize("name", WRAPPERS)


def shares(branch: nn.Module, count: int = MANY) -> tuple[Tensor, Tensor]:
    """What a branch over x makes of ones, and its gradient, sample by sample."""
    x = torch.ones(count, 1, requires_grad=True)
    y = branch(x)
    y.sum().backward()
    assert x.grad is not None
    return y.detach().flatten(), x.grad.flatten()


@every_wrapper
def test_the_mean_over_training_is_evaluation(name: str) -> None:
    branch = WRAPPERS[name](Times(1.0))
    want = branch.eval()(torch.ones(1, 1))
    if name.endswith("batch"):
        found = torch.stack([branch.train()(torch.ones(1, 1)) for _ in range(MANY // 10)])
        assert float(found.mean()) == pytest.approx(float(want), abs=0.05)
    else:
        assert float(shares(branch.train())[0].mean()) == pytest.approx(float(want), abs=0.02)


@every_wrapper
def test_evaluation_leaves_nothing_to_chance(name: str) -> None:
    branch = WRAPPERS[name](Times(1.0)).eval()
    x = torch.randn(8, 4, 2, 2)
    assert torch.equal(branch(x), branch(x))


@every_wrapper
def test_a_branch_is_shaken_by_sample_or_by_batch(name: str) -> None:
    drawn = {round(float(v), 4) for v in shares(WRAPPERS[name](Times(1.0)).train(), 64)[0]}
    assert (len(drawn) == 1) is name.endswith("batch")


@every_wrapper
def test_randomness_is_torchs(name: str) -> None:
    branch, x = WRAPPERS[name](Times(1.0)).train(), torch.randn(16, 4)
    torch.manual_seed(3)
    first = branch(x)
    torch.manual_seed(3)
    assert torch.equal(branch(x), first)


@every_wrapper
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_the_dtype_is_that_of_the_transform(name: str, dtype: torch.dtype) -> None:
    y = WRAPPERS[name](Times(1.0)).train()(torch.ones(4, 2, 3, 3, dtype=dtype))
    assert y.dtype == dtype and y.shape == (4, 2, 3, 3) and y.isfinite().all()


@every_wrapper
def test_works_under_autocast_and_compiled_whole(name: str) -> None:
    branch = WRAPPERS[name](nn.Conv2d(3, 3, 1, bias=False)).train()
    x = torch.randn(4, 3, 5, 5)
    with torch.autocast("cpu", torch.bfloat16):
        branch(x).float().sum().backward()
    compiled = torch.compile(branch, fullgraph=True, backend="eager")
    torch.manual_seed(3)
    want = branch(x)
    torch.manual_seed(3)
    assert torch.allclose(compiled(x), want, atol=1e-6)
    torch.compiler.reset()


@pytest.mark.full
@every_wrapper
def test_inductor_compiles_a_training_step(name: str) -> None:
    branch = WRAPPERS[name](nn.Conv2d(3, 3, 1)).train()
    compiled = torch.compile(branch, fullgraph=True)
    x = torch.randn(4, 3, 5, 5, requires_grad=True)
    compiled(x).sum().backward()
    assert x.grad is not None and x.grad.isfinite().all()
    torch.compiler.reset()


@every_wrapper
def test_the_context_reaches_the_transform(name: str) -> None:
    class Scale(nn.Module):
        def forward(self, x: Tensor, factor: float) -> Tensor:
            return factor * x

    branch = WRAPPERS[name](Scale()).eval()
    assert not torch.equal(branch(torch.ones(1, 1), 2.0), branch(torch.ones(1, 1), 4.0))


def test_drop_path_leaves_out_or_scales_up() -> None:
    values, gradients = shares(DropPath(Times(1.0), 0.25).train())
    assert torch.equal(values, gradients)
    assert sorted({round(float(v), 5) for v in values}) == [0.0, round(1 / 0.75, 5)]
    assert float((values == 0).float().mean()) == pytest.approx(0.25, abs=0.01)


def test_shake_drop_keeps_or_scales_and_shakes_the_gradient_apart() -> None:
    values, gradients = shares(ShakeDrop(Times(1.0), 0.4).train())
    kept = (values - 1).abs() < 1e-6
    assert float(kept.float().mean()) == pytest.approx(0.6, abs=0.01)
    assert ((gradients[kept] - 1).abs() < 1e-6).all()
    alpha, beta = values[~kept], gradients[~kept]
    assert alpha.min() >= -1 and alpha.max() <= 1 and float(alpha.mean()) == pytest.approx(
        0, abs=0.03
    )  # fmt: skip
    assert beta.min() >= 0 and beta.max() <= 1 and float(beta.mean()) == pytest.approx(
        0.5, abs=0.02
    )  # fmt: skip
    assert abs(float(torch.corrcoef(torch.stack([alpha, beta]))[0, 1])) < 0.05
    assert float(ShakeDrop(Times(1.0), 0.4).eval()(torch.ones(()))) == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("forward", "backward"),
    [(shake, shake), (shake, even), (shake, keep), (even, shake), (even, even), (even, keep)],
)
def test_shake_shares_forward_and_backward(forward: Draw, backward: Draw) -> None:
    branch = Shake(Times(1.0), Times(0.0), forward_share=forward, backward_share=backward)
    alpha, beta = shares(branch.train())
    for share, draw in ((alpha, forward), (beta, forward if backward is keep else backward)):
        assert share.min() >= 0 and share.max() <= 1
        assert float(share.mean()) == pytest.approx(0.5, abs=0.01)
        assert float(share.std()) == pytest.approx(1 / 12**0.5 if draw is shake else 0, abs=0.01)
    if backward is keep:
        assert torch.allclose(alpha, beta)
    elif forward is backward is shake:
        assert abs(float(torch.corrcoef(torch.stack([alpha, beta]))[0, 1])) < 0.03


def test_what_one_transform_loses_the_other_gets() -> None:
    f, g = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    Shake(f, g).train()(torch.ones(1, 1)).backward()
    assert f.weight.grad is not None and g.weight.grad is not None
    assert float(f.weight.grad + g.weight.grad) == pytest.approx(1)


@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    for branch in (DropPath, ShakeDrop):
        with pytest.raises(ValueError, match="expected 0 or more, below 1"):
            branch(Times(1.0), rate)


def test_rates_grow_linearly_with_depth() -> None:
    for option, kind in (("drop_path", DropPath), ("shake_drop", ShakeDrop)):
        model = create("resnet8", num_classes=10, **{option: 0.6})
        branches = [unit.transform for unit in units(model)]
        assert all(isinstance(branch, kind) for branch in branches)
        assert [branch.rate for branch in branches] == pytest.approx([0.2, 0.4, 0.6])


def test_shake_drop_needs_units_and_one_of_the_two() -> None:
    with pytest.raises(ValueError, match="ShakeDrop needs residual units"):
        add_shake_drop(nn.Linear(2, 2), 0.5)
    with pytest.raises(InputError, match="shake_drop and drop_path"):
        create("resnet8", num_classes=10, drop_path=0.5, shake_drop=0.5)
    with pytest.raises(InputError, match=r"shake_drop=1\.0 is not a number, 0 to 0.95"):
        create("resnet8", num_classes=10, shake_drop=1.0)
