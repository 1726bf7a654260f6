"""`plusx info NAME` and `plusx info A B`."""

import json
from typing import TYPE_CHECKING

from plusx.cli.console import Json
from plusx.errors import InputError

if TYPE_CHECKING:
    from plusx.zoo import Family

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
        Side of the image in pixels (or length, or nodes); that of the network or its paper by
        default.
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
    from plusx.zoo.published import PUBLISHED

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
        return summary(network, family.inputs(2, channels, size or network.size or family.size))

    if other is not None:
        found = compare(summed(name), summed(other))
        print(json.dumps(found.to_json(), indent=2) if json_output else found.table())
        return
    one = summed(name)
    if json_output:
        print(json.dumps(one.to_json(), indent=2))
        return
    family = family_of(name)
    print(f"{family.paper}\n{family.equation}\nGood for {family.good_for}.")
    if name in PUBLISHED:
        print(f"Published: {PUBLISHED[name]}.")
    if name not in family.models:
        print(_by_rule(name, family, one.sample))
    print(f"\n{one.table()}\n\nOptions")
    for option, values in options_of(name).items():
        print(f"  {option:15} {values if isinstance(values, str) else ', '.join(values)}")
    if family.deviations:
        print("\nWhere it differs from the paper")
    for line in family.deviations:
        print(f"  {line}")


def _by_rule(name: str, family: "Family", sample: str) -> str:
    """Say what a name stands for that no paper has, and which networks it is not one of."""
    from plusx.zoo import FAMILIES

    built = f"{name} is not in the paper: it is built by the rule of {_some(family)}"
    paper = family.paper.partition(", section")[0].partition(", appendix")[0]
    twins = [
        f"the networks for photographs are {_some(other)}"
        for other in FAMILIES
        if other.paper.startswith(paper)
        and (other.equation, other.inputs) == (family.equation, family.inputs)
        and other.size >= 4 * family.size
    ]
    return "; ".join([f"{built}, for an {sample}" if twins else built, *twins]) + "."


def _some(family: "Family") -> str:
    names = list(family.models)
    return ", ".join(names if len(names) < 4 else [*names[:2], "...", names[-1]])
