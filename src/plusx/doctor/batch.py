"""A batch in any of the usual forms, as the inputs of forward, in order, and targets."""

from collections.abc import Iterator, Mapping
from inspect import Parameter, signature

from torch import Tensor, nn

from plusx.errors import InputError

__all__ = ["FORMS", "inputs_and_targets", "inputs_of"]

INPUTS = ("image", "images", "pixel_values", "img", "x", "inputs", "input", "input_ids", "data")
TARGETS = ("label", "labels", "y", "target", "targets")
FORMS = (
    "images and labels: (x, y), ((x, more), y), or a dict such as "
    "{'image': x, 'label': y} or {'input_ids': x, 'attention_mask': more, 'labels': y}"
)


def inputs_and_targets(batch: object, model: nn.Module) -> tuple[tuple[object, ...], Tensor] | None:
    """Take a batch apart; None where it has none of the usual forms."""
    match batch:
        case [x, Tensor() as y, *_]:
            inputs = inputs_of(x, model)
            return (inputs, y) if inputs else None
        case Mapping():
            name = next((name for name in TARGETS if isinstance(batch.get(name), Tensor)), None)
            if name is None:
                return None
            inputs = inputs_of({k: v for k, v in batch.items() if k not in TARGETS}, model)
            return (inputs, batch[name]) if inputs else None
    return None


def inputs_of(x: object, model: nn.Module) -> tuple[object, ...]:
    """Return what forward takes, in its order; nothing where x is no tensor, tuple or dict."""
    match x:
        case Tensor():
            return (x,)
        case [Tensor(), *_] if all(isinstance(each, Tensor) for each in x):
            return tuple(x)
        case Mapping():
            return _by_name(x, model)
    return ()


def _by_name(given: Mapping[str, object], model: nn.Module) -> tuple[object, ...]:
    """Put tensors in the places of forward's parameters; what it has no name for is left out."""
    parameters = list(_positional(model))
    first = next((n for n in (parameters[0].name, *INPUTS) if isinstance(given.get(n), Tensor)), "")
    if not first:
        return ()
    found = [given[first]]
    named = [place for place, each in enumerate(parameters) if place and each.name in given]
    for each in parameters[1 : max(named, default=0) + 1]:
        if each.name not in given and each.default is Parameter.empty:
            raise InputError(
                f"forward of {type(model).__name__} takes {each.name!r}, which is not among "
                f"{', '.join(map(repr, given))}; expected it in the batch"
            )
        found.append(given.get(each.name, each.default))
    return tuple(found)


def _positional(model: nn.Module) -> Iterator[Parameter]:
    for each in signature(model.forward).parameters.values():
        if each.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD):
            yield each
        elif each.kind is Parameter.VAR_POSITIONAL:
            yield Parameter("input", Parameter.POSITIONAL_ONLY)
