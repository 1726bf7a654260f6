"""Counts of recurrent networks, cell by cell: 28 steps of 28 features, 128 channels, 10 classes."""

import re

STEPS, FEATURES, WIDTH, CLASSES = 28, 28, 128, 10
SQUARE = WIDTH * WIDTH
HEAD = WIDTH * CLASSES


def counts(name: str) -> dict[str, int]:
    """Count a weight once a step, but for the head, which sees the last alone.

    An LSTM has four gates of x and h with two biases each, as torch has them (Wu et al. 2016 give
    no peepholes); a residual RNN has W h; a highway LSTM (Zhang et al. 2015) has i, f, g, o of x
    and h with one bias, peepholes to i, f and o, and the depth gate of x with two peepholes.
    """
    match = re.fullmatch(r"(residual_lstm|highway_lstm|residual_rnn)(\d*)", name)
    if not match:
        return {}
    stem = FEATURES * WIDTH
    if match[1] == "residual_rnn":
        return _sum(weights=stem + SQUARE, vectors=1, units=1)
    layers = int(match[2])
    if match[1] == "residual_lstm":
        return _sum(weights=stem + layers * 8 * SQUARE, vectors=1 + layers * 8, units=layers)
    first = 4 * (FEATURES * WIDTH + SQUARE)
    above = layers - 1
    return _sum(
        weights=first + above * (8 * SQUARE + SQUARE),
        vectors=7 + above * (7 + 3),
        units=above,
    )


def _sum(*, weights: int, vectors: int, units: int) -> dict[str, int]:
    """`vectors` are biases and peepholes of 128 numbers."""
    return {
        "params": weights + vectors * WIDTH + HEAD + CLASSES,
        "macs": STEPS * weights + HEAD,
        "units": units,
    }
