"""Maps split at the shortcut, and followed back: sums by hand."""

import pytest
import torch
from foreign_image import Foreign
from torch import Tensor, nn

from plusx import InputError, Residual, create, units
from plusx.explain import grad_cam, split, through
from plusx.explain.weights import by_place, by_positive_place
from plusx.report.explain.sentences import by_unit


class _Head(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x.mean((2, 3)))


def _stream(units: int = 3) -> nn.Sequential:
    """Units on one stream without anything between them."""
    made = [Residual(nn.Sequential(nn.Conv2d(6, 6, 3, padding=1), nn.Tanh())) for _ in range(units)]
    return nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), *made, _Head())


def test_the_halves_of_a_sum_are_the_weights_on_each_way() -> None:
    model, images = _stream(2), torch.randn(2, 3, 8, 8)
    found = split(model, images, [1, 3])
    s = model[1](model[0](images))
    w = model[3].linear.weight[[1, 3]] / 64
    torch.testing.assert_close(found.by_shortcut, torch.einsum("bc,bchw->bhw", w, s).detach())
    t = model[2].transform(s)
    torch.testing.assert_close(found.by_transform, torch.einsum("bc,bchw->bhw", w, t).detach())
    shown = (found.whole > 0).float()
    added = (found.by_transform * shown).sum((1, 2)) / (found.whole * shown).sum((1, 2))
    torch.testing.assert_close(found.added, added)


@pytest.mark.parametrize("weights", [by_place, by_positive_place])
@pytest.mark.parametrize("name", ["resnet8", "rezero_resnet8", "preact_resnet8"])
def test_the_halves_sum_to_the_map(name: str, weights: object) -> None:
    model, images = create(name, num_classes=4), torch.randn(2, 3, 16, 16)
    found = split(model, images, 2, weights=weights)
    torch.testing.assert_close(found.by_shortcut + found.by_transform, found.whole)
    assert bool(found.whole.any())


def test_the_whole_is_the_map_of_grad_cam() -> None:
    model, images = Foreign(), torch.randn(2, 3, 12, 12)
    for unit in (units(model)[0].name, units(model)[3].name):
        whole = split(model, images, 1, unit=unit).whole
        torch.testing.assert_close(whole, grad_cam(model, images, 1, unit=unit).raw[0])


def test_under_autocast_the_halves_still_sum_to_the_whole() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        found = split(create("resnet8", num_classes=4), torch.randn(2, 3, 16, 16), 2)
    torch.testing.assert_close(found.by_shortcut + found.by_transform, found.whole)


def test_a_concatenation_splits_into_old_and_new_channels() -> None:
    model, images = create("densenet_bc40_12", num_classes=4).eval(), torch.randn(1, 3, 16, 16)
    found = split(model, images, 0, weights=by_place)
    torch.testing.assert_close(found.by_shortcut + found.by_transform, found.whole)
    path = through(model, images, 0)
    torch.testing.assert_close(
        path.stem + path.added.sum(1) + path.offsets.sum(1), path.evidence, rtol=1e-3, atol=1e-5
    )


