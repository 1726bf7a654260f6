"""Gates and networks with attention against the same by hand, and what their papers say."""

from functools import partial

import pytest
import reference_attention as hand
import torch
from torch import Tensor, nn

from plusx import InputError, Residual, create, list_models, summary, units
from plusx.branch import GATES, Gated, NonLocal
from plusx.branch.eca import eca_kernel
from plusx.catalog import family_of
from plusx.graph import trace
from plusx.unit import outer_units
from randomise import randomise

FAMILIES = {
    "se-resnet": hand.se,
    "se-resnext": hand.se,
    "eca-resnet-d": hand.eca,
    "cbam-resnet": hand.cbam,
    "bam-resnet": hand.bam,
    "nonlocal-resnet": hand.non_local,
}
BY_HAND = {
    "se": hand.se,
    "eca": hand.eca,
    "cbam": hand.cbam,
    "bam": hand.bam,
    "nonlocal": hand.non_local,
    "nonlocal-gaussian": partial(hand.non_local, pairwise="gaussian"),
    "nonlocal-dot": partial(hand.non_local, pairwise="dot"),
    "nonlocal-concat": partial(hand.non_local, pairwise="concat"),
    "hybrid": hand.hybrid,
    "hybrid-channel": partial(hand.hybrid, order=("channel",)),
    "hybrid-spatial": partial(hand.hybrid, order=("place",)),
    "hybrid-static": hand.hybrid,
    "hybrid-noskip": partial(hand.hybrid, skip=0),
    "hybrid-spatial-first": partial(hand.hybrid, order=("place", "channel")),
    "hybrid-parallel": partial(hand.hybrid, parallel=True),
}
MORE = ("ecaresnet18d", "cbam_resnet18", "bam_resnet18", "nonlocal_resnet18", "seresnext50_8x8d")
NAMES = [
    *MORE[:-1],
    pytest.param(MORE[-1], marks=pytest.mark.full),
    *(
        pytest.param(name, marks=() if name == "seresnet18" else pytest.mark.full)
        for name in list_models()
        if family_of(name).name in FAMILIES
    ),
]
every_gate = pytest.mark.parametrize("name", GATES)


def made(name: str, width: int) -> nn.Module:
    """A gate with all its weights and statistics at random."""
    gate = GATES[name](width).double()
    randomise(gate)
    return gate


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("training", [False, True])
def test_equals_the_hand_written_network(name: str, training: bool) -> None:
    family = family_of(name)
    model = create(name, num_classes=10).double().train(training)
    randomise(model)
    images = torch.randn(3, 3, 64, 64).double()
    state = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    with torch.no_grad():
        want = hand.network(
            images,
            state,
            training=training,
            gate=FAMILIES[family.name],
            groups=int(name.split("_")[1].split("x")[0]) if "resnext" in name else 1,
            average=family.name == "eca-resnet-d",
        )
        found = model(images)
    assert (found - want).abs().max() <= 1e-9 * want.abs().max()


@every_gate
@pytest.mark.parametrize("size", [(4, 4), (5, 7), (1, 1)])
@pytest.mark.parametrize("training", [False, True])
def test_a_gate_equals_the_gate_by_hand(name: str, size: tuple[int, int], training: bool) -> None:
    gate = made(name, 32).train(training)
    state = {f"gate.{key}": tensor.clone() for key, tensor in gate.state_dict().items()}
    x = torch.randn(3, 32, *size).double()
    want = BY_HAND[name](x, state, "gate", training=training)
    assert torch.allclose(gate(x), want, rtol=1e-9, atol=1e-12)


@every_gate
def test_a_gate_fits_any_network(name: str) -> None:
    model = create("resnet8", num_classes=10, attention=name)
    assert all(isinstance(unit.transform, Gated) for unit in outer_units(model))
    x = torch.randn(2, 3, 8, 8)
    model(x).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    model.eval()
    with torch.no_grad():
        want = model(x)
        with torch.autocast("cpu", torch.bfloat16):
            half = model(x).float()
    assert (half - want).abs().max() <= 0.1 * want.abs().max()


@pytest.mark.full
@every_gate
def test_a_gate_compiles_whole(name: str) -> None:
    gate, x = made(name, 32).float().train(), torch.randn(2, 32, 4, 4)
    compiled = torch.compile(gate, fullgraph=True, backend="eager")
    assert torch.allclose(compiled(x), gate(x), atol=1e-5)
    torch.compiler.reset()


@every_gate
def test_a_gate_exports(name: str) -> None:
    gate, x = made(name, 32).float().eval(), torch.randn(2, 32, 4, 4)
    program = torch.export.export(gate, (x,), dynamic_shapes=({0: torch.export.Dim("b", min=2)},))
    more = torch.randn(5, 32, 4, 4)
    assert torch.allclose(program.module()(more), gate(more), atol=1e-5)


def test_the_body_alone_sees_the_context() -> None:
    class Scale(nn.Module):
        def forward(self, x: Tensor, factor: float) -> Tensor:
            return factor * x

    x = torch.randn(2, 3)
    unit = Residual(Gated(Scale(), nn.ReLU()))
    assert torch.equal(unit(x, 2.0), x + (2 * x).relu())


