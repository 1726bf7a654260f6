"""Colour and brightness apart: exact in bytes and floats; streams that keep to themselves."""

import copy
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from plusx import InputError, RGBtoRGBL, create, load, save, summary, units
from plusx.branch.streams import Added, Beside, joined, weighed
from plusx.parts import VECTOR
from plusx.parts.colour import REC_601, Brightness, Colour, weights_of_normalised
from plusx.train.cut import chain
from plusx.train.recompute import RecomputingNetwork, _kept, segments
from plusx.zoo import Network
from plusx.zoo.resnet import resnet_cifar
from plusx.zoo.streams import Stream, beside, halves


def small(**options: object) -> Network:
    """Two networks of 8 layers, for colour and for brightness."""
    build = resnet_cifar(8)
    made = {
        "rgb": Stream(Colour(), build(num_classes=4)),
        "l": Stream(Brightness(), build(num_classes=4, in_channels=1)),
    }
    return beside(made, **options)


def one_by_one(x: Tensor, weights: tuple[str, str, str]) -> list[int]:
    """The brightness of each pixel in fractions, rounded to the nearest, a half upwards."""
    r, g, b = map(Fraction, weights)
    pixels = x.permute(0, 2, 3, 1).reshape(-1, 3).tolist()
    return [int(r * red + g * green + b * blue + Fraction(1, 2)) for red, green, blue in pixels]


@pytest.mark.parametrize("weights", [("0.299", "0.587", "0.114"), ("0.2126", "0.7152", "0.0722")])
def test_bytes_are_rounded_exactly(weights: tuple[str, str, str]) -> None:
    x = torch.randint(0, 256, (2, 3, 60, 50), generator=torch.Generator().manual_seed(0))
    found = Brightness([float(w) for w in weights])(x.to(torch.uint8))
    assert found.dtype == torch.uint8
    assert found.flatten().tolist() == one_by_one(x, weights)


def test_a_half_is_rounded_upwards() -> None:
    # 299 R + 587 G + 114 B = 500 of 1000: exactly half, which no binary weight would give
    whole = [
        (r, g, b)
        for r in range(256)
        for g in range(0, 256, 5)
        for b in range(0, 256, 3)
        if (299 * r + 587 * g + 114 * b) % 1000 == 500
    ]
    assert len(whole) > 100
    x = torch.tensor(whole, dtype=torch.uint8).reshape(-1, 3, 1, 1)
    want = [(299 * r + 587 * g + 114 * b + 500) // 1000 for r, g, b in whole]
    assert Brightness()(x).flatten().tolist() == want


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float16, torch.bfloat16, torch.float32])
def test_a_grey_image_is_three_equal_channels_and_itself(dtype: torch.dtype) -> None:
    grey = (300 * torch.rand(4, 1, 16, 16) - 20).clamp(0, 255).to(dtype)
    for x in (grey, grey.expand(-1, 3, -1, -1)):
        rgb, brightness = RGBtoRGBL()(x)
        assert rgb.shape == (4, 3, 16, 16) and torch.equal(rgb, grey.expand(-1, 3, -1, -1))
        assert torch.equal(brightness, grey) and brightness.dtype == dtype


def test_floats_follow_the_standard_and_colour_is_left_as_it_is() -> None:
    x = torch.randn(3, 3, 8, 8)
    rgb, brightness = RGBtoRGBL()(x)
    want = torch.einsum("bchw,c->bhw", x.double(), torch.tensor([0.299, 0.587, 0.114]).double())
    assert rgb is x
    assert torch.allclose(brightness[:, 0].double(), want, rtol=0, atol=2e-6)


def test_the_gradient_is_the_weights() -> None:
    x = torch.rand(2, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    RGBtoRGBL()(x)[1].sum().backward()
    assert x.grad is not None
    want = torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64)[None, :, None, None]
    assert torch.allclose(x.grad, want.expand_as(x), rtol=0, atol=1e-12)
    assert torch.autograd.gradcheck(Brightness(REC_601), (x,))


