"""A reader of pickled arrays that runs nothing but the making of arrays."""

import io
import pickle
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from numpy._core import multiarray

from plusx.errors import InputError

__all__ = ["load_pickled"]


def load_pickled(content: bytes, *, where: str) -> Any:
    """Unpickle containers, numbers, strings and NumPy arrays; strings of Python 2 are bytes.

    A pickle is a program: it may ask for any function of any module. Whatever is not needed
    for arrays is refused with an InputError that names it, before it is looked up.
    """
    try:
        return _Unpickler(io.BytesIO(content), encoding="bytes").load()
    except InputError as error:
        raise InputError(
            f"{where} {error}, expected only arrays, numbers and names; do not trust this file, "
            "and take the published one"
        ) from error
    # whatever bytes may be in a damaged file, an unpickler takes for instructions
    except Exception as error:
        raise InputError(
            f"{where} is no whole pickle ({error}), expected the published file; copy or download "
            "it again"
        ) from error


def _latin1(text: str, encoding: str) -> bytes:
    """Stand in for `codecs.encode`, which pickle protocols 0 to 2 use for bytes."""
    if encoding != "latin1":
        raise ValueError(f"encoding {encoding!r}")
    return text.encode("latin1")


def _frombuffer(
    content: bytes, dtype: Any, shape: tuple[int, ...], order: Literal["C", "F"]
) -> npt.NDArray[Any]:
    """Stand in for NumPy's function of this name, which pickle protocol 5 uses."""
    return np.frombuffer(content, dtype).reshape(shape, order=order)


_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("_codecs", "encode"): _latin1,
    ("numpy", "dtype"): np.dtype,
    ("numpy", "ndarray"): np.ndarray,
    # the names before and since NumPy 2
    ("numpy.core.multiarray", "_reconstruct"): multiarray._reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): multiarray._reconstruct,
    ("numpy.core.numeric", "_frombuffer"): _frombuffer,
    ("numpy._core.numeric", "_frombuffer"): _frombuffer,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise InputError(f"asks for {module}.{name}")
        return _ALLOWED[module, name]
