"""`plusx info NAME`."""

import json

from plusx.cli.console import Json

__all__ = ["info"]


def info(
    name: str,
    *,
    size: int | None = None,
    num_classes: int | None = None,
    in_channels: int = 3,
    options: dict[str, str] | None = None,
    json_output: Json = False,
) -> None:
    """Draw a network as a table: units, shapes, parameters, MACs, memory.

    Parameters
    ----------
    name
        A network of `plusx models`.
    size
        Side of the image in pixels; the paper's by default.
    num_classes
        Classes of the head; the paper's by default.
    in_channels
        1 for grey images, 3 for colour.
    options
        Other parts, as in --options.stem small.
    json_output
        Print JSON.
    """
    from plusx import create, summary
    from plusx.catalog import family_of, options_of

    family = family_of(name)
    network = create(
        name,
        num_classes=num_classes or family.num_classes,
        in_channels=in_channels,
        **(options or {}),
    )
    side = size or family.size
    found = summary(network, (in_channels, side, side))
    if json_output:
        print(json.dumps(found.to_json(), indent=2))
        return
    print(f"{family.paper}\n\n{found.table()}\n\nOptions")
    for option, values in options_of(name).items():
        print(f"  {option:10} {', '.join(values)}")
