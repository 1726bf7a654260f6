"""Norms, activations and attention in every family: what is asked for is there, and nothing else.

Of what `options_of` offers each pair of values is built, runs and gets gradients: a Latin square of
the three leaves no pair out. In large networks each attention is built once, and one runs.
"""

from functools import cache
from itertools import product
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from plusx import InputError, create, load, record, save
from plusx.branch import ATTENTION, BAM, CBAM, ECA, SE, HybridAttention
from plusx.branch.non_local import Concat, Dot, Embedded, Gaussian
from plusx.catalog import family_of, options_of
from plusx.parts import InstanceNorm, NoNorm
from plusx.unit import outer_units
from plusx.zoo import FAMILIES, Network

SMALL = {
    "resnet": "resnet18",
    "resnet-cifar": "resnet8",
    "plain": "plain18",
    "plain-cifar": "plain8",
    "preact": "resnetv2_50",
    "preact-cifar": "preact_resnet8",
    "wide-cifar": "wrn10_1",
    "wide": "wide_resnet50_1",
    "resnext": "resnext50_2x4d",
    "resnext-cifar": "resnext11_2x4d",
    "pyramidnet": "pyramidnet8_a12",
    "resnet-d": "resnet18d",
    "resnet-rs": "resnetrs50",
    "se-resnet": "seresnet18",
    "se-resnext": "seresnext50_2x4d",
    "eca-resnet": "ecaresnet18",
    "eca-resnet-d": "ecaresnet18d",
    "cbam-resnet": "cbam_resnet18",
    "bam-resnet": "bam_resnet18",
    "nonlocal-resnet": "nonlocal_resnet18",
    "hybrid-resnet": "hybrid_resnet18",
    "hybrid-resnet-cifar": "hybrid_resnet8",
    "shake-shake": "shake8_2x8d",
    "vgg": "vgg11",
    "vgg-cifar": "vgg11_cifar",
    "mlp": "mlp3_64",
    "residual-mlp": "residual_mlp6_64",
    "densenet": "densenet121",
    "densenet-cifar": "densenet_bc10_8",
    "highway": "highway5",
    "highway-conv": "highway_conv7",
    "gated": "gated_resnet8",
    "rezero": "rezero_resnet8",
    "skipinit": "skipinit_resnet8",
    "layerscale": "layerscale_resnet8",
    "fixup": "fixup_resnet50",
    "fixup-cifar": "fixup_resnet8",
    "mobilenet-v2": "mobilenet_v2_25",
    "efficientnet": "efficientnet_b0",
    "vit": "vit_tiny_patch16_32",
    "vit-small-images": "vit_tiny_patch4_32",
    "residual-lstm": "residual_lstm2",
    "residual-rnn": "residual_rnn",
    "highway-lstm": "highway_lstm3",
    "residual-gcn": "residual_gcn2",
    "video-resnet": "r3d_18",
    "resnet1d": "resnet1d18",
    "resnet-tsc": "resnet_tsc",
    "dual-stream": "dualstream_resnet18",
    "dual-stream-mlp": "dualstream_mlp",
}
ACTIVATIONS = {
    "relu": nn.ReLU,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "mish": nn.Mish,
    "leaky": nn.LeakyReLU,
}
ANY_ACTIVATION = (*ACTIVATIONS.values(), nn.ReLU6, nn.Tanh)
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
ANY_NORM = (*BATCH_NORMS, nn.GroupNorm, nn.LayerNorm)
GATES = {
    "se": SE,
    "eca": ECA,
    "cbam": CBAM,
    "bam": BAM,
    "nonlocal": Embedded,
    "nonlocal-gaussian": Gaussian,
    "nonlocal-dot": Dot,
    "nonlocal-concat": Concat,
    **{name: HybridAttention for name in ATTENTION if name.startswith("hybrid")},
}
Options = dict[str, str]


HEAVY = (
    "resnet", "plain", "preact", "wide", "resnext", "resnet-d", "resnet-rs", "se-resnet",
    "se-resnext", "eca-resnet", "eca-resnet-d", "cbam-resnet", "bam-resnet", "nonlocal-resnet",
    "hybrid-resnet",
    "vgg", "densenet", "fixup", "mobilenet-v2", "efficientnet", "vit-small-images",
    "video-resnet", "resnet1d", "dual-stream",
)  # fmt: skip
"""Families whose smallest member takes its time."""
LIGHT = tuple(family for family in SMALL if family not in HEAVY)


