"""How noisy is the gradient? From it, beyond which batch size larger ones save few steps.

McCandlish et al. 2018, "An empirical model of large-batch training", arXiv 1812.06162.
"""

import math
from collections.abc import Sequence

import torch

from plusx.errors import InputError
from plusx.train.setup import Setup
from plusx.train.trial import trial, trial_batches, trial_step

__all__ = ["measured_noise", "noise_scale"]

GROUPS, PARTS, PART = 4, 8, 16  # 4 times 8 gradients of 16 images each


def noise_scale(
    groups: Sequence[tuple[float, float]], *, small: int, parts: int
) -> tuple[float, float, float] | None:
    """B_simple = S / |G|^2, with a 95% interval; None where that is not clear.

    McCandlish et al. 2018, eq. 2.9 and A.2 to A.4: from |g|^2 at `small` images and at `parts`
    times as many, |G|^2 = (B |g_B|^2 - b |g_b|^2) / (B - b) and S = (|g_b|^2 - |g_B|^2) /
    (1/b - 1/B), both without bias. Each of `groups` is (mean |g_b|^2, |g_B|^2); their means are
    taken before the ratio, which alone is biased. The interval is the jackknife's over the groups,
    in log B; it is not clear where one leaves no positive |G|^2 or S, or the interval spans more
    than a factor of 100.
    """
    if len(groups) < 2 or parts < 2 or small < 1:
        raise InputError(
            f"{len(groups)} groups of {parts} parts of {small} images tell no noise; expected 2 or "
            "more groups of 2 or more parts"
        )
    pairs = torch.tensor(groups, dtype=torch.float64)
    count = len(pairs)
    without = [torch.cat([pairs[:at], pairs[at + 1 :]]).mean(0) for at in range(count)]
    found = [_ratio(mean.tolist(), small, parts * small) for mean in (pairs.mean(0), *without)]
    if not all(0 < ratio < math.inf for ratio in found):
        return None
    logs = torch.tensor(found, dtype=torch.float64).log()
    center, others = logs[0], logs[1:]
    error = float(((count - 1) / count * (others - others.mean()).square().sum()).sqrt())
    student = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57}.get(count, 2.5)
    spread = student * error
    if not spread < math.log(10):
        return None
    return tuple(math.exp(float(center) + sign * spread) for sign in (0, -1, 1))  # type: ignore


def _ratio(norms: Sequence[float], small: int, big: int) -> float:
    at_small, at_big = norms
    squared = (big * at_big - small * at_small) / (big - small)
    trace = (at_small - at_big) / (1 / small - 1 / big)
    return trace / squared if squared > 0 and trace > 0 else math.nan


def measured_noise(setup: Setup, *, most: int) -> tuple[float, float, float] | None:
    """Measure gradients of batches of up to `most`, and of their unions, at the first weights.

    A batch norm sees the small batch in both, so that they are gradients of the same loss. None
    where there are too few images, or the noise is not clear.
    """
    small = min(PART, most)
    if len(setup.data.train) < 2 * small:
        return None
    groups: list[tuple[float, float]] = []
    steps = GROUPS * PARTS
    with (
        trial(setup, steps=steps, clip=0.0, accumulate=1) as tried,
        setup.reporter.progress("measuring the gradient's noise", steps) as advance,
    ):
        params = list(tried.network.parameters())
        total, squares = [torch.zeros_like(p) for p in params], 0.0
        for step, batch in enumerate(trial_batches(tried, small, steps)):
            trial_step(tried, batch, step=step, rate=0.0)
            grads = [p.grad if p.grad is not None else torch.zeros_like(p) for p in params]
            torch._foreach_add_(total, grads)
            squares += _square(grads)
            advance(1)
            if (step + 1) % PARTS == 0:
                groups.append((squares / PARTS, _square(total) / PARTS**2))
                total, squares = [torch.zeros_like(p) for p in params], 0.0
    return noise_scale(groups, small=small, parts=PARTS)


def _square(tensors: Sequence[torch.Tensor]) -> float:
    norms = torch.stack([t.float().norm() for t in tensors])
    return float(norms.double().square().sum())
