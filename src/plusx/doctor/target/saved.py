"""A run folder that `plusx train` left, or a saved model: weights, and of a run all the rest."""

from dataclasses import replace
from pathlib import Path

from plusx.data import InputSpec, open_data
from plusx.doctor.given import SHOWN
from plusx.doctor.made_up import made_up
from plusx.doctor.material import Material
from plusx.doctor.of_setup import material_of, training_of
from plusx.doctor.stored import of_data
from plusx.doctor.target.asked import Asked, Target
from plusx.doctor.target.named import Heard
from plusx.errors import InputError
from plusx.saving import load
from plusx.train.config import TrainConfig
from plusx.train.folder import RunFolder
from plusx.train.prepare import prepare
from plusx.train.setup import Reporter
from plusx.zoo import Network

__all__ = ["saved"]


def saved(path: Path, asked: Asked, reporter: Reporter) -> Target:
    """Load the network that is in the folder; no file of it runs code."""
    for option in ("num_classes", "in_channels", "arguments", "weights"):
        if getattr(asked, option):
            raise InputError(f"{option} is given, but {path} holds a network; leave it out")
    if not (path / "config.json").is_file():
        raise InputError(
            f"{path} holds no trained network; give a run folder that `plusx train` made, or the "
            "model folder inside it"
        )
    is_run = not (path / "model.safetensors").is_file()
    if not is_run:
        return _model(path, asked)
    if not (path / "model").is_dir():
        raise InputError(
            f"{path} has no model yet: a run writes it when its first epoch ends; go on with "
            f"`plusx resume {path}`, or give another run"
        )
    return _run(path, asked, reporter)


def _model(folder: Path, asked: Asked) -> Target:
    model = load(folder)
    name = model.config.name if model.config else folder.name
    spec = _spec(folder)
    if asked.data is None:
        return Target(model=model, name=name, material=_imagined(model, spec, asked.size))
    data = open_data(asked.data, size=asked.size or (spec.size if spec else None))
    if spec:
        _must_fit(model, data.input, asked.data)
        data = replace(data, input=_sized(spec, data.input))
    return Target(model=model, name=name, material=of_data(data, count=SHOWN))


def _run(path: Path, asked: Asked, reporter: Reporter) -> Target:
    found = _model(path / "model", replace(asked, data=None))
    model = found.model
    assert isinstance(model, Network)
    config = _here(RunFolder.at(path).read_config())
    config = replace(config, data=asked.data or config.data, size=asked.size or config.size)
    heard = Heard(reporter)
    try:
        setup = prepare(config, reporter=heard)
    except InputError as error:
        if asked.data:
            raise
        note = f"Its data are not here, so images are made up: {error}"
        return replace(
            found, name=path.name, run=path, material=replace(found.material, notes=(note,))
        )
    _must_fit(model, setup.data.input, config.data)
    spec = _spec(path / "model")
    if spec:  # other images than it was trained on are normalised as those were
        setup = replace(setup, data=replace(setup.data, input=_sized(spec, setup.data.input)))
    return Target(
        model=model,
        name=path.name,
        material=replace(material_of(setup), notes=tuple(heard.lines)),
        training=training_of(model, setup.config, peak=setup.peak),
        run=path,
    )


def _here(config: TrainConfig) -> TrainConfig:
    """Let the run be one of a single process on this machine, from no other weights."""
    return replace(
        config,
        device="auto",
        precision="32",
        compile="never",
        recompute="none",
        shard=False,
        stages=1,
        norms="apart",
        weights=None,
    )


def _imagined(model: Network, spec: InputSpec | None, size: int | None) -> Material:
    return made_up(model, size=size or (spec.size if spec else None))


def _spec(folder: Path) -> InputSpec | None:
    file = folder / "input.json"
    return InputSpec.from_json(file.read_text(encoding="utf-8")) if file.is_file() else None


def _sized(spec: InputSpec, other: InputSpec) -> InputSpec:
    return replace(spec, size=other.size, stored=other.stored)


def _must_fit(model: Network, spec: InputSpec, data: str) -> None:
    made = model.config
    assert made is not None, "a saved network has a config"
    if (made.num_classes, made.in_channels) != (len(spec.classes), spec.channels):
        raise InputError(
            f"{data} has {len(spec.classes)} classes and {spec.channels} channel(s), but the "
            f"network is for {made.num_classes} and {made.in_channels}; give other --data"
        )
