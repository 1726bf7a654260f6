"""Batches of a loader, or items of a set, as inputs and targets; reading leaves no trace."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sized
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    SequentialSampler,
    default_collate,
)

from plusx.doctor.batch import FORMS, inputs_and_targets
from plusx.doctor.chance import same_chance
from plusx.errors import InputError

__all__ = ["SHOWN", "by_class", "of_loader", "of_set"]

SHOWN = 512
"""Images that are examined, of each split; what is known of a set is known after so many."""

LEAST = 64  # labels, to tell an order from chance

Given = tuple[tuple[object, ...], Tensor]


def of_loader(loader: "DataLoader[object]", model: nn.Module) -> Given:
    """Take batches until there are enough images, 512 or more."""
    with same_chance(), _same_draws(loader):
        return _gathered(loader, model, of="the loader")


def by_class(loader: "DataLoader[object]", y: Tensor) -> bool:
    """Whether a loader keeps the order of a set that lies class by class, as its first labels do.

    So many of several classes do not rise by chance; of one class there may be no other.
    """
    classes = y.dim() == 1 and not y.is_floating_point() and y.dtype != torch.bool
    if not isinstance(loader.sampler, SequentialSampler) or not classes or len(y) < LEAST:
        return False
    return 1 < len(y.unique()) <= len(y) // 4 and bool((y.diff() >= 0).all())


def of_set(data: "Dataset[object]", model: nn.Module) -> Given:
    """Take some of the items of a set, drawn at random where it can be indexed."""
    with same_chance():
        return _gathered(_items(data), model, of="the data set")


def _gathered(batches: Iterable[object], model: nn.Module, *, of: str) -> Given:
    """Put batches together whose inputs have the shape of the first's."""
    found: list[Given] = []
    for batch in batches:
        each = inputs_and_targets(batch, model)
        if each is None:
            raise InputError(f"{of} gives {_said(batch)}, expected pairs of tensors, {FORMS}")
        if not found or _shapes(each) == _shapes(found[0]):
            found.append(each)
        if sum(len(y) for _, y in found) >= SHOWN:
            break
    if not found:
        raise InputError(f"{of} is empty, expected images with labels")
    columns = zip(*(inputs for inputs, _ in found), strict=True)
    inputs = tuple(torch.cat(c) if isinstance(c[0], Tensor) else c[0] for c in columns)
    return inputs, torch.cat([y for _, y in found])


def _shapes(given: Given) -> list[object]:
    inputs, y = given
    return [each.shape[1:] if isinstance(each, Tensor) else None for each in (*inputs, y)]


def _items(data: "Dataset[object]") -> list[object]:
    """Return one batch of a set."""
    if isinstance(data, IterableDataset) or not isinstance(data, Sized):
        found = list(itertools.islice(iter(data), SHOWN))
    else:
        generator = torch.Generator().manual_seed(0)
        order = torch.randperm(len(data), generator=generator)[:SHOWN].sort().values
        found = [data[int(place)] for place in order]
    try:
        return [default_collate(found)] if found else []
    except (TypeError, RuntimeError) as error:
        words = (str(error).strip() or "-").splitlines()[0]
        raise InputError(
            f"items of the data set, {_said(found[0])}, cannot be stacked ({words}); expected "
            "tensors of one size: give it a transform, or a DataLoader"
        ) from error


def _said(batch: object) -> str:
    match batch:
        case list() | tuple():
            inside = f" of {', '.join(type(part).__name__ for part in batch)}"
        case Mapping():
            inside = f" of {', '.join(map(repr, batch))}"
        case _:
            inside = ""
    return f"a {type(batch).__name__}{inside}"


@contextmanager
def _same_draws(loader: "DataLoader[object]") -> Iterator[None]:
    """Restore the generators that a loader draws its order from."""
    sampler = loader.batch_sampler
    parts = [loader, loader.sampler, sampler, vars(sampler).get("sampler") if sampler else None]
    generators = {
        value: value.get_state()
        for part in parts
        if part is not None
        for value in vars(part).values()
        if isinstance(value, torch.Generator)
    }
    try:
        yield
    finally:
        for generator, state in generators.items():
            generator.set_state(state)
