"""Recipes: what they say, what may be changed of them, and what a run makes of them."""

from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from test_run import SHORT, weights
from watchers import Silent

from plusx import InputError, create, save
from plusx.data import open_data
from plusx.train import run
from plusx.train.choose import choose
from plusx.train.config import TrainConfig
from plusx.train.recipe import Recipe
from plusx.train.recipes import RECIPES, recipe_named


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_fills_what_is_not_said(name: str) -> None:
    config = TrainConfig(data="x", epochs=7, weight_decay=0.0).following(name)
    assert config.recipe == name and config.epochs == 7 and config.weight_decay == 0.0
    said = recipe_named(name)
    for setting in set(Recipe.settings()) - {"epochs", "weight_decay"}:
        assert getattr(config, setting) == getattr(said, setting)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_says_its_source_in_words(name: str) -> None:
    assert "20" in (RECIPES[name].__doc__ or "")  # a year


def test_he2015_is_the_paper_s() -> None:
    found = recipe_named("he2015-cifar")
    assert (found.optimizer, found.learning_rate, found.momentum) == ("sgd", 0.1, 0.9)
    assert (found.weight_decay, found.decayed, found.batch_size) == (1e-4, "all", 128)
    assert (found.milestones, found.factor, found.warmup) == ((0.5, 0.75), 0.1, 0.0)
    assert found.epochs * (50_000 // 128) == pytest.approx(64_000, rel=0.01)


def test_an_unknown_recipe_is_refused() -> None:
    with pytest.raises(InputError, match="did you mean 'quick'"):
        TrainConfig(data="x").following("quik")


def test_small_images_get_the_quick_recipe() -> None:
    config, said = choose(TrainConfig(data="digits"), open_data("digits"))
    assert config.recipe == "quick" and any("Recipe quick" in line for line in said)
    assert all(
        getattr(config, field.name) is not None
        for field in fields(Recipe)
        if field.name != "train_size"
    )


def test_small_data_is_settled_by_parameters_and_images() -> None:
    config = TrainConfig(data="digits", recipe="small-data", model="resnet110", erase=0.0)
    found, said = choose(config, open_data("digits"))
    assert any("parameters for 1,301 training images" in line for line in said)
    assert found.policy == "trivialaugment" and found.epochs > 30
    assert found.erase == 0.0  # what the user says stands
    enough, _ = choose(replace(config, model="mlp2_8"), open_data("digits"))
    assert enough.policy == "none"


def test_the_flag_is_the_recipe() -> None:
    data = open_data("digits")
    by_recipe, said = choose(TrainConfig(data="digits", recipe="small-data"), data)
    by_flag, told = choose(TrainConfig(data="digits", small_data=True), data)
    assert by_flag == replace(by_recipe, small_data=True) and told == said
    again, nothing = choose(by_flag, data)  # as a run does that goes on
    assert again == by_flag and nothing == []


def test_small_data_beside_a_recipe_wins_over_it_and_says_so() -> None:
    given = TrainConfig(
        data="digits", model="resnet110", recipe="wide-resnet", small_data=True, erase=0.0
    )
    found, said = choose(given, open_data("digits"))
    assert (found.policy, found.epochs) == ("trivialaugment", 47)  # not none and 200
    assert found.schedule == "step" and found.learning_rate == 0.1 and found.recipe == "wide-resnet"
    assert found.erase == 0.0 and "erase 0.25 would be advised; what was given stands" in said
    assert said[-1] == "All else is as the recipe wide-resnet says"


def test_small_data_slows_given_weights_whatever_rate_a_recipe_has(tmp_path: Path) -> None:
    save(create("resnet20", num_classes=10, in_channels=1, stem="small"), tmp_path / "model")
    given = TrainConfig(data="digits", weights=str(tmp_path / "model"), small_data=True)
    for recipe in (None, "fine-tune", "wide-resnet"):
        found, said = choose(replace(given, recipe=recipe, batch_size=64), open_data("digits"))
        assert found.learning_rate == pytest.approx(0.1 * 0.1 * 64 / 128)
        assert found.tune == "layerwise" and any("learning_rate_multiple" in s for s in said)
    found, said = choose(replace(given, learning_rate=0.3), open_data("digits"))
    assert found.learning_rate == 0.3
    assert "learning_rate_multiple 0.1 would be advised; what was given stands" in said


def test_nothing_is_dropped_where_there_is_no_unit() -> None:
    for model, options in (("plain110", {}), ("resnet1202", {"shake_drop": 0.5})):
        given = TrainConfig(data="digits", small_data=True, model=model, options=options)
        found, said = choose(given, open_data("digits"))
        assert found.drop_path == 0 and "drop_path" not in found.options
        assert not any(line.startswith("drop_path") for line in said)
    given = TrainConfig(data="digits", small_data=True, model="resnet1202")
    assert choose(given, open_data("digits"))[0].drop_path == 0.2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("accumulate", 0), ("mixup", -0.1), ("cutout", 1.5), ("erase", 2.0), ("ema", 1.0),
        ("magnitude", 11), ("milestones", (0.5, 0.5)), ("milestones", (0.0, 0.5)),
        ("drop_path", 1.0), ("clip", -1.0), ("train_size", 0), ("repeats", 0),
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused(name: str, value: object) -> None:
    with pytest.raises(InputError, match=f"{name.replace('_', '-')} is"):
        TrainConfig(data="digits", **{name: value})


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "adamw"}, {"optimizer": "lamb", "clip": 1.0}, {"optimizer": "muon"},
        {"schedule": "one-cycle"}, {"loss": "bce", "mixup": 0.2, "cutmix": 1.0},
        {"cutout": 0.5, "erase": 0.5}, {"repeats": 3}, {"ema": 0.9}, {"train_size": 6},
        {"decayed": "all", "optimizer": "sgd"}, {"recompute": "all"},
        {"recompute": "auto", "memory_budget": 0.001}, {"views": "mirrored"},
        {"compile": "never", "fast": True},
    ],
)  # fmt: skip
def test_every_part_trains(tmp_path: Path, changes: dict[str, object]) -> None:
    config = replace(SHORT, epochs=1, **changes)
    result = run.train(config, reporter=Silent(), out=tmp_path / "r")
    assert result is not None and result.test is not None
    assert all(tensor.isfinite().all() for tensor in weights(tmp_path / "r").values())


