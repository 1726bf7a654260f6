"""Which learning rate? A sweep over all of them that trains nothing which is kept.

Smith 2015, "Cyclical learning rates for training neural networks", arXiv 1506.01186, section 3.3.
"""

import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from plusx.analysis.aligned import aligned
from plusx.analysis.drawing import BLUE, ORANGE, new_axes
from plusx.errors import InputError
from plusx.train.optimize import PER_BATCH
from plusx.train.setup import Setup
from plusx.train.trial import trial, trial_batches, trial_step

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["RateFound", "find_rate", "judged", "smooth"]

SMOOTHING = 0.9  # of the running mean that says when to stop
STOP_AT = 4.0  # times the lowest running mean
RISEN = 1.2  # times the lowest mean: past its turn
DECADES_BELOW, DECADES_ABOVE = 4, 3  # of the optimizer's usual rate


@dataclass(frozen=True)
class RateFound:
    """Loss of each step by its learning rate, and the rate that was chosen.

    `smoothed` is the running mean that decides when to stop; `diverged` the rate at which it did,
    None where the sweep came to its end; `chosen` is None where no rate lowered the loss.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    chosen: float | None
    diverged: float | None
    reason: str

    def to_json(self) -> str:
        """Return everything as JSON; a loss that is not finite is null."""
        plain = asdict(self)
        for name in ("losses", "smoothed"):
            plain[name] = [x if math.isfinite(x) else None for x in plain[name]]
        return json.dumps(plain)

    def table(self) -> str:
        """List the sweep, four lines a decade of the rate, and the reason for the choice."""
        lines = [("learning rate", "loss", "smoothed", "")]
        every = max(1, _per_decade(self.rates) // 4)
        for at, (rate, loss, mean) in enumerate(zip(self.rates, self.losses, self.smoothed)):
            mark = {self.chosen: "chosen", self.diverged: "diverged"}.get(rate, "")
            if mark or at % every == 0:
                lines.append((f"{rate:.3g}", f"{loss:.4g}", f"{mean:.4g}", mark))
        return "\n".join([*aligned(lines), "", self.reason])

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw loss and running mean by learning rate, with the choice."""
        ax = ax or new_axes()
        ax.plot(self.rates, self.losses, ".", color="gray", label="loss of a step")
        ax.plot(self.rates, self.smoothed, color=BLUE, label="running mean")
        if self.chosen is not None:
            ax.axvline(self.chosen, color=ORANGE, label=f"chosen: {self.chosen:.3g}")
        if self.diverged is not None:
            ax.axvline(self.diverged, color="gray", linestyle=":", label="diverges")
        ax.set_xscale("log")
        finite = [x for x in self.losses if math.isfinite(x)]
        if finite:
            low, high = min(finite), min(max(finite), STOP_AT * max(min(finite), 1e-12))
            ax.set_ylim(low - 0.05 * (high - low + 1e-12), high + 0.05 * (high - low + 1e-12))
        ax.set_xlabel("learning rate")
        ax.set_ylabel("training loss")
        ax.legend()
        return ax


def find_rate(
    setup: Setup, *, steps: int = 100, low: float | None = None, high: float | None = None
) -> RateFound:
    """Train `steps` steps at rates that rise exponentially from `low` to `high`; choose one.

    Smith's range test in Howard's form (fast.ai): an exponential sweep, a running mean of the loss,
    a stop where it exceeds four times its minimum. By itself the sweep goes from 1/10,000 to 1,000
    times the optimizer's usual rate. Network, optimizer and random state are then as before; the
    same seed gives the same result. Raises `InputError` for fewer than 20 steps, for bounds in the
    wrong order, and for several processes.
    """
    _alone(setup)
    usual, at = PER_BATCH[setup.config.optimizer]
    usual *= setup.batch_size / at
    low = usual * 10.0**-DECADES_BELOW if low is None else low
    high = usual * 10.0**DECADES_ABOVE if high is None else high
    if not 0 < low < high < math.inf:
        raise InputError(
            f"the sweep goes from {low:g} to {high:g}, expected 0 < low < high; the usual rate "
            f"here is {usual:g}"
        )
    if steps < 20:
        raise InputError(f"steps is {steps}, expected 20 or more: 100 show a curve")
    rates = [low * (high / low) ** (step / (steps - 1)) for step in range(steps)]
    losses: list[float] = []
    lowest = math.inf
    with (
        trial(setup, steps=steps) as tried,
        setup.reporter.progress("finding the learning rate", steps) as advance,
    ):
        for step, batch in enumerate(trial_batches(tried, setup.batch_size, steps)):
            losses.append(trial_step(tried, batch, step=step, rate=rates[step]))
            advance(1)
            mean = smooth(losses)[-1]
            if not mean <= STOP_AT * lowest:
                break
            lowest = min(lowest, mean)
    return judged(rates[: len(losses)], losses)


