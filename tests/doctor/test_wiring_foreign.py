"""What people's networks give, share and freeze on purpose, against the accident that is alike."""

import copy
import warnings
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint
from wiring_nets import Look, Net, causes, found

from plusx.doctor import Finding, Material, Patient
from plusx.doctor.budget import Budget
from plusx.doctor.check import Check, ask
from plusx.doctor.extent import FAILED
from plusx.doctor.training import Training
from plusx.doctor.wiring import CHECKS
from plusx.doctor.wiring.gradient import gradient
from plusx.doctor.wiring.inputs import inputs
from plusx.doctor.wiring.moves import moves
from plusx.doctor.wiring.precision import precision
from plusx.doctor.wiring.samples import samples
from plusx.doctor.wiring.shared import shared
from plusx.doctor.wiring.statistics import statistics

PAIRS = torch.randn(6, 2, 8, 8)


def with_optimizer(look: Look, model: nn.Module, optimizer: torch.optim.Optimizer) -> list[str]:
    """The causes of one question about a network with its optimizer."""
    patient = Patient(
        model,
        Material(x=torch.randn(6, 3, 8, 8), y=None, real=False),
        budget=Budget(600.0),
        training=Training(optimizer=optimizer),
    )
    findings = [f for f in ask(Check("wiring.test", "?", look), patient) if isinstance(f, Finding)]
    assert not any(f.why == FAILED for f in findings), findings
    return [f.cause for f in findings if f.verdict in ("wrong", "warning")]


def encoder(channels: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, 6, 3, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 6),
    )


def test_a_float_buffer_without_a_batch_norm_stands_still() -> None:
    class Positions(Net):
        def before(self, x: Tensor) -> Tensor:
            if self.moves:
                self.table += 1
            return x + self.table

    model = Positions()
    model.blocks, model.moves = nn.Identity(), False
    model.register_buffer("table", torch.zeros(3, 8, 8))
    (finding,) = found(statistics, model)
    assert (finding.verdict, finding.figure) == (
        "fine",
        "no batch norm; the other buffers stand still",
    )
    model.moves = True
    assert causes(statistics, model) == ["statistics move in eval"]


def test_a_batch_norm_that_runs_twice_is_not_measured() -> None:
    model = nn.Sequential(norm := nn.BatchNorm2d(3), nn.ReLU(), norm)
    (finding,) = found(statistics, model)
    assert finding.figure.startswith("0 of 1 batch norms")


@pytest.mark.parametrize("kind", ["spectral_norm", "weight_norm"])
def test_parametrized_layers_are_looked_at(kind: str) -> None:
    model = Net()
    wrap = getattr(nn.utils.parametrizations, kind)
    model.head = wrap(model.head)
    assert [f.verdict for f in found(shared, model)] == ["fine"]
    model.blocks[1] = model.blocks[0]
    assert causes(shared, model) == ["weights shared"]


def test_checkpointed_blocks_run_again_in_the_same_mode() -> None:
    class Saving(Net):
        seen = slice(None)

        def before(self, x: Tensor) -> Tensor:
            kept = torch.zeros_like(x)
            kept[:, self.seen] = x[:, self.seen]
            return kept

        def forward(self, x: Tensor) -> Tensor:
            x = self.stem(self.before(x))
            for block in self.blocks:
                x = checkpoint(block, x, use_reentrant=False)
            return self.head(x.mean(dim=(2, 3)))

    model = Saving()
    assert [f.verdict for f in found(inputs, model)] == ["fine"]
    model.seen = slice(0, 2)
    assert causes(inputs, model) == ["unused input"]


@dataclass
class Outputs:
    scores: Tensor
    features: Tensor


class Plain:
    def __init__(self, scores: Tensor, features: Tensor) -> None:
        self.scores, self.features = scores, features


@pytest.mark.parametrize("pack", [Outputs, Plain])
def test_outputs_with_attributes_are_opened(pack: type) -> None:
    class Packed(Net):
        def forward(self, x: Tensor) -> object:
            x = self.blocks(self.stem(x)).mean(dim=(2, 3))
            return pack(self.head(x), x)

    model = Packed()
    assert causes(gradient, model) == []
    model.spare = nn.Linear(2, 2)
    assert causes(gradient, model) == ["unused parameter"]


