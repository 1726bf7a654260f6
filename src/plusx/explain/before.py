"""before(seen, s, w): the units that a shortcut's tensor comes from, with the weights there."""

import torch
from torch import Tensor

from plusx.explain.looking import Pass, made_of

__all__ = ["before"]


def before(seen: Pass, s: Tensor, w: Tensor) -> dict[str, Tensor]:
    """Return the units that s is made of and the weights there; none if it comes from the stem.

    Several where streams met. A unit that another of them is made of is left to that one.
    """
    y = {name: seen.tape.units[name].y for name in _behind(seen, s)}
    found: dict[str, Tensor] = {}
    for name in reversed(y):
        if any(made_of(y[later], y[name]) for later in found):
            continue
        ends, w = [y[name]], w.to(s.dtype)
        (one,) = torch.autograd.grad(s, ends, w, retain_graph=True, allow_unused=True)
        if one is not None:
            found[name] = one.float()
    return found


def _behind(seen: Pass, s: Tensor) -> list[str]:
    """Return the units that lead to s with no other unit on the way, in the order they were run."""
    names = {record.y.grad_fn: name for name, record in seen.tape.units.items()}
    found, done, waiting = set(), set(), [s.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None or node in done:
            continue
        done.add(node)
        if node in names:
            found.add(names[node])
        else:
            waiting += [before for before, _ in node.next_functions]
    return [name for name in seen.tape.units if name in found]
