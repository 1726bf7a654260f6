"""What a caller gives as data, as material to examine with; made up where nothing is given."""

import itertools
import random
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, default_collate

from plusx.data import Data, open_data
from plusx.doctor.made_up import made_up
from plusx.doctor.material import Material
from plusx.doctor.stored import of_data
from plusx.errors import InputError

__all__ = ["SHOWN", "material_for"]

SHOWN = 512
"""Images that are examined, of each split; what is known of a set is known after so many."""


def material_for(model: nn.Module, data: object, *, size: int | None = None) -> Material:
    """Turn `data` into material on the network's device.

    None; images, or (images, labels), as the network takes them; a DataLoader or Dataset that gives
    such pairs; `plusx.data.Data`, or what `open_data` opens: a path or a name.
    """
    match data:
        case None:
            material = made_up(model, size=size)
        case Material():
            material = data
        case Data():
            material = of_data(data, count=SHOWN)
        case str() | Path():
            material = of_data(open_data(data, size=size), count=SHOWN)
        case Tensor():
            material = Material(x=data, y=None)
        case (Tensor() as x, Tensor() as y):
            material = _labelled(x, y)
        case DataLoader():
            with _same_chance():
                material = _gathered(data, of="the loader")
        case Dataset():
            with _same_chance():
                material = _gathered(_items(data), of="the data set")
        case _:
            raise InputError(
                f"data is a {type(data).__name__}, expected images as a tensor (B, C, H, W), "
                "(images, labels), a DataLoader or Dataset of such pairs, plusx.data.Data, or what "
                "`plusx train --data` takes"
            )
    return _placed(material, model)


def _labelled(x: Tensor, y: Tensor) -> Material:
    """Take images with their labels; those that lie class by class are mixed."""
    if y.shape[:1] != x.shape[:1]:
        raise InputError(
            f"there are {len(x)} images and labels {tuple(y.shape)}, expected a label an image: "
            "int64 (B,)"
        )
    if y.dim() != 1 or y.is_floating_point() or y.dtype == torch.bool:
        note = f"Targets {tuple(y.shape)} of {y.dtype} are no classes: they are not looked at."
        return Material(x=x, y=None, notes=(note,))
    y = y.long()
    if len(y) > 1 and y[0] != y[-1] and bool((y.diff() >= 0).all()):
        order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
        x, y = x[order], y[order]
    return Material(x=x, y=y)


def _gathered(loader: Iterable[object], *, of: str) -> Material:
    """Take batches until there are enough images, 512 or more."""
    pairs: list[tuple[Tensor, Tensor]] = []
    for batch in loader:
        match batch:
            case [Tensor() as x, Tensor() as y, *_]:
                pairs.append((x, y))
            case _:
                raise InputError(
                    f"{of} gives {_said(batch)}, expected pairs of tensors: images, labels"
                )
        if sum(len(x) for x, _ in pairs) >= SHOWN:
            break
    if not pairs:
        raise InputError(f"{of} is empty, expected images with labels")
    return _labelled(torch.cat([x for x, _ in pairs]), torch.cat([y for _, y in pairs]))


def _items(data: "Dataset[object]") -> list[object]:
    """Return one batch of a set: some of its items, drawn at random where it can be indexed."""
    if isinstance(data, IterableDataset) or not isinstance(data, Sized):
        found = list(itertools.islice(iter(data), SHOWN))
    else:
        generator = torch.Generator().manual_seed(0)
        order = torch.randperm(len(data), generator=generator)[:SHOWN].sort().values
        found = [data[int(place)] for place in order]
    return [default_collate(found)] if found else []


def _said(batch: object) -> str:
    inside = ", ".join(type(part).__name__ for part in batch) if isinstance(batch, list) else ""
    return f"a {type(batch).__name__}{f' of {inside}' if inside else ''}"


@contextmanager
def _same_chance() -> Iterator[None]:
    """Reading a loader draws random numbers: leave torch's and Python's state as they were."""
    state = random.getstate()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(state)


def _placed(material: Material, model: nn.Module) -> Material:
    """Put what the network is to see where its weights are."""
    device = next((p.device for p in model.parameters()), material.x.device)
    if device == material.x.device:
        return material
    seen = {name: getattr(material, name) for name in ("x", "y", "test_x", "test_y")}
    return replace(material, **{n: v.to(device) for n, v in seen.items() if v is not None})
