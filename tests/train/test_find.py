"""`plusx train --find-lr` and `--find-batch-size`."""

import json
import math
from pathlib import Path

import matplotlib
import pytest
from curves import swept

from plusx import InputError
from plusx.cli.find import find
from plusx.train import find_batch
from plusx.train import find_rate as find_rate_module
from plusx.train.find_batch import BatchFound
from plusx.train.find_rate import RateFound, judged
from plusx.train.setup import Setup
from plusx.train.try_batch import Measured

matplotlib.use("Agg")


def test_the_command_prints_draws_and_returns(
    setup: Setup,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    batch = BatchFound((Measured(8, 10.0, 1), Measured(16, 20.0, 2)), 16, True, 16, None, "Because")
    monkeypatch.setattr(find_batch, "find_batch_size", lambda setup, most: batch)
    tried: list[int] = []

    def rate(setup: Setup) -> RateFound:
        tried.append(setup.batch_size)
        return judged(*swept(lambda r: 2 - math.tanh(2 * (math.log10(r) + 2))))

    monkeypatch.setattr(find_rate_module, "find_rate", rate)
    plot = tmp_path / "found.png"
    assert find(lambda: setup, rate=True, batch_size=True, plot=plot) == 0
    said = capsys.readouterr().out
    assert "Because" in said and "Train with --batch-size 16 --learning-rate" in said
    assert "Batches of up to 65 are tried" in said and tried == [16]
    assert plot.read_bytes().startswith(b"\x89PNG")
    find(lambda: setup, batch_size=True, json_output=True)
    assert json.loads(capsys.readouterr().out)["batch_size"]["chosen"] == 16
    find(lambda: setup, rate=True)
    assert "Train with --batch-size 64 --learning-rate" in capsys.readouterr().out
    with pytest.raises(InputError, match="nothing to find"):
        find(lambda: setup)
    with pytest.raises(InputError, match=r"\.png"):
        find(lambda: setup, rate=True, plot=tmp_path / "found.txt")
