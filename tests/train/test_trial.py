"""Steps that are taken to be measured: steps of training, and undone."""

from dataclasses import replace

import pytest
import torch
from lightning_fabric.plugins import MixedPrecision
from test_run import SHORT
from watchers import Silent

from plusx.train import try_batch
from plusx.train.find_rate import find_rate
from plusx.train.prepare import prepare
from plusx.train.setup import Setup
from plusx.train.trial import trial, trial_batches, trial_step


def test_a_trial_step_is_a_step_of_training_at_that_rate(setup: Setup) -> None:
    """Against SGD by hand on the gradient that the step leaves."""
    weight = setup.network.head.get_parameter("linear.weight")
    start = weight.detach().clone()
    with trial(setup, steps=2, mixup=0.0, momentum=0.0) as tried:
        for group in tried.optimizer.param_groups:
            group.update(momentum=0, nesterov=False)
        batch = next(trial_batches(tried, 32, 1))
        trial_step(tried, batch, step=0, rate=0.25)
        assert weight.grad is not None and len(batch.labels) == 32
        want = start - 0.25 * (weight.grad + setup.config.weight_decay * start)
        torch.testing.assert_close(weight.detach(), want)
    assert torch.equal(weight, start)


def test_a_trial_that_fails_is_undone_too(setup: Setup) -> None:
    before = [p.detach().clone() for p in setup.network.parameters()]
    with pytest.raises(KeyError), trial(setup, steps=1) as tried:
        trial_step(tried, next(trial_batches(tried, 32, 1)), step=0, rate=0.1)
        raise KeyError
    assert all(torch.equal(a, b) for a, b in zip(setup.network.parameters(), before, strict=True))


@pytest.mark.parametrize(
    "tune", ["all", *(pytest.param(kind, marks=pytest.mark.full) for kind in ("gradual", "head"))]
)
def test_a_trial_leaves_all_as_it_was_also_when_memory_ends_in_a_step(
    monkeypatch: pytest.MonkeyPatch, tune: str
) -> None:
    """With fp16's scaler, which a CPU has too: a failure between unscaling and stepping."""
    config = replace(SHORT, optimizer="nesterov", ema=0.9, mixup=0.2, tune=tune, clip=0.1)  # type: ignore[arg-type]
    setup = prepare(config, reporter=Silent())
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**40, growth_interval=2)
    precision = MixedPrecision("16-mixed", "cpu", scaler)
    precision._desired_input_dtype = torch.bfloat16  # quick here
    monkeypatch.setattr(setup.fabric.strategy, "_precision", precision)
    setup.optimizer.optimizer._step_supports_amp_scaling = False

    def state() -> dict[str, object]:
        rates = [{k: v for k, v in group.items() if k != "params"} for group in groups()]
        return {
            "weights": {name: t.clone() for name, t in setup.network.state_dict().items()},
            "modes": [module.training for module in setup.network.modules()],
            "learning": [p.requires_grad for p in setup.network.parameters()],
            "gradients": [p.grad for p in setup.network.parameters()],
            "optimizer": (rates, dict(setup.optimizer.state)),
            "scaler": (id(precision.scaler), scaler.state_dict(), len(_per_optimizer(scaler))),
            "random": torch.get_rng_state().tolist(),
        }

    def groups() -> list[dict[str, object]]:
        return setup.optimizer.param_groups

    before = state()
    for size in (32, 64):
        assert try_batch.try_batch(setup, size) is not None
    assert same(state(), before)
    assert len(find_rate(setup, steps=20).rates) > 5
    assert same(state(), before)

    def full(*arguments: object, **options: object) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.SGD, "step", full)
        patch.setattr(torch.amp.GradScaler, "step", full)  # the gradients are unscaled already
        assert try_batch.try_batch(setup, 32) is None
    assert same(state(), before)
    assert try_batch.try_batch(setup, 32) is not None  # it would be refused to unscale twice


def _per_optimizer(scaler: torch.amp.GradScaler) -> dict[int, object]:
    found: dict[int, object] = scaler._per_optimizer_states
    return found


def same(a: object, b: object) -> bool:
    """Equal, tensors to the bit."""
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return a == b
