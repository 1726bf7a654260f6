"""How deep the stages are: counted from the number in a network's name."""

from plusx.errors import InputError

__all__ = ["IMAGENET_DEPTHS", "equal_stages"]

IMAGENET_DEPTHS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
    200: (3, 24, 36, 3),
}
"""Units a stage. He et al. 2015, table 1; 200: He et al. 2016, table 5, the authors' code."""


def equal_stages(depth: int, *, layers: int, others: int = 2) -> tuple[int, int, int]:
    """Return n, n, n for a depth of 3 n `layers` + `others`: three stages of n units.

    `layers` is the layers of one unit, `others` those outside the units that are counted. Raises
    `ValueError`, with the nearest depths, for any other depth.

    >>> equal_stages(29, layers=3)
    (3, 3, 3)
    """
    step = 3 * layers
    if depth < step + others or (depth - others) % step:
        below = max(step + others, depth - (depth - others) % step)
        raise InputError(
            f"three equal stages have depth {step}n + {others}, which {depth} is not; the nearest "
            f"are {below} and {below + step}"
        )
    return ((depth - others) // step,) * 3
