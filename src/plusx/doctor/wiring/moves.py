"""Does the whole network move to another device and another dtype?"""

from collections.abc import Iterator
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from plusx.doctor.finding import Finding
from plusx.doctor.mode import evaluating
from plusx.doctor.passes import few
from plusx.doctor.patient import Patient
from plusx.doctor.wiring.attributes import forget, hidden_tensors, need_registered

__all__ = ["dtype_words", "moves"]

aten = torch.ops.aten
MAY_MIX = {aten.copy_.default, aten._to_copy.default, aten.index.Tensor, aten.index_put.default}
MAY_MIX |= {aten.index_put_.default}
"""Copies between devices, and places of a tensor counted on the CPU, run on every device."""
ERRORS = (RuntimeError, ValueError, TypeError, NotImplementedError, IndexError, AssertionError)


def moves(patient: Patient) -> Iterator[Finding]:
    """Move a copy to the device "meta" and another to float64, and run them.

    On "meta" nothing is computed; each operation is asked whether all its tensors have moved, too.
    """
    need_registered(patient.model)
    left, unseen = _left_behind(patient)
    trouble = left or _other_dtype(patient)
    hidden = hidden_tensors(patient.model)
    if trouble:
        yield trouble
        return
    both = "devices or dtypes"
    note = f"; {len(hidden)} tensors are plain attributes, which forward moves" if hidden else ""
    yield Finding(
        check="wiring.moves",
        verdict="fine",
        title="The network moves as a whole",
        figure=f"no operation meets tensors of two {f'dtypes; {unseen}' if unseen else both}{note}",
        threshold="none",
    )


def _left_behind(patient: Patient) -> tuple[Finding | None, str]:
    """Find what stays on the CPU; or say why that cannot be seen."""
    model, _ = patient.fresh()
    hidden = [name for name, t in hidden_tensors(model).items() if t.dim()]
    try:
        _run_moved(patient, model)
    except _TwoDevices as error:
        if hidden and _is_cache(patient):
            return None, ""
        place = _place(model, error)
        own = [name for name in hidden if name.rpartition(".")[0] == place] or hidden
        made = f"{own[0]} is a plain attribute" if own else "forward makes a tensor on the CPU"
        found = Finding(
            check="wiring.moves",
            verdict="wrong",
            title="A tensor stays behind when the network moves",
            figure=f"{error}; {len(hidden)} tensors are plain attributes",
            threshold="all tensors of an operation on one device, as a GPU demands",
            place=own[0] if own else place,
            cause="hidden tensor",
            why=f"{made}: to() does not move it",
            next="use register_buffer or nn.Parameter; make new tensors with device=x.device",
            weight=3,
        )
        return found, ""
    except ERRORS as error:  # it reads values, which "meta" has not, or is TorchScript
        words = (str(error).strip() or type(error).__name__).splitlines()[0]
        return None, f'on the device "meta" it does not run: {words}'
    return None, ""


def _run_moved(patient: Patient, model: nn.Module) -> None:
    model.to("meta")
    with evaluating(model), torch.no_grad(), _Devices():  # type: ignore[no-untyped-call]
        model(few(patient).to("meta"), *(_moved(each) for each in patient.material.context))


def _is_cache(patient: Patient) -> bool:
    """Say whether forward makes the hidden tensors anew, on the right device, without them."""
    model, _ = patient.fresh()
    forget(model)
    try:
        _run_moved(patient, model)
    except Exception:  # whatever forward raises: it cannot do without them
        return False
    return True


def _moved(value: object) -> object:
    return value.to("meta") if isinstance(value, Tensor) else value


def _doubled(value: object) -> object:
    return value.double() if isinstance(value, Tensor) and value.is_floating_point() else value


def _other_dtype(patient: Patient) -> Finding | None:
    model, _ = patient.fresh()
    x = few(patient)[:2]
    try:
        with evaluating(model), torch.no_grad():
            model.double()(*(_doubled(each) for each in (x, *patient.context(x))))
    except RuntimeError as error:
        if not dtype_words(error):
            return None
        return Finding(
            check="wiring.moves",
            verdict="warning",
            title="The network does not run in float64",
            figure=str(error).splitlines()[0],
            threshold="runs: a network moves to a dtype as a whole",
            place=_place(model, error),
            cause="hidden tensor",
            why="a tensor of another dtype stays behind, or forward makes one",
            next="use register_buffer or nn.Parameter; make new tensors with dtype=x.dtype",
            weight=2,
        )
    return None


def dtype_words(error: Exception) -> bool:
    """Say whether torch complains of two dtypes in one operation."""
    words = str(error)
    return any(part in words for part in ("dtype", "scalar type", "should be the same"))


def _place(model: nn.Module, error: BaseException) -> str:
    """Return the address of the innermost module whose forward raised `error`."""
    names = {id(module): name for name, module in model.named_modules()}
    place, step = "", error.__traceback__
    while step:
        place = names.get(id(step.tb_frame.f_locals.get("self")), "") or place
        step = step.tb_next
    return place


class _TwoDevices(RuntimeError):
    """An operation takes tensors of two devices."""


@final
class _Devices(TorchDispatchMode):
    """Raises `_TwoDevices` where an operation meets a tensor that stayed on the CPU."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        kwargs = kwargs or {}
        given = [each for each in _leaves((args, kwargs)) if isinstance(each, Tensor)]
        stayed = [t for t in given if t.device.type != "meta" and t.dim()]
        if stayed and len(stayed) < len(given) and func not in MAY_MIX:
            shape = tuple(stayed[0].shape)
            raise _TwoDevices(f"{func.overloadpacket.__name__} meets a {shape} tensor on the CPU")
        return func(*args, **kwargs)


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for each in value:
            yield from _leaves(each)
    else:
        yield value
