"""What learns in a network with given weights, how fast, and that the rest stays bit for bit."""

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from plusx import InputError, create
from plusx.train.levels import by_stages, by_units
from plusx.train.optimize import param_groups, set_rates
from plusx.train.tune import (
    Tune,
    Tuning,
    drop_gradients,
    freeze,
    set_modes,
    tuning,
)
from plusx.zoo import FAMILIES, Network

KINDS: tuple[Tune, ...] = ("head", "all", "gradual", "layerwise")
SGD = lambda groups: torch.optim.SGD(groups, momentum=0.9, nesterov=True)  # noqa: E731
FUSED = lambda groups: torch.optim.SGD(groups, momentum=0.9, fused=True)  # noqa: E731
ADAMW = lambda groups: torch.optim.AdamW(groups)  # noqa: E731
MAKERS = pytest.mark.parametrize("make", [SGD, FUSED, ADAMW], ids=["sgd", "fused", "adamw"])


def small(**options: str) -> Network:
    return create("resnet8", num_classes=10, in_channels=1, **options)


def multiples(found: Tuning, model: nn.Module) -> dict[str, float]:
    """The rate multiple of each parameter, by its name: for tests alone."""
    of = {p: group.multiple for group in found.groups for p in group.params}
    return {name: of[p] for name, p in model.named_parameters()}


def train(
    model: Network,
    kind: Tune,
    steps: range,
    *,
    total: int,
    optimizer: torch.optim.Optimizer | None = None,
    make: Callable[..., torch.optim.Optimizer] = SGD,
    hold: Callable[[Tuning], None] = freeze,
) -> torch.optim.Optimizer:
    """Some steps of a run of `total`, each a pure function of its number."""
    groups = list(param_groups(model, tuning(model, kind), weight_decay=0.1))
    optimizer = optimizer or make(groups)
    for step in steps:
        now = tuning(model, kind, share=step / total)
        set_modes(model, now)
        set_rates(optimizer, now, 0.05)
        generator = torch.Generator().manual_seed(step)
        x = torch.randn(8, 1, 8, 8, generator=generator)
        y = torch.randint(0, 10, (8,), generator=generator)
        if hold is freeze:
            hold(now)
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        hold(now)
        optimizer.step()
    return optimizer


def changed(before: dict[str, Tensor], model: nn.Module) -> set[str]:
    return {name for name, t in model.state_dict().items() if not torch.equal(t, before[name])}


def copied(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_parameter_is_in_one_group_in_every_family(family) -> None:
    with torch.device("meta"):
        model = create(next(iter(family.models)), in_channels=family.in_channels)
    want = list(model.parameters())
    for kind in KINDS:
        found = [p for group in tuning(model, kind).groups for p in group.params]
        assert len(found) == len(want) and set(found) == set(want)
    parts = by_stages(model)
    assert set(parts[-1].params) == set(model.head.parameters())
    assert all(level.params for level in parts)
    assert sum((level.modules for level in parts), ())[-1] is model.head


@pytest.mark.parametrize("kind", KINDS)
def test_weights_of_two_dimensions_decay_and_no_others(kind: Tune) -> None:
    model = small()
    for group in tuning(model, kind).groups:
        assert {p.dim() > 1 for p in group.params} == {group.decays}
    decays = {
        made["weight_decay"] for made in param_groups(model, tuning(model, kind), weight_decay=0.3)
    }
    assert decays == {0.3, 0.0}


def test_all_has_the_groups_of_plain_training() -> None:
    model = small()
    weights, others = (group.params for group in tuning(model, "all").groups)
    assert weights == tuple(p for p in model.parameters() if p.dim() > 1)
    assert others == tuple(p for p in model.parameters() if p.dim() <= 1)


def test_head_leaves_all_else_as_it_was_statistics_too() -> None:
    model = small(attention="se")
    before = copied(model)
    train(model, "head", range(4), total=4)
    assert changed(before, model) == {"head.linear.weight", "head.linear.bias"}
    still = [*model.stem.modules(), *(m for stage in model.stages for m in stage.modules())]
    assert not any(m.training for m in still) and all(m.training for m in model.head.modules())


def test_all_changes_everything() -> None:
    model = small()
    before = copied(model)
    train(model, "all", range(2), total=2)
    assert changed(before, model) == set(before)


def test_gradual_thaws_a_stage_at_equal_shares_of_the_first_half() -> None:
    model = small()
    for share, thawed in (
        (0.0, ("head",)),
        (0.124, ("head",)),
        (0.125, ("head", "stages.2")),
        (0.25, ("head", "stages.2", "stages.1")),
        (0.375, ("head", "stages")),
        (0.49, ("head", "stages")),
        (0.5, ("head", "stages", "stem")),
        (1.0, ("head", "stages", "stem")),
    ):
        found = tuning(model, "gradual", share=share)
        for name, multiple in multiples(found, model).items():
            assert multiple == float(name.startswith(thawed)), (share, name)
        still = {p for module in found.still for p in module.parameters()}
        assert still == set(found.frozen)


def test_a_transition_thaws_with_the_stage_below_it() -> None:
    with torch.device("meta"):
        model = create("densenet40_12", num_classes=10)
    names = [[*level.modules] for level in by_stages(model)]
    stages = model.stages
    assert names == [[model.stem], [*stages[0:2]], [*stages[2:4]], [stages[4]], [model.head]]


def test_groups_stay_the_same_in_the_course_of_a_run() -> None:
    model = small()
    first = tuning(model, "gradual")
    for share in (0.1, 0.2, 0.4, 0.9):
        later = tuning(model, "gradual", share=share)
        for a, b in zip(first.groups, later.groups, strict=True):
            assert all(p is q for p, q in zip(a.params, b.params, strict=True))
            assert (a.name, a.decays) == (b.name, b.decays)


@MAKERS
def test_what_is_frozen_stays_bit_for_bit_until_it_thaws(make) -> None:
    model = small()
    before = copied(model)
    optimizer = train(model, "gradual", range(2), total=16, make=make)
    assert changed(before, model) == {"head.linear.weight", "head.linear.bias"}
    train(model, "gradual", range(2, 4), total=16, optimizer=optimizer)
    found = changed(before, model)
    assert found == {name for name in before if name.startswith(("head", "stages.2"))}
    train(model, "gradual", range(4, 10), total=16, optimizer=optimizer)
    assert changed(before, model) == set(before)


def test_dropped_gradients_do_what_freezing_does() -> None:
    a = small()
    b = deepcopy(a)
    train(a, "gradual", range(6), total=12)
    train(b, "gradual", range(6), total=12, hold=drop_gradients)
    assert all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values()))


