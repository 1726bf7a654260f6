"""Settings that all tests share."""

import os
import sys

import pytest
import torch

from cli.calls import Run

torch.set_num_threads(1)  # several processes share the machine


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def real_data() -> str:
    """The folder of real data sets, where there is one."""
    folder = os.environ.get("PLUSX_DATA")
    if not folder:
        pytest.skip("PLUSX_DATA names no folder of real data")
    return folder


@pytest.fixture
def plusx(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Call the command line in this process: (exit status, standard output, standard error)."""
    from plusx.cli import main

    def call(*words: object) -> tuple[int, str, str]:
        tokens = [str(word) for word in words]
        monkeypatch.setattr(sys, "argv", ["plusx", *tokens])
        with pytest.raises(SystemExit) as stop:
            main(tokens)
        printed = capsys.readouterr()
        return int(stop.value.code or 0), printed.out, printed.err

    return call
