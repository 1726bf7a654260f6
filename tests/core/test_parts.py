"""Merges, shortcuts, stems and transforms, right ones and wrong ones."""

import pytest
import torch
from torch import nn

from plusx import Add, Residual, Scaled, create, parts, units
from plusx.surgery import zero_last_norms
from reference import network as reference_network


def test_the_equation() -> None:
    f, s = nn.Linear(4, 4), nn.Linear(4, 4)
    x = torch.randn(2, 4)
    assert torch.equal(Residual(f)(x), x + f(x))
    assert torch.equal(Residual(f, shortcut=s)(x), s(x) + f(x))
    assert torch.equal(Residual(f, merge=Scaled(0.5))(x), x + 0.5 * f(x))


def test_only_the_transform_sees_the_context() -> None:
    class Scale(nn.Module):
        def forward(self, x: torch.Tensor, factor: float) -> torch.Tensor:
            return factor * x

    assert torch.equal(Residual(Scale())(torch.ones(3), 2.0), torch.full((3,), 3.0))


@pytest.mark.parametrize("merge", [Add(), Scaled(0.3), Scaled(0.1, shape=(4, 1, 1))])
def test_a_merge_is_inverted(merge: nn.Module) -> None:
    s, t = torch.randn(2, 4, 3, 3).double(), torch.randn(2, 4, 3, 3).double()
    merge = merge.double()
    assert torch.allclose(merge.inverse(merge(s, t), t), s, rtol=0, atol=1e-12)


@pytest.mark.parametrize("merge", [Add(), Scaled()])
def test_a_sum_that_would_broadcast_is_refused(merge: nn.Module) -> None:
    with pytest.raises(ValueError, match=r"\(2, 4\) but the transform \(2, 1\)"):
        merge(torch.ones(2, 4), torch.ones(2, 1))


def test_scaled_starts_as_its_shortcut() -> None:
    unit = Residual(nn.Linear(4, 4), merge=Scaled())
    x = torch.randn(2, 4)
    assert torch.equal(unit(x), x)
    unit(x).sum().backward()
    assert unit.merge.scale.grad is not None and unit.merge.scale.grad != 0


@pytest.mark.parametrize(
    "shortcut", [parts.pad, parts.project, parts.project_all, parts.avg_project]
)
@pytest.mark.parametrize("stride", [1, 2])
def test_a_shortcut_takes_the_shape_to_that_of_the_transform(
    shortcut: parts.Shortcut, stride: int
) -> None:
    x = torch.randn(2, 8, 9, 9)
    s = shortcut(8, 16, stride=stride)
    t = parts.basic(8, 16, stride=stride)
    assert s(x).shape == t(x).shape == (2, 16, -(-9 // stride), -(-9 // stride))


def test_options_a_b_and_d_are_the_identity_where_nothing_changes() -> None:
    for shortcut in (parts.identity, parts.pad, parts.project, parts.avg_project):
        assert isinstance(shortcut(8, 8, stride=1), nn.Identity)
    assert not isinstance(parts.project_all(8, 8, stride=1), nn.Identity)


def test_a_padded_shortcut_keeps_its_pixels_between_zeros() -> None:
    x = torch.randn(1, 2, 4, 4)
    y = parts.Pad(2, 5, stride=2)(x)
    assert torch.equal(y[:, 1:3], x[:, :, ::2, ::2])
    assert not y[:, :1].any() and not y[:, 3:].any()
    with pytest.raises(ValueError, match="cannot shrink 4 channels to 2"):
        parts.Pad(4, 2, stride=1)


def test_the_identity_refuses_another_shape() -> None:
    with pytest.raises(ValueError, match="4 channels to 8 at stride 1"):
        parts.identity(4, 8, stride=1)


@pytest.mark.parametrize(
    ("stem", "stride"), [(parts.small_stem, 1), (parts.large_stem, 4), (parts.deep_stem, 4)]
)
def test_stems(stem: parts.Stem, stride: int) -> None:
    made = stem(3, 64)
    assert made(torch.randn(2, 3, 32, 32)).shape == (2, 64, 32 // stride, 32 // stride)


def test_the_2015_bottleneck_strides_first() -> None:
    model = create("resnet50", num_classes=10, transform="bottleneck-2015").double().eval()
    x = torch.randn(1, 3, 64, 64).double()
    want = reference_network(x, model.state_dict(), training=False, first=True)
    assert torch.allclose(model(x), want)


@pytest.mark.parametrize("name", ["resnet20", "resnet50"])
def test_zero_last_makes_every_unit_its_shortcut(name: str) -> None:
    model = create(name, num_classes=10, init="zero-last")
    for unit in units(model):
        assert not unit.transform[-1].weight.any()
    assert all(module.weight.any() for module in model.modules() if isinstance(module, nn.Conv2d))


def test_zero_last_names_the_unit_that_it_cannot_do() -> None:
    model = nn.Sequential(Residual(nn.Linear(4, 4)))
    with pytest.raises(ValueError, match="0 ends in Linear"):
        zero_last_norms(model)
    with pytest.raises(ValueError, match="has none"):
        zero_last_norms(nn.Linear(4, 4))


def test_he_initialisation_has_its_variance() -> None:
    weight = create("resnet34").stages[3][2].unit.transform.conv1.weight
    assert weight.std().item() == pytest.approx((2 / (512 * 9)) ** 0.5, rel=0.01)


def test_no_activation_is_used_at_two_sites() -> None:
    model = create("resnet20", num_classes=10)
    calls: list[nn.Module] = []
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_hook(lambda m, i, y: calls.append(m))
    model(torch.randn(2, 3, 32, 32))
    assert len(calls) == len(set(calls)) == 19
