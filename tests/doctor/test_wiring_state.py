"""State, modes, dtypes and devices: broken on purpose, against the healthy twin."""

import pytest
import torch
from torch import Tensor, nn
from wiring_nets import Net, Tokens, causes, found

from plusx import create
from plusx.doctor import examine
from plusx.doctor.wiring.modes import modes
from plusx.doctor.wiring.moves import moves
from plusx.doctor.wiring.precision import precision
from plusx.doctor.wiring.review import review
from plusx.doctor.wiring.runs import runs
from plusx.doctor.wiring.state import state

TOKENS = torch.arange(24).view(4, 6) % 11


@pytest.mark.parametrize("look", [runs, state, modes, moves, precision, review])
@pytest.mark.parametrize("name", ["resnet8", "rezero_resnet20", "highway10", "residual_lstm2"])
def test_healthy_networks_are_fine(look, name: str) -> None:
    model = create(name, num_classes=5)
    x = torch.randn(4, 9, 3) if "lstm" in name else torch.randn(4, 3, 16, 16)
    if name == "highway10":
        x = torch.randn(4, 3, 28, 28)
    assert causes(look, model, x) == []


@pytest.mark.parametrize("look", [runs, state, modes, moves, precision, review])
def test_a_network_of_tokens_is_fine(look) -> None:
    assert causes(look, Tokens(), TOKENS) == []


class Tinted(Net):
    """Adds what `keep` kept as `tint`; in training the tint follows the images."""

    moving = False

    def before(self, x: Tensor) -> Tensor:
        if self.training and self.moving:
            self.tint = self.tint + 0.1 * x.mean(dim=(0, 2, 3)).detach().view(3, 1, 1)
        return x + self.tint


def tinted(keep, *, moving: bool = False) -> Net:
    model = Tinted()
    model.moving = moving
    keep(model, torch.ones(3, 1, 1))
    return model


def _plain(model: nn.Module, tint: Tensor) -> None:
    model.tint = tint


def _buffer(model: nn.Module, tint: Tensor) -> None:
    model.register_buffer("tint", tint)


def _unsaved(model: nn.Module, tint: Tensor) -> None:
    model.register_buffer("tint", tint, persistent=False)


@pytest.mark.parametrize("keep", [_plain, _unsaved])
def test_what_moves_in_training_must_be_saved(keep) -> None:
    (finding,) = found(state, tinted(keep, moving=True))
    assert (finding.cause, finding.place) == ("state not saved", "tint")


def test_constants_need_not_be_saved_and_buffers_are() -> None:
    assert causes(state, tinted(_unsaved)) == []
    assert causes(state, tinted(_plain)) == []
    assert causes(state, tinted(_buffer, moving=True)) == []


def test_a_state_that_leaves_something_out() -> None:
    class Forgets(Net):
        def state_dict(self, *args, **kwargs):
            whole = super().state_dict(*args, **kwargs)
            return {name: value for name, value in whole.items() if "norm2" not in name}

    (finding,) = found(state, Forgets())
    assert (finding.cause, finding.place) == ("state not saved", "blocks.0.norm2.weight")


def test_a_plain_tensor_stays_behind() -> None:
    (finding,) = found(moves, tinted(_plain))
    assert (finding.cause, finding.place, finding.verdict) == ("hidden tensor", "tint", "wrong")
    assert causes(moves, tinted(_buffer)) == []
    assert causes(moves, tinted(_unsaved)) == []


def test_a_tensor_made_in_forward_stays_behind_unless_it_is_moved() -> None:
    class Made(Net):
        def after(self, x: Tensor) -> Tensor:
            return x @ torch.eye(8)

    class Moved(Net):
        def after(self, x: Tensor) -> Tensor:
            return x @ torch.eye(8).to(x)

    (finding,) = found(moves, Made())
    assert finding.cause == "hidden tensor"
    assert "forward makes a tensor" in finding.why
    assert causes(moves, Moved()) == []


