"""What is advised when parameters outnumber samples."""

from dataclasses import fields

import pytest

from plusx import InputError
from plusx.train.recipe import Recipe
from plusx.train.small_data import BANDS, Advice, advise

NETWORK = {"learning_rate_multiple", "tune"}  # what is no field of a recipe


@pytest.mark.parametrize("pretrained", [False, True])
@pytest.mark.parametrize(
    ("ratio", "band"),
    [
        (1, "enough"), (10, "enough"), (11, "few"), (1_000, "few"), (1_001, "small"),
        (10_000, "small"), (10_001, "tiny"), (100_000, "tiny"), (100_001, "handful"),
    ],
)  # fmt: skip
def test_the_band_is_that_of_the_ratio(ratio: int, band: str, pretrained: bool) -> None:
    found = advise(ratio * 50, 50, pretrained)
    assert (found.ratio, found.band) == (ratio, band)
    assert bool(found.why) == (band != "enough")


def all_advice() -> list[Advice]:
    ratios = [1, 100, 5_000, 50_000, 500_000]
    return [advise(r * n, n, p) for r in ratios for n in (20, 300, 60_000) for p in (False, True)]


@pytest.mark.parametrize("advice", all_advice(), ids=lambda a: f"{a.band}-{a.pretrained}")
def test_changes_are_fields_that_a_recipe_takes_each_with_its_reason(advice: Advice) -> None:
    known = {field.name for field in fields(Recipe)}
    changes = dict(advice.changes)
    assert len(changes) == len(advice.why), "a field is changed once"
    assert set(changes) <= known | NETWORK
    Recipe(**{name: value for name, value in changes.items() if name in known})
    assert ("tune" in changes) == (advice.pretrained and advice.band != "enough")
    for change in advice.why:
        assert str(change).startswith(f"{change.field} {change.value}: ")
        assert str(change).endswith(".") and change.why.count(".") == 0, "one sentence"
    assert len(advice.lines()) == 1 + len(advice.why)


def test_less_moves_and_more_is_held_back_the_fewer_the_samples() -> None:
    def values(field: str, pretrained: bool) -> list[object]:
        found = (advise(most or 1, 1, pretrained) for most in (10, 1_000, 10_000, 100_000, 10**6))
        return [advice.changes.get(field, 0) for advice in found]

    assert values("tune", True) == [0, "layerwise", "gradual", "gradual", "head"]
    assert values("drop_path", False) == [0, 0, 0.1, 0.2, 0.2]
    decays = values("weight_decay", False)
    assert decays == sorted(decays, key=lambda d: float(str(d)))
    assert list(BANDS.values()) == sorted(BANDS.values())


@pytest.mark.parametrize(
    ("samples", "pretrained", "epochs"),
    [(300, False, 200), (1_000, False, 60), (10_000, False, 30),
     (100, True, 60), (300, True, 50), (10_000, True, 20)],
)  # fmt: skip
def test_epochs_see_enough_images_within_bounds(
    samples: int, pretrained: bool, epochs: int
) -> None:
    assert advise(10**8, samples, pretrained).changes["epochs"] == epochs


def test_it_is_said_in_words() -> None:
    assert advise(1_000, 1_000, pretrained=False).lines() == [
        "1,000 parameters for 1,000 training images: 1 a sample (enough); nothing has to change"
    ]
    lines = advise(11_000_000, 300, pretrained=True).lines()
    assert any("tune gradual: the new head learns before" in line for line in lines)
    assert any("arXiv 2202.10054" in line for line in lines)


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "many"])
def test_what_is_no_count_is_refused(wrong: object) -> None:
    with pytest.raises(InputError, match=r"num_samples is .*; expected a whole number"):
        advise(10, wrong, False)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"num_params is .*; expected a whole number"):
        advise(wrong, 10, False)  # type: ignore[arg-type]
