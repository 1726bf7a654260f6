"""Make docs/zoo.md from the networks themselves: `make docs`.

With `--counts`, first measure every network anew and write src/plusx/zoo/counts.json, which
`plusx models` reads (some minutes). tests/test_docs.py checks both.
"""

import json
import sys
from pathlib import Path

from plusx import create, list_models, summary
from plusx.analysis.anatomy import Anatomy, anatomy
from plusx.catalog import family_of, options_of
from plusx.zoo import FAMILIES, Family

ROOT = Path(__file__).parent.parent
COUNTS = ROOT / "src" / "plusx" / "zoo" / "counts.json"
PAGE = ROOT / "docs" / "zoo.md"


def count(name: str) -> dict[str, object]:
    """Measure one network as its paper has it."""
    family = family_of(name)
    model = create(name, num_classes=family.num_classes, in_channels=family.in_channels)
    found = summary(model, family.inputs(2, family.in_channels, family.size))
    return {
        "params": found.params,
        "macs": found.macs,
        "units": found.units,
        **anatomy(found).to_json(),
    }


def page() -> str:
    """Write the whole page."""
    counts = json.loads(COUNTS.read_text())
    head = """# The zoo

Every network that `plusx.create` knows by name; `make docs` makes this page from the networks
themselves. Parameters and MACs (multiply-accumulates, half the FLOPs) are those of the paper's
classes and input size. Accuracies are the papers' or their authors', not ours.

| name | year | parameters | MACs | units | published |
|---|---|---|---|---|---|
"""
    rows = [_row(name, counts[name]) for family in FAMILIES for name in _names(family)]
    by_name: dict[str, list[Family]] = {}
    for family in FAMILIES:  # EfficientNets are a family a size, since each has its input size
        by_name.setdefault(family.name, []).append(family)
    sections = [_section(alike, counts) for alike in by_name.values()]
    return head + "\n".join(rows) + "\n\n" + "\n\n".join(sections) + "\n"


def _names(family: Family) -> list[str]:
    return [name for name in list_models() if name in family.models]


def _row(name: str, counted: dict[str, object]) -> str:
    family = family_of(name)
    published = family.published.get(name, "")
    macs, params = counted["macs"], counted["params"]
    return (
        f"| `{name}` | {family.year} | {params:,} | {macs:,} | {counted['units']} | {published} |"
    )


def _section(alike: list[Family], counts: dict[str, dict[str, object]]) -> str:
    family = alike[0]
    names = [name for one in alike for name in _names(one)]
    kinds: dict[str, list[str]] = {}
    for name in names:
        unit = counts[name]
        drawn = Anatomy(*(str(unit[part]) for part in ("shortcut", "transform", "merge")))
        kinds.setdefault(drawn.drawing(), []).append(name)
    drawings = "\n\n".join(
        f"{', '.join(f'`{n}`' for n in named)}:\n\n```\n{drawing}\n```"
        for drawing, named in kinds.items()
    )
    own = {o: v for o, v in options_of(names[0]).items() if o in family.options}
    options = "".join(
        f"\n- `{option}`: {values if isinstance(values, str) else ', '.join(values)}"
        for option, values in own.items()
    )
    sized = f"\n\nOther sizes go by their name: {', '.join(f'`{p}`' for p in family.sized)}."
    deviations = "".join(f"\n- {line}" for line in family.deviations)
    return "".join(
        [
            f"## {family.name}\n\n    {family.equation}\n\n",
            f"{family.paper} ({family.year}). Good for {family.good_for}.\n\n{drawings}",
            sized if family.sized else "",
            f"\n\nOptions:\n{options}" if options else "",
            f"\n\nWhere it differs from the paper:\n{deviations}" if deviations else "",
        ]
    )


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
