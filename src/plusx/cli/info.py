"""`plusx info NAME` and `plusx info A B`."""

import json

from plusx.cli.console import Json
from plusx.errors import InputError

__all__ = ["info"]


def info(
    name: str,
    other: str | None = None,
    *,
    size: int | None = None,
    num_classes: int | None = None,
    in_channels: int | None = None,
    options: dict[str, str] | None = None,
    json_output: Json = False,
) -> None:
    """Draw a network as a table, or two side by side with the rows where they differ.

    Parameters
    ----------
    name
        A network of `plusx models`.
    other
        Another one to compare it with.
    size
        Side of the image in pixels (or length, or nodes); the paper's by default.
    num_classes
        Classes of the head; the paper's by default.
    in_channels
        1 for grey images, 3 for colour; the paper's by default.
    options
        Other parts, as in --options.stem small.
    json_output
        Print JSON.
    """
    from plusx.analysis.compare import compare
    from plusx.analysis.summary import Summary, summary
    from plusx.catalog import create, family_of, from_words, options_of

    if size is not None and size < 1:
        raise InputError(f"size is {size}; expected 1 or more")

    def summed(named: str) -> Summary:
        family = family_of(named)
        channels = family.in_channels if in_channels is None else in_channels
        network = create(
            named,
            num_classes=family.num_classes if num_classes is None else num_classes,
            in_channels=channels,
            **from_words(named, options or {}),
        )
        return summary(network, family.inputs(2, channels, size or family.size))

    if other is not None:
        found = compare(summed(name), summed(other))
        print(json.dumps(found.to_json(), indent=2) if json_output else found.table())
        return
    one = summed(name)
    if json_output:
        print(json.dumps(one.to_json(), indent=2))
        return
    family = family_of(name)
    print(f"{family.paper}\n{family.equation}\n\n{one.table()}\n\nOptions")
    for option, values in options_of(name).items():
        print(f"  {option:15} {values if isinstance(values, str) else ', '.join(values)}")