def test_a_dataclass_of_outputs_is_examined_throughout() -> None:
    class Packed(Net):
        def forward(self, x: Tensor) -> Outputs:
            x = self.blocks(self.stem(x)).mean(dim=(2, 3))
            return Outputs(self.head(x), x)

    for check in CHECKS:
        assert causes(check.look, Packed()) == [], check.name


class Pairs(nn.Module):
    """Two images as the channels of one, and their embeddings."""

    def __init__(self, wanted: tuple[int, ...] = (0, 1)) -> None:
        super().__init__()
        self.wanted = wanted
        self.encoder = encoder()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(F.normalize(self.encoder(x[:, at : at + 1]), dim=1) for at in self.wanted)


def test_all_outputs_tell_what_input_is_used() -> None:
    assert [f.verdict for f in found(inputs, Pairs(), PAIRS)] == ["fine"]
    assert causes(inputs, Pairs((0, 0)), PAIRS) == ["unused input"]


def test_all_outputs_tell_whether_samples_mix_and_those_without_rows_do_not() -> None:
    class Two(Net):
        def forward(self, x: Tensor) -> tuple[Tensor, ...]:
            y = self.blocks(self.stem(x)).mean(dim=(2, 3))
            return self.head(y), self.second(y)

        def second(self, y: Tensor) -> Tensor:
            return y @ y.T  # all images against all

    assert causes(samples, Two()) == []

    class Mixed(Two):
        def second(self, y: Tensor) -> Tensor:
            return y - y.mean(dim=0)

    assert causes(samples, Mixed()) == ["samples mixed"]

    class States(Two):
        def second(self, y: Tensor) -> Tensor:
            return torch.stack([y] * len(y)).transpose(0, 1).cumsum(0)[: len(y)]

    assert causes(samples, States()) == []  # (layers, images, channels), with as many layers


