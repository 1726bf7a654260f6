"""Networks by name: the one place where strings become parts."""

import inspect
import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from functools import cache, partial
from typing import Literal

import torch
from torch import nn

from plusx import surgery
from plusx.branch import ATTENTION
from plusx.errors import InputError, nearest
from plusx.parts import NORMS, Space
from plusx.parts.draws import DRAWS, redraw
from plusx.zoo import FAMILIES, Config, Family, Network, Option, Options, Range
from plusx.zoo.network import SHORTCUT_LETTERS

__all__ = ["check_options", "create", "family_of", "from_words", "list_models", "options_of"]

ACTIVATIONS: Mapping[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "mish": nn.Mish,
    "leaky": partial(nn.LeakyReLU, 0.1),
}
INITS: Mapping[str, Callable[[nn.Module], None]] = {
    **{name: partial(redraw, draw=draw) for name, draw in DRAWS.items()},
    "zero-last": surgery.zero_last_norms,
}
_NUMBER = "(0|[1-9][0-9]{0,3})"
"""A number in a name: nobody builds a network of ten thousand layers."""

EVERY: Options = {
    "attention": ATTENTION,
    "activation": ACTIVATIONS,
    "norm": NORMS,
    "init": INITS,
    "drop_path": Range(0, 0.95),
    "drop_path_mode": {"sample": "sample", "batch": "batch"},
    "shake_drop": Range(0, 0.95),
}
"""What every network takes, done to the built network through `surgery`, in this order.

`Family.without` says where one of them, or a value of it, has no meaning. A network whose paper has
attention builds it itself: the option then stands for another in its place.
"""


def create(
    name: str, *, num_classes: int = 1000, in_channels: int = 3, **options: Option
) -> Network:
    """Build the network `name` as its paper has it: (B, in_channels, H, W) -> (B, num_classes).

    `options` change parts of it: those of its family (`stem`, `shortcut`, ...) and, for every
    network, `attention`, `activation`, `norm`, `init`, `drop_path` and `shake_drop`;
    `options_of(name)` lists them with their values. Raises `ValueError` for an unknown name, option
    or value, with the valid ones and the nearest.

    >>> network = create("resnet20", num_classes=10, shortcut="project")
    >>> sum(p.numel() for p in network.parameters())
    272474
    """
    family, builder = _find(name)
    for word, number in (("num_classes", num_classes), ("in_channels", in_channels)):
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise InputError(f"{word} is {number!r}; expected a whole number of at least 1")
    check_options(name, options)
    if "drop_path_mode" in options and not options.keys() & {"drop_path", "shake_drop"}:
        raise InputError("drop_path_mode says how drop_path or shake_drop draw; give one of them")
    own = {
        option: _part(family.options[option], value)
        for option, value in options.items()
        if option in family.options
    }
    try:
        network = builder(num_classes=num_classes, in_channels=in_channels, **own)
        _change(network, family, in_channels, {o: v for o, v in options.items() if o not in own})
    except ValueError as error:
        words = ", ".join(f"{option}={value}" for option, value in options.items())
        raise InputError(f"{name} with {words or 'no options'}: {error}") from error
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


def options_of(name: str) -> dict[str, list[str] | str]:
    """Return the options that `create(name)` takes, each with its values or its range.

    >>> options_of("plain20")["stem"]
    ['small', 'large', 'deep']
    """
    return {
        option: str(values) if isinstance(values, Range) else list(values)
        for option, values in _allowed(name).items()
    }


def check_options(name: str, options: Mapping[str, Option]) -> None:
    """Raise `ValueError` when `create(name, **options)` would not know its name or an option."""
    allowed = _allowed(name)
    pointless = _pointless(family_of(name))
    for option, value in options.items():
        reason = pointless.get(option) or pointless.get(f"{option}={value}")
        if reason and option not in allowed:
            raise InputError(f"{name} has no option {option!r}: {reason}")
        if option not in allowed:
            raise InputError(
                f"{name} has no option {option!r}{nearest(option, allowed)}; it takes "
                f"{', '.join(allowed)}"
            )
        values = allowed[option]
        if isinstance(values, Range):
            if not values.holds(value):
                raise InputError(f"{option}={value!r} is not {values}")
        elif not isinstance(value, str) or value not in values:
            if reason:
                raise InputError(f"{option}={value} is not for {name}: {reason}")
            hint = _letter(option, value, values) or nearest(str(value), values)
            raise InputError(
                f"{option}={value!r} is not known{hint}; it is one of {', '.join(values)}"
            )


