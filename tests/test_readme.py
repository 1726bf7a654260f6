"""What the README shows is what happens."""

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from plusx.cli import app

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize("code", SNIPPETS)
def test_snippets_run(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})


def test_verbs_and_make_targets_exist() -> None:
    for verb in re.findall(r"^    plusx (\w+)", README, flags=re.MULTILINE):
        assert verb in app
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"make (\w+)", README):
        assert f"\n{target}:" in makefile


def test_the_figures_are_those_of_the_results() -> None:
    spec = spec_from_file_location("table", ROOT / "benchmarks" / "table.py")
    assert spec is not None and spec.loader is not None
    made = module_from_spec(spec)
    spec.loader.exec_module(made)
    assert made.table() in README


def test_the_tree_names_what_is_there() -> None:
    package = ROOT / "src" / "plusx"
    tree = README[README.index("    src/plusx/") :]
    for path in package.iterdir():
        if path.name[0] not in "._" and path.name != "py.typed":
            assert path.name in tree, path.name
