"""docs/doctor.md is made from the doctor as it is, and what it shows happens."""

import json
import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from plusx.doctor import examine
from plusx.doctor.causes import CAUSES
from plusx.doctor.sections import checks
from plusx.doctor.target import Asked, target

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def make() -> ModuleType:
    spec = spec_from_file_location("make_doctor", ROOT / "docs" / "make_doctor.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_fresh(make: ModuleType) -> None:
    assert make.PAGE.read_text() == make.page(make.PAGE.read_text()), "run docs/make_doctor.py"


def test_every_check_and_cause_is_on_the_page(make: ModuleType) -> None:
    text = make.PAGE.read_text()
    assert all(f"- `{check.name}`: {check.question}" in text for check in checks())
    assert all(f"| {cause} | {meaning} |" in text for cause, meaning in CAUSES.items())


def test_the_benchs_table_is_taken_over(
    make: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = {
        "defects": 2,
        "bases": 1,
        "budget, s": 60.0,
        "measured with an earlier text": 0,
        "alarms": {"resnet20 drawn": ["warning: it is slow"]},
        "right, %": 50.0,
        "caught, %": 100.0,
        "healthy": 3,
        "called wrong": 0,
        "warnings, %": 0.5,
        "checks": 1200,
        "table": [
            {"defect": "a", "base": "resnet20", "expected": ["no shortcut"], "rank": 1},
            {"defect": "b", "base": "resnet20", "expected": ["no step"], "rank": None},
        ],
    }
    (tmp_path / "defects.json").write_text(json.dumps({"figures": figures}))
    monkeypatch.setattr(make, "BENCH", tmp_path / "defects.json")
    text = make.page(make.PAGE.read_text())
    assert "2 defects in 1 networks, 60 s of work each" in text and "0.5% of 1,200 checks" in text
    assert "- resnet20 drawn: warning: it is slow" in text and "last change" not in text
    assert "| a | resnet20 | no shortcut | 1 |" in text
    assert "| b | resnet20 | no step | not found |" in text


@pytest.mark.full
def test_the_example_is_what_the_doctor_says(make: ModuleType) -> None:
    shown = re.search(r"<!-- example:.*?<!-- end of example", make.PAGE.read_text(), re.DOTALL)
    assert shown is not None
    words = make.COMMAND[1]
    found = target(str(ROOT / words), Asked(data="digits"))
    diagnosis = examine(found.model, found.material, name=found.name)
    assert diagnosis.sentence() in shown[0], "run docs/make_doctor.py --example"
    for trouble in diagnosis.troubles:
        assert trouble.title in shown[0], "run docs/make_doctor.py --example"


@pytest.mark.full
@pytest.mark.filterwarnings("ignore::plusx.doctor.ExaminedInPartWarning")  # on a busy machine
def test_snippets_run(make: ModuleType) -> None:
    snippets = re.findall(r"```python\n(.*?)```", make.PAGE.read_text(), flags=re.DOTALL)
    assert len(snippets) == 3
    names: dict[str, object] = {}
    for code in snippets:
        exec(compile(code, "docs/doctor.md", "exec"), names)
    names["test_the_network_is_healthy"]()  # type: ignore[operator]
