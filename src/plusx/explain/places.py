"""as_map(value, size): the places of a layer's output as a map over the image."""

from torch import Tensor

__all__ = ["as_map"]

ASPECT = 1.5
"""How far the steps of a map, down and across the image, may be apart, but for rounded sizes."""
FRONT = (0, 1, 2, 5, 4)
"""Tokens before those of the image: none, a class, a class and a teacher, registers with a class
and without."""


def as_map(value: Tensor, size: tuple[int, int]) -> Tensor | None:
    """Return `value` as (B, C, h, w), or None where it has no places of an image of this size.

    Channels may stand first or last; of (B, tokens, C) the tokens are the image's places, row by
    row, behind a class token where there is one. A single place is no map.
    """
    if value.dim() == 4:
        first, last = _unevenness(value.shape[2:], size), _unevenness(value.shape[1:3], size)
        if min(first, last) == float("inf"):
            return None
        return value if first <= last else value.permute(0, 3, 1, 2)
    if value.dim() == 3:
        return _from_tokens(value, size)
    return None


def _unevenness(shape: tuple[int, ...], size: tuple[int, int]) -> float:
    """Return how far the steps down and across are apart; infinity where it is no map."""
    (h, w), (height, width) = shape, size
    if h * w <= 1 or h > height or w > width:
        return float("inf")
    down, across = height / h, width / w
    rounded = max(down, across) < min(_fewer(height, h), _fewer(width, w))
    uneven = max(down / across, across / down)
    return uneven if uneven <= ASPECT or rounded else float("inf")


def _fewer(length: int, places: int) -> float:
    """Return the least step that gives fewer places, where sizes are rounded up."""
    return length / (places - 1) if places > 1 else float("inf")


def _from_tokens(value: Tensor, size: tuple[int, int]) -> Tensor | None:
    height, width = size
    for front in FRONT:
        count = value.shape[1] - front
        if count <= 1:
            break
        h = round((count * height / width) ** 0.5)
        if h and count % h == 0 and h * width == count // h * height:
            channels = value[:, front:].transpose(1, 2)
            return channels.reshape(*channels.shape[:2], h, count // h)
    return None
