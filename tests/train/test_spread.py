"""One network over several processes trains as in one; its checkpoint is everyone's."""

import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F
from test_run import SHORT, curves
from test_together import far, finish, start
from torch import nn
from watchers import Silent, StopsAt

from plusx import InputError, create, load, summary
from plusx.train import run
from plusx.train.average import Average
from plusx.train.config import TrainConfig
from plusx.train.cut import balanced, chain, costs
from plusx.train.ranks import Ranks
from plusx.train.sharded import Sharded, shard
from plusx.train.spread import check_spread, filled, parts_for, spread_again
from plusx.train.stop import StoppedError
from plusx.zoo import Network

# Smooth networks: where many activations stand at a ReLU's zero, float32 alone makes runs differ.
SMOOTH = {"norm": "group", "activation": "silu"}
SAME = [f"--options.{name}={value}" for name, value in SMOOTH.items()]
SAME += ["--accumulate", "3", "--clip", "1"]
TWO = Ranks(0, 2, torch.device("cpu"))
CONFIG = replace(
    SHORT, options={**SMOOTH}, accumulate=3, clip=1.0, epochs=3, batch_size=66, ema=0.9,
    learning_rate=0.02,
)  # fmt: skip


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("alone") / "r"
    run.train(CONFIG, reporter=Silent(), out=folder)
    return folder