def test_the_brightness_of_normalised_images_is_that_of_the_pixels_normalised() -> None:
    pixels = torch.rand(2, 3, 8, 8, dtype=torch.float64)
    mean, std, w = torch.tensor(
        [(0.5, 0.4, 0.3), (0.3, 0.1, 0.2), (0.299, 0.587, 0.114)], dtype=torch.float64
    )
    x = (pixels - mean[:, None, None]) / std[:, None, None]
    found = Brightness(weights_of_normalised(std.tolist()))(x)
    brightness = torch.einsum("bchw,c->bhw", pixels, w)[:, None]
    want = (brightness - (w * mean).sum()) / (w * std).sum()
    assert torch.allclose(found, want, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (torch.rand(3, 8, 8), r"\(3, 8, 8\); expected \(B, 3, H, W\)"),
        (torch.rand(2, 4, 8, 8), "where they are grey"),
        (torch.zeros(2, 3, 8, 8, dtype=torch.int64), "expected uint8 or a floating type"),
    ],
)
def test_other_tensors_are_refused(x: Tensor, words: str) -> None:
    with pytest.raises(InputError, match=words):
        RGBtoRGBL()(x)


@pytest.mark.parametrize("weights", [(0.3, 0.3, 0.3), (1.2, -0.3, 0.1), (0.5, 0.5), (1.0, 0, 1e9)])
def test_weights_that_would_change_grey_are_refused(weights: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="1 together"):
        RGBtoRGBL(weights)


def test_deviations_are_three_and_above_zero() -> None:
    for std in ((0.2, 0.2), (0.2, 0.0, 0.2)):
        with pytest.raises(InputError, match="three numbers above 0"):
            weights_of_normalised(std)


@pytest.mark.parametrize("in_channels", [1, 3])
def test_the_counts_are_the_anchors(in_channels: int) -> None:
    large = create("dualstream_resnet18", num_classes=10, in_channels=in_channels)
    dense = create("dualstream_mlp", num_classes=10, in_channels=in_channels)
    tensors = list(large.parameters())
    assert (sum(p.numel() for p in tensors), len(tensors)) == (22_357_012, 124)
    assert sum(p.numel() for p in dense.parameters()) == 422_996


def test_it_is_two_networks_whose_logits_are_added() -> None:
    colour, grey = (resnet_cifar(8)(num_classes=4, in_channels=c) for c in (3, 1))
    streams = {"rgb": Stream(Colour(), colour), "l": Stream(Brightness(), grey)}
    model = beside(streams)
    x = torch.randn(5, 3, 16, 16)
    for mode in (True, False):
        for network in (model, colour, grey):
            network.train(mode)
        assert torch.equal(model(x), colour(x) + grey(Brightness()(x)))


def test_three_streams_of_two_families_are_added() -> None:
    build = resnet_cifar(8)
    networks = {
        "rgb": create("resnet18", num_classes=4, stem="small"),
        "l": build(num_classes=4, in_channels=1),
        "again": build(num_classes=4),
    }
    views = {"rgb": Colour(), "l": Brightness(), "again": Colour()}
    model = beside({n: Stream(views[n], network) for n, network in networks.items()}).eval()
    x = torch.randn(2, 3, 16, 16)
    want = sum(networks[n](views[n](x)) for n in networks)
    assert torch.allclose(model(x), want, atol=1e-5)
    assert len(units(model)) == 8 + 3 + 3
    assert [name for name, _ in model.stages.named_children()] == ["0"]  # 4 and 3 stages


def test_a_grey_set_gives_what_its_three_equal_channels_give() -> None:
    model = small().eval()
    x = torch.randn(3, 1, 16, 16)
    assert torch.equal(model(x), model(x.expand(-1, 3, -1, -1)))


