"""docs/attention.md is made from the networks and the measurements, and what it shows happens."""

import json
import re
from pathlib import Path
from typing import Any

import make_attention as make
import pytest

from plusx import create

SNIPPETS = re.findall(r"```python\n(.*?)```", make.PAGE.read_text(), flags=re.DOTALL)


def test_the_page_is_fresh() -> None:
    assert make.PAGE.read_text() == make.page(make.PAGE.read_text()), "run docs/make_attention.py"


def test_what_attention_adds_is_what_the_networks_count() -> None:
    plain, whole = (
        sum(p.numel() for p in create("hybrid_resnet20", num_classes=10, attention=a).parameters())
        for a in ("none", "hybrid")
    )
    row = next(line for line in make.PAGE.read_text().splitlines() if "| `hybrid_resnet20`" in line)
    assert row.split(" | ")[1:3] == [f"{whole:,}", f"{100 * (whole - plain) / plain:.3f}%"]


@pytest.mark.parametrize("code", SNIPPETS)
def test_snippets_run(code: str) -> None:
    exec(compile(code, "docs/attention.md", "exec"), {})


def measured() -> dict[str, Any]:
    """Figures of one data set."""
    accuracy = {"mean": 93.0, "interval": [92.5, 93.5]}
    plain = {
        "called": "no attention",
        "parameters": 269722,
        "accuracy, %": accuracy,
        "less se, points": {"mean": -0.1, "interval": [-0.3, 0.1]},
        "training step, times plain": 1.0,
        "validation accuracy by pass, %": [60.0, 70.0, 75.0, 80.0, 85.0, 88.0, 90.0, 91.25],
        "gradient of the stem, median": 0.4321,
    }
    whole = {
        **plain,
        "called": "whole hybrid",
        "parameters": 273982,
        "less none, points": {"mean": 0.7, "interval": [0.2, 1.2]},
        "less se, points": {"mean": 0.4, "interval": [0.1, 0.7]},
        "less cbam, points": {"mean": -0.4, "interval": [-0.7, -0.1]},
        "training step, times plain": 1.5,
    }
    return {
        "some-set": {
            "source": "some.zip",
            "images": "1,000",
            "epochs": 8,
            "seeds": 5,
            "command": "plusx train",
            "variants": {"none": plain, "hybrid": whole},
            "claim": {"none": "not decided", "se": "held", "cbam": "not held"},
        }
    }


def test_the_table_is_taken_over_and_what_became_of_the_statement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "attention.json").write_text(json.dumps({"figures": measured()}))
    monkeypatch.setattr(make, "RESULTS", tmp_path)
    text = make.page(make.PAGE.read_text())
    assert "**some-set** (`some.zip`): 1,000 training images, 8 passes, 5 seeds" in text
    row = "| no attention | 269,722 | 93.00% (92.50 to 93.50) | - | -0.10 (-0.30 to 0.10) | 1.00 |"
    assert row in text
    assert (
        "| attention | pass 1 | pass 2 | pass 4 | pass 8 | gradient |\n|---|---|---|---|---|---|"
        in text
    )
    assert "| no attention | 60.0% | 70.0% | 80.0% | 91.2% | 0.43 |" in text
    assert "without attention: **not decided**, 0.70 (0.20 to 1.20) points" in text
    assert "good as SE: **held**, 0.40" in text and "good as CBAM: **not held**, -0.40" in text


def test_times_are_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = {f"{gate}, times plain": value for gate, value in (("hybrid", 1.1), ("se", 1.05))}
    of = {"training": {**times, "cbam, times plain": 1.3}}
    of["inference"] = {name: value + 0.5 for name, value in of["training"].items()}
    (tmp_path / "hybrid_cost.json").write_text(json.dumps({"figures": {"net": of}}))
    monkeypatch.setattr(make, "RESULTS", tmp_path)
    text = make.page(make.PAGE.read_text())
    assert "| `net` | 1.10 | 1.05 | 1.30 | 1.60 | 1.55 | 1.80 |" in text


def test_without_measurements_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make, "RESULTS", tmp_path)
    text = make.page(make.PAGE.read_text())
    assert text.count("Not measured yet: `make bench ONLY=") == 2