def squares(name: str) -> list[Options]:
    """Every norm with every attention, and each of the two with every activation."""
    offered = options_of(name)
    found = []
    for (i, norm), (j, attention) in product(
        enumerate(offered["norm"]), enumerate(offered.get("attention", ["none"]))
    ):
        activation = [*offered["activation"]][(i + j) % 5]
        asked = {"norm": norm, "activation": activation, "attention": attention}
        found.append({o: v for o, v in asked.items() if o in offered})
    return found


def some(squares: list[Options], count: int) -> list[Options]:
    return [squares[(2 * i + 1) * len(squares) // (2 * count)] for i in range(count)]


@cache
def unit_names(name: str) -> list[str]:
    bare = {"attention": "none"} if "attention" in options_of(name) else {}
    return [unit.name for unit in outer_units(outlined(name, bare))]


def made(name: str, options: Options) -> Network:
    return create(name, num_classes=5, in_channels=family_of(name).in_channels, **options)


def outlined(name: str, options: Options) -> Network:
    with torch.device("meta"):
        return made(name, options)


def example(model: Network, name: str) -> tuple[Tensor, ...]:
    family = family_of(name)
    own = model.size if "image_size" in options_of(name) else None
    return family.inputs(2, family.in_channels, own or family.small_size)


def check_runs(model: Network, name: str, options: Options) -> None:
    logits = model(*example(model, name))
    logits.square().sum().backward()
    assert logits.shape == (2, 5) and logits.isfinite().all(), options
    for address, parameter in model.named_parameters():
        grad = parameter.grad
        assert grad is not None and grad.isfinite().all(), (options, address)


def check_is_what_was_asked(model: Network, name: str, options: Options) -> None:
    parts = list(model.modules())
    found = {type(part) for part in parts if isinstance(part, ANY_ACTIVATION)}
    assert found == {ACTIVATIONS[options["activation"]]}, options
    norms = [part for part in parts if isinstance(part, ANY_NORM)]
    assert all(is_a(options["norm"], norm) for norm in norms), options
    assert bool(norms) is (options["norm"] != "none"), options
    assert options["norm"] == "none" or not any(isinstance(part, NoNorm) for part in parts), options
    check_gates(name, parts, options.get("attention", "none"))
    names = [unit.name for unit in outer_units(model) if not unit.name.endswith(".gate")]
    assert names == unit_names(name), options


def check_gates(name: str, parts: list[nn.Module], attention: str) -> None:
    # an EfficientNet has its gates inside of all its blocks, also of those that are no units
    places = 16 if name == "efficientnet_b0" else len(unit_names(name))
    seen = [type(part) for part in parts if isinstance(part, tuple(GATES.values()))]
    assert seen == ([] if attention == "none" else [GATES[attention]] * places)


def is_a(kind: str, norm: nn.Module) -> bool:
    if kind == "batch":
        return isinstance(norm, BATCH_NORMS)
    if kind == "instance":
        return isinstance(norm, InstanceNorm)
    if isinstance(norm, nn.LayerNorm):
        return kind == "layer"
    assert isinstance(norm, nn.GroupNorm)
    if kind == "layer":
        return norm.num_groups == 1
    return norm.num_groups < norm.num_channels or norm.num_channels == 1


def test_each_family_has_a_small_member() -> None:
    assert list(SMALL) == list(dict.fromkeys(family.name for family in FAMILIES))
    assert all(family_of(name).name == family for family, name in SMALL.items())


def check(name: str, options: Options) -> None:
    model = made(name, options)
    check_is_what_was_asked(model, name, options)
    check_runs(model, name, options)


@pytest.mark.parametrize("family", LIGHT)
def test_one_square_of_each_light_family(family: str) -> None:
    (options,) = some(squares(SMALL[family]), 1)
    check(SMALL[family], options)


@pytest.mark.full
@pytest.mark.parametrize("family", LIGHT)
def test_every_pair_of_options_is_there_and_learns(family: str) -> None:
    for options in squares(SMALL[family]):
        check(SMALL[family], options)


@pytest.mark.full
@pytest.mark.parametrize("family", HEAVY)
def test_every_option_is_there_and_one_square_learns(family: str) -> None:
    tried = squares(SMALL[family])
    for options in some(tried, 9):
        check_is_what_was_asked(outlined(SMALL[family], options), SMALL[family], options)
    check(SMALL[family], *some(tried, 1))


@pytest.mark.parametrize("family", LIGHT)
def test_saved_and_loaded_it_is_the_same(family: str, tmp_path: Path) -> None:
    name = SMALL[family]
    model = made(name, squares(name)[-2])
    save(model, tmp_path / "model")
    again = load(tmp_path / "model")
    inputs = example(model, name)
    with torch.no_grad():
        assert torch.equal(again(*inputs), model.eval()(*inputs))
    assert str(again) == str(model)


@pytest.mark.full
@pytest.mark.parametrize("family", SMALL)
def test_nothing_is_offered_that_can_only_fail(family: str) -> None:
    name = SMALL[family]
    offered = options_of(name)
    beside: list[dict[str, str | float]] = [
        {}, {"drop_path": 0.1}, {"drop_path": 0}, {"norm": "batch"}, {"attention": "none"},
    ]  # fmt: skip
    for option, values in offered.items():
        for value in values if isinstance(values, list) else [0.5]:
            if option in ("init", "drop_path", "drop_path_mode", "shake_drop", "shortcut", "stem"):
                tries = [more for more in beside if more.keys() <= offered.keys() - {option}]
                assert any(builds(name, {**more, option: value}) for more in tries), (option, value)


def builds(name: str, options: dict[str, str | float]) -> bool:
    try:
        with torch.device("meta"):
            create(name, **options)
    except InputError:
        return False
    return True


def shapes(name: str, **options: str) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        model = create(name, **options)
    return {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()}


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("seresnet50", "resnet50"),
        ("seresnext50_32x4d", "resnext50_32x4d"),
        ("ecaresnet50d", "resnet50d"),
        ("cbam_resnet18", "resnet18"),
        ("bam_resnet50", "resnet50"),
        ("nonlocal_resnet50", "resnet50"),
        ("hybrid_resnet18", "resnet18"),
    ],
)
def test_without_attention_it_is_the_network_that_it_was_made_from(name: str, bare: str) -> None:
    assert shapes(name, attention="none") == shapes(bare) == shapes(bare, attention="none")
    assert shapes(name, attention="bam") == shapes(bare, attention="bam")