@pytest.mark.parametrize("policy", ["randaugment", "trivialaugment"])
def test_policies_train(tmp_path: Path, policy: str) -> None:
    pytest.importorskip("kornia")
    config = replace(SHORT, epochs=1, policy=policy, jitter=0.4)
    assert run.train(config, reporter=Silent(), out=tmp_path / "r") is not None


def test_a_batch_in_parts_takes_the_same_step(tmp_path: Path) -> None:
    """Without batch norms, the parts' gradients add up to the batch's: seen on one step."""
    for parts in (1, 4):
        config = replace(
            SHORT, epochs=1, batch_size=1300, accumulate=parts, options={"norm": "group"}
        )
        run.train(config, reporter=Silent(), out=tmp_path / str(parts))
    whole, parted = weights(tmp_path / "1"), weights(tmp_path / "4")
    for key, tensor in whole.items():
        torch.testing.assert_close(parted[key], tensor, rtol=1e-3, atol=1e-5)


def test_recomputing_changes_nothing(tmp_path: Path) -> None:
    for how in ("none", "all"):
        config = replace(SHORT, epochs=1, recompute=how, drop_path=0.3)
        run.train(config, reporter=Silent(), out=tmp_path / how)
    kept, computed = weights(tmp_path / "none"), weights(tmp_path / "all")
    assert all(torch.equal(tensor, computed[key]) for key, tensor in kept.items())


def test_weights_of_another_run_are_taken_over(tmp_path: Path) -> None:
    run.train(replace(SHORT, epochs=1), reporter=Silent(), out=tmp_path / "first")
    config = replace(SHORT, epochs=1, weights=str(tmp_path / "first"), tune="head")
    told = Silent()
    run.train(config, reporter=told, out=tmp_path / "second")
    assert any("Weights from" in line for line in told.lines)
    before, after = (
        torch.load(tmp_path / name / "checkpoints/last.pt")["model"] for name in ("first", "second")
    )
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert changed == {"head.linear.weight", "head.linear.bias"}