@MAKERS
@pytest.mark.parametrize("stop", [1, 2, 3, 5, 7])
def test_a_run_that_was_stopped_goes_on_as_if_nothing_had_happened(stop: int, make) -> None:
    whole = small()
    broken = deepcopy(whole)
    train(whole, "gradual", range(8), total=8, make=make)
    state = train(broken, "gradual", range(stop), total=8, make=make).state_dict()
    again = small()
    again.load_state_dict(broken.state_dict())
    share = stop / 8  # made where the run stands, not at its beginning
    optimizer = make(
        list(param_groups(again, tuning(again, "gradual", share=share), weight_decay=0.1))
    )
    optimizer.load_state_dict(deepcopy(state))
    train(again, "gradual", range(stop, 8), total=8, optimizer=optimizer)
    want = whole.state_dict()
    assert all(torch.equal(tensor, want[name]) for name, tensor in again.state_dict().items())


def test_layerwise_slows_a_unit_by_the_units_above_it() -> None:
    model = create("resnet20", num_classes=10)
    got = multiples(tuning(model, "layerwise", decay=0.5), model)
    for name, multiple in got.items():
        stage, block = (int(n) for n in name.split(".")[1:3]) if "stages" in name else (0, 0)
        above = 9 if name.startswith("stem") else 8 - (3 * stage + block)
        assert multiple == (1.0 if name.startswith("head") else 0.5**above), name
    assert set(multiples(tuning(model, "layerwise", decay=1.0), model).values()) == {1.0}
    assert tuning(model, "layerwise").still == ()


def test_layerwise_gives_a_transition_the_rate_of_the_unit_before_it() -> None:
    with torch.device("meta"):
        model = create("densenet_bc40_12", num_classes=10)
    got = multiples(tuning(model, "layerwise", decay=0.5), model)
    units = 18  # three stages of six
    assert got["stem.conv.weight"] == 0.5**units
    assert got["stages.1.conv.weight"] == got["stages.0.5.transform.conv2.weight"] == 0.5**12
    assert got["stages.4.5.transform.conv2.weight"] == 1.0


def test_layerwise_counts_a_unit_in_a_unit_once() -> None:
    model = small(attention="nonlocal")
    got = multiples(tuning(model, "layerwise", decay=0.5), model)
    inside = [name for name in got if name.startswith("stages.0.0.unit.transform.")]
    assert len(inside) > 5 and {got[name] for name in inside} == {0.25}
    assert len(by_units(model)) == 1 + 3 + 1


def test_without_units_layerwise_goes_by_stages() -> None:
    model = create("plain20", num_classes=10)
    got = multiples(tuning(model, "layerwise", decay=0.5), model)
    for name, multiple in got.items():
        part = name.split(".")[0] if "stages" not in name else name[: len("stages.0")]
        want = {"stem": 0.125, "stages.0": 0.25, "stages.1": 0.5, "stages.2": 1.0, "head": 1.0}
        assert multiple == want[part], name


def test_an_empty_stem_belongs_to_the_first_stage() -> None:
    with torch.device("meta"):
        model = create("vgg11_bn_cifar", num_classes=10)
    assert by_stages(model)[0].modules == (model.stem, model.stages[0])
    found = tuning(model, "gradual", share=0.5)
    assert not found.frozen and not found.still


def test_any_module_goes_by_its_children() -> None:
    body = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
    model = nn.Sequential(body, nn.Flatten(), nn.Linear(4, 2), nn.Dropout(0.5))
    found = tuning(model, "head")
    assert set(found.frozen) == set(body.parameters())
    assert [m for m in found.still if [*m.parameters()]] == [body]
    assert not tuning(nn.Linear(2, 2), "head").frozen
    tied = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    tied[1].weight = tied[0].weight
    assert [len(level.params) for level in by_stages(tied)] == [2, 1]


def test_it_is_said_in_a_line_and_in_a_table() -> None:
    model = small()
    total = sum(p.numel() for p in model.parameters())
    assert str(tuning(model, "head")) == f"tune head: 650 of {total:,} parameters learn"
    lines = tuning(model, "layerwise", decay=0.5).table().splitlines()
    assert lines[0].split() == ["part", "decay", "rate", "params"]
    assert lines[2].split() == ["stem", "yes", "0.125", "144"]


def test_what_is_asked_wrongly_is_refused() -> None:
    model = small()
    with pytest.raises(InputError, match=r"did you mean 'head'.*expected one of head, all"):
        tuning(model, "heads")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"share of the run that is done is 1\.5; expected 0 to 1"):
        tuning(model, "gradual", share=1.5)
    for decay in (0.0, 1.1, -1.0):
        with pytest.raises(InputError, match="decay by depth"):
            tuning(model, "layerwise", decay=decay)
