"""ViTs against the same networks by hand, and what is special in them."""

import pytest
import torch
from reference_transformer import network as by_hand
from torch import nn

from plusx import InputError, create, units
from plusx.catalog import family_of
from plusx.merge import Scaled
from plusx.zoo.transformer import Attend
from randomise import randomise

HEADS = {"tiny": 3, "small": 6, "base": 12}
full = pytest.mark.full


@pytest.mark.parametrize(
    "name",
    [
        "vit_tiny_patch4_32",
        "vit_tiny_patch8_16",
        pytest.param("vit_small_patch4_32", marks=full),
        pytest.param("vit_tiny_patch16_224", marks=full),
        pytest.param("vit_small_patch16_224", marks=full),
        pytest.param("vit_base_patch16_224", marks=full),
    ],
)
@pytest.mark.parametrize("options", [{}, {"layer_scale": 0.1}])
@pytest.mark.parametrize("training", [False, True])
def test_equals_the_hand_written_network(
    name: str, options: dict[str, float], training: bool
) -> None:
    size = int(name.rsplit("_", 1)[1])
    model = create(name, num_classes=10, **options).double().train(training)
    randomise(model)
    images = torch.randn(2, 3, size, size).double()
    with torch.no_grad():
        want = by_hand(images, model.state_dict(), heads=HEADS[name.split("_")[1]])
        found = model(images)
    assert (found - want).abs().max() <= 1e-9 * want.abs().max()


def test_attention_is_torchs_multi_head_attention() -> None:
    torchs = nn.MultiheadAttention(12, 3, batch_first=True)
    x = torch.randn(2, 5, 12)
    qkv = nn.functional.linear(x, torchs.in_proj_weight, torchs.in_proj_bias)
    want, _ = torchs(x, x, x)
    assert torch.allclose(torchs.out_proj(Attend(3)(qkv)), want, atol=1e-6)


def test_a_layer_is_two_units() -> None:
    names = [unit.name for unit in units(create("vit_tiny_patch4_32"))]
    assert names[:4] == ["stages.0.0", "stages.0.1", "stages.1.0", "stages.1.1"]
    assert len(names) == 24


def test_layer_scale_is_a_merge_that_starts_where_it_is_told() -> None:
    model = create("vit_tiny_patch4_32", layer_scale=1e-5)
    for unit in units(model):
        assert isinstance(unit.merge, Scaled)
        assert unit.merge.scale.shape == (192,)
        assert torch.equal(unit.merge.scale, torch.full((192,), 1e-5))


def test_without_positions_and_token_a_vit_sees_a_bag_of_patches() -> None:
    model = create("vit_tiny_patch8_16", num_classes=5).eval()
    nn.init.zeros_(model.stem.position)
    x = torch.randn(1, 3, 16, 16)
    with torch.no_grad():
        assert torch.allclose(model(x), model(x.roll(8, 3)), atol=1e-5)
        nn.init.normal_(model.stem.position)
        assert not torch.allclose(model(x), model(x.roll(8, 3)), atol=1e-3)


def test_another_size_goes_by_option_or_by_name() -> None:
    for model in (
        create("vit_tiny_patch16_224", image_size=64, num_classes=5),
        create("vit_tiny_patch16_64", num_classes=5),
    ):
        assert model.stem.position.shape == (1, 17, 192)
        assert model(torch.randn(1, 3, 64, 64)).shape == (1, 5)
    assert family_of("vit_tiny_patch4_32").name == "vit-small-images"


def test_stochastic_depth_and_another_activation_fit() -> None:
    model = create("vit_tiny_patch8_16", num_classes=5, drop_path=0.5, activation="relu")
    x = torch.randn(2, 3, 16, 16)
    assert not torch.equal(model.train()(x), model(x))
    assert torch.equal(model.eval()(x), model(x))
    assert not any(isinstance(module, nn.GELU) for module in model.modules())


@pytest.mark.parametrize("shape", [(1, 3, 32, 33), (1, 3, 64, 64), (3, 32, 32)])
def test_images_of_another_size_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="images of 32x32, not"):
        create("vit_tiny_patch4_32")(torch.randn(shape))


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("vit_tiny_patch5_32", {}, "patches of 5 pixels do not fill images of 32"),
        ("vit_tiny_patch64_32", {}, "patches of 64 pixels do not fill"),
        ("vit_tiny_patch0_32", {}, "patches of 0 pixels do not fill"),
        ("vit_tiny_patch16_224", {"image_size": 100}, "do not fill images of 100"),
        ("vit_tiny_patch4_32", {"layer_scale": 0}, "layer_scale=0 is not a number"),
        ("vit_tiny_patch4_32", {"attention": "cbam"}, "CBAM looks at neighbouring places"),
        ("vit_large_patch16_224", {}, "did you mean 'vit_base_patch16_224'"),
    ],
)
def test_wrong_calls_say_what_is_right(name: str, options: dict[str, float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        create(name, **options)