def test_on_a_bare_stream_the_evidence_is_the_sum_of_what_each_unit_added() -> None:
    model, images = _stream(3), torch.randn(2, 3, 8, 8)
    path = through(model, images, 2)
    x = model[0](images)
    w = model[4].linear.weight[2] / 64
    terms = [x]
    for unit in list(model)[1:4]:
        terms.append(unit.transform(x))
        x = unit(x)
    map_ = torch.einsum("c,bchw->bhw", w, x)
    shown = (map_ > 0).float()
    by_hand = [(torch.einsum("c,bchw->bhw", w, term) * shown).sum((1, 2)) for term in terms]
    torch.testing.assert_close(path.evidence, map_.relu().sum((1, 2)).detach())
    torch.testing.assert_close(path.stem, by_hand[0].detach(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        path.added, torch.stack(by_hand[1:], 1).detach(), rtol=1e-4, atol=1e-5
    )
    assert float(path.offsets.abs().max()) < 1e-5
    assert path.units == ("1", "2", "3")


@pytest.mark.parametrize("foreign", [False, True])
def test_behind_relus_and_strides_nothing_is_lost_without_biases(foreign: bool) -> None:
    model = Foreign() if foreign else create("resnet14", num_classes=4)
    path = through(model, torch.randn(2, 3, 16, 16), 1)
    assert float(path.offsets.abs().max()) < 1e-4 * float(path.evidence.max())
    torch.testing.assert_close(path.stem + path.added.sum(1), path.evidence, rtol=1e-3, atol=1e-5)
    sums = torch.stack([one.sum((1, 2)) for one in path.maps], 1)
    torch.testing.assert_close(sums, path.added, rtol=1e-3, atol=1e-5)


def test_the_unit_that_found_it_is_named() -> None:
    model = _stream(3)
    for place in (1, 3):
        nn.init.zeros_(model[place].transform[0].weight)
        nn.init.zeros_(model[place].transform[0].bias)
    with torch.no_grad():
        model[0].weight.mul_(1e-3), model[0].bias.zero_()
        model[2].transform[0].weight.mul_(1e4)
    path = through(model, torch.randn(2, 3, 8, 8), 1)
    assert path.first == "2" and float(path.shares[:, 2].min()) > 0.9
    assert "after 2" in path.table() and path.to_json()["first"] == "2"
    assert path.plot().get_xlabel()


def test_without_evidence_no_unit_is_named() -> None:
    model = _stream(2)
    nn.init.zeros_(model[-1].linear.weight)
    path = through(model, torch.randn(1, 3, 8, 8), 0)
    assert path.first is None and "no evidence" in path.table()
    assert split(model, torch.randn(1, 3, 8, 8), 0).to_json()["added"] == [None]


def test_evidence_that_no_unit_brings_is_not_called_none() -> None:
    model = _stream(1)
    nn.init.zeros_(model[1].transform[0].weight)
    nn.init.zeros_(model[1].transform[0].bias)
    projected = Residual(nn.Sequential(nn.Conv2d(6, 6, 1), nn.Tanh()), shortcut=nn.Conv2d(6, 6, 1))
    for part in (projected.transform[0], projected.shortcut):
        nn.init.zeros_(part.weight)
    nn.init.zeros_(projected.transform[0].bias)
    model.insert(2, projected)
    with torch.no_grad():
        projected.shortcut.bias.copy_(model[-1].linear.weight[0])
    path = through(model, torch.randn(1, 3, 8, 8), 0)
    assert path.first is None and float(path.offsets.sum() / path.evidence) == pytest.approx(1)
    assert "half of it is not there after any" in path.table()
    assert "less than half of it" in by_unit(path) and "100" in by_unit(path)


@pytest.mark.parametrize("fusion", ["concat", "gate"])
def test_where_streams_meet_both_are_followed(fusion: str) -> None:
    model = create("dualstream_resnet18", num_classes=3, fusion=fusion, after=2)
    path = through(model, torch.randn(2, 3, 32, 32), 1)
    of = {stream: [n for n in path.units if f".{stream}." in n] for stream in ("rgb", "l")}
    assert len(of["rgb"]) == len(of["l"]) == 4 and len(path.units) == 10
    whole = path.stem + path.added.sum(1) + path.offsets.sum(1)
    torch.testing.assert_close(whole, path.evidence, rtol=1e-3, atol=1e-5)


def test_of_two_streams_added_up_each_brings_what_it_brings_alone() -> None:
    model = _Added()
    images = torch.randn(2, 3, 8, 8)
    path = through(model, images, 2)
    assert path.units == ("a", "b", "last") and float(path.offsets.abs().max()) < 1e-4
    x = model.stem(images)
    w = model.head.linear.weight[2] / 64
    y = model.last(model.a(x) + model.b(x))
    shown = (torch.einsum("c,bchw->bhw", w, y) > 0).float()
    for place, unit in enumerate((model.a, model.b)):
        added = torch.einsum("c,bchw->bhw", w, unit.transform(x)) * shown
        torch.testing.assert_close(path.added[:, place], added.sum((1, 2)).detach())
    stem = (torch.einsum("c,bchw->bhw", w, 2 * x) * shown).sum((1, 2))
    torch.testing.assert_close(path.stem, stem.detach())


class _Added(nn.Module):
    """Two units side by side, their sum through a third."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.a, self.b, self.last = (Residual(nn.Conv2d(6, 6, 3, padding=1)) for _ in range(3))
        self.head = _Head()

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return self.head(self.last(self.a(x) + self.b(x)))


class _Largest(nn.Module):
    def forward(self, s: Tensor, t: Tensor) -> Tensor:
        return torch.maximum(s, t)


class _Lerp(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.gate = nn.Conv2d(6, 6, 3, padding=1), nn.Conv2d(6, 6, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.lerp(x, self.body(x), torch.sigmoid(self.gate(x)))


def test_merges_that_are_not_covered_are_named() -> None:
    largest = Residual(nn.Conv2d(6, 6, 3, padding=1), merge=_Largest())
    model = nn.Sequential(nn.Conv2d(3, 6, 3), largest, _Head())
    with pytest.raises(InputError, match="'1' has a merge that is not linear"):
        split(model, torch.randn(1, 3, 8, 8))
    with pytest.raises(InputError, match="'1' merges more"):
        through(nn.Sequential(nn.Conv2d(3, 6, 3), _Lerp(), _Head()), torch.randn(1, 3, 8, 8))


class _Conditional(Foreign):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if x.shape[1] == 3 else x


@pytest.mark.parametrize("question", [split, through])
def test_inference_mode_outside_changes_nothing(question: object) -> None:
    model = _Conditional()
    with torch.inference_mode():
        images = torch.randn(1, 3, 12, 12)
        found = question(model, images, 1).to_json()
    assert found == question(model, images.clone(), 1).to_json()


@pytest.mark.parametrize("question", [split, through])
def test_wrong_inputs(question: object) -> None:
    images = torch.randn(1, 3, 8, 8)
    with pytest.raises(InputError, match="no unit '9'"):
        question(_stream(), images, unit="9")
    with pytest.raises(InputError, match="no residual unit"):
        question(nn.Sequential(nn.Conv2d(3, 6, 3), _Head()), images)


def test_a_unit_that_is_run_again_and_again_is_not_followed() -> None:
    model, images = _stream(1), torch.randn(2, 3, 8, 8)
    again = nn.Sequential(model[0], model[1], model[1], model[2])
    with pytest.raises(InputError, match="the unit '1' is run 2 times in a pass"):
        through(again, images, 1)
    assert len(through(model, images, 1).units) == 1
