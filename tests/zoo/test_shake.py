"""Shake-shake networks against the same by hand."""

import pytest
import torch
from reference_attention import shake_shake

from plusx import InputError, create
from plusx.zoo.shake import TwoPaths
from randomise import randomise

NAMES = (
    "shake26_2x32d",
    "shake8_2x6d",
    *(
        pytest.param(f"shake26_2x{width}d", marks=pytest.mark.full)
        for width in (64, 96, 112)
    ),
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("training", [False, True])
def test_equals_the_hand_written_network(name: str, training: bool) -> None:
    options = {"forward": "even", "backward": "even"} if training else {}
    model = create(name, num_classes=10, **options).double().train(training)
    randomise(model)
    images = torch.randn(3, 3, 8, 8).double()
    state = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    with torch.no_grad():
        want = shake_shake(images, state, training=training)
        found = model(images)
    assert (found - want).abs().max() <= 1e-9 * want.abs().max()


@pytest.mark.parametrize(("width", "millions"), [(32, 2.9), (64, 11.7), (96, 26.2)])
def test_counts_are_those_of_the_papers_table(width: int, millions: float) -> None:
    model = create(f"shake26_2x{width}d", num_classes=10)
    assert round(sum(p.numel() for p in model.parameters()) / 1e6, 1) == millions


def test_the_two_paths_see_different_pixels() -> None:
    paths = TwoPaths(1, 2, stride=2).eval()
    torch.nn.init.ones_(paths.conv1.weight)
    torch.nn.init.ones_(paths.conv2.weight)
    x = torch.arange(1.0, 17).view(1, 1, 4, 4)
    first, second = (paths(x) * (1 + 1e-5) ** 0.5)[0].round()
    assert first.tolist() == [[1, 3], [9, 11]]
    assert second.tolist() == [[0, 0], [0, 6]]


def test_images_are_shaken_apart_or_together() -> None:
    x = torch.randn(1, 3, 8, 8).expand(4, -1, -1, -1)
    for level, apart in (("image", True), ("batch", False)):
        model = create("shake8_2x4d", num_classes=10, level=level).train()
        y = model(x)
        assert torch.allclose(y[0], y[1]) is not apart
        assert not torch.allclose(y, model(x))


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("shake25_2x32d", {}, "nearest are 20 and 26"),
        ("shake26_2x3d", {}, "even width"),
        ("shake26_2x32d", {"forward": "keep"}, "one of shake, even"),
        ("shake26_2x32d", {"level": "pixel"}, "one of image, batch"),
    ],
)
def test_wrong_calls_say_what_is_right(name: str, options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        create(name, **options)
