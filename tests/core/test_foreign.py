"""units of networks that are not ours: how many, called what, and equal to the model to the bit."""

import copy

import pytest
import torch
from foreign import NETWORKS, Branching, PostActivation
from torch import Tensor, fx, nn

from plusx import InputError, units
from plusx.analysis.summary import summary
from plusx.graph import joins, merge_of, part, trace
from plusx.merge import Sum


@pytest.fixture(params=list(NETWORKS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _made(name: str) -> tuple[nn.Module, Tensor]:
    torch.manual_seed(3)
    make, draw, _ = NETWORKS[name]
    return make(), draw()


def test_units_of_networks_written_by_hand(name: str) -> None:
    model, _ = _made(name)
    found = units(model)
    assert [unit.name for unit in found] == NETWORKS[name][2]
    for unit in found:
        assert model.get_submodule(unit.name.partition(":")[0]) is unit.module


class _Values(fx.Interpreter):
    """Every value of a graph, as copies: a later operation in place does not reach them."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.seen: dict[fx.Node, Tensor] = {}

    def run_node(self, n: fx.Node) -> object:
        value = super().run_node(n)
        if isinstance(value, Tensor):
            self.seen[n] = value.detach().clone()
        return value


@pytest.mark.parametrize("training", [False, True])
def test_a_trace_gives_what_the_model_gives_to_the_bit(name: str, training: bool) -> None:
    model, x = _made(name)
    model.train(training)
    alone = copy.deepcopy(model)
    assert torch.equal(trace(model).module(x), alone(x))


@pytest.mark.parametrize("by", ["fx", "export"])
def test_the_parts_of_a_unit_give_what_the_join_gave(name: str, by: str) -> None:
    model, x = _made(name)
    model.eval()
    module = trace(model if by == "fx" else _Opaque(model).eval(), (x,)).module
    values = _Values(module)
    with torch.no_grad():
        values.run(x)
        found = joins(module)
        assert len(found) == len(NETWORKS[name][2])
        for join in found:
            inside = values.seen[join.x]
            s = part(module, join, (join.shortcut,))(inside)
            t = part(module, join, join.transform)(inside)
            assert torch.equal(s, values.seen[join.shortcut])
            assert torch.equal(merge_of(module, join)(s, t), values.seen[join.y])


class _Opaque(nn.Module):
    """A network that torch.fx cannot trace: it asks for a value's truth."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[0] > 100:
            return x
        return self.body(x)


def test_a_forward_that_fx_cannot_follow_is_exported() -> None:
    model = Branching()
    with pytest.raises(InputError, match=r"cannot be traced without inputs \(torch.fx: .*\(x,\)"):
        units(model)
    x = torch.randn(3, 8)
    assert trace(model, (x,)).by == "export"
    found = units(model, {"x": x})
    assert [unit.name for unit in found] == [":1", ":2", ":3"]
    assert summary(model, (x,)).units == 3
    assert torch.equal(found[1].transform(x), model.body(x).relu())


def test_what_cannot_be_traced_at_all_says_why() -> None:
    class Endless(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x if x.sum().item() > 0 else -x

    with pytest.raises(InputError, match=r"Endless cannot be traced \(torch.fx: .*torch.export: "):
        units(Endless(), (torch.ones(2),))

    class Random(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x if torch.rand(1).numpy() > 0.5 else 2 * x[: len(list(x))]

    assert summary(Random(), (torch.ones(2, 4),)).units is None


def test_the_parts_hold_the_parameters_of_the_model() -> None:
    for inputs, model in (
        (None, PostActivation(8, 12, 2)),
        ((torch.randn(2, 8, 6, 6),), _Opaque(PostActivation(8, 12, 2))),
    ):
        (unit,) = units(model, inputs)
        own = {id(tensor) for tensor in (*model.parameters(), *model.buffers())}
        for piece in (unit.shortcut, unit.transform):
            assert list(piece.parameters())
            assert {id(tensor) for tensor in (*piece.parameters(), *piece.buffers())} <= own
        assert isinstance(unit.merge, Sum)


def test_tracing_leaves_the_model_and_the_random_state_as_they_were() -> None:
    class Keeping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = PostActivation(8, 8, 1)
            self.register_buffer("last", torch.zeros(1))
            self.count = 0

        def forward(self, x: Tensor) -> Tensor:
            self.count += 1
            self.last = x.mean()
            self.noise = torch.randn(3)
            return self.body(x) + torch.rand(1)

    model = Keeping().train()
    state, random = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    assert [unit.name for unit in units(model)] == ["body"]
    assert torch.equal(torch.get_rng_state(), random)
    assert model.count == 0 and "noise" not in model.__dict__ and model.training
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    opaque, x = _Opaque(model.body), torch.randn(2, 8, 6, 6)
    random = torch.get_rng_state()
    assert [unit.name for unit in units(opaque, (x,))] == ["body"]
    assert torch.equal(torch.get_rng_state(), random) and "forward" not in opaque.__dict__
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())


def test_a_sum_over_its_own_input_is_read_by_all_who_look_later() -> None:
    class Overwritten(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            x = x * 2
            skip = x
            x += self.a(x)
            return skip + self.b(x)  # skip is what x is now

    model, x = Overwritten(), torch.randn(2, 4)
    assert torch.equal(trace(model).module(x), model(x))
    first, second = units(model)
    inside = x * 2 + model.a(x * 2)
    assert torch.equal(second.shortcut(inside), inside)
    assert torch.equal(second.merge(inside, second.transform(inside)), model(x))
    assert torch.equal(first.transform(x * 2), model.a(x * 2))


def test_a_view_that_is_written_over_is_left_to_export() -> None:
    class Viewed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.f = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            y = self.f(x)
            y[:, 1:].add_(1)
            return y + x

    model, x = Viewed(), torch.randn(2, 4)
    with pytest.raises(InputError, match="add_ writes over getitem, which shares its memory with"):
        trace(model)
    traced = trace(model, (x,))
    assert traced.by == "export" and torch.equal(traced.module(x), model(x))
    (unit,) = units(model, (x,))
    assert torch.equal(unit.transform(x)[:, 1:], model.f(x)[:, 1:] + 1)


def test_context_is_given_beside_x() -> None:
    class Cross(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.query, self.out = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x: Tensor, memory: Tensor) -> Tensor:
            scores = self.query(x) @ memory.transpose(-2, -1)
            return x + self.out(scores.softmax(-1) @ memory)

    model, x, memory = Cross(), torch.randn(3, 4), torch.randn(5, 4)
    (unit,) = units(model)
    assert torch.equal(unit.merge(unit.shortcut(x), unit.transform(x, memory)), model(x, memory))


def test_a_gated_sum_without_its_one_minus_is_no_unit() -> None:
    class Cell(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.f, self.i, self.g = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            return torch.sigmoid(self.f(x)) * x + torch.sigmoid(self.i(x)) * torch.tanh(self.g(x))

    assert units(Cell()) == []


@pytest.mark.parametrize("place", ["twice", "alone", "detached"])
def test_shortcuts_that_are_wrong_are_seen_all_the_same(place: str) -> None:
    class Wrong(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.f = nn.Sequential(nn.Linear(4, 4), nn.ReLU())

        def forward(self, x: Tensor) -> Tensor:
            if place == "twice":
                return x + self.f(x) + x
            return x + x if place == "alone" else self.f(x) + x.detach()

    count = {"twice": 2, "alone": 0, "detached": 1}[place]
    assert len(units(Wrong())) == count


def test_torchs_own_encoder_has_two_units_a_layer() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False).train()
    found = units(model, (torch.randn(2, 5, 8),))
    assert [unit.name for unit in found] == [f"layers.{i}:{j}" for i in range(3) for j in (1, 2)]


def test_linear_branches_side_by_side_are_no_unit() -> None:
    class Sides(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.sides = nn.ModuleList(nn.Conv2d(4, 4, 3, padding=1) for _ in range(3))

        def forward(self, x: Tensor) -> Tensor:
            total = self.sides[0](x)
            for side in list(self.sides)[1:]:
                total = total + side(x)
            return total.relu()

    assert units(Sides()) == []


def test_a_context_may_be_called_x_too() -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.f = nn.Linear(4, 4)

        def forward(self, y: Tensor, x: Tensor) -> Tensor:
            return y + self.f(y) * x

    model, y, x = Named(), torch.randn(2, 4), torch.randn(2, 4)
    (unit,) = units(model)
    assert torch.equal(unit.merge(unit.shortcut(y), unit.transform(y, x)), model(y, x))


def test_a_mask_that_all_layers_add_to_their_scores_is_no_shortcut() -> None:
    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.q, self.k, self.v = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x: Tensor, mask: Tensor) -> Tensor:
            scores = self.q(x) @ self.k(x).transpose(-2, -1) / 2 + mask
            return x + nn.functional.dropout(scores.softmax(-1), 0.1) @ self.v(x)

    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = Layer(), Layer()

        def forward(self, x: Tensor, mask: Tensor) -> Tensor:
            mask = (1 - mask) * -1e4
            return self.two(self.one(x, mask), mask)

    assert [unit.name for unit in units(Masked())] == ["one", "two"]
