"""Check: one question to a network, asked so that nothing of it changes."""

import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch

from plusx.analysis.untouched import untouched
from plusx.doctor.finding import Chart, Finding, NotApplicable
from plusx.doctor.patient import Patient

__all__ = ["Check", "ask"]


@dataclass(frozen=True)
class Check:
    """One question. `look` yields a finding for each trouble, or one that all is fine.

    `quick` ones are asked in the short examination, too.
    """

    name: str  # "section.name"
    question: str
    look: Callable[[Patient], Iterable[Finding | Chart]]
    quick: bool = True


def ask(check: Check, patient: Patient) -> list[Finding | Chart]:
    """Ask one question; the random state depends on the question alone.

    What cannot be asked, or fails in somebody's code, is a finding that says so: no trouble of one
    check takes away the others.
    """
    if not check.quick and patient.budget.quick:
        return [_left_out(check, "left out of the quick examination")]
    if patient.budget.left <= 0:
        return [_left_out(check, f"the {patient.budget.seconds:g} s of the budget were over")]
    try:
        with untouched(patient.model), torch.enable_grad():
            torch.manual_seed(zlib.crc32(check.name.encode()))
            return list(check.look(patient))
    except NotApplicable as reason:
        return [_left_out(check, str(reason))]
    except (RuntimeError, ValueError, TypeError, IndexError, AttributeError, KeyError) as error:
        words = (str(error).strip() or type(error).__name__).splitlines()[0]
        return [_left_out(check, f"the check itself failed: {type(error).__name__}: {words}")]


def _left_out(check: Check, reason: str) -> Finding:
    return Finding(check=check.name, verdict="not applicable", title=check.question, figure=reason)
