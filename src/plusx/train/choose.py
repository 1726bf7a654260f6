"""Settings that were left open, chosen to suit the data."""

from dataclasses import replace
from typing import Literal

import torch

from plusx.analysis.summary import summary
from plusx.catalog import create, family_of, from_words, options_of
from plusx.data import Data
from plusx.data.spec import SMALL
from plusx.errors import InputError
from plusx.parts.colour import weights_of_normalised
from plusx.train.config import TrainConfig
from plusx.train.initial import network_in
from plusx.train.optimize import PER_BATCH
from plusx.train.small_data import advise
from plusx.unit import outer_units
from plusx.zoo import Config, Network
from plusx.zoo.network import images

__all__ = ["available", "build", "choose"]

QUICK_IMAGES = 100_000


def choose(config: TrainConfig, data: Data, *, world: int = 1) -> tuple[TrainConfig, list[str]]:
    """Return `config` without a None, and a line for each choice that deserves one."""
    small = data.input.size <= SMALL
    pixels = f"{data.input.size}-pixel images"
    said = []
    model, given = config.model, network_in(config.weights) if config.weights else None
    if model is None and given is not None:
        model = given.name
        config = replace(config, options={**_built_in(given), **config.options})
        said.append(f"Network {model}: that of the weights")
    elif model is None:
        model = "resnet20" if small else "resnet18"
        said.append(f"Network {model}: the usual one for {pixels}")
    options = from_words(model, config.options)
    if "stem" in options_of(model) and "stem" not in options:
        options["stem"] = "small" if small else "large"
        kind = "3x3, stride 1" if small else "7x7, stride 2, max-pool"
        said.append(f"Stem {options['stem']} ({kind}): suits {pixels}")
    if family_of(model).inputs is not images:
        raise InputError(f"{model} takes no images; `plusx models` says what each network is for")
    if "image_size" in options_of(model):
        options.setdefault("image_size", data.input.size)
    if {"red", "blue"} <= options_of(model).keys() - options.keys() and data.input.channels == 3:
        red, green, blue = (round(w, 6) for w in weights_of_normalised(data.input.std))
        options |= {"red": red, "blue": blue}
        said.append(
            f"Brightness of {red:.3f} red, {green:.3f} green, {blue:.3f} blue: that of the pixels "
            "before they are normalised"
        )
    count = len(data.train)
    named = config.recipe or ("quick" if small and count <= QUICK_IMAGES else "usual")
    if config.recipe is None and config.small_data:
        named = "small-data"
    elif config.recipe is None:
        said.append(f"Recipe {named}: {count:,} images of {data.input.size} pixels")
    config = replace(config, model=model, options=options)
    multiple = None
    if config.small_data or named == "small-data":
        config, multiple, why = _for_few(config, data, named)
        said += why
    asked, config = config, config.following(named)
    batch_size = config.batch_size or _batch_size(count)
    if batch_size > count:
        raise InputError(
            f"batch-size is {batch_size}, but there are {count} training images; give at most "
            "that many"
        )
    if batch_size % (world * config.accumulate):
        raise InputError(
            f"batch-size is {batch_size} for {world} process(es) and {config.accumulate} part(s); "
            "give one that is a multiple of both together"
        )
    if asked.epochs is None:
        least = -(-config.least_steps // (count // batch_size))
        config = replace(config, epochs=max(config.epochs, least))
    usual, at = PER_BATCH[config.optimizer]
    rate = asked.learning_rate if multiple else config.learning_rate
    if config.drop_path:
        options.setdefault("drop_path", config.drop_path)
    device = available(config.device)
    if config.precision == "fp16" and device == "cpu":
        raise InputError("precision is fp16, which needs a GPU; on a CPU give bf16 or 32")
    return replace(
        config,
        options=options,
        batch_size=batch_size,
        learning_rate=rate or (multiple or 1.0) * usual * batch_size / at,
        tune=config.tune or "all",
        size=data.input.size,
        in_memory=data.in_memory,
        flip=data.policy.flip if config.flip is None else config.flip,
        precision=config.precision or _precision(device),
        device=device,
    ), said


def _for_few(
    config: TrainConfig, data: Data, recipe: str
) -> tuple[TrainConfig, float | None, list[str]]:
    """Settle what depends on parameters and images: above the recipe, below what was given.

    Return also the multiple of the optimizer's usual rate, None for the recipe's own, and why.
    """
    assert config.model is not None
    with torch.device("meta"):
        network = _made(config, data)
    params = sum(p.numel() for p in network.parameters())
    found = advise(params, len(data.train), pretrained=config.weights is not None)
    if "shake_drop" in config.options or not outer_units(network):  # nothing to drop, or dropped
        found = replace(found, why=tuple(c for c in found.why if c.field != "drop_path"))
    fields = {"learning_rate_multiple": "learning_rate"}
    given = {name: getattr(config, fields.get(name, name)) for name in found.changes}
    changes = {name: value for name, value in found.changes.items() if given[name] is None}
    if found.changes and not changes:
        return config, None, []  # a run that goes on: all was settled and said
    lines = found.lines({name: v for name, v in given.items() if v is not None})
    if changes and recipe != "small-data":
        lines.append(f"All else is as the recipe {recipe} says")
    multiple = changes.pop("learning_rate_multiple", None)
    changed = replace(config, **changes)  # type: ignore[arg-type]
    return changed, None if multiple is None else float(multiple), lines


def _built_in(given: Config) -> dict[str, str | int | float]:
    """Return the options of a saved network, as a run's settings take them."""
    return {name: v for name, v in given.options.items() if not isinstance(v, bool)}


def build(config: TrainConfig, data: Data) -> Network:
    """Build the chosen network for the data; `InputError` where its stride leaves no pixel."""
    torch.manual_seed(config.seed)
    assert config.model is not None
    model = _made(config, data)
    if "image_size" in options_of(config.model):
        return model  # it was built for just this size
    stride = _stride(model)
    if data.input.size < stride:
        raise InputError(
            f"{config.model} with {config.options} divides the image side by {stride}, but the "
            f"images have {data.input.size} pixels a side; give a larger --size, a small stem "
            "(--options.stem small) or a network with fewer stages (resnet20)"
        )
    return model


def _made(config: TrainConfig, data: Data) -> Network:
    assert config.model is not None
    return create(
        config.model,
        num_classes=len(data.input.classes),
        in_channels=data.input.channels,
        **config.options,
    )


def _batch_size(images: int) -> int:
    """Return the power of two, 16 to 128, that gives an epoch some 20 steps or more."""
    size = 128
    while size > 16 and images < 20 * size:
        size //= 2
    return min(size, images)


def _stride(model: Network) -> int:
    """Return how much the stages shrink an image's side, seen on one that is large enough."""
    side = 512
    rows = summary(model, side).rows
    return side // min(row.output[-1] for row in rows if len(row.output) == 3)


def available(asked: str) -> str:
    """Return the device that is meant; `InputError` where this machine has none such."""
    found = ["cpu"]
    if torch.cuda.is_available():
        found.insert(0, "cuda")
    elif torch.backends.mps.is_available():
        found.insert(0, "mps")
    if asked not in ("auto", *found):
        raise InputError(f"device {asked!r} is not on this machine; it has {', '.join(found)}")
    return found[0] if asked == "auto" else asked


def _precision(device: str) -> Literal["32", "bf16"]:
    """Choose bf16 where it is computed in hardware; elsewhere it is emulated and slow."""
    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "32"
    fast = device == "cpu" and torch.cpu._is_avx512_bf16_supported()
    return "bf16" if fast else "32"
