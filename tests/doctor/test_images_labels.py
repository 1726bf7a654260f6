"""Labels that are shuffled, moved, renumbered or partly wrong, and healthy ones."""

from dataclasses import replace

import pytest
import torch
from images_samples import (
    asked,
    causes,
    digits,
    generator,
    network,
    noisy,
    pairs,
    relabelled,
    shuffled,
)
from torch import nn

from plusx.doctor import Material

ABOUT_LABELS = ("labels", "numbering", "noise", "balance", "network")


def _stored(change) -> Material:  # type: ignore[no-untyped-def]
    raw = relabelled(digits().train, change)
    return replace(digits(), train=raw, y=None)


def test_clean_digits_are_fine() -> None:
    found = asked(digits())
    assert causes(found) == {}
    assert {f.check for f in found if f.verdict == "fine"} >= {
        "images.labels",
        "images.numbering",
        "images.noise",
        "images.duplicates",
        "images.scale",
        "images.augmentation",
        "images.mirrored",
    }


@pytest.mark.parametrize("seconds", [60, 10])
def test_shuffled_labels(seconds: float) -> None:
    found = asked(_stored(shuffled), *ABOUT_LABELS, seconds=seconds)
    assert causes(found) == {"labels shuffled": "wrong"}
    given = asked(pairs(digits(), shuffled), *ABOUT_LABELS, seconds=seconds)
    assert causes(given) == {"labels shuffled": "wrong"}


@pytest.mark.parametrize("by", [1, -1, 2])
def test_labels_one_image_off(by: int) -> None:
    found = asked(_stored(lambda y: y.roll(by)), *ABOUT_LABELS)
    assert causes(found) == {"labels shifted": "wrong"}
    assert causes(asked(pairs(digits(), lambda y: y.roll(by)), *ABOUT_LABELS)) == {
        "labels shifted": "wrong"
    }


def test_classes_numbered_from_one_in_training_alone() -> None:
    found = asked(_stored(lambda y: (y + 1) % 10), *ABOUT_LABELS)
    assert causes(found) == {"labels shifted": "wrong"}
    (trouble,) = [f for f in found if f.verdict == "wrong"]
    assert "all are moved by 9" in trouble.figure and trouble.place == "validation"


def test_test_labels_that_belong_to_other_images() -> None:
    spoiled = replace(digits(), val=None, y=None, test_y=None)
    mixed = replace(spoiled, test=relabelled(digits().test, shuffled))
    assert causes(asked(mixed, *ABOUT_LABELS)) == {"labels shuffled": "wrong"}
    moved = replace(spoiled, test=relabelled(digits().test, lambda y: y.roll(1)))
    assert causes(asked(moved, *ABOUT_LABELS)) == {"labels shifted": "wrong"}


def test_a_fifth_of_wrong_labels() -> None:
    found = asked(_stored(noisy(0.2)), "labels", "noise")
    assert causes(found) == {"label noise": "wrong"}
    (trouble,) = [f for f in found if f.verdict == "wrong"]
    share = float(trouble.figure.split("%")[0]) / 100
    assert 0.1 < share < 0.3
    assert "train/" in trouble.next and "looks like" in trouble.next
    assert causes(asked(pairs(digits(), noisy(0.2)), "labels", "noise")) == {"label noise": "wrong"}


def test_the_suspects_are_wrong_labels() -> None:
    raw = digits().train
    assert raw is not None
    spoiled = noisy(0.2)(raw.labels)
    (found,) = asked(_stored(noisy(0.2)), "noise")
    names = [part.split(" (")[0].strip() for part in found.next.split(": ", 1)[1].split("), ")]
    places = [raw.names.index(name) for name in names]
    assert len(places) == 5 and all(spoiled[at] != raw.labels[at] for at in places)


