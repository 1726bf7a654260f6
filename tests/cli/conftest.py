"""The command line, called in this process."""

import sys

import pytest

from cli.calls import Run
from plusx.cli import main


@pytest.fixture
def plusx(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Call the command line in this process: (exit status, standard output, standard error)."""

    def call(*words: object) -> tuple[int, str, str]:
        tokens = [str(word) for word in words]
        monkeypatch.setattr(sys, "argv", ["plusx", *tokens])
        with pytest.raises(SystemExit) as stop:
            main(tokens)
        printed = capsys.readouterr()
        return int(stop.value.code or 0), printed.out, printed.err

    return call
