"""Check: one question to a network, asked so that nothing of it changes."""

import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch

from plusx.analysis.untouched import untouched
from plusx.doctor.budget import QUICK
from plusx.doctor.chance import same_chance
from plusx.doctor.extent import FAILED, LONGER, NO_TIME
from plusx.doctor.finding import Chart, Finding, NotApplicable, TooLong
from plusx.doctor.patient import Patient

__all__ = ["Check", "ask"]

STANDING = ("wiring.runs", "wiring.registered", "learning.optimizer", "images", "run")
"""Checks and sections that say something of a network that does not run, too."""


@dataclass(frozen=True)
class Check:
    """One question. `look` yields a finding for each trouble, or one that all is fine.

    `quick` ones are asked in the short examination, too.
    """

    name: str  # "section.name"
    question: str
    look: Callable[[Patient], Iterable[Finding | Chart]]
    quick: bool = True

    @property
    def section(self) -> str:
        """Return the part of the examination: "wiring" of "wiring.samples"."""
        return self.name.partition(".")[0]


def ask(check: Check, patient: Patient) -> list[Finding | Chart]:
    """Ask one question; the random state depends on the question alone.

    What cannot be asked, or fails in somebody's code, is a finding that says so: no trouble of one
    check takes away the others, nor what the same check has seen before it. Of a network that does
    not run, most is not asked.
    """
    if not check.quick and patient.budget.quick:
        return [_unasked(check, f"it takes a budget of {QUICK:g} s or more", why=LONGER)]
    if patient.budget.left <= 0:
        over = f"the {patient.budget.seconds:g} s of the budget were over"
        return [_unasked(check, over, why=NO_TIME)]
    if patient.stopped and not {check.name, check.section} & set(STANDING):
        return [_unasked(check, patient.stopped)]
    seen: list[Finding | Chart] = []
    try:
        with (
            same_chance(seed=zlib.crc32(check.name.encode())),
            untouched(patient.model),
            torch.enable_grad(),
        ):
            for each in check.look(patient):
                seen += [each]  # one by one: what comes before an error stays
    except TooLong as reason:
        seen.append(_unasked(check, str(reason), why=NO_TIME))
    except NotApplicable as reason:
        seen.append(_unasked(check, str(reason)))
    except (Exception, SystemExit) as error:  # of somebody's code, or of ours
        seen.append(_failed(check, patient, error))
    return seen


def _failed(check: Check, patient: Patient, error: BaseException) -> Finding:
    known = patient.stopped or patient.closed
    if known:
        return _unasked(check, known)
    words = (str(error).strip() or "-").splitlines()[0]
    return _unasked(check, f"{type(error).__name__}: {words}", why=FAILED)


def _unasked(check: Check, reason: str, *, why: str = "") -> Finding:
    return Finding(
        check=check.name, verdict="not applicable", title=check.question, figure=reason, why=why
    )
