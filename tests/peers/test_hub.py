"""The hub through huggingface_hub itself, without a network."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

if find_spec("huggingface_hub") is None:
    pytest.skip("huggingface_hub lives in .venv-peers: make test-peers", allow_module_level=True)

SCRIPT = """
from plusx import InputError, create, load_weights
try:
    load_weights(create("resnet20"), {source!r})
except InputError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("source", "settings", "words"),
    [
        ("hub:timm/resnet50.a1_in1k", {"HF_HUB_OFFLINE": "1"}, "the hub cannot be reached"),
        (
            "hub:timm/resnet50.a1_in1k",
            {"HF_ENDPOINT": "http://127.0.0.1:9"},
            "the hub cannot be reached",
        ),
        ("hub:a/b/c", {"HF_HUB_OFFLINE": "1"}, "is no 'hub:owner/name'"),
    ],
)
def test_what_cannot_be_fetched_is_said_in_a_line(
    source: str, settings: dict[str, str], words: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(source=source)],
        env=os.environ | {"HF_HOME": str(tmp_path)} | settings,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(source) and words in done.stdout
    assert done.stdout.count("\n") == 1 and "Retrying" not in done.stderr
