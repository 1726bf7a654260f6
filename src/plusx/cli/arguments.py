"""`--arg NAME=VALUE`, again and again, as what a factory is called with."""

import json
from typing import Any

from plusx.errors import InputError

__all__ = ["arguments"]


def arguments(given: list[str]) -> dict[str, Any]:
    """Read NAME=VALUE: a value is JSON (8, 0.5, true, [1, 2]), and else a word.

    >>> arguments(["depth=18", "norm=group"])
    {'depth': 18, 'norm': 'group'}
    """
    found: dict[str, Any] = {}
    for words in given:
        name, equals, value = words.partition("=")
        if not equals or not name.isidentifier():
            raise InputError(f"--arg is {words!r}, expected NAME=VALUE, as in --arg depth=18")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found
