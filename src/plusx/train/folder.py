"""The run folder: all of one training run, and nothing outside it."""

import io
import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from plusx.data import Batch
from plusx.errors import InputError
from plusx.files import tidy, write_bytes, write_text, written_folder
from plusx.saving import write_model
from plusx.train.config import TrainConfig
from plusx.zoo import Network

__all__ = ["RunFolder"]

LOCK = ".lock"


class RunFolder:
    """`config.json`, `metrics.jsonl`, `log.txt`, `model/`, `checkpoints/`, `report.html`, events.

    Every file is written beside its place, synced and renamed; one process writes at a time.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines: list[str] = []

    @property
    def model(self) -> Path:
        """What `plusx.load` and `plusx predict` read: the weights that validated best."""
        return self.path / "model"

    @property
    def checkpoint(self) -> Path:
        """The whole state of training."""
        return self.path / "checkpoints" / "last.pt"

    @property
    def report(self) -> Path:
        """The page to open."""
        return self.path / "report.html"

    @property
    def events(self) -> Path:
        """What TensorBoard reads."""
        return self.path / "tensorboard"

    def log(self, line: str) -> None:
        """Add a line to log.txt."""
        self._lines.append(line)
        write_text(self.path / "log.txt", "\n".join(self._lines) + "\n")

    def write_config(self, config: TrainConfig) -> None:
        """Write the resolved settings."""
        write_text(self.path / "config.json", json.dumps(asdict(config), indent=2) + "\n")

    def read_config(self) -> TrainConfig:
        """Read the settings back; `InputError` where there are none or they are damaged."""
        from pydantic import TypeAdapter, ValidationError

        path = self.path / "config.json"
        try:
            return TypeAdapter(TrainConfig).validate_json(path.read_bytes())
        except FileNotFoundError as error:
            raise InputError(
                f"{self.path} is no run folder: it has no config.json; give a folder that "
                "`plusx train` made"
            ) from error
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "the file"
            raise InputError(f"{path} is damaged: {place}: {first['msg']}") from error

    def give_up(self) -> None:
        """Forget that the folder is in use: it goes when the block that made it fails."""
        (self.path / "config.json").unlink(missing_ok=True)

    def write_metrics(self, events: Iterable[dict[str, Any]]) -> None:
        """Write all events, one JSON object a line."""
        write_text(self.path / "metrics.jsonl", "".join(json.dumps(e) + "\n" for e in events))

    def write_checkpoint(self, state: dict[str, Any]) -> None:
        """Replace the checkpoint; the old one stands until the new one is whole."""
        import torch

        buffer = io.BytesIO()  # torch reports a full disk as a bug of its own
        torch.save(state, buffer)
        write_bytes(self.checkpoint, buffer.getvalue())

    def write_batch(self, batch: Batch) -> Path:
        """Keep a batch that training could not digest; return the file: images, labels, places."""
        from safetensors.torch import save

        path = self.path / "bad-batch.safetensors"
        tensors = {"images": batch.images, "labels": batch.labels, "indices": batch.indices}
        write_bytes(path, save({name: t.cpu().contiguous() for name, t in tensors.items()}))
        return path

    def write_model(self, model: Network, input_json: str) -> None:
        """Replace the saved model, with what `predict` has to know of its input."""
        with written_folder(self.model) as folder:
            write_model(model, folder)
            write_text(folder / "input.json", input_json)

    @classmethod
    def at(cls, path: Path) -> "RunFolder":
        """Return the run folder at `path`, to read in; `InputError` where there is no folder."""
        if not path.is_dir():
            raise InputError(f"{path} is no folder; give a run folder that `plusx train` made")
        return cls(path)

    @classmethod
    @contextmanager
    def create(cls, path: Path) -> Iterator["RunFolder"]:
        """Make and hold a new run folder; it goes again if the block fails before it is used.

        Raises `InputError` when there is something at `path` already.
        """
        if path.exists() and (not path.is_dir() or {p.name for p in path.iterdir()} - {LOCK}):
            hint = f"; go on with `plusx resume {path}`" if (path / "config.json").exists() else ""
            raise InputError(f"{path} exists and is not empty{hint} or give another --out")
        made = [place for place in (path, *path.parents) if not place.exists()]
        path.mkdir(parents=True, exist_ok=True)
        with _held(path):
            try:
                yield cls(path)
            except BaseException:
                if not (path / "config.json").exists():
                    shutil.rmtree(path)
                    for place in made[1:]:
                        place.rmdir()
                    if not made:
                        path.mkdir()
                raise

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator["RunFolder"]:
        """Hold an existing run folder; `InputError` when it is none, or in use."""
        run = cls.at(path)
        run.read_config()
        with _held(path):
            tidy(path)
            log = path / "log.txt"
            run._lines = log.read_text().splitlines() if log.exists() else []
            yield run


@contextmanager
def _held(path: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout

    lock = FileLock(path / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise InputError(
            f"{path} is in use by another plusx process; wait for it or give another --out"
        ) from error
    try:
        yield
    finally:
        lock.release()
