"""A network of `plusx models`: as its paper has it, or as `plusx train` would build it for data."""

from dataclasses import replace

from plusx.catalog import create, family_of, from_words, options_of
from plusx.doctor.made_up import made_up
from plusx.doctor.of_setup import material_of, training_of
from plusx.doctor.target.asked import Asked, Target
from plusx.errors import InputError
from plusx.train.config import TrainConfig
from plusx.train.initial import initial_weights
from plusx.train.prepare import prepare
from plusx.train.setup import Reporter, Silent
from plusx.zoo import Option

__all__ = ["Heard", "named"]


class Heard(Silent):
    """A reporter that draws the bars of another one, and keeps what is said."""

    def __init__(self, other: Reporter) -> None:
        self.lines: list[str] = []
        self.progress = other.progress  # type: ignore[method-assign, assignment]

    def say(self, line: str) -> None:
        """Keep the line."""
        self.lines.append(line)


def named(name: str, asked: Asked, reporter: Reporter) -> Target:
    """Build the network; with data, the one that would be trained on it, by its usual recipe."""
    return _as_trained(name, asked, reporter) if asked.data else _as_published(name, asked)


def _as_published(name: str, asked: Asked) -> Target:
    family = family_of(name)
    options = _options(name, asked)
    if "image_size" in options_of(name) and asked.size:
        options.setdefault("image_size", asked.size)
    model = create(
        name,
        num_classes=asked.num_classes or family.num_classes,
        in_channels=asked.in_channels or family.in_channels,
        **from_words(name, options),
    )
    notes = initial_weights(model, asked.weights) if asked.weights else ()
    material = made_up(model, size=asked.size)
    return Target(model=model, name=name, material=replace(material, notes=notes))


def _as_trained(name: str, asked: Asked, reporter: Reporter) -> Target:
    for option in ("num_classes", "in_channels"):
        if getattr(asked, option) is not None:
            raise InputError(f"{option} is given, but the data {asked.data} say it; leave it out")
    assert asked.data is not None
    heard = Heard(reporter)
    config = TrainConfig(
        data=asked.data,
        model=name,
        options={n: v for n, v in _options(name, asked).items() if not isinstance(v, bool)},
        size=asked.size,
        weights=asked.weights,
        compile="never",
    )
    setup = prepare(config, reporter=heard)
    material = material_of(setup)
    return Target(
        model=setup.network,
        name=name,
        material=replace(material, notes=tuple(heard.lines)),
        training=training_of(setup.network, setup.config, peak=setup.peak),
    )


def _options(name: str, asked: Asked) -> dict[str, Option]:
    options: dict[str, Option] = {}
    for option, value in asked.arguments.items():
        if not isinstance(value, str | int | float | bool):
            raise InputError(
                f"{option} is {value!r}, expected a word or a number; `plusx info {name}` lists "
                "the options"
            )
        options[option] = value
    return options
