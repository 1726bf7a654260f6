"""Defects of the peers' networks get their causes."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("torchvision")
pytest.importorskip("timm")

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from defects import DEFECTS, Defect, make_verdict


@pytest.mark.parametrize(
    "defect", [d for d in DEFECTS if d.of_peers][::3], ids=lambda defect: defect.key
)
def test_a_defect_gets_its_cause(defect: Defect) -> None:
    seen = defect.case().examine(60)
    assert make_verdict(seen, defect.causes).right, seen.table()
