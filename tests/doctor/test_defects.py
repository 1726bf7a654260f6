"""The defect bench: what is broken gets its cause, what is not is left alone."""

import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from defects import (
    DEFECTS,
    Case,
    Defect,
    anatomy,
    losses,
    make_verdict,
    modes,
    pictures,
    runs,
    skips,
    starts,
    steps,
    wires,
)
from defects.bases import BASES
from plusx.doctor import Diagnosis, Finding, Patient
from plusx.doctor.budget import Budget
from plusx.doctor.check import ask
from plusx.doctor.diagnosis import diagnosis
from plusx.doctor.sections import checks

SECTIONS = {
    skips: {"wiring", "shortcuts"},
    anatomy: {"wiring", "identity"},
    wires: {"wiring"},
    modes: {"wiring"},
    starts: {"wiring", "signal"},
    steps: {"wiring", "learning"},
    losses: {"wiring", "learning"},
    pictures: {"wiring", "images"},
    runs: {"wiring", "run"},
}
"""What is asked of a third of the defects here; the bench asks all of all."""
SECTIONS_OF = {
    defect.key: sections for module, sections in SECTIONS.items() for defect in module.DEFECTS
}
ASKED_FOR = {
    *("no shortcut", "shortcut detached", "shortcut from elsewhere", "shortcut before the norm"),
    *("shortcut added twice", "shortcut overwritten", "two blocks under one skip", "wrong depth"),
    *("stride in the wrong place", "wrong stem", "no final norm", "activation after the sum"),
    *("bias before norm", "unused parameter", "unregistered layer", "frozen parameter"),
    *("not in the optimizer", "weights shared", "eval never called", "train never called"),
    *("statistics frozen", "statistics of one batch", "softmax before the loss"),
    *("wrong reduction", "initialised to zero", "initialised to a constant"),
    *("initialised too large", "saturating activation", "dead activation", "rate too high"),
    *("rate too low", "gradients pile up", "labels shifted", "labels shuffled", "label noise"),
    *("splits overlap", "not normalised", "channels swapped", "channel constant"),
    *("samples mixed", "random eval", "dropout in eval", "hidden tensor"),
}
"""The causes of the defects that the bench has to have."""


def asked(case: Case, sections: set[str]) -> Diagnosis:
    assert case.data is not None
    patient = Patient(
        case.model,
        case.data,
        budget=Budget(60, clock=time.thread_time),  # the machine may be busy
        training=case.training,
        expect=case.expect,
        run=case.run,
    )
    seen = [each for check in checks(lambda s: s in sections) for each in ask(check, patient)]
    return diagnosis("a case", seen, seconds=0.0)


def test_the_bench_has_what_it_has_to_have() -> None:
    assert len(DEFECTS) >= 60
    assert len({defect.base for defect in DEFECTS}) >= 8
    assert max(Counter(defect.key for defect in DEFECTS).values()) == 1
    assert {cause for defect in DEFECTS for cause in defect.causes} >= ASKED_FOR


def found(*causes: str) -> Diagnosis:
    findings = [
        Finding(check="a.b", verdict="wrong", title="A title", cause=cause) for cause in causes
    ]
    return diagnosis("a case", list(findings), seconds=0.0)


def test_the_right_cause_has_to_be_among_the_first_three() -> None:
    second = make_verdict(found("does not learn", "rate too high"), ("rate too high",))
    assert (second.rank, second.right, second.caught) == (2, True, True)
    causes = ("does not learn", "unstable", "not finite", "rate too high")
    fourth = make_verdict(found(*causes), ("rate too high",))
    assert (fourth.rank, fourth.right, fourth.caught) == (4, False, True)
    other = make_verdict(found("does not learn"), ("rate too high",))
    assert (other.rank, other.right, other.caught) == (None, False, True)
    nothing = make_verdict(found(), ("rate too high",))
    assert (nothing.rank, nothing.right, nothing.caught) == (None, False, False)


def test_a_defect_is_the_same_each_time() -> None:
    defect = next(d for d in DEFECTS if d.name == "a skip detached")
    one, other = defect.case(seed=1), defect.case(seed=1)
    assert one.data is not None and other.data is not None
    torch.testing.assert_close(
        one.model.eval()(one.data.x[:2]), other.model.eval()(other.data.x[:2])
    )
    third = defect.case(seed=2)
    assert not torch.equal(one.model(one.data.x[:2]), third.model.eval()(one.data.x[:2]))


@pytest.mark.full
@pytest.mark.parametrize(
    "defect", [d for d in DEFECTS if not d.of_peers][::3], ids=lambda defect: defect.key
)
def test_a_defect_gets_its_cause(defect: Defect) -> None:
    seen = asked(defect.case(), SECTIONS_OF[defect.key])
    verdict = make_verdict(seen, defect.causes)
    assert verdict.right, seen.table()


@pytest.mark.full
@pytest.mark.parametrize("base", [name for name in BASES if "18" not in name])
def test_nothing_is_wrong_with_the_bases(base: str) -> None:
    torch.manual_seed(0)
    seen = asked(BASES[base](), {section for of in SECTIONS.values() for section in of})
    assert seen.counts()["wrong"] == 0, seen.table()
