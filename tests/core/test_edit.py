"""Changes to the units of any network: against the same network written with the change."""

import copy

import pytest
import torch
import torch.nn.functional as F
from foreign import Highway, PostActivation, TransformerBlock
from torch import Tensor, nn

from plusx import InputError, create, units
from plusx.edit import copy_of, replace_shortcut, scale, skip, swap


def _two() -> tuple[nn.Sequential, Tensor]:
    torch.manual_seed(0)
    model = nn.Sequential(PostActivation(4, 4, 1), PostActivation(4, 4, 1)).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight)
            nn.init.normal_(module.running_mean)
    return model, torch.randn(2, 4, 5, 5)


def _transform(block: PostActivation, x: Tensor) -> Tensor:
    return block.bn2(block.conv2(F.relu(block.bn1(block.conv1(x)))))


def test_a_foreign_unit_is_skipped_scaled_and_given_another_shortcut() -> None:
    model, x = _two()
    first, second = model
    before = copy.deepcopy(model.state_dict())
    middle = first(x)
    assert torch.equal(skip(model, "1")(x), F.relu(middle))
    twice = scale(model, "1", 2.0)(x)
    assert torch.equal(twice, F.relu(middle + 2 * _transform(second, middle)))
    other = nn.Conv2d(4, 4, 1)
    y = replace_shortcut(model, "0", other)(x)
    assert torch.equal(y, second(F.relu(other(x) + _transform(first, x))))
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_the_transforms_of_two_foreign_units_change_places() -> None:
    model, x = _two()
    first, second = model
    middle = F.relu(x + _transform(second, x))
    swapped = swap(model, "0", "1")
    assert torch.equal(swapped(x), F.relu(middle + _transform(first, middle)))
    assert sum(p.numel() for p in swapped.parameters()) == sum(
        p.numel() for p in model.parameters()
    )


def test_an_edited_network_learns_alone() -> None:
    model, x = _two()
    edited = skip(model, "0")
    assert [unit.name for unit in units(edited)] != []
    edited(x).sum().backward()
    assert all(p.grad is None for p in model.parameters())
    assert all(p.grad is not None for p in edited.parameters())


def test_one_of_two_units_in_a_module_is_skipped() -> None:
    model, x = TransformerBlock(8, 6), torch.randn(2, 6, 8)
    assert torch.equal(skip(model, ":2")(x), x + model.attn(model.ln_1(x)))


def test_our_own_units_are_edited_alike() -> None:
    torch.manual_seed(0)
    model, x = create("resnet8", num_classes=10).eval(), torch.randn(2, 3, 32, 32)
    unit = units(model)[0]
    inside = model.stem(x)
    rest = nn.Sequential(*list(model.stages[0][0].children())[1:], *model.stages[1:], model.head)
    assert torch.equal(skip(model, unit.name)(x), rest(inside))
    y = scale(model, unit.name, 0.5)(x)
    assert torch.allclose(y, rest(inside + 0.5 * unit.transform(inside)))


def test_a_wrong_name_is_refused() -> None:
    model, _ = _two()
    with pytest.raises(InputError, match="no unit '3'; it has"):
        skip(model, "3")


def test_a_gated_unit_is_skipped_and_not_scaled() -> None:
    model, x = nn.Sequential(Highway(8), Highway(8)), torch.randn(2, 8)
    assert torch.equal(skip(model, "0")(x), model[1](x))
    with pytest.raises(InputError, match="a gated sum takes"):
        scale(model, "0", 2.0)(x)


def test_a_unit_with_context_is_edited() -> None:
    class Times(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.f = nn.Linear(4, 4)

        def forward(self, x: Tensor, mask: Tensor) -> Tensor:
            return (x + self.f(x) * mask).relu()

    model, x, mask = Times(), torch.randn(2, 4), torch.randn(2, 4)
    assert torch.equal(skip(model, "")(x, mask), x.relu())
    assert torch.equal(scale(model, "", -1.0)(x, mask), (x - model.f(x) * mask).relu())


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated:FutureWarning")
def test_a_copy_of_weights_that_each_pass_makes_learns_by_itself() -> None:
    model = nn.Sequential(nn.utils.weight_norm(nn.Linear(3, 2)))
    x = torch.randn(4, 3)
    y = model(x)
    copied = copy_of(model)
    assert torch.equal(copied(x), y)
    copied(x).sum().backward()
    assert copied[0].weight_g.grad is not None and model[0].weight_g.grad is None
