"""The house's imports point down only."""

import ast
from pathlib import Path

import pytest

import plusx

ROOT = Path(plusx.__file__).parent
# from the top down; what shares a line is one floor's wings, and may not import each other
FLOORS = [
    {"cli"},
    {"report"},
    {"doctor", "explain"},
    {"train"},
    {"data", "analysis", "weights"},
    {"saving"},
    {"catalog"},
    {"surgery", "edit"},
    {"tape"},
    {"unit"},
    {"graph"},
    {"zoo"},
    {"branch"},
    {"parts"},
    {"residual"},
    {"merge"},
    {"errors", "files"},
]
LEVEL = {name: level for level, names in enumerate(FLOORS) for name in names}


def _imports(path: Path) -> set[str]:
    """The floors that a file imports, at its top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("plusx."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.ImportFrom) and node.module == "plusx":
            for alias in node.names:
                home = plusx._HOME.get(alias.name, f"plusx.{alias.name}")
                found.add(home.split(".")[1])
    return found - {"__version__"}


FILES = [p for p in ROOT.rglob("*.py") if p.name not in ("__main__.py",) and p.parent != ROOT]
FILES += [p for p in ROOT.glob("*.py") if not p.name.startswith("__")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_from_floors_below_it(path: Path) -> None:
    own = path.relative_to(ROOT).parts[0].removesuffix(".py")
    for other in _imports(path) - {own}:
        assert LEVEL[other] > LEVEL[own], f"{own} must not import {other}"


def test_hooks_are_placed_in_one_file() -> None:
    users = {p.name for p in ROOT.rglob("*.py") if "register_forward" in p.read_text()}
    assert users == {"tape.py"}


def test_the_shortcut_is_added_in_one_file() -> None:
    users = {p.name for p in ROOT.rglob("*.py") if "self.shortcut(x)" in p.read_text()}
    assert users == {"residual.py"}
