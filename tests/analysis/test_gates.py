"""Gates are found by what they compute: whose value they weigh, and for what there is a weight."""

import pytest
import torch
from gate_nets import Branches, ByMean, Means, No, Place, in_unit
from torch import nn

from plusx import InputError, Residual, create
from plusx.analysis.gate_importance import gate_importance
from plusx.analysis.gate_layout import by_place
from plusx.analysis.gate_maps import gate_maps
from plusx.analysis.gate_weights import gate_weights
from plusx.analysis.gated_pass import seeing
from plusx.analysis.gates import found_gates, gates, named
from plusx.branch import BAM, ECA, SE


@pytest.mark.parametrize(
    ("attention", "kinds"),
    [
        ("none", []),
        ("se", ["channel"]),
        ("eca", ["channel"]),
        ("bam", ["both"]),
        ("nonlocal", ["pairs"]),
        ("nonlocal-gaussian", ["pairs"]),
        ("nonlocal-dot", ["pairs"]),
        ("nonlocal-concat", ["pairs"]),
    ],
)
def test_each_unit_of_ours_has_its_gates(attention: str, kinds: list[str]) -> None:
    model = create("resnet8", num_classes=10, attention=attention)
    found = gates(model, torch.zeros(1, 3, 8, 8))
    assert [gate.kind for gate in found] == 3 * kinds
    units = [f"stages.{stage}.0.unit" for stage in range(3) for _ in kinds]
    assert [gate.unit for gate in found] == units
    assert all(model.get_submodule(gate.name) is gate.module for gate in found)


@pytest.mark.full
@pytest.mark.parametrize("attention", ["cbam", "hybrid"])
def test_two_gates_a_unit_one_for_channels_one_for_places(attention: str) -> None:
    model = create("resnet8", num_classes=10, attention=attention)
    found = gates(model, torch.zeros(1, 3, 8, 8))
    assert [gate.kind for gate in found] == 3 * ["channel", "spatial"]
    assert {gate.unit for gate in found} == {f"stages.{stage}.0.unit" for stage in range(3)}


def test_a_gate_of_a_foreign_network_in_place() -> None:
    model = nn.Sequential(nn.Conv2d(3, 2, 1), Place(), ByMean(1.0, 2.0), Means())
    x = torch.randn(4, 3, 5, 5)
    found = gates(model, x)
    assert [(gate.name, gate.kind, gate.unit) for gate in found] == [
        ("1", "spatial", ""), ("2", "channel", ""),
    ]  # fmt: skip
    with seeing(model) as passes, torch.no_grad():
        seen = passes(x)
    value = model[0](x)
    weights = 2 * value.mean(1, keepdim=True)
    assert torch.equal(seen.weights["1"], weights)
    assert torch.equal(seen.values["1"], value)
    assert torch.equal(seen.logits, model(x))


def test_products_that_are_no_gates() -> None:
    assert gates(No(), torch.zeros(1, 2, 3, 3)) == []
    with pytest.raises(InputError, match="has no gate"):
        named([], None)


