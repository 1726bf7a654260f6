"""Networks by name: the one place where strings become parts."""

import inspect
import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from plusx import parts, surgery
from plusx.errors import InputError, nearest
from plusx.zoo import FAMILIES, Config, Family, Network
from plusx.zoo.network import Option

__all__ = ["check_options", "create", "family_of", "list_models", "options_of"]

CHOICES: Mapping[str, Mapping[str, object]] = {
    "stem": {"small": parts.small_stem, "large": parts.large_stem, "deep": parts.deep_stem},
    "shortcut": {
        "identity": parts.identity,
        "pad": parts.pad,
        "project": parts.project,
        "project-all": parts.project_all,
        "avg-project": parts.avg_project,
    },
    "transform": {
        "basic": parts.basic,
        "bottleneck": parts.bottleneck,
        "bottleneck-2015": parts.bottleneck_2015,
    },
}
INITS: Mapping[str, Callable[[Network], None]] = {
    "he": lambda network: None,  # the builders' own
    "zero-last": surgery.zero_last_norms,
}


def create(
    name: str, *, num_classes: int = 1000, in_channels: int = 3, **options: Option
) -> Network:
    """Build the network `name` as its paper has it: (B, in_channels, H, W) -> (B, num_classes).

    `options` name other parts: `stem`, `shortcut`, `transform`, and `init="zero-last"`;
    `options_of(name)` lists what a network takes. Raises `ValueError` for an unknown name, option
    or value, with the valid ones and the nearest.

    >>> network = create("resnet20", num_classes=10, shortcut="project")
    >>> sum(p.numel() for p in network.parameters())
    272474
    """
    _, builder = _find(name)
    for word, number in (("num_classes", num_classes), ("in_channels", in_channels)):
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise InputError(f"{word} is {number!r}; expected a whole number of at least 1")
    check_options(name, options)
    chosen = {
        option: CHOICES[option][str(value)]
        for option, value in options.items()
        if option in CHOICES
    }
    try:
        network = builder(num_classes=num_classes, in_channels=in_channels, **chosen)
        INITS[str(options.get("init", "he"))](network)
    except ValueError as error:
        raise InputError(f"{name} with {_words(options)}: {error}") from error
    network.config = Config(name, num_classes, in_channels, dict(options))
    return network


def list_models(pattern: str = "*") -> list[str]:
    """Return the names of the networks that match `pattern` (as in file names), sorted by size.

    >>> list_models("plain*")
    ['plain18', 'plain20', 'plain32', 'plain34', 'plain44', 'plain56', 'plain110']
    """
    names = [name for family in FAMILIES for name in family.models if fnmatchcase(name, pattern)]
    return sorted(names, key=lambda name: [int(p) if p.isdigit() else p for p in _split(name)])


def family_of(name: str) -> Family:
    """Return the family that `name` belongs to; raises `ValueError` for an unknown name."""
    return _find(name)[0]


def options_of(name: str) -> dict[str, list[str]]:
    """Return the options that `create(name)` takes, each with its values.

    >>> options_of("plain20")["stem"]
    ['small', 'large', 'deep']
    """
    taken = inspect.signature(_find(name)[1]).parameters
    found = {option: list(values) for option, values in CHOICES.items() if option in taken}
    return found | {"init": list(INITS)}


def check_options(name: str, options: Mapping[str, Option]) -> None:
    """Raise `ValueError` when `create(name, **options)` would not know its name or an option."""
    allowed = options_of(name)
    for option, value in options.items():
        if option not in allowed:
            raise InputError(
                f"{name} has no option {option!r}{nearest(option, allowed)}; it takes "
                f"{', '.join(allowed)}"
            )
        if value not in allowed[option]:
            raise InputError(
                f"{option}={value!r} is not known{nearest(str(value), allowed[option])}; it is "
                f"one of {', '.join(allowed[option])}"
            )


def _find(name: str) -> tuple[Family, Callable[..., Network]]:
    for family in FAMILIES:
        if name in family.models:
            return family, family.models[name]
    for family in FAMILIES:
        for pattern, sized in family.sized.items():
            match = re.fullmatch(re.escape(pattern).replace(r"\{\}", r"(\d+)"), name)
            if match:
                return family, sized(*map(int, match.groups()))
    known = list_models()
    raise InputError(
        f"there is no network {name!r}{nearest(name, known)}\nKnown are {', '.join(known)}, "
        "and other depths 6n + 2 of resnet and plain"
    )


def _words(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{option}={value}" for option, value in options.items()) or "no options"


def _split(name: str) -> list[str]:
    return re.split(r"(\d+)", name)