def test_the_kernel_of_eca_grows_with_the_logarithm_of_the_width() -> None:
    # Wang et al. 2019, figure 3 and section 3.2.3: 3 for 64, 5 for 256 channels
    assert [eca_kernel(2**n) for n in range(12)] == [1, 1, 1, 3, 3, 3, 3, 5, 5, 5, 5, 7]
    with_eca, without = create("ecaresnet50d"), create("resnet50d")
    assert sum(p.numel() for p in with_eca.parameters()) - 86 == sum(
        p.numel() for p in without.parameters()
    )


def test_se_with_the_stride_of_the_paper_counts_as_the_authors_network() -> None:
    found = summary(create("seresnet50", transform="bottleneck-2015"), 224)
    assert (found.params, found.macs) == (28_088_024, 3_860_488_192)


@pytest.mark.parametrize(("name", "millions"), [("cbam_resnet50", 28.09), ("bam_resnet50", 25.92)])
def test_counts_are_those_of_the_papers_tables(name: str, millions: float) -> None:
    count = sum(p.numel() for p in create(name).parameters())
    assert round(count / 1e6, 2) == millions


def test_non_local_blocks_stand_behind_every_other_unit_in_the_middle() -> None:
    model = create("nonlocal_resnet50")
    blocks = [name for name, part in model.named_modules() if isinstance(part, NonLocal)]
    assert [name.removesuffix(".transform") for name in blocks] == [
        "stages.1.2", "stages.1.5", "stages.2.2", "stages.2.5", "stages.2.8",
    ]  # fmt: skip
    assert len(units(model)) == 21


def test_bam_stands_behind_each_stage_but_the_last() -> None:
    model = create("bam_resnet50")
    blocks = [unit.name for unit in units(model) if not unit.name.endswith("unit")]
    assert blocks == ["stages.0.3", "stages.1.4", "stages.2.6"]


@pytest.mark.parametrize("name", [name for name in GATES if name.startswith("nonlocal")])
def test_a_non_local_block_starts_as_the_identity(name: str) -> None:
    block, x = GATES[name](16), torch.randn(2, 16, 4, 4)
    assert torch.equal(block(x), x)
    model = create("nonlocal_resnet50")
    block = model.stages[1][2]
    assert not block.transform.z.norm.weight.any()
    assert block.transform.g.conv.weight.std().item() == pytest.approx(0.01, rel=0.05)


def test_units_in_gates_are_units_but_are_not_dropped_or_gated_by_themselves() -> None:
    model = create("resnet20", num_classes=10, attention="nonlocal", drop_path=0.5)
    assert (len(units(model)), len(outer_units(model))) == (18, 9)
    assert [unit.transform.rate for unit in outer_units(model)] == pytest.approx(
        [0.5 * (number + 1) / 9 for number in range(9)]
    )
    assert all(isinstance(unit.transform, Gated) for unit in outer_units(create(
        "resnet20", num_classes=10, attention="bam"
    )))  # fmt: skip


def test_zero_last_sees_the_norm_before_the_gate() -> None:
    model = create("seresnet18", num_classes=10, init="zero-last").eval()
    for unit in units(model):
        assert not unit.transform.body.norm2.weight.any()
    with pytest.raises(InputError, match=r"stages\.0\.2 ends in Sigmoid"):
        create("bam_resnet18", num_classes=10, init="zero-last")


def test_attention_of_these_networks_is_the_gate_itself() -> None:
    as_eca = create("seresnet18", num_classes=10, attention="eca")
    other = create("resnet18", num_classes=10, attention="eca")
    assert as_eca.state_dict().keys() == other.state_dict().keys()


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("cbam_resnet20", {}, "18, 34, 50, 101, 152, 200 layers, not 20"),
        ("seresnext50_0x4d", {}, "0x4d is no set of paths"),
        ("seresnet50", {"attention": "no"}, "one of none, se, eca, cbam, bam, nonlocal"),
        ("resnet20", {"attention": "non-local"}, "did you mean 'nonlocal'"),
        ("plain20", {"attention": "se"}, "residual units, and this network has none"),
    ],
)
def test_wrong_calls_say_what_is_right(name: str, options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        create(name, **options)


@pytest.mark.parametrize("pairwise", ["embedded", "gaussian", "dot", "concat"])
def test_the_named_network_has_the_pairwise_function_asked_for(pairwise: str) -> None:
    with torch.device("meta"):
        network = create("nonlocal_resnet50", pairwise=pairwise)
        gate = "nonlocal" if pairwise == "embedded" else f"nonlocal-{pairwise}"
        wanted = GATES[gate](512)
    blocks = [unit.module for unit in units(network) if "NonLocal" in type(unit.transform).__name__]
    assert len(blocks) == 5
    assert str(blocks[0]) == str(wanted)


@pytest.mark.parametrize("name", ["cbam", "hybrid"])
def test_gates_that_look_at_places_are_traced_by_fx(name: str) -> None:
    model = create("resnet8", num_classes=4, attention=name).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, 0, 0.2)
    x = torch.randn(2, 3, 16, 16)
    traced = trace(model)  # without inputs: by torch.fx or not at all
    assert traced.by == "fx" and torch.equal(traced.module(x), model(x))
