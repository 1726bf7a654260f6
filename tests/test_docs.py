"""docs/zoo.md and what `plusx models` reads are made from the networks as they are."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
import torch

from plusx import create, list_models
from plusx.zoo.published import PUBLISHED

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def make() -> ModuleType:
    spec = spec_from_file_location("make", ROOT / "docs" / "make.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_network_is_counted(make: ModuleType) -> None:
    import json

    assert list(json.loads(make.COUNTS.read_text())) == list_models(), "run `make docs`"


def test_the_page_is_fresh(make: ModuleType) -> None:
    assert make.PAGE.read_text() == make.page(), "run `make docs`"


@pytest.mark.parametrize(
    "name", ["resnet20", "plain20", "resnet50", "densenet121", "vit_tiny_patch4_32"]
)
def test_counts_are_fresh(make: ModuleType, name: str) -> None:
    import json

    assert json.loads(make.COUNTS.read_text())[name] == make.count(name), "run `make docs`"


def test_every_option_of_every_network_has_an_example_that_runs(make: ModuleType) -> None:
    assert list(make.EXAMPLES) and set(make.EXAMPLES) == set(make.EVERY)
    for option, (_, example) in make.EXAMPLES.items():
        assert f"{option}=" in example
        with torch.device("meta"):
            eval(example, {"create": create})


def test_figures_of_others_are_of_networks_here_and_have_a_source() -> None:
    assert set(PUBLISHED) <= set(list_models())
    assert len(PUBLISHED) >= 100
    for published in PUBLISHED.values():
        assert "%" in published.figure and "{" not in published.figure and published.source
