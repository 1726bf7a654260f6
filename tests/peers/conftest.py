"""The peers' environment: torchvision made to import, and the table of errors at the end."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

if find_spec("torchvision") is None or find_spec("timm") is None:
    collect_ignore = ["peers.py"]  # the tests skip, saying why
else:
    # torchvision has no build for the tested torch; its networks need only these names to exist
    _LIBRARY = torch.library.Library("torchvision", "DEF")
    for _name in ("nms", "qnms"):
        _LIBRARY.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--parity", metavar="FILE", help="write the errors of all pairs as JSON")


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:  # type: ignore[no-untyped-def]
    rows = [
        dict(report.user_properties)
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, [])
    ]
    rows = sorted(
        (row for row in rows if "peer" in row), key=lambda row: (row["name"], row["peer"])
    )
    if not rows:
        return
    terminalreporter.section("largest error, relative to the largest value")
    figures = list(max(rows, key=len))[2:]
    terminalreporter.write_line(f"{'name':36} {'peer':32} {' '.join(f'{f:>8}' for f in figures)}")
    for row in rows:
        errors = " ".join(f"{row.get(figure, float('nan')):8.1e}" for figure in figures)
        terminalreporter.write_line(f"{row['name']:36} {row['peer']:32} {errors}")
    file = config.getoption("parity", default=None)
    if file:
        Path(file).write_text(json.dumps(rows, indent=1) + "\n")
