"""What `plusx explain` is to explain: a network, how it takes images, where there are more."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from plusx.data import InputSpec, centre, open_data
from plusx.data.spec import stored_for
from plusx.doctor.age import untrained
from plusx.doctor.chance import same_chance
from plusx.doctor.stored import of_data
from plusx.doctor.target import Asked, target
from plusx.doctor.target.library import LIBRARIES
from plusx.errors import InputError
from plusx.explain import Images
from plusx.train.folder import RunFolder
from plusx.train.predict import Classifier

if TYPE_CHECKING:
    from plusx.train.setup import Reporter

__all__ = ["Subject", "pool_of", "subject"]

MEANS: Mapping[int, tuple[tuple[float, ...], tuple[float, ...]]] = {
    1: ((0.5,), (0.25,)),
    3: ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
"""Mean and deviation by channels where nobody says them: of grey, and ImageNet's."""
SEED = 0
"""Of the weights of a network that is made anew: the same call explains the same network."""
POOL = 256
"""Images that the strongest and weakest examples are taken from."""


@dataclass(frozen=True, eq=False)
class Subject:
    """The network, its input, and data like those that it was trained on, where they are known.

    Data that were `asked` for must be there; those of a run may have gone since.
    """

    model: nn.Module
    spec: InputSpec
    name: str
    data: str | None = None
    asked: bool = False
    notes: tuple[str, ...] = ()


def subject(words: str, asked: Asked, reporter: "Reporter") -> Subject:
    """Find what a word stands for, as `plusx doctor` does; of a folder only the model is read."""
    path = Path(words).expanduser()
    if ":" not in words and path.is_dir():
        return _saved(path, asked)
    with same_chance(seed=SEED):  # weights that are drawn are the same each time
        found = target(words, asked, reporter=reporter)
    notes: tuple[str, ...] = ()
    spec = found.material.spec
    if spec is None:
        spec = _assumed(found.model, found.material.x, words, asked)
        mean, std = (", ".join(f"{each:g}" for each in row) for row in (spec.mean, spec.std))
        why = "as timm says" if words.startswith("timm:") else "as nothing says otherwise (--data)"
        notes = (
            f"Images are {spec.size}x{spec.size}, normalised by a mean of {mean} and a deviation "
            f"of {std}, {why}.",
        )
    notes += _of_weights(found.model, words, asked)
    return Subject(found.model, spec, found.name, asked.data, asked.data is not None, notes)


def _of_weights(model: nn.Module, words: str, asked: Asked) -> tuple[str, ...]:
    """Say that weights are random; of a factory's only the norms tell, where there are some."""
    trained = untrained(model) is False
    if trained or asked.weights or {"weights", "pretrained"} & set(asked.arguments):
        return ()
    library, colon, _ = words.partition(":")
    if untrained(model) is None and colon and library not in LIBRARIES:
        return (f"Whether {words} gives trained weights cannot be told; --weights gives others.",)
    return (f"{words} has random weights (seed {SEED}); --weights gives it others.",)


def pool_of(found: Subject) -> Images | None:
    """Return training images to take examples from; None where the data are not known or gone."""
    if found.data is None:
        return None
    try:
        data = open_data(found.data, size=found.spec.size)
        if data.input.channels != found.spec.channels:
            raise InputError(
                f"{found.data} has {data.input.channels} channel(s), the network takes "
                f"{found.spec.channels}; give other --data"
            )
        raw = of_data(data, count=1, decoded=POOL).train
    except InputError:
        if found.asked:
            raise
        return None
    assert raw is not None
    names, pixels = raw.names[:POOL], raw.images[:POOL]
    return Images(names, centre(pixels, found.spec.size), found.spec)


def _saved(path: Path, asked: Asked) -> Subject:
    for option in ("num_classes", "in_channels", "arguments", "weights"):
        if getattr(asked, option):
            raise InputError(f"{option} is given, but {path} holds a network; leave it out")
    opened = Classifier.open(path)
    spec = opened.input
    if asked.size is not None:
        spec = replace(spec, size=asked.size, stored=stored_for(asked.size))
    data = asked.data
    if not data and (path / "config.json").is_file() and (path / "model").is_dir():
        data = RunFolder.at(path).read_config().data
    return Subject(opened.network, spec, path.resolve().name, data, asked.data is not None)


def _assumed(model: nn.Module, x: Tensor, words: str, asked: Asked) -> InputSpec:
    """Say how a network takes images that nobody describes: by its example input and library."""
    if x.dim() != 4 or x.shape[1] not in MEANS or x.shape[2] != x.shape[3]:
        raise InputError(
            f"{words} takes {tuple(x.shape)}, expected square images of 1 or 3 channels"
        )
    library, _, name = words.partition(":")
    channels, size = x.shape[1], x.shape[-1]
    mean, std = MEANS[channels]
    classes: tuple[str, ...] = ()
    if library == "timm":
        mean, std = _of_timm(model, channels)
    if library == "torchvision" and {"weights"} & set(asked.arguments):
        classes = _names(name, str(asked.arguments["weights"]))
    return InputSpec(classes, channels, size, stored_for(size), mean, std)


def _of_timm(model: nn.Module, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    known: Any = import_module("timm.data").resolve_model_data_config(model)
    mean, std = tuple(known["mean"]), tuple(known["std"])
    return (mean, std) if len(mean) == channels else MEANS[channels]


def _names(name: str, weights: str) -> tuple[str, ...]:
    """Return the names of the classes that torchvision's weights were trained for."""
    models: Any = import_module("torchvision.models")
    known = models.get_model_weights(name)
    return tuple(getattr(known, weights, known.DEFAULT).meta.get("categories", ()))
