"""Section: the command, the settings and the machine, to run it again."""

from dataclasses import fields

from plusx.report.blocks import facts, verbatim
from plusx.report.markup import join, tag
from plusx.report.page import Section
from plusx.train.result import TrainResult

__all__ = ["origin"]


def origin(result: TrainResult) -> Section:
    """Show all that is needed to run this again."""
    settings = {
        f.name.replace("_", " "): getattr(result.config, f.name) for f in fields(result.config)
    }
    return Section(
        "origin",
        "How to run this again",
        f"The command, with every setting that it led to. The seed, {result.config.seed}, decides "
        "the split, the first weights, the order of the images and their augmentation.",
        join(
            [
                tag("div", verbatim(result.command, label="The command"), class_="command"),
                tag("h3", "Settings"),
                facts({name: _said(value) for name, value in settings.items()}),
                tag("h3", "Machine and versions"),
                facts({name: _said(value) for name, value in result.environment.items()}),
            ]
        ),
    )


def _said(value: object) -> str:
    match value:
        case None:
            return "not set"
        case bool():
            return "yes" if value else "no"
        case dict():
            return ", ".join(f"{name} = {_said(inner)}" for name, inner in value.items()) or "none"
        case list() | tuple():
            return ", ".join(map(_said, value)) or "none"
        case _:
            return str(value)