def _letter(option: str, value: Option, values: Mapping[str, object]) -> str:
    """Say what a shortcut is called here that the paper calls A, B, C or D."""
    word = SHORTCUT_LETTERS.get(str(value).upper(), "")
    known = option == "shortcut" and word in values
    return f"; the paper's {value} is {word!r} here" if known else ""


def from_words(name: str, options: Mapping[str, Option]) -> dict[str, Option]:
    """Turn what was typed into what `create(name)` takes: "0.2" into 0.2 where a number belongs.

    >>> from_words("resnet20", {"drop_path": "0.2", "stem": "small"})
    {'drop_path': 0.2, 'stem': 'small'}
    """
    allowed = _allowed(name)
    return {
        option: _number(value) if isinstance(allowed.get(option), Range) else value
        for option, value in options.items()
    }


def _number(value: Option) -> Option:
    for kind in (int, float):
        try:
            return kind(value) if isinstance(value, str) else value
        except ValueError:
            continue
    return value


def _allowed(name: str) -> Options:
    family, builder = _find(name)
    taken = inspect.signature(builder).parameters
    own = {option: values for option, values in family.options.items() if option in taken}
    pointless = _pointless(family)
    every = {
        option: values
        if isinstance(values, Range)
        else {v: part for v, part in values.items() if f"{option}={v}" not in pointless}
        for option, values in EVERY.items()
        if option not in own and option not in pointless
    }
    return own | every


def _pointless(family: Family) -> dict[str, str]:
    """Say which options of every network, or their values, have no meaning here, and why."""
    return {**family.without, **_blind_gates(family.space)}


@cache
def _blind_gates(space: Space) -> dict[str, str]:
    """Return the values of `attention` that find nothing to look at in a space, and why."""
    found = {}
    with torch.random.fork_rng(devices=[]):  # the first network is drawn as every other
        for name, gate in ATTENTION.items():
            try:
                if gate is not None:
                    gate(1, space=space)
            except ValueError as error:
                found[f"attention={name}"] = str(error)
    return found


def _part(values: Mapping[str, object] | Range, value: Option) -> object:
    return value if isinstance(values, Range) else values[str(value)]


def _change(
    network: Network, family: Family, in_channels: int, options: Mapping[str, Option]
) -> None:
    """Apply the options that every network takes."""
    gate = ATTENTION[str(options.get("attention", "none"))]
    if gate is not None:
        example = family.inputs(2, in_channels, network.size or family.small_size)
        surgery.add_gates(network, gate, example, space=family.space)
    if "activation" in options:
        surgery.exchange_activations(network, ACTIVATIONS[str(options["activation"])])
    if "norm" in options:
        norm = NORMS[str(options["norm"])]
        surgery.exchange_norms(network, norm.make, kept=norm.kept)
    if "init" in options:
        INITS[str(options["init"])](network)
    mode: Literal["sample", "batch"] = "sample"
    if options.get("drop_path_mode") == "batch":
        mode = "batch"
    if "drop_path" in options:
        surgery.add_drop_path(network, float(options["drop_path"]), mode=mode)
    if "shake_drop" in options:
        surgery.add_shake_drop(network, float(options["shake_drop"]), mode=mode)


def _find(name: str) -> tuple[Family, Callable[..., Network]]:
    for family in FAMILIES:
        if name in family.models:
            return family, family.models[name]
    for family in FAMILIES:
        for pattern, sized in family.sized.items():
            match = re.fullmatch(re.escape(pattern).replace(r"\{\}", _NUMBER), name)
            if match:
                return family, sized(*map(int, match.groups()))
    known = list_models()
    raise InputError(
        f"there is no network {name!r}{nearest(name, known, count=3)}; `plusx models` lists all"
    )


def _split(name: str) -> list[str]:
    return re.split(r"(\d+)", name)