def judged(rates: list[float], losses: list[float]) -> RateFound:
    """Choose from a sweep: the rate around which the loss falls most steeply in log(rate).

    The slope is that of a line through the losses half a decade to both sides: unlike the running
    mean, which Howard's version looks at, it does not lag behind. No rate is chosen where the
    running mean never falls by the spread of the losses at the lowest rates. What follows once it
    has risen again by a fifth is not looked at: a network may come down from a bump it never needs.
    """
    means = smooth(losses)
    ran_away = not means[-1] <= STOP_AT * min([*means[:-1], math.inf])
    diverged = rates[-1] if ran_away else None
    end = f"it did not diverge up to {rates[-1]:.3g}"
    if diverged is not None:
        end = f"it diverges at {diverged:.3g}"
    chosen = None
    decade = _per_decade(rates)
    first, finite = np.array(losses[:decade]), [mean for mean in means if math.isfinite(mean)]
    fell = bool(finite) and min(finite) < first.mean() - max(first.std(), 1e-3 * abs(first.mean()))
    if fell:
        slopes = _slopes(rates, losses, reach=max(2, decade // 2), most=STOP_AT * min(finite))
        chosen = rates[int(np.argmin(slopes[: _turn(means)]))]
        reason = f"The loss falls most steeply around a learning rate of {chosen:.3g}; {end}"
    else:
        reason = f"No learning rate from {rates[0]:.3g} on lowered the loss; {end}"
    return RateFound(tuple(rates), tuple(losses), tuple(means), chosen, diverged, reason)


def smooth(losses: list[float], decay: float = SMOOTHING) -> list[float]:
    """m_t = (1 - d) sum_i d^(t-i) x_i / (1 - d^(t+1)): a running mean without a bias to zero."""
    means, mean = [], 0.0
    for step, loss in enumerate(losses, 1):
        mean = decay * mean + (1 - decay) * loss
        means.append(mean / (1 - decay**step))
    return means


def _turn(means: list[float]) -> int:
    """Return the first step at which the mean stands a fifth above its lowest, or their number."""
    lowest = math.inf
    for step, mean in enumerate(means):
        if not mean <= RISEN * lowest:
            return max(step, 1)
        lowest = min(lowest, mean)
    return len(means)


def _slopes(rates: list[float], losses: list[float], *, reach: int, most: float) -> list[float]:
    """Return at each step the slope of the least-squares line through its neighbours.

    Losses above `most` count as that; a step without neighbours on both sides has no slope.
    """
    x = np.log10(rates)
    y = np.minimum(np.nan_to_num(np.array(losses), nan=most, posinf=most, neginf=most), most)
    slopes = [math.inf] * len(rates)
    for at in range(reach, len(rates) - reach):
        near = slice(at - reach, at + reach + 1)
        slopes[at] = float(np.polyfit(x[near], y[near], 1)[0])
    return slopes


def _per_decade(rates: "list[float] | tuple[float, ...]") -> int:
    """Return the steps in which the rate grows tenfold."""
    if len(rates) < 2:
        return 1
    return max(1, min(len(rates), round((len(rates) - 1) / math.log10(rates[-1] / rates[0]))))


def _alone(setup: Setup) -> None:
    if setup.ranks.world > 1:
        raise InputError(
            f"{setup.ranks.world} processes cannot search together; search with one, then give "
            "what it finds (--learning-rate, --batch-size) to the run of many"
        )
