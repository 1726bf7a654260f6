"""Several processes train as one would alone; when one dies, the run comes back."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from test_run import curves, weights

import plusx
from plusx import InputError, create
from plusx.data import open_data
from plusx.train.choose import choose
from plusx.train.config import TrainConfig
from plusx.train.together_norm import TogetherNorm, share_norms

FIXED = {
    "data": "digits", "model": "resnet8", "recipe": "usual", "batch-size": "66",
    "precision": "32", "device": "cpu", "ema": "0.9", "learning-rate": "0.02",
}  # fmt: skip
# At a ReLU's zero a rounding of 1e-7 becomes a step: on these images (large equal areas) many
# activations pass it together or not. SiLU has none.
GROUPS = ("--options.activation", "silu", "--options.norm", "group")
TOGETHER = ("--options.activation", "silu", "--norms", "together")


def start(out: Path, *more: str, epochs: int = 2, **settings: str) -> "subprocess.Popen[str]":
    all_of_them = {**FIXED, **settings, "epochs": str(epochs), "out": str(out)}
    words = [word for name, value in all_of_them.items() for word in (f"--{name}", value)]
    return subprocess.Popen(
        [sys.executable, "-m", "plusx", "train", *words, *more],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def finish(process: "subprocess.Popen[str]") -> str:
    try:
        text, _ = process.communicate(timeout=240)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        text, _ = process.communicate()
        pytest.fail(f"it did not end; so far it said:\n{text}")
    assert process.returncode == 0, text
    return text


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, ...], Path]:
    """Runs of one process, by their options."""
    folders = {}
    for options in (GROUPS, TOGETHER):
        folders[options] = tmp_path_factory.mktemp("alone") / "r"
        finish(start(folders[options], *options))
    return folders


def far(folder: Path, alone: Path) -> float:
    """The largest difference of a weight, relative to the largest weight of its tensor."""
    found, want = weights(folder), weights(alone)
    assert found.keys() == want.keys()
    return max(
        float((found[key] - tensor).abs().max() / tensor.abs().max().clamp(min=1e-3))
        for key, tensor in want.items()
    )


@pytest.mark.full
@pytest.mark.parametrize(("options", "devices"), [(GROUPS, 2), (GROUPS, 3), (TOGETHER, 2)])
def test_processes_together_train_as_one_alone(
    alone: dict[tuple[str, ...], Path],
    tmp_path: Path,
    options: tuple[str, ...],
    devices: int,
) -> None:
    said = finish(start(tmp_path / "r", *options, "--devices", str(devices)))
    assert said.count("epoch   2/2") == 1 and said.count("Report") == 1
    assert far(tmp_path / "r", alone[options]) < 5e-5
    found, want = (
        [line for line in curves(folder) if line["event"] == "epoch"]
        for folder in (tmp_path / "r", alone[options])
    )
    for a, b in zip(found, want, strict=True):
        assert a["train_loss"] == pytest.approx(b["train_loss"], rel=1e-6)
        assert a["val_loss"] == pytest.approx(b["val_loss"], rel=1e-6)


@pytest.mark.full
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the processes in /proc")
def test_a_worker_that_is_killed_comes_back(tmp_path: Path) -> None:
    out = tmp_path / "r"
    process = start(out, "--devices", "2", epochs=12)
    deadline = time.monotonic() + 240
    while not (out / "model").exists():  # the first epoch is done
        if process.poll() is not None or time.monotonic() > deadline:
            os.killpg(process.pid, signal.SIGKILL)
            pytest.fail(f"it did not begin to train; it said:\n{process.communicate()[0]}")
        time.sleep(0.02)
    os.kill(children(process.pid)[-1], signal.SIGKILL)
    said = finish(process)
    assert "Going on at step" in said
    assert [line["epoch"] for line in curves(out) if line["event"] == "epoch"] == list(range(1, 13))


@pytest.mark.full
@pytest.mark.parametrize(
    ("settings", "status", "words"),
    [
        ({"learning-rate": "1e-9"}, 1, "Something is wrong"),
        ({"batch-size": "67"}, 2, "batch-size is 67 for 2 process"),
    ],
)
def test_how_it_ended_is_told_once(
    tmp_path: Path, settings: dict[str, str], status: int, words: str
) -> None:
    process = start(tmp_path / "r", "--devices", "2", epochs=1, **settings)
    text, _ = process.communicate(timeout=240)
    assert process.returncode == status and text.count(words) == 1, text
    assert "Going on" not in text


def test_one_of_several_processes_ends_without_being_torn_down() -> None:
    program = "import atexit, os; from plusx.cli import main; atexit.register(os.abort); main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "--version"],
        capture_output=True, text=True, env={**os.environ, "WORLD_SIZE": "2"}, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, plusx.__version__), done.stderr


@pytest.mark.full
def test_processes_together_stop_and_go_on(tmp_path: Path) -> None:
    process = start(tmp_path / "r", "--devices", "2", epochs=400)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("epoch"):
            break
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does
    text, _ = process.communicate(timeout=240)
    assert process.returncode == 75 and f"plusx resume {tmp_path / 'r'}" in text, text
    assert (tmp_path / "r" / "checkpoints" / "last.pt").exists()


def children(parent: int) -> list[int]:
    """The processes that `parent` has started: the one with the highest rank last."""
    found = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    ranked = []
    for child in map(int, found):
        environment = Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
        rank = [int(e.partition(b"=")[2]) for e in environment if e.startswith(b"RANK=")]
        if rank:
            ranked.append((rank[0], child))
    return [child for _, child in sorted(ranked)]


def test_a_batch_that_does_not_divide_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="for 3 process"):
        choose(TrainConfig(data="digits", batch_size=64), open_data("digits"), world=3)


def test_norms_over_one_process_stay_as_they_are() -> None:
    model = create("resnet8", num_classes=10)
    share_norms(model)
    assert type(model.stem.norm) is torch.nn.BatchNorm2d


def normalised(rank: int, port: int, folder: str) -> None:
    """Write this process's gradients and statistics of its half of a batch, in float64."""
    dist.init_process_group("gloo", init_method=f"tcp://localhost:{port}", rank=rank, world_size=2)
    torch.manual_seed(0)
    model, x = create("resnet8", num_classes=10).double().train(), torch.randn(8, 3, 8, 8).double()
    share_norms(model)
    assert type(model.stem.norm) is TogetherNorm
    model(x[4 * rank : 4 * rank + 4]).square().sum().backward()
    gradients = [p.grad for p in model.parameters()]
    torch.save((gradients, list(model.buffers())), f"{folder}/{rank}.pt")


@pytest.mark.full
def test_norms_over_two_processes_see_both_batches(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    context = torch.multiprocessing.get_context("spawn")
    both = [context.Process(target=normalised, args=(r, port, str(tmp_path))) for r in (0, 1)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    torch.manual_seed(0)
    model, x = create("resnet8", num_classes=10).double().train(), torch.randn(8, 3, 8, 8).double()
    model(x).square().sum().backward()
    (first, statistics), (second, _) = (torch.load(tmp_path / f"{r}.pt") for r in (0, 1))
    for parameter, a, b in zip(model.parameters(), first, second, strict=True):
        torch.testing.assert_close(a + b, parameter.grad)
    for found, want in zip(statistics, model.buffers(), strict=True):
        torch.testing.assert_close(found, want)