@pytest.mark.full
@pytest.mark.parametrize("fusion", ["concat", "gate"])
@pytest.mark.parametrize(("name", "most"), [("dualstream_resnet18", 4), ("dualstream_mlp", 3)])
def test_streams_are_joined_after_any_stage(name: str, most: int, fusion: str) -> None:
    for after in range(1, most + 1):
        with torch.device("meta"):
            model = create(name, num_classes=10, fusion=fusion, after=after)
            shape = (2, 3, 28, 28) if name == "dualstream_mlp" else (2, 3, 64, 64)
            assert model(torch.empty(shape)).shape == (2, 10)
        names = [child for child, _ in model.stages.named_children()]
        assert names.index("fusion") == after and len(names) == most + 1
        pairs = [isinstance(stage, Beside) for stage in model.stages.children()]
        assert pairs == [True] * after + [False] * (most + 1 - after)


def test_joined_streams_are_one_network_from_there_on() -> None:
    colour, grey = (resnet_cifar(8)(num_classes=4, in_channels=c).eval() for c in (3, 1))
    fusion = joined(32, 2).eval()
    streams = {"rgb": Stream(Colour(), colour), "l": Stream(Brightness(), grey)}
    model = beside(streams, fusion=fusion, after=2).eval()
    x = torch.randn(2, 3, 16, 16)
    features = [
        n.stages[1](n.stages[0](n.stem(v))) for n, v in ((colour, x), (grey, Brightness()(x)))
    ]
    y = fusion.mix(torch.cat(features, 1))
    assert torch.equal(model(x), colour.head(colour.stages[2](y)))


def test_a_gate_begins_as_the_mean_and_weighs_by_softmax() -> None:
    a, b = torch.randn(3, 5, 4, 4), torch.randn(3, 5, 4, 4)
    gate = weighed(5, 2)
    assert torch.allclose(gate((a, b)), (a + b) / 2, atol=1e-6)
    nn.init.normal_(gate.weigh.score.weight)
    nn.init.normal_(gate.weigh.score.bias)
    means = torch.cat([a, b], 1).mean((2, 3))
    scores = means @ gate.weigh.score.weight[:, :, 0, 0].T + gate.weigh.score.bias
    share = (scores[:, :5] - scores[:, 5:]).sigmoid()[:, :, None, None]  # softmax of two
    assert torch.allclose(gate((a, b)), share * a + (1 - share) * b, atol=1e-5)
    rows = weighed(5, 3, space=VECTOR)((a[:, :, 0, 0], b[:, :, 0, 0], a[:, :, 1, 1]))
    assert rows.shape == (3, 5)


def test_norms_of_the_streams_see_their_own_stream() -> None:
    model = small().train()
    model(torch.randn(8, 3, 16, 16))
    before = {n: b.clone() for n, b in model.named_buffers()}
    colour = torch.randn(8, 3, 16, 16)
    colour[:, 0] += 1  # more red and less green: the brightness stays
    colour[:, 1] -= 0.299 / 0.587
    model(colour)
    moved = {n for n, b in model.named_buffers() if not torch.equal(b, before[n])}
    assert {n for n, _ in model.named_buffers()} == moved
    norms = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.BatchNorm2d)]
    assert len({id(m) for _, m in norms}) == 14 and len({n for n, _ in norms}) == 14


def test_it_is_saved_and_read_again(tmp_path: Path) -> None:
    model = create("dualstream_mlp", num_classes=5, fusion="gate", after=2, red=0.25, blue=0.125)
    x = torch.randn(2, 3, 28, 28)
    save(model, tmp_path / "model")
    again = load(tmp_path / "model")
    assert again.config == model.config
    assert torch.equal(again(x), model.eval()(x))
    views = [m for m in again.modules() if isinstance(m, Brightness)]
    assert [(view.red, view.blue) for view in views] == [(0.25, 0.125)]