def test_hard_images_are_no_wrong_labels() -> None:
    """Under so much noise a cheap model's surest guesses are wrong for a third and more."""
    x, y = pairs(digits(), lambda y: y)
    found = []
    for seed in range(8):
        hard = x[:256] + 2 * torch.randn(256, 1, 8, 8, generator=generator(seed))
        found += asked((hard, y[:256]), "noise")
    assert causes(found) == {}
    assert sum("deviations from hard images" in each.figure for each in found) >= 6
    drowned = x[:256] + 3 * torch.randn(256, 1, 8, 8, generator=generator())
    (lost,) = asked((drowned, y[:256]), "noise")
    assert lost.verdict == "not applicable" and "too hard" in lost.figure
    (wrong,) = asked((x[:256], noisy(0.2)(y[:256])), "noise")
    assert causes([wrong]) == {"label noise": "wrong"}


def test_few_images_are_not_judged() -> None:
    x, y = pairs(digits(), shuffled)
    for found in asked((x[:64], y[:64]), "labels", "numbering", "noise"):
        assert found.verdict == "not applicable"


def test_noise_for_images_has_no_labels_to_tell() -> None:
    x = torch.randn(1000, 1, 8, 8, generator=generator())
    y = torch.randint(10, (1000,), generator=generator(1))
    (found,) = asked((x, y), "labels")
    assert found.verdict == "not applicable" and "noise" in found.figure


def test_few_photographs_are_too_few_to_tell() -> None:
    x = torch.randn(1, 3, 8, 8, generator=generator()) * torch.randn(228, 1, 1, 1)
    x = x + torch.randn(228, 3, 8, 8, generator=generator(2))
    y = torch.randint(2, (228,), generator=generator(1))
    (found,) = asked((x, y), "labels")
    assert found.verdict == "not applicable" and "too few to tell" in found.figure


def test_made_up_images_are_not_judged() -> None:
    for found in asked(None):
        assert found.verdict == "not applicable", found


def test_one_class_and_no_labels_are_no_trouble() -> None:
    x, y = pairs(digits(), torch.zeros_like)
    assert causes(asked((x, y))) == {}
    assert causes(asked(x)) == {}


def test_vectors_are_judged_like_images() -> None:
    x, y = pairs(digits(), lambda y: y)
    flat = x.flatten(1)
    model = nn.Sequential(nn.Linear(64, 10))
    names = ("labels", "noise", "scale")
    assert causes(asked(Material(x=flat, y=y), *names, model=model)) == {}
    wrong = asked(Material(x=flat, y=shuffled(y)), *names, model=model)
    assert causes(wrong) == {"labels shuffled": "wrong"}


def test_a_class_with_few_images() -> None:
    raw = digits().train
    assert raw is not None
    keep = (raw.labels != 3) | (torch.arange(len(raw.labels)) % 20 == 0)
    few = replace(raw, images=raw.images[keep], labels=raw.labels[keep])
    found = asked(replace(digits(), train=few), "balance")
    assert causes(found) == {"classes unbalanced": "warning"}


def test_a_number_that_no_image_has_is_no_small_class() -> None:
    x, y = pairs(digits(), lambda y: y + 1)
    assert causes(asked((x, y), "balance")) == {}
    few = torch.where((y == 4) & (torch.arange(len(y)) % 20 > 0), 5, y)
    (found,) = asked((x, few), "balance")
    assert found.cause == "classes unbalanced" and "of 4" in found.figure


class _Learned(nn.Module):
    """Knows the digits by heart: the label stands in the first pixels."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1)[:, :10] * 10


def test_a_trained_network_tells_that_labels_are_moved() -> None:
    y = torch.arange(200) % 10
    x = torch.zeros(200, 1, 8, 8)
    x.view(200, -1)[torch.arange(200), y] = 1
    assert causes(asked((x, y), "network", model=_Learned())) == {}
    found = asked((x, (y + 1) % 10), "network", model=_Learned())
    assert causes(found) == {"labels shifted": "wrong"}
    mixed = asked((x, shuffled(y)), "network", model=_Learned())
    assert causes(mixed) == {}


def test_the_network_is_left_as_it_was() -> None:
    model = network().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    asked(digits(), model=model)
    assert model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
