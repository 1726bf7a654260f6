"""Curves of loss over rate that are known in closed form."""

import numpy as np


def swept(loss_of: "np.ufunc | object", steps: int = 101) -> tuple[list[float], list[float]]:
    """Rates from 1e-5 to 1e2, and a loss at each."""
    rates = [float(r) for r in np.logspace(-5, 2, steps)]
    return rates, [float(loss_of(rate)) for rate in rates]  # type: ignore[operator]
