"""The data set that needs no file: scikit-learn's digits."""

import numpy as np

from plusx.data.arrays import Arrays, arrays_of

__all__ = ["read_digits"]


def read_digits() -> Arrays:
    """Read 1,797 grey images of 8x8 (Alpaydin and Kaynak 1998), pixel values 0..16 as 0..255."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    pixels = np.rint(images.reshape(-1, 1, 8, 8) * (255 / 16)).astype(np.uint8)
    classes = [str(digit) for digit in range(10)]
    return arrays_of({"train": (pixels, labels.astype(np.int64))}, classes, where="digits")
