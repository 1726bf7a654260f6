"""Where a run stands: weights, optimizer, place and history, to a checkpoint and back."""

import json
import pickle
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import torch
from torch import Tensor

from plusx.errors import InputError
from plusx.train.average import Average
from plusx.train.config import TrainConfig
from plusx.train.result import Epoch, Examination, Probe
from plusx.train.setup import Setup
from plusx.train.whole import fill

__all__ = ["Progress", "load_checkpoint", "save_checkpoint"]

FORMAT = 3
_HOW = ("fused", "foreach")
"""Of an optimizer's settings, those that say how it computes: pieces of tensors take other ways."""


@dataclass(kw_only=True)
class Progress:
    """How far training has come. `epoch` and `step` (in the epoch) are the next to do."""

    epoch: int = 0
    step: int = 0
    epochs: list[Epoch] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)
    best_epoch: int | None = None
    seconds: float = 0.0
    # of the epoch under way:
    loss_sum: float = 0.0
    correct: int = 0
    seen: int = 0
    train_seconds: float = 0.0
    learning_rate: float = 0.0
    # of the run:
    broken: list[tuple[str, str]] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    rate_scale: float = 1.0  # what the loss's going astray has left of the learning rate
    rewinds: int = 0
    examination: Examination | None = None  # of what was set up, before the first step

    def become(self, other: "Progress") -> None:
        """Stand where `other` stands."""
        for each in fields(self):
            setattr(self, each.name, getattr(other, each.name))

    def steps_done(self, steps: int) -> int:
        """Return the steps taken since the run began, at `steps` an epoch."""
        return self.epoch * steps + self.step

    def close_epoch(self, epoch: Epoch) -> None:
        """Write `epoch` down and stand at the beginning of the next."""
        self.epochs.append(epoch)
        self.seconds += epoch.seconds
        self.epoch += 1
        self.step = self.correct = self.seen = 0
        self.loss_sum = self.train_seconds = 0.0

    def events(self) -> list[dict[str, Any]]:
        """Return what metrics.jsonl holds, in the order in which it happened."""
        lines: list[dict[str, Any]] = []
        if self.examination is not None:
            lines.append({"event": "examination", "step": 0, **asdict(self.examination)})
        lines += [{"event": "epoch", **asdict(epoch)} for epoch in self.epochs]
        lines += [{"event": "probe", **asdict(probe)} for probe in self.probes]
        return sorted(lines, key=lambda line: int(line["step"]))


def save_checkpoint(setup: Setup, progress: Progress) -> None:
    """Write the whole state to the run folder, tensors and JSON alone.

    It is the same file however the network lies on the processes; all take part in making it.
    """
    state = setup.spread.collected(
        {
            "model": setup.network.state_dict(),
            "optimizer": setup.optimizer.state_dict(),
            "average": setup.average.state_dict() if setup.average else {},
        }
    )
    if not setup.ranks.writes:
        return
    with setup.writing():
        setup.run.write_checkpoint(
            {
                "format": FORMAT,
                "network": network_of(setup.config),
                **state,
                "scaler": setup.scaling.state_dict(),
                "progress": json.dumps(asdict(progress)),
            }
        )
        setup.run.write_metrics(progress.events())


def load_checkpoint(setup: Setup) -> Progress:
    """Fill network, optimizer and average from the run's checkpoint; start afresh without one.

    No code of the file is run. Raises `InputError` for a file that is no checkpoint, and for the
    checkpoint of another network.
    """
    path, config = setup.run.checkpoint, setup.config
    if not path.exists():
        return Progress()
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, OSError) as error:
        raise InputError(f"{path} is no checkpoint, or a damaged one: {_first(error)}") from error
    names = {"format", "network", "model", "optimizer", "average", "scaler", "progress"}
    if not isinstance(state, dict) or set(state) != names or state["format"] != FORMAT:
        raise InputError(f"{path} is no checkpoint of this version of plusx")
    if state["network"] != network_of(config):
        raise InputError(
            f"{path} is a checkpoint of {state['network']}, but the run trains "
            f"{network_of(config)}; give the run folder that it came from"
        )
    try:
        fill(setup, state["model"])
        _fill_optimizer(setup, state["optimizer"])
        if setup.average:
            _fill_average(setup, setup.average, state["average"])
        if state["scaler"]:
            setup.scaling.load_state_dict(state["scaler"])
        return _read_progress(state["progress"])
    except (RuntimeError, ValueError, LookupError) as error:
        raise InputError(f"{path} does not fit the network: {_first(error)}") from error


def _fill_optimizer(setup: Setup, state: dict[str, Any]) -> None:
    """Give the optimizer the state of its own parameters, numbered as in the whole network."""
    params = [p for group in setup.optimizer.param_groups for p in group["params"]]
    own: dict[int, dict[str, Any]] = {}
    for number, values in state["state"].items():
        param = params[number]
        if not param.is_meta:  # else another process has it
            own[number] = {
                name: _laid_as(param, setup.spread.own_part(v, param)) if _like(v, param) else v
                for name, v in values.items()
            }
    groups = [
        {**saved, **{name: group[name] for name in _HOW if name in group}}
        for saved, group in zip(state["param_groups"], setup.optimizer.param_groups, strict=True)
    ]
    setup.optimizer.load_state_dict({"state": own, "param_groups": groups})


def _fill_average(setup: Setup, average: Average, state: dict[str, Any]) -> None:
    own = average.values
    values = {n: setup.spread.own_part(v, own.get(n, v)) for n, v in state["values"].items()}
    average.load_state_dict({**state, "values": values})


def _laid_as(param: Tensor, value: Tensor) -> Tensor:
    """Return `value` in the parameter's order in memory: fused steps go by addresses alone."""
    return torch.empty_like(param, dtype=value.dtype).copy_(value)


def _like(value: object, param: Tensor) -> bool:
    return isinstance(value, Tensor) and value.shape == param.shape


def network_of(config: TrainConfig) -> str:
    """Say which network a configuration trains, in one line."""
    return " ".join([str(config.model), *(f"{k}={v}" for k, v in sorted(config.options.items()))])


def _read_progress(text: str) -> Progress:
    from pydantic import TypeAdapter

    return TypeAdapter(Progress).validate_json(text)


def _first(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