def go_on(folder: Path, *options: str) -> str:
    return finish(
        subprocess.Popen(
            [sys.executable, "-m", "plusx", "resume", str(folder), *options],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    )  # fmt: skip


def same_run(folder: Path, alone: Path) -> None:
    """Weights, curves, model and the form of the checkpoint are those of one process."""
    assert far(folder, alone) < 1e-4
    found, want = (
        [line for line in curves(place) if line["event"] in ("epoch", "test")]
        for place in (folder, alone)
    )
    for a, b in zip(found, want, strict=True):
        for name in {"train_loss", "val_loss", "loss"} & b.keys():
            assert a[name] == pytest.approx(b[name], rel=1e-5), name
    ours, theirs = (load(place / "model").state_dict() for place in (folder, alone))
    for name, tensor in theirs.items():
        torch.testing.assert_close(ours[name], tensor, rtol=1e-4, atol=1e-4)
    ours, theirs = (
        torch.load(place / "checkpoints" / "last.pt", weights_only=True)
        for place in (folder, alone)
    )
    assert form(ours) == form(theirs)


def form(state: object) -> object:
    if isinstance(state, dict):
        return {
            name: form(value)
            for name, value in state.items()
            if name not in ("fused", "foreach", "progress")  # how it computes, and when
        }
    return tuple(state.shape) if isinstance(state, torch.Tensor) else type(state)


@pytest.mark.full
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--shard",), "Split over 2 processes along 3 units: the first holds 37,501 of 75,002"),
        (("--stages", "2"), "Cut into 2 stages; parts (of all multiply-adds): 2 (41%), 3 (59%)"),
    ],
)
def test_one_network_over_two_processes_trains_as_in_one(
    alone: Path, tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    said = finish(start(tmp_path / "r", *SAME, *options, "--devices", "2", epochs=3))
    assert words in said
    assert said.count("epoch   3/3") == 1 and said.count("Report") == 1
    same_run(tmp_path / "r", alone)


@pytest.mark.full
def test_a_split_run_goes_on_in_one_process(alone: Path, tmp_path: Path) -> None:
    out = tmp_path / "r"
    process = start(out, *SAME, "--shard", "--devices", "2", epochs=3)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("epoch"):
            break
    os.killpg(process.pid, signal.SIGINT)
    text, _ = process.communicate(timeout=240)
    assert process.returncode == 75, text
    assert run.resume(out, reporter=Silent()) is not None
    same_run(out, alone)


@pytest.mark.full
@pytest.mark.parametrize("options", [("--shard",), ("--stages", "2")])
def test_a_run_of_one_process_goes_on_over_two(
    alone: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    out = tmp_path / "r"
    with pytest.raises(StoppedError):
        run.train(CONFIG, reporter=StopsAt(step=30, signal_number=signal.SIGINT), out=out)
    assert "Going on at step 12 of epoch 2" in go_on(out, *options, "--devices", "2")
    same_run(out, alone)


def held(rank: int, port: int, folder: str) -> None:
    """Write the bytes of parameters, gradients and momentum that this process holds.

    The first also writes the weights before and after a step, and their average.
    """
    dist.init_process_group("gloo", init_method=f"tcp://localhost:{port}", rank=rank, world_size=2)
    torch.manual_seed(0)
    model = create("resnet8", num_classes=10)
    shard(model, replace(TWO, rank=rank))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    class Plain:
        autocast = torch.enable_grad

    spread = Sharded(model, fabric=Plain(), ranks=replace(TWO, rank=rank))
    average = Average(model, decay=0.5)
    before = {
        name: t.clone() for name, t in spread.collected(model.state_dict()).items() if rank == 0
    }
    images, labels = torch.randn(4, 3, 8, 8), torch.arange(4)
    spread.learn(images, labels, parts=2, criterion=F.cross_entropy, tally=torch.zeros(3))
    optimizer.step()
    average.update(model)
    after, averaged = spread.collected(model.state_dict()), spread.collected(average.values)
    momentum = [state["momentum_buffer"] for state in optimizer.state.values()]
    found = []
    for tensors in (model.parameters(), [p.grad for p in model.parameters()], momentum):
        storages = [tensor.to_local().untyped_storage() for tensor in tensors]
        found.append(sum({s.data_ptr(): s.nbytes() for s in storages}.values()))
    torch.save((found, before, after, averaged), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.full
def test_each_process_holds_half_and_averages_it(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    context = torch.multiprocessing.get_context("spawn")
    both = [context.Process(target=held, args=(r, port, str(tmp_path))) for r in (0, 1)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    whole = 4 * sum(p.numel() for p in create("resnet8", num_classes=10).parameters())
    for rank in (0, 1):
        found, *states = torch.load(tmp_path / f"{rank}.pt")
        for bytes_held in found:
            assert bytes_held == pytest.approx(whole / 2, rel=0.02)
        if rank == 0:
            before, after, averaged = states
    for name, tensor in after.items():
        if tensor.is_floating_point():  # the first decay is 1 / 10
            torch.testing.assert_close(averaged[name], 0.1 * before[name] + 0.9 * tensor)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"shard": True, "stages": 2}, "--shard and --stages 2 together"),
        ({"stages": 3}, r"stages is 3 for 2 processes.*--stages 2"),
        ({"shard": True, "recompute": "all"}, "--shard does not go with --recompute all"),
        ({"shard": True, "compile": "always"}, "--compile always"),
        ({"stages": 2, "precision": "fp16"}, "--precision fp16; give bf16 or 32"),
        ({"stages": 2, "norms": "together"}, "--norms together"),
        ({"stages": 2, "tune": "head"}, "--tune head"),
    ],
)
def test_what_is_not_done_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_spread(replace(SHORT, **changes), TWO)  # type: ignore[arg-type]


@pytest.mark.parametrize("changes", [{"shard": True}, {"stages": 2}])
def test_one_process_is_refused_and_leaves_nothing(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    config = replace(SHORT, **changes)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"for one process.*--devices 2"):
        run.train(config, reporter=Silent(), out=tmp_path / "r")
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [("plain20", "along its residual units"), ("rezero_resnet20", "stages.0.0.unit.merge.scale")],
)
def test_networks_that_cannot_be_split_are_refused(name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        shard(create(name, num_classes=10), TWO)


def test_a_network_that_is_no_chain_cannot_be_cut() -> None:
    network = Network(stem=nn.Identity(), stages=nn.Linear(2, 2), head=nn.Identity())
    with pytest.raises(InputError, match=r"--stages cuts a chain.* Linear"):
        chain(network)


@pytest.mark.parametrize(
    "name", ["resnet20", "resnet18", "plain20", "wrn16_4", "densenet_bc100_12", "mobilenet_v2"]
)
def test_a_chain_is_the_network(name: str) -> None:
    """Its parts one after another give the same logits, and cost as much in all."""
    torch.manual_seed(0)
    model = create(name, num_classes=10).eval()
    x = y = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        for part in chain(model):
            y = part(y)
        assert torch.equal(y, model(x))
    with torch.device("meta"):
        twin = create(name, num_classes=10)
    found = costs(twin, channels=3, size=32)
    assert sum(cost.macs for cost in found) == summary(model, 32).macs
    assert found[-1].shape == (10,)


def test_a_cut_is_the_best_of_all() -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(40):
        weights = torch.randint(1, 20, (7,), generator=generator).tolist()
        for num in (1, 2, 3, 7):
            best = min(
                heaviest(weights, [*inner, 7]) for inner in combinations(range(1, 7), num - 1)
            )
            assert heaviest(weights, balanced(weights, num)) == best
    with pytest.raises(InputError, match="stages is 8 for a network of 7 parts"):
        balanced(weights, 8)


def heaviest(weights: list[int], ends: list[int]) -> int:
    return max(sum(weights[a:b]) for a, b in pairwise([0, *ends]))


@pytest.mark.parametrize(
    ("batch", "accumulate", "stages", "parts"),
    [(64, 1, 2, 8), (66, 1, 2, 6), (60, 1, 4, 12), (64, 4, 2, 4), (62, 1, 2, 2)],
)
def test_a_batch_passes_in_up_to_four_parts_a_stage(
    batch: int, accumulate: int, stages: int, parts: int
) -> None:
    config = replace(SHORT, batch_size=batch, accumulate=accumulate, stages=stages)
    assert parts_for(config) == parts


def test_fewer_parts_than_stages_are_refused() -> None:
    with pytest.raises(InputError, match="--batch-size 68"):
        parts_for(replace(SHORT, batch_size=66, accumulate=2, stages=4))


def test_a_short_batch_is_filled_with_its_first_rows() -> None:
    images, labels = torch.arange(5.0)[:, None], torch.arange(5)
    more, more_labels = filled(images, labels, 3)
    assert more_labels.tolist() == [0, 1, 2, 3, 4, 0] and more[:, 0].tolist() == [0, 1, 2, 3, 4, 0]
    assert filled(images[:1], labels[:1], 3)[1].tolist() == [0, 0, 0]
    assert filled(images, labels, 5)[0] is images


def test_how_a_run_goes_on() -> None:
    split = TrainConfig(data="digits", shard=True)
    one = Ranks(0, 1, torch.device("cpu"))
    assert not spread_again(split, one, shard=None, stages=None).shard
    assert spread_again(split, TWO, shard=None, stages=None) == split
    cut = spread_again(split, TWO, shard=None, stages=2)
    assert (cut.shard, cut.stages) == (False, 2)