def test_a_summary_has_a_row_for_each_part_of_each_stream() -> None:
    model = small()
    found = summary(model, (3, 16, 16))
    assert found.units == 6
    assert sum(row.params for row in found.rows) == sum(p.numel() for p in model.parameters())
    alone = summary(resnet_cifar(8)(num_classes=4), (3, 16, 16))
    one = summary(resnet_cifar(8)(num_classes=4, in_channels=1), (1, 16, 16))
    assert found.macs == alone.macs + one.macs
    assert [row.name for row in found.rows][:4] == [
        *("stem.rgb", "stem.l", "stages.0.rgb.0", "stages.0.l.0")
    ]


def test_other_networks_have_no_halves() -> None:
    assert halves(create("resnet8", num_classes=4)) is None and halves(nn.Linear(2, 2)) is None
    found = halves(small())
    assert found is not None and found.names == ("rgb", "l")
    assert isinstance(found.after[0], Added) and found.added
    headless = small()
    headless.head = nn.Identity()
    assert halves(headless) is None  # the fusion was in the head


def test_what_cannot_be_set_side_by_side_is_refused() -> None:
    build = resnet_cifar(8)
    one = build(num_classes=4)
    with pytest.raises(InputError, match="expected two streams"):
        beside({"rgb": Stream(Colour(), one)})
    with pytest.raises(InputError, match="a network of its own"):
        beside({"a": Stream(Colour(), one), "b": Stream(Colour(), one)})
    with pytest.raises(InputError, match="cannot be called 'train'"):
        beside({"a": Stream(Colour(), one), "train": Stream(Colour(), build(num_classes=4))})
    with pytest.raises(InputError, match="have 3 stage"):
        small(fusion=joined(64, 2), after=4)
    with pytest.raises(InputError, match="leave `after` out"):
        small(after=2)
    for other in (1, 5):
        streams = {"a": Stream(Colour(), one), "b": Stream(Colour(), build(num_classes=other))}
        with pytest.raises(InputError, match="expected as many of each"):
            beside(streams)
        beside(streams, fusion=joined(64, 2))  # the answer is that of the first head


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"in_channels": 2}, "in_channels is 2"),
        ({"after": 2}, "leave `after` out"),
        ({"fusion": "sum"}, "one of logits, concat, gate"),
        ({"red": 0.9, "blue": 0.4}, "1 together"),
        ({"after": 5, "fusion": "gate"}, "1 to 4"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], words: str) -> None:
    with torch.device("meta"), pytest.raises(InputError, match=words):
        create("dualstream_resnet18", **options)


def test_green_may_weigh_nothing() -> None:
    model = create("dualstream_mlp", red=0.9, blue=0.1)  # 1 - 0.9 - 0.1 is no zero
    (view,) = (m for m in model.modules() if isinstance(m, Brightness))
    assert (view.red, view.blue) == (0.9, 0.1)


@pytest.mark.parametrize("fusion", [None, "gate"])
def test_recomputed_it_gives_the_same_gradients_to_the_bit(fusion: str | None) -> None:
    torch.manual_seed(0)
    plain = small(fusion=weighed(32, 2), after=2) if fusion else small()
    twice = copy.deepcopy(plain)
    x = torch.randn(4, 3, 16, 16)
    plain.train()(x).square().sum().backward()
    found = segments(twice)
    assert len(found) == (4 if fusion else 3)
    RecomputingNetwork(twice.train(), len(found))(x).square().sum().backward()
    for a, b in zip(plain.parameters(), twice.parameters(), strict=True):
        assert a.grad is not None and b.grad is not None and torch.equal(a.grad, b.grad)
    for a, b in zip(plain.buffers(), twice.buffers(), strict=True):
        assert torch.equal(a, b)


def test_what_passes_between_segments_is_measured() -> None:
    kept, passed = _kept(small(), 3, 16)
    maps = [16 * 16 * 16, 16 * 16 * 16, 32 * 8 * 8]
    assert passed == [2 * 4 * numbers for numbers in maps] and min(kept) > 0


def test_it_is_not_cut_into_stages_of_processes() -> None:
    with pytest.raises(InputError, match="stages are a StreamStages"):
        chain(small())
