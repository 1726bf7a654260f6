"""What a caller gives as data, as material to examine with; made up where nothing is given."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from plusx.data import Data, open_data
from plusx.doctor.batch import FORMS, inputs_and_targets, inputs_of
from plusx.doctor.fitted import fitted
from plusx.doctor.gathered import SHOWN, by_class, of_loader, of_set
from plusx.doctor.made_up import made_up
from plusx.doctor.material import Material
from plusx.doctor.stored import of_data
from plusx.errors import InputError

__all__ = ["SHOWN", "material_for"]

TOGETHER = 16
"""Of networks with more inputs than one so many samples are examined."""


def material_for(model: nn.Module, data: object, *, size: int | None = None) -> Material:
    """Turn `data` into material on the network's device, in its weights' type.

    None; images, or (images, labels), as the network takes them, images also as a tuple or dict of
    all inputs of forward; a DataLoader or Dataset that gives such pairs, or dicts; `Material`;
    `plusx.data.Data`, or what `open_data` opens: a path or a name.
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
        case DataLoader():
            inputs, y = of_loader(data, model)
            material = replace(_material(inputs, y), by_class=by_class(data, y))
        case Dataset():
            material = _material(*of_set(data, model))
        case _:
            material = _of_batch(data, model)
    return _placed(material, model)


def _of_batch(data: object, model: nn.Module) -> Material:
    """Take one batch, with targets or without."""
    if isinstance(data, Tensor | Mapping | list | tuple):
        pair = inputs_and_targets(data, model)
        if pair is not None:
            return _material(*pair)
        inputs = () if isinstance(data, list | tuple) else inputs_of(data, model)
        if inputs:
            return _material(inputs, None)
    raise InputError(
        f"data is a {type(data).__name__}, expected images as a tensor (B, C, H, W); {FORMS}; a "
        "DataLoader or Dataset of such pairs; plusx.data.Data, or what `plusx train --data` takes"
    )


def _material(inputs: tuple[object, ...], y: Tensor | None) -> Material:
    """Take inputs with their targets; those that lie class by class are mixed."""
    x, *context = inputs
    assert isinstance(x, Tensor)
    if y is None:
        return _together(Material(x=x, y=None, context=tuple(context)))
    if y.shape[:1] != x.shape[:1]:
        raise InputError(
            f"there are {len(x)} images and labels {tuple(y.shape)}, expected a label an image: "
            "int64 (B,)"
        )
    if y.dim() != 1 or y.is_floating_point() or y.dtype == torch.bool:
        note = (
            f"Targets {tuple(y.shape)} of {y.dtype} are no classes: they go into your loss, and "
            "what is about classes is not asked."
        )
        return _together(Material(x=x, y=y, context=tuple(context), notes=(note,)))
    y = y.long()
    order = torch.arange(len(y))
    if len(y) > 1 and y[0] != y[-1] and bool((y.diff() >= 0).all()):
        order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    material = Material(x=x, y=y, context=tuple(context))
    return _together(material if bool((order.diff() == 1).all()) else _rows(material, order))


def _together(material: Material) -> Material:
    """Keep a few samples of several inputs, so that all of each belongs to all of the others."""
    few = torch.arange(min(TOGETHER, len(material.x)))
    return _rows(material, few) if material.context else material


def _rows(material: Material, rows: Tensor) -> Material:
    count = len(material.x)
    return replace(
        material,
        x=material.x[rows],
        y=None if material.y is None else material.y[rows],
        context=tuple(
            c[rows] if isinstance(c, Tensor) and c.shape[:1] == (count,) else c
            for c in material.context
        ),
    )


def _placed(material: Material, model: nn.Module) -> Material:
    """Put what the network is to see where its weights are, in their type."""
    x = fitted(material.x, model)
    if x is material.x and material.context == ():
        return material
    notes = material.notes
    if x.dtype != material.x.dtype:
        notes = (*notes, f"Images are examined in {x.dtype}, which the network's weights have.")
    labels = {name: getattr(material, name) for name in ("y", "test_y")}
    return replace(
        material,
        x=x,
        test_x=None if material.test_x is None else fitted(material.test_x, model),
        context=tuple(fitted(c, model) if isinstance(c, Tensor) else c for c in material.context),
        notes=notes,
        **{name: y.to(x.device) for name, y in labels.items() if y is not None},
    )
