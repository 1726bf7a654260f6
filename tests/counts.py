"""What a network must count: from the golden files, completed by the papers' formulas."""

import json
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

GOLDEN = {
    name: counts
    for path in sorted((Path(__file__).parent / "golden").glob("*.json"))
    for name, counts in json.loads(path.read_text()).items()
    if name != "_source"
}
FORMULAS = [
    import_module(f"formulas.{module.name}")
    for module in iter_modules([str(Path(__file__).parent / "formulas")])
]


def expected(name: str) -> dict[str, int]:
    """Return params, macs and units of a network by name; what both know must agree."""
    counts: dict[str, int] = dict(GOLDEN.get(name, {}))
    for formula in FORMULAS:
        for what, value in formula.counts(name).items():
            assert counts.setdefault(what, value) == value, (name, what)
    return counts