def test_the_place_of_a_tensor_made_deep_inside_is_named() -> None:
    class Adds(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + torch.ones(6, 1, 1)

    model = Net()
    model.blocks.append(Adds())
    (finding,) = found(moves, model)
    assert finding.place == "blocks.2"


class Cached(Net):
    """Keeps a mask that it makes in its first pass."""

    kept: Tensor | None = None

    def after(self, x: Tensor) -> Tensor:
        if self.kept is None:
            self.kept = torch.ones(6, 1, 1, device=x.device, dtype=x.dtype)
        return x * self.kept


class CachedBySize(Net):
    def __init__(self) -> None:
        super().__init__()
        self.masks = {}

    def after(self, x: Tensor) -> Tensor:
        if x.shape[2] not in self.masks:
            self.masks[x.shape[2]] = torch.ones(6, 1, 1, device=x.device, dtype=x.dtype)
        return x * self.masks[x.shape[2]]


@pytest.mark.parametrize("make", [Cached, CachedBySize])
def test_a_cache_is_no_hidden_tensor(make) -> None:
    model = make()
    model(torch.randn(2, 3, 8, 8))
    assert causes(moves, model) == []


def test_layers_that_are_not_registered_are_another_checks() -> None:
    model = Net()
    blocks = [*model.blocks]
    del model.blocks
    model.blocks = blocks
    model.__class__ = type("Listed", (Net,), {"forward": _through_list})
    for look in (moves, state):
        assert [f.verdict for f in found(look, model)] == ["not applicable"]


def _through_list(self: nn.Module, x: Tensor) -> Tensor:
    x = self.stem(x)
    for block in self.blocks:
        x = block(x)
    return self.head(x.mean(dim=(2, 3)))


def test_a_dtype_that_stays_behind() -> None:
    class Fixed(Net):
        def after(self, x: Tensor) -> Tensor:
            return x @ torch.eye(8, device=x.device, dtype=torch.float32)

    (finding,) = found(moves, Fixed())
    assert (finding.cause, finding.verdict) == ("hidden tensor", "warning")


def test_modes_that_differ_without_reason() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(5, 5)

        def forward(self, x: Tensor) -> Tensor:
            y = self.layer(x)
            return y if self.training else 2 * y

    (finding,) = found(modes, Two(), torch.randn(4, 5))
    assert (finding.cause, finding.verdict) == ("modes differ", "warning")
    assert found(modes, nn.Linear(5, 5), torch.randn(4, 5))[0].verdict == "fine"
    dropped = nn.Sequential(nn.Linear(5, 5), nn.Dropout(0.5))
    assert found(modes, dropped, torch.randn(4, 5))[0].verdict == "not applicable"
    assert found(modes, Net())[0].verdict == "not applicable"


def test_numbers_that_cancel_are_lost_in_bfloat16() -> None:
    class Cancels(Net):
        def after(self, x: Tensor) -> Tensor:
            return 30 * ((x + 1e4) - 1e4)

    (finding,) = found(precision, Cancels())
    assert (finding.cause, finding.verdict) == ("lost in bfloat16", "warning")


def test_a_table_of_float32_that_is_added_to_does_not_run_under_autocast() -> None:
    class Writes(Net):
        def after(self, x: Tensor) -> Tensor:
            places = torch.arange(3, device=x.device)
            table = torch.zeros(x.shape, dtype=torch.float32, device=x.device)
            return table.index_add(1, places, self.stem(x[:, :3])[:, :3])

    (finding,) = found(precision, Writes())
    assert (finding.cause, finding.verdict) == ("does not run", "warning")


def test_the_review_counts() -> None:
    (finding,) = found(review, create("resnet8", num_classes=5), torch.randn(4, 3, 16, 16))
    assert finding.verdict == "fine"
    for words in (
        "reaches 23 of 23 parameters",
        "a step changes 23 of 23",
        "passes the shortcut of 3 of 3 units",
        "y = shortcut + transform in 3 of 3",
        "shapes 3x16x16 → 16x16x16 → 32x8x8 → 64x4x4 → 5",
        "1 and 4 inputs give 1 and 4 rows",
    ):
        assert words in finding.figure


def test_the_review_of_a_network_that_cannot_be_traced_says_why() -> None:
    class Branches(Net):
        def before(self, x: Tensor) -> Tensor:
            return x if float(x.sum()) > 1e9 else x + 1

    (finding,) = found(review, Branches())
    assert "cannot be traced" in finding.figure


def test_the_review_of_a_network_that_takes_no_single_input_says_so() -> None:
    class Squeezes(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            return self[1](self[0](x).squeeze().flatten(1))

    (finding,) = found(review, Squeezes(nn.AdaptiveAvgPool2d(1), nn.Linear(3, 5)))
    assert finding.figure.endswith("1 input: IndexError, 6 give 6 rows")


def test_a_state_of_an_older_version_is_loaded_as_the_network_saves_it() -> None:
    class Versioned(nn.Linear):
        _version = 2

        def _load_from_state_dict(self, state_dict, prefix, local_metadata, *others) -> None:
            if local_metadata.get("version") != 2:
                raise AssertionError("saved by another version")
            super()._load_from_state_dict(state_dict, prefix, local_metadata, *others)

    assert causes(state, nn.Sequential(nn.Flatten(), Versioned(192, 5))) == []


def test_an_error_and_a_division_by_zero() -> None:
    assert causes(runs, nn.Linear(3, 3), torch.randn(4, 5)) == ["does not run"]

    class Divides(Net):
        def after(self, x: Tensor) -> Tensor:
            return x / (x - x)

    assert causes(runs, Divides()) == ["not finite"]


def test_before_training_what_is_finite_in_training_mode_is_enough() -> None:
    def large() -> nn.Linear:
        layer = nn.Linear(4, 4)
        nn.init.constant_(layer.weight, 1e25)
        return layer

    model = nn.Sequential(large(), nn.BatchNorm1d(4), large(), nn.BatchNorm1d(4), nn.Linear(4, 3))
    x = torch.rand(8, 4)
    assert not model.eval()(x).isfinite().any()
    assert causes(runs, model, x) == []
    model[1].num_batches_tracked.fill_(1)  # it has seen images, and still does not hold them back
    assert causes(runs, model, x) == ["not finite"]


def test_an_examination_leaves_the_network_as_it_was() -> None:
    model = tinted(_buffer, moving=True)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    examine(model, torch.randn(6, 3, 8, 8), budget="5s")
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
