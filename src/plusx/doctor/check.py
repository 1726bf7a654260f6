"""Check: one question to a network, asked so that nothing of it changes."""

import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch

from plusx.analysis.untouched import untouched
from plusx.doctor.finding import Chart, Finding, NotApplicable
from plusx.doctor.patient import Patient

__all__ = ["FAILED", "NO_TIME", "Check", "ask"]

NO_TIME = "no time was left"
FAILED = "the check itself failed"
"""Why a check was not answered, where it is not because there is nothing to look at."""


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
    check takes away the others, nor what the same check has seen before it.
    """
    if not check.quick and patient.budget.quick:
        return [_unasked(check, "a longer examination asks this", why=NO_TIME)]
    if patient.budget.left <= 0:
        return [
            _unasked(
                check, f"the {patient.budget.seconds:g} s of the budget were over", why=NO_TIME
            )
        ]
    seen: list[Finding | Chart] = []
    try:
        with untouched(patient.model), torch.enable_grad():
            torch.manual_seed(zlib.crc32(check.name.encode()))
            for each in check.look(patient):
                seen += [each]  # one by one: what comes before an error stays
    except NotApplicable as reason:
        seen.append(_unasked(check, str(reason)))
    except Exception as error:  # of somebody's code, or of ours
        words = (str(error).strip() or "-").splitlines()[0]
        seen.append(_unasked(check, f"{type(error).__name__}: {words}", why=FAILED))
    return seen


def _unasked(check: Check, reason: str, *, why: str = "") -> Finding:
    return Finding(
        check=check.name, verdict="not applicable", title=check.question, figure=reason, why=why
    )
