"""The attention benchmark: differences are of pairs, and rows say what the claim says."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

FOLDER = Path(__file__).parent.parent / "benchmarks"
COURSE = {"validation accuracy by epoch": [0.4, 0.6], "stem gradient": 0.5}


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    sys.path.insert(0, str(FOLDER))
    spec = spec_from_file_location("attention_bench", FOLDER / "attention.py")
    assert spec is not None and spec.loader is not None
    made = module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def runs(*accuracies: float) -> list[dict[str, Any]]:
    return [{**COURSE, "accuracy": a} for a in accuracies]


def values(bench: ModuleType) -> dict[str, Any]:
    """Runs in which seeds differ by ten points, and hybrid is always two above plain."""
    found = {}
    for attention in bench.VARIANTS:
        for seed, base in enumerate((0.70, 0.80, 0.90)):
            gain = {"hybrid": 0.02, "se": 0.03}.get(attention, 0.0)
            found[f"cifar10 {attention} seed {seed}"] = {"accuracy": base + gain, **COURSE}
    return {**found, "times": dict.fromkeys(bench.VARIANTS, 1.0) | {"hybrid": 1.5}}


def test_differences_are_of_pairs(bench: ModuleType) -> None:
    every = {"none": runs(0.7, 0.8), "se": runs(0.72, 0.81), "cbam": runs(0.7, 0.8)}
    every["hybrid"] = runs(0.73, 0.82)
    found = bench.of_variant("hybrid", every, channels=3)
    assert found["accuracy by seed, %"] == [73.0, 82.0]
    # 3 and 2 points: the mean is 2.5, its interval 12.706 standard errors of 0.5 to both sides
    assert found["less none, points"] == {"mean": 2.5, "interval": [-3.85, 8.85]}
    assert found["less se, points"] == {"mean": 1.0, "interval": [1.0, 1.0]}
    assert found["validation accuracy by pass, %"] == [40.0, 60.0]
    assert found["gradient of the stem, median"] == 0.5
    assert "less hybrid, points" not in found and found["parameters"] == 274_000
    assert "less none, points" not in bench.of_variant("none", every, channels=3)


def test_rows_are_of_the_whole_module_against_what_the_claim_names(bench: ModuleType) -> None:
    figures = {"cifar10": bench.of_set("cifar10", Path("c.zip"), values(bench), 3)}
    plain, se, cbam = bench.rows(figures)
    assert (plain["value"], plain["at_least"]) == (2.0, 1.0)
    assert (se["value"], se["at_least"]) == (-1.0, 0.0)
    assert (cbam["value"], cbam["at_least"]) == (2.0, 0.0)
    assert "3 seeds" in plain["note"] and "no attention" in plain["what"]
    of = figures["cifar10"]
    assert set(of["variants"]) == set(bench.VARIANTS)
    assert of["variants"]["hybrid"]["training step, times plain"] == 1.5
    # every seed gains the same: the intervals have no width
    assert of["claim"] == {"none": "held", "se": "not held", "cbam": "held"}
    assert plain["note"].endswith(": held") and se["note"].endswith(": not held")


def test_the_claim_is_judged_by_the_interval(bench: ModuleType) -> None:
    for ends, said in (((1.0, 1.4), "held"), ((0.2, 0.8), "not held"), ((0.2, 1.2), "not decided")):
        assert bench.verdict({"mean": 9.0, "interval": ends}, 1.0) == said


def test_what_is_compared_names_the_images_of_a_seed(
    bench: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = bench.place_of("cifar10", 0)
    monkeypatch.setattr(bench, "VALIDATION", 7)
    assert bench.place_of("cifar10", 0) != before


def test_initial_weights_of_the_network_are_the_same_for_all(bench: ModuleType) -> None:
    from plusx import create

    def made(attention: str) -> dict[str, torch.Tensor]:
        torch.manual_seed(5)
        return dict(create(bench.MODEL, num_classes=10, attention=attention).named_parameters())

    plain = made("none")
    for attention in bench.VARIANTS:
        found = {
            name.replace("transform.body.", "transform."): p for name, p in made(attention).items()
        }
        assert all(torch.equal(value, found[name]) for name, value in plain.items()), attention


@pytest.mark.full
def test_a_seed_draws_training_images_and_no_image_twice(
    bench: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy as np

    from plusx.data import open_data

    monkeypatch.setattr(bench, "UNDER_WAY", tmp_path)
    monkeypatch.setattr(bench, "VALIDATION", 100)
    monkeypatch.setitem(bench.SETS, "digits", bench.Set(500, 1, ()))
    drawn = [np.load(bench.drawn("digits", "digits", seed)) for seed in (0, 1)]
    data = open_data("digits")
    known = {bytes(p.numpy().tobytes()) for p in data.train.images.pixels}  # type: ignore[attr-defined]
    for arrays in drawn:
        assert arrays["train_images"].shape == (500, 8, 8) and len(arrays["val_labels"]) == 100
        assert len(arrays["test_images"]) == len(data.test)
        assert all(image.tobytes() in known for image in arrays["train_images"])
    assert not np.array_equal(drawn[0]["train_images"], drawn[1]["train_images"])
    again = bench.place_of("digits", 0)
    assert bench.drawn("digits", "nowhere", 0) == again
