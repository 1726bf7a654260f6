"""Which layers are one encoder for several inputs? (Bromley et al. 1993, siamese networks)"""

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor

from plusx.doctor.passes import few, follows, tensors
from plusx.doctor.patient import Patient
from plusx.tape import watch

__all__ = ["in_streams"]

MOST = 4
"""Calls of a layer that are held against each other."""


def in_streams(patient: Patient, names: Iterable[str]) -> set[str]:
    """Return those of the layers that are called with several inputs side by side.

    No call then gets what an earlier one gave, nor what an earlier one got: a layer that stands in
    two places by accident comes after itself, or does the same again.
    """
    x, (model, _) = few(patient), patient.fresh()
    model.eval().requires_grad_()
    modules = dict(model.named_modules(remove_duplicate=False))
    calls: dict[str, list[tuple[Tensor, Tensor]]] = defaultdict(list)

    def see(name: str, first: Tensor, y: object) -> None:
        given = next(tensors(y), None)
        if given is not None and isinstance(first, Tensor) and len(calls[name]) < MOST:
            calls[name].append((first, given))

    try:
        with torch.enable_grad(), watch({name: modules[name] for name in names}, see):
            model(x, *patient.context(x))
        return {name for name, seen in calls.items() if len(seen) > 1 and _apart(seen)}
    except RuntimeError:  # a graph that cannot be followed: nothing is known
        return set()


def _apart(calls: list[tuple[Tensor, Tensor]]) -> bool:
    """Of what has no history nothing can be told: then they are not."""
    return not any(
        _same(x, other) or not y.requires_grad or follows(x, y)
        for place, (x, _) in enumerate(calls)
        for other, y in calls[:place]
    )


def _same(one: Tensor, other: Tensor) -> bool:
    return one is other or (one.shape == other.shape and torch.equal(one, other))
