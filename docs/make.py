"""Make docs/zoo.md from the networks themselves: `make docs`.

With `--counts`, first measure every network anew and write src/plusx/zoo/counts.json, which
`plusx models` reads (some minutes). tests/test_docs.py checks both.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plusx import create, list_models, summary
from plusx.analysis.anatomy import Anatomy, anatomy
from plusx.catalog import EVERY, family_of, options_of
from plusx.zoo import FAMILIES, Family
from plusx.zoo.published import PUBLISHED

ROOT = Path(__file__).parent.parent
COUNTS = ROOT / "src" / "plusx" / "zoo" / "counts.json"
PAGE = ROOT / "docs" / "zoo.md"

Counts = Mapping[str, Mapping[str, Any]]

EXAMPLES = {
    "activation": ("another one in every place", 'create("resnet50", activation="silu")'),
    "norm": ("another one in the place of every batch norm", 'create("resnet20", norm="group")'),
    "init": (
        "how weights start; zero-last makes every transform zero at first",
        'create("resnet50", init="zero-last")',
    ),
    "attention": ("a gate on every transform", 'create("resnet50", attention="se")'),
    "drop_path": (
        "stochastic depth: the last unit is left out that often in training, those before it less",
        'create("resnet110", drop_path=0.5)',
    ),
    "drop_path_mode": (
        "one draw a sample or one a batch",
        'create("resnet110", drop_path=0.5, drop_path_mode="batch")',
    ),
    "shake_drop": (
        "ShakeDrop: transforms are disturbed instead of left out",
        'create("pyramidnet110_a270", shake_drop=0.5)',
    ),
}
"""What each option that every network takes does, and a call with it."""


def count(name: str) -> dict[str, object]:
    """Measure one network as its paper has it."""
    family = family_of(name)
    model = create(name, num_classes=family.num_classes, in_channels=family.in_channels)
    side = model.size or family.size
    found = summary(model, family.inputs(2, family.in_channels, side))
    return {
        "input": side,
        "params": found.params,
        "macs": found.macs,
        "units": found.units,
        "kinds": [kind.to_json() for kind in anatomy(found)],
    }


def page() -> str:
    """Write the whole page."""
    counts = json.loads(COUNTS.read_text())
    head = """# The zoo

Every network that `plusx.create` knows by name; `make docs` makes this page from the networks
themselves. Parameters and MACs (multiply-accumulates, half the FLOPs) are those of the paper's
classes and input size. Accuracies are those of the papers, their authors or the libraries named
with them, not ours. Shortcut, transform and merge are those of the most frequent unit; the drawings
below show the others.

| name | paper | year | parameters | MACs | units | published | shortcut | transform | merge |
|---|---|---|---|---|---|---|---|---|---|
"""
    rows = [_row(name, counts[name]) for family in FAMILIES for name in _names(family)]
    sections = [_section(family, counts) for family in FAMILIES]
    return "\n\n".join([head + "\n".join(rows), _every(), *sections]) + "\n"


def _names(family: Family) -> list[str]:
    return [name for name in list_models() if name in family.models]


def _row(name: str, counted: Mapping[str, Any]) -> str:
    family = family_of(name)
    kind = counted["kinds"][0]
    cells = (
        f"`{name}`",
        family.paper,
        family.year,
        f"{counted['params']:,}",
        f"{counted['macs']:,}",
        counted["units"],
        PUBLISHED.get(name, ""),
        *(kind[part] for part in ("shortcut", "transform", "merge")),
    )
    return f"| {' | '.join(map(str, cells))} |"


def _every() -> str:
    """Say what every network takes, each with an example."""
    options = options_of("resnet50")
    lines = [
        "## Options of every network",
        "",
        "The families below have more, of their own. What would have no meaning for a network is "
        "not offered there, and the error says why.",
        "",
    ]
    for option in EVERY:
        does, example = EXAMPLES[option]
        lines.append(f"- `{option}` ({_values(options[option])}): {does}. `{example}`")
    return "\n".join(lines)


def _values(values: str | list[str]) -> str:
    return values if isinstance(values, str) else ", ".join(values)


def _section(family: Family, counts: Counts) -> str:
    names = _names(family)
    own = {o: v for o, v in options_of(names[0]).items() if o in family.options}
    options = "".join(f"\n- `{option}`: {_values(values)}" for option, values in own.items())
    sized = f"\n\nOther sizes go by their name: {', '.join(f'`{p}`' for p in family.sized)}."
    deviations = "".join(f"\n- {line}" for line in family.deviations)
    return "".join(
        [
            f"## {family.name}\n\n    {family.equation}\n\n",
            f"{family.paper}. Good for {family.good_for}.\n\n",
            _drawings(names, counts),
            sized if family.sized else "",
            f"\n\nOptions:\n{options}" if options else "",
            f"\n\nWhere it differs from the paper:\n{deviations}" if deviations else "",
        ]
    )


def _drawings(names: list[str], counts: Counts) -> str:
    """Draw the units, once for all networks that are made of the same kinds."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for name in names:
        drawn = tuple(Anatomy(**kind).drawing() for kind in counts[name]["kinds"])
        alike.setdefault(drawn, []).append(name)
    pieces = []
    for drawings, same in alike.items():
        pieces.append(f"{', '.join(f'`{name}`' for name in same)}:")
        for index, drawing in enumerate(drawings):
            places = {counts[name]["kinds"][index]["where"] for name in same}
            if len(drawings) > 1:
                pieces.append(f"At {places.pop() if len(places) == 1 else 'units of one kind'}:")
            pieces.append(f"```\n{drawing}\n```")
    return "\n\n".join(pieces)


def main() -> None:
    """Make the page, and the counts when asked."""
    if "--counts" in sys.argv:
        counts = {}
        for name in list_models():
            counts[name] = count(name)
            print(name, counts[name]["params"], flush=True)
        COUNTS.write_text(json.dumps(counts, indent=1, ensure_ascii=False) + "\n")
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
