"""What a network's input is: all that `predict` needs to know of a data set."""

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

from plusx.errors import InputError, nearest

__all__ = ["SMALL", "InputSpec", "stored_for"]

SMALL = 64
"""Images of up to 64 pixels a side are kept as they are, larger ones are treated as photos."""


@dataclass(frozen=True)
class InputSpec:
    """The input of a network: classes, channels, sizes, mean and deviation.

    The network sees `size` x `size`; images are kept `stored` x `stored`, which is the same
    for small images and a margin larger for photos. `mean` and `std` are per channel, of pixel
    values in [0, 1], measured on the training split.
    """

    classes: tuple[str, ...]
    channels: int
    size: int
    stored: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def to_json(self) -> str:
        """Return the text that `from_json` reads back."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "InputSpec":
        """Read what `to_json` wrote; raise InputError naming the first field at fault.

        >>> spec = InputSpec(("cat", "dog"), 1, 28, 28, (0.5,), (0.25,))
        >>> InputSpec.from_json(spec.to_json()) == spec
        True
        """
        try:
            fields = json.loads(text)
        except ValueError as error:
            raise InputError(
                f"the input specification is no JSON ({error}); expected an object with "
                "classes, channels, size, stored, mean, std; it is written by `plusx train`"
            ) from error
        return _checked(fields)


def stored_for(size: int) -> int:
    """Return the side at which images are kept for a network input of `size`.

    >>> stored_for(32), stored_for(224)
    (32, 256)
    """
    return size if size <= SMALL else round(size * 8 / 7)


def _checked(fields: Any) -> InputSpec:
    if not isinstance(fields, dict):
        raise _wrong("it", type(fields).__name__, "an object")
    known = list(InputSpec.__dataclass_fields__)
    for key in fields:
        if key not in known:
            raise InputError(
                f"the input specification has an unknown field {key!r}{nearest(str(key), known)}; "
                f"expected {', '.join(known)}"
            )
    for key in known:
        if key not in fields:
            raise _wrong(key, "nothing", "a value")
    classes, channels = fields["classes"], fields["channels"]
    if not isinstance(classes, list) or not all(isinstance(c, str) for c in classes):
        raise _wrong("classes", classes, "a list of names")
    if len(classes) < 2 or len(set(classes)) != len(classes):
        raise _wrong("classes", classes, "two or more different names")
    if not _whole(channels) or channels not in (1, 3):
        raise _wrong("channels", channels, "1 or 3")
    size, stored = fields["size"], fields["stored"]
    if not _whole(size) or size < 1:
        raise _wrong("size", size, "a whole number of pixels")
    if not _whole(stored) or stored < size:
        raise _wrong("stored", stored, f"a whole number of pixels, at least size ({size})")
    for key in ("mean", "std"):
        _check_per_channel(key, fields[key], channels)
    return InputSpec(
        tuple(classes), channels, size, stored, tuple(fields["mean"]), tuple(fields["std"])
    )


def _check_per_channel(key: str, values: Any, channels: int) -> None:
    numbers = isinstance(values, list) and all(
        isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in values
    )
    if not numbers or len(values) != channels:
        raise _wrong(key, values, f"{channels} number(s)")
    if key == "std" and min(values) <= 0:
        raise _wrong(key, values, "numbers above 0")


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _wrong(key: str, given: object, expected: str) -> InputError:
    return InputError(
        f"the input specification gives {key} as {given!r}, expected {expected}; "
        "take the file that `plusx train` wrote"
    )