def test_tokens_that_only_a_second_output_sees_are_used() -> None:
    class Tagger(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(11, 8)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            x = self.embed(x)
            return x[:, 0], x

    tokens = torch.arange(24).view(4, 6) % 11
    assert causes(inputs, Tagger(), tokens) == []
    model = Tagger()
    model.forward = lambda x: (model.embed(x)[:, 0], model.embed(x)[:, 1])
    assert causes(inputs, model, tokens) == ["unused input"]


class Siamese(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left = self.right = encoder()
        self.head = nn.Linear(6, 2)

    def pair(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.left(x[:, :1]), self.right(x[:, 1:])

    def forward(self, x: Tensor) -> Tensor:
        one, other = self.pair(x)
        return self.head((one - other).abs())


def test_one_encoder_of_two_inputs_is_a_pattern() -> None:
    (finding,) = found(shared, Siamese(), PAIRS)
    assert finding.verdict == "fine"
    assert "side by side" in finding.figure
    assert causes(shared, Pairs(), PAIRS) == []
    assert causes(shared, Siamese().requires_grad_(False), PAIRS) == []


def test_one_encoder_after_itself_or_of_the_same_input_is_none() -> None:
    class Same(Siamese):
        def pair(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return self.left(x[:, :1]), self.right(x[:, :1])

    assert causes(shared, Same(), PAIRS) == ["weights shared"]

    class After(Siamese):
        def __init__(self) -> None:
            super().__init__()
            self.left = self.right = nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 64))
            self.head = nn.Linear(64, 2)

        def pair(self, x: Tensor) -> tuple[Tensor, Tensor]:
            y = self.left(x[:, 0].flatten(1))
            return y, self.right(y)

    assert causes(shared, After(), PAIRS) == ["weights shared"]


def test_layers_that_the_optimizer_leaves_out_are_frozen_on_purpose() -> None:
    model = Net()
    model.blocks[1].requires_grad_(False)
    learning = [p for p in model.parameters() if p.requires_grad]
    assert with_optimizer(gradient, model, torch.optim.SGD(learning, lr=0.1)) == []
    everything = torch.optim.SGD(model.parameters(), lr=0.1)
    assert with_optimizer(gradient, model, everything) == ["frozen parameter"]
    assert causes(gradient, model) == ["frozen parameter"]


def test_a_backbone_and_a_teacher_are_frozen_on_purpose() -> None:
    model = Net()
    model.stem.requires_grad_(False)
    model.blocks.requires_grad_(False)
    assert causes(gradient, model) == []

    class Taught(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.student = Net()
            self.teacher = copy.deepcopy(self.student).requires_grad_(False)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            with torch.no_grad():
                z = self.teacher(x)
            return self.student(x), z

    assert causes(gradient, Taught()) == []


def test_a_frozen_layer_of_attention_is_looked_at_as_a_whole() -> None:
    class Attends(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(8, 8)
            self.attend = nn.MultiheadAttention(8, 2, batch_first=True)
            self.head = nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            x = self.first(x)
            return self.head(self.attend(x, x, x, need_weights=False)[0].mean(1))

    x, model = torch.randn(4, 5, 8), Attends()
    model.attend.requires_grad_(False)
    assert causes(gradient, model, x) == ["frozen parameter"]
    model.first.requires_grad_(False)
    assert causes(gradient, model, x) == []


def test_norms_of_a_frozen_backbone_may_stay_in_evaluation() -> None:
    class Still(Net):
        def train(self, mode: bool = True) -> "Still":
            super().train(mode)
            self.blocks.eval()
            return self

    assert causes(statistics, Still()) == ["statistics frozen"]
    model = Still()
    model.blocks.requires_grad_(False)
    assert causes(statistics, model) == []


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")  # torch's own, in eval
def test_torchs_fast_path_is_no_fault_of_the_network() -> None:
    class Text(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(20, 8, padding_idx=0)
            layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
            self.encoder = nn.TransformerEncoder(layer, 2)
            self.pick = nn.Linear(8, 3)
            self.fixed = False

        def forward(self, x: Tensor) -> Tensor:
            y = self.encoder(self.embed(x), src_key_padding_mask=x == 0)
            if self.fixed:
                table = torch.zeros(len(x), 3)
                return table.scatter_(1, torch.arange(3).expand(len(x), 3), self.pick(y.mean(1)))
            return self.pick(y.mean(1))

    tokens = torch.randint(1, 20, (6, 7))
    tokens[:, 5:] = 0
    assert torch.backends.mha.get_fastpath_enabled()
    model = Text()
    assert causes(precision, model, tokens) == []
    assert torch.backends.mha.get_fastpath_enabled()
    model.fixed = True
    assert causes(precision, model, tokens) == ["does not run"]


@pytest.mark.parametrize("how", ["script", "trace"])
def test_torchscript_is_examined_and_what_cannot_be_seen_is_said(how: str) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, 8), nn.ReLU(), nn.Linear(8, 4)).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = (
            torch.jit.script(model)
            if how == "script"
            else torch.jit.trace(model, torch.randn(2, 3, 8, 8))
        )
    for check in CHECKS:
        assert causes(check.look, scripted) == [], check.name
    (finding,) = found(moves, scripted)
    assert 'on the device "meta" it does not run' in finding.figure
    assert "TorchScript" in found(shared, scripted)[0].figure
    (finding,) = found(gradient, scripted)
    assert finding.figure.startswith("4 of 4 parameters; 4 change in a step")


def test_a_network_traced_in_training_mode_stays_in_it() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(Net(), torch.randn(4, 3, 8, 8), check_trace=False)
        still = torch.jit.trace(Net().eval(), torch.randn(4, 3, 8, 8), check_trace=False)
    (finding,) = found(statistics, traced)
    assert (finding.cause, finding.figure[:10]) == ("statistics move in eval", "4 modules:")
    assert "traced" in finding.why
    assert causes(statistics, still) == []


def test_what_is_measured_on_the_way_leaves_nothing_in_the_network_and_is_no_call_of_it() -> None:
    class Keeps(Net):
        def after(self, x: Tensor) -> Tensor:
            if self.table is None:
                self.table = torch.ones_like(x[:1])
            return x * self.table

    model, large = Keeps(), torch.randn(2, 3, 128, 128)  # of these memory is asked for first
    model.table = None
    asked = Patient(model, Material(x=large, y=None, real=False), budget=Budget(600.0))
    (finding,) = ask(Check("wiring.test", "?", shared), asked)
    assert isinstance(finding, Finding)
    assert (finding.verdict, finding.figure) == ("fine", "no parameter has two places")
    assert asked.model.table is not None and not asked.model.table.is_meta
