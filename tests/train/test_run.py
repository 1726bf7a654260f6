"""A run from its settings to its folder, stopped and gone on with, and what is refused."""

import errno
import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from lightning_fabric.plugins import MixedPrecision
from safetensors.torch import load_file
from watchers import Silent, StopsAt

from plusx import InputError, load
from plusx.train import fit, prepare, run, step
from plusx.train.config import TrainConfig
from plusx.train.folder import RunFolder
from plusx.train.loss import LOSSES
from plusx.train.predict import Classifier
from plusx.train.result import TrainResult
from plusx.train.setup import Setup
from plusx.train.state import Progress, load_checkpoint, save_checkpoint
from plusx.train.stop import NonFiniteLossError, StoppedError

SHORT = TrainConfig(
    data="digits",
    model="resnet8",
    recipe="usual",
    epochs=2,
    batch_size=256,
    precision="32",
    device="cpu",
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrainResult]:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("run") / "r"
    return folder, run.train(SHORT, reporter=Silent(), out=folder, command="plusx train ...")


def weights(folder: Path) -> dict[str, torch.Tensor]:
    state = torch.load(folder / "checkpoints" / "last.pt", weights_only=True)
    return dict(state["model"])


def curves(folder: Path) -> list[dict[str, object]]:
    """The metrics, less the times and memory of the machine."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    machine = {"seconds", "images_per_second", "memory_bytes"}
    return [{k: v for k, v in line.items() if k not in machine} for line in lines]


def test_a_run_leaves_its_folder(finished: tuple[Path, TrainResult]) -> None:
    folder, result = finished
    names = {path.name for path in folder.iterdir()}
    assert names >= {"config.json", "metrics.jsonl", "model", "checkpoints", "log.txt"}
    assert not [path for path in folder.rglob("*") if ".part" in path.name]
    assert result.test is not None and result.test.count == result.split_sizes["test"]
    assert len(result.epochs) == 2 and result.best_epoch in (1, 2)
    assert [line["event"] for line in curves(folder)].count("epoch") == 2
    assert curves(folder)[-1]["event"] == "test"
    assert json.loads((folder / "config.json").read_text())["options"] == {"stem": "small"}


def test_the_model_folder_is_enough_to_predict(
    finished: tuple[Path, TrainResult], tmp_path: Path
) -> None:
    from PIL import Image

    folder, _ = finished
    image = tmp_path / "seven.png"
    Image.new("L", (20, 30), 128).save(image)
    a = Classifier.open(folder).predict(image)
    b = Classifier.open(folder / "model").predict(image, top=3)
    assert a.classes[:3] == b.classes and a.probabilities[:3] == b.probabilities
    assert sum(Classifier.open(folder).predict(image, top=99).probabilities) == pytest.approx(1)
    assert load(folder / "model").config is not None


def test_the_same_seed_gives_the_same_weights(
    finished: tuple[Path, TrainResult], tmp_path: Path
) -> None:
    run.train(SHORT, reporter=Silent(), out=tmp_path / "r")
    want = weights(finished[0])
    assert all(torch.equal(tensor, want[k]) for k, tensor in weights(tmp_path / "r").items())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
@pytest.mark.parametrize("step", [1, 3, 5, 7])
def test_a_stopped_run_goes_on_as_if_nothing_had_happened(
    finished: tuple[Path, TrainResult], tmp_path: Path, step: int, number: int
) -> None:
    folder = tmp_path / "r"
    stops = StopsAt(step=step, signal_number=number)
    with pytest.raises(StoppedError, match=f"plusx resume {folder}") as stopped:
        run.train(SHORT, reporter=stops, out=folder)
    assert stopped.value.signal_number == number and stops.done == step
    result = run.resume(folder, reporter=Silent(), command="plusx resume")
    want = weights(finished[0])
    assert all(torch.equal(tensor, want[k]) for k, tensor in weights(folder).items())
    assert curves(folder) == curves(finished[0])
    assert result.test is not None and finished[1].test is not None
    assert result.test.loss == finished[1].test.loss


def test_weights_are_those_that_validated_best(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from plusx.train.examine import Validation

    scores = iter([Validation(1.0, 0.9), Validation(0.5, 0.1)])
    monkeypatch.setattr(fit, "validate", lambda setup: next(scores))
    result = run.train(SHORT, reporter=Silent(), out=tmp_path / "r")
    assert result.best_epoch == 1
    last, best = weights(tmp_path / "r"), load(tmp_path / "r" / "model").state_dict()
    assert not torch.equal(last["head.linear.weight"], best["head.linear.weight"])


def test_a_non_finite_loss_ends_the_run_with_its_reason(tmp_path: Path) -> None:
    config = replace(SHORT, learning_rate=1e30, warmup=0.0)
    with pytest.raises(NonFiniteLossError, match="try --learning-rate 1e\\+29") as error:
        run.train(config, reporter=Silent(), out=tmp_path / "r")
    result = error.value.result
    assert result is not None and result.test is None and result.health.level == "bad"

    kept = load_file(tmp_path / "r" / "bad-batch.safetensors")
    assert kept["images"].shape == (256, 1, 8, 8) and "bad-batch.safetensors" in str(error.value)


def test_a_loss_that_goes_astray_once_takes_the_run_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls = []

    def astray(logits: torch.Tensor, targets: torch.Tensor, *, smoothing: float) -> torch.Tensor:
        calls.append(len(logits))
        loss = LOSSES["ce"](logits, targets, smoothing=smoothing)
        return loss * float("nan") if len(calls) == 4 else loss

    monkeypatch.setattr(fit, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(step, "LOSSES", {"ce": astray})
    told = Silent()
    result = run.train(SHORT, reporter=told, out=tmp_path / "r")
    assert result is not None and result.test is not None
    assert any("Going back to step 4 of epoch 1 with 0.25 of the" in line for line in told.lines)
    assert len(calls) == 11  # ten steps, one of them twice
    assert all(tensor.isfinite().all() for tensor in weights(tmp_path / "r").values())
    state = torch.load(tmp_path / "r" / "checkpoints" / "last.pt", weights_only=True)
    assert json.loads(state["progress"])["rate_scale"] == 0.25


def test_a_folder_in_use_is_refused(finished: tuple[Path, TrainResult]) -> None:
    folder, _ = finished
    with (
        RunFolder.open(folder),
        pytest.raises(InputError, match="in use by another"),
    ):
        run.resume(folder, reporter=Silent())


def test_a_folder_that_is_not_empty_is_refused(
    finished: tuple[Path, TrainResult], tmp_path: Path
) -> None:
    (tmp_path / "thesis.txt").write_text("years")
    with pytest.raises(InputError, match="not empty or give another --out"):
        run.train(SHORT, reporter=Silent(), out=tmp_path)
    with pytest.raises(InputError, match="go on with `plusx resume"):
        run.train(SHORT, reporter=Silent(), out=finished[0])
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("make", [None, "folder", "file"])
def test_resuming_what_is_no_run(tmp_path: Path, make: str | None) -> None:
    path = tmp_path / "x"
    if make == "folder":
        path.mkdir()
    if make == "file":
        path.write_text("")
    with pytest.raises(InputError, match=r"is no (run )?folder"):
        run.resume(path, reporter=Silent())


def test_a_damaged_config_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"data": "digits", "epochs": "many"}')
    with pytest.raises(InputError, match=r"config\.json is damaged: epochs"):
        run.resume(tmp_path, reporter=Silent())


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    with pytest.raises(StoppedError):
        run.train(SHORT, reporter=StopsAt(step=2), out=tmp_path / "r")
    return tmp_path / "r"


def test_a_file_that_is_no_checkpoint(stopped: Path) -> None:
    (stopped / "checkpoints" / "last.pt").write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match="is no checkpoint"):
        run.resume(stopped, reporter=Silent())


def test_a_checkpoint_runs_no_code(stopped: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"touch {stopped}/trapped",)

    torch.save({"model": Trap()}, stopped / "checkpoints" / "last.pt")
    with pytest.raises(InputError, match="is no checkpoint"):
        run.resume(stopped, reporter=Silent())
    assert not (stopped / "trapped").exists()


def test_a_checkpoint_of_another_model(stopped: Path) -> None:
    config = json.loads((stopped / "config.json").read_text())
    (stopped / "config.json").write_text(json.dumps(config | {"model": "resnet14"}))
    with pytest.raises(InputError, match="checkpoint of resnet8 stem=small, but the run trains"):
        run.resume(stopped, reporter=Silent())


def test_a_checkpoint_has_the_scale_of_fp16(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def prepared() -> tuple[Setup, torch.amp.GradScaler]:
        setup = replace(prepare.prepare(SHORT, reporter=Silent()), run=RunFolder(tmp_path))
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**7)  # a CPU has it too
        scaling = MixedPrecision("16-mixed", "cpu", scaler)
        monkeypatch.setattr(setup.fabric.strategy, "_precision", scaling)
        return setup, scaler

    (tmp_path / "checkpoints").mkdir()
    setup, scaler = prepared()
    scaler.scale(torch.ones(1))
    scaler.update(2.0**5)
    save_checkpoint(setup, Progress())
    later, its = prepared()
    load_checkpoint(later)
    assert its.state_dict() == scaler.state_dict() and its.state_dict()["scale"] == 2.0**5


def test_a_full_disk_leaves_the_last_checkpoint(
    stopped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (stopped / "checkpoints" / "last.pt").read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        run.resume(stopped, reporter=Silent())
    monkeypatch.undo()
    assert (stopped / "checkpoints" / "last.pt").read_bytes() == before
    assert not [path for path in stopped.rglob("*") if ".part" in path.name]
    run.resume(stopped, reporter=Silent())


def test_a_run_may_go_on_without_saving(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write, tries = RunFolder.write_checkpoint, []

    def full_at_first(self: RunFolder, state: dict[str, object]) -> None:
        tries.append(1)
        if len(tries) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, state)

    monkeypatch.setattr(RunFolder, "write_checkpoint", full_at_first)
    told = Silent()
    run.train(replace(SHORT, on_full_disk="go-on"), reporter=told, out=tmp_path / "r")
    assert sum("the disk is full" in line for line in told.lines) == 1 and len(tries) == 3
    assert len([line for line in curves(tmp_path / "r") if line["event"] == "epoch"]) == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": "resnte8"}, "did you mean"),
        ({"options": {"stem": "tiny"}}, "stem='tiny' is not known"),
        ({"data": "nowhere/at/all"}, "nowhere/at/all"),
        ({"batch_size": 9999}, "give at most that many"),
        ({"model": "resnet18", "options": {"stem": "large"}}, "divides the image side by 32"),
        ({"device": "tpu"}, "is not on this machine"),
        ({"precision": "fp16"}, "needs a GPU; on a CPU give bf16 or 32"),
    ],
)
def test_what_cannot_be_trained_leaves_nothing_behind(
    tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        run.train(replace(SHORT, **changes), reporter=Silent(), out=tmp_path / "runs" / "r")
    assert not list(tmp_path.iterdir())


def test_stopping_while_the_data_is_read_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: object, **more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(prepare, "open_data", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run.train(SHORT, reporter=Silent(), out=tmp_path / "r")
    assert not (tmp_path / "r").exists()