def test_a_gate_named_by_its_unit_and_numbered() -> None:
    model = in_unit(nn.Sequential(SE(2), ECA(2), BAM(2)))
    found = gates(model, torch.zeros(1, 2, 4, 4))
    assert [gate.name for gate in found] == [f"0.transform.1.{n}" for n in range(3)]
    assert {gate.unit for gate in found} == {"0"}

    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Parameter(torch.ones(2, 1, 1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = x * (x.mean((2, 3), keepdim=True) * self.a)
            return x * (x.mean((2, 3), keepdim=True) * self.a)

    found = gates(Twice(), torch.zeros(1, 2, 4, 4))
    assert [g.name for g in found] == ["(network):1", "(network):2"]
    made = gates(nn.Sequential(Residual(Twice())), torch.zeros(1, 2, 4, 4))
    assert [(g.name, g.unit) for g in made] == [("0.transform:1", "0"), ("0.transform:2", "0")]


def test_the_second_use_of_a_gate_is_not_in_the_unit_of_the_first() -> None:
    shared = SE(2)
    blocks = (Residual(nn.Sequential(nn.Conv2d(2, 2, 1), shared)) for _ in range(2))
    found = gates(nn.Sequential(*blocks), torch.zeros(1, 2, 4, 4))
    assert {g.module for g in found} == {shared.weigh}
    assert [g.unit for g in found] == ["0", ""]


def test_places_are_places_where_the_map_has_shrunk_to_one() -> None:
    model = nn.Sequential(nn.Conv2d(3, 2, 1), Place(), ByMean(1.0, 2.0), Means())
    assert [g.kind for g in gates(model, torch.rand(2, 3, 1, 1))] == ["spatial", "channel"]
    one = nn.Sequential(ByMean(1.0), Means())
    assert [g.kind for g in gates(one, torch.rand(2, 1, 4, 4))] == ["channel"]


def test_branches_in_one_tensor_are_no_channels() -> None:
    model, images = Branches(), torch.rand(4, 3, 4, 4)
    (gate,) = gates(model, images)
    assert (gate.name, gate.kind, gate.module) == ("(network)", "other axes", model)
    assert len(gate_weights(model, images, torch.arange(4))["(network)"].mean) == 1
    assert gate_maps(model, images).maps == {}
    with pytest.raises(InputError, match="weighs other axes, expected one that weighs channels"):
        gate_importance(model, images, torch.arange(4))


def test_groups_among_the_images_are_refused() -> None:
    class Grouped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gate = ByMean(1.0)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.gate(x.flatten(0, 1)[:, None]).mean((2, 3)).view(x.shape[:2])

    with pytest.raises(InputError, match="weights come in 8 rows for 4 images"):
        gate_weights(Grouped(), torch.rand(4, 2, 3, 3), torch.arange(4))


def test_the_right_gate_is_asked_for() -> None:
    model = create("resnet8", num_classes=10, attention="se")
    with seeing(model) as passes:
        found = found_gates(passes, torch.zeros(1, 3, 8, 8))
    assert named(found, found[1].name) is found[1]
    with pytest.raises(InputError, match=r"did you mean 'stages\.0\.0\.unit\.transform\.gate'"):
        named(found, "stages.0.0.unit.transform.gat")
    with pytest.raises(InputError, match="no gate was chosen of several"):
        named(found, None)


@pytest.mark.parametrize("name", ["stages.9.unit.transform.gate.parts", "nothing like it", None])
def test_an_error_names_a_few_gates_and_not_all(name: str | None) -> None:
    model = create("resnet20", num_classes=10, attention="se")
    with seeing(model) as passes:
        found = found_gates(passes, torch.zeros(1, 3, 8, 8))
    with pytest.raises(InputError) as caught:
        named(found, name)
    assert 1 <= str(caught.value).count("transform.gate'") <= 3 < len(found)


def test_a_gate_of_several_in_a_module_is_named_after_the_part_that_makes_its_weights() -> None:
    model = create("resnet8", num_classes=10, attention="hybrid")
    unit = "stages.0.0.unit.transform.gate.parts"
    found = gates(model, torch.zeros(1, 3, 8, 8))
    assert [gate.name for gate in found[:2]] == [f"{unit}.channel", f"{unit}.place"]


def test_pairs_are_laid_out_on_the_places_that_are_heard() -> None:
    weights = torch.arange(6.0).expand(1, 24, 6)  # place j is heard as much as its number
    heard = by_place(weights, -1, 2 / 3)
    assert heard is not None and heard[0].tolist() == [[0, 1, 2], [3, 4, 5]]
    turned = by_place(weights.transpose(1, 2), -2, 2 / 3)
    assert turned is not None and torch.equal(turned, heard)
    assert by_place(torch.rand(1, 5, 5), -1, 1.0) is None  # a class token among the places
    assert by_place(torch.rand(1, 5, 1, 1), None, 1.0) is None


def test_looking_leaves_no_trace() -> None:
    model = create("resnet8", num_classes=10, attention="se").train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.get_rng_state()
    gates(model, torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)))
    assert model.training and torch.equal(random, torch.get_rng_state())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