def test_a_vgg_with_batch_norms_is_the_vgg_with_batch_norms() -> None:
    assert shapes("vgg11", norm="batch") == shapes("vgg11_bn")
    assert shapes("vgg11_cifar", norm="none") == shapes("vgg11_cifar")


@pytest.mark.parametrize("norm", ["group", "none"])
def test_a_new_norm_starts_as_the_old_one_did(norm: str) -> None:
    model = made("resnet8", {"attention": "nonlocal", "norm": norm})
    block, x = outer_units(model)[0].transform.gate, torch.randn(2, 16, 4, 4)
    assert torch.equal(block(x), x)  # the last scale of a non-local block is zero


def test_norms_of_the_kind_asked_for_stay_as_they_are() -> None:
    late = outlined("efficientnet_b5", {"norm": "batch"})
    vit = outlined("vit_tiny_patch4_8", {"norm": "layer"})
    assert all(m.eps == 1e-3 for m in late.modules() if isinstance(m, nn.BatchNorm2d))
    assert all(m.eps == 1e-6 for m in vit.modules() if isinstance(m, nn.LayerNorm))


def test_both_transforms_of_shake_shake_start_at_zero() -> None:
    model = made("shake8_2x8d", {"init": "zero-last"}).eval()
    with torch.no_grad(), record(model) as tape:
        model(torch.randn(2, 3, 8, 8))
    assert not any(unit.transform.any() for unit in tape.units.values())


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("vit_tiny_patch4_32", {"attention": "cbam"}, "CBAM looks at neighbouring places"),
        ("residual_gcn2", {"attention": "bam"}, "BAM looks at neighbouring places"),
        ("residual_mlp4_8", {"attention": "nonlocal"}, r"compare places, and \(B, C\) has one"),
        ("highway5", {"norm": "instance"}, "a vector has one"),
        ("vgg11", {"drop_path": 0.5}, "no option 'drop_path': it is about residual units"),
        ("highway5", {"shake_drop": 0.5}, "it would scale the gate too"),
        ("resnetv2_50", {"init": "zero-last"}, "ends in a convolution"),
        ("nonlocal_resnet18", {"attention": "se", "pairwise": "dot"}, "give one of the two"),
    ],
)
def test_what_has_no_meaning_is_refused_with_the_reason(
    name: str, options: dict[str, str | float], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        create(name, **options)
