"""Findings in order, in words and as JSON; a check's failure is its own, and leaves no trace."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import torch
from torch import nn

from plusx import InputError, create
from plusx.doctor import (
    Chart,
    Check,
    ExaminedInPartWarning,
    Finding,
    NotApplicable,
    Patient,
    assert_healthy,
    examine,
)
from plusx.doctor.budget import Budget
from plusx.doctor.check import ask
from plusx.doctor.diagnosis import diagnosis
from plusx.doctor.extent import FAILED, LONGER, NO_TIME
from plusx.doctor.finding import TooLong
from plusx.doctor.given import material_for
from plusx.doctor.sections import FIRST, SECTIONS, checks, urgent_first

FINE = Finding(check="wiring.runs", verdict="fine", title="The network runs", figure="all finite")
SYMPTOM = Finding(
    check="signal.growth",
    verdict="wrong",
    title="The gradient grows",
    figure="300 times",
    threshold="at most 10 times: healthy networks have 0.5 to 3",
    place="stages.0.1",
    why="each unit doubles it",
    next="look at the initialisation",
    weight=1,
)
CAUSE = Finding(
    check="learning.reduction",
    verdict="wrong",
    title="ReLU and the loss do not fit",
    cause="wrong reduction",
    why="it is a sum",
    next="take the mean",
    weight=3,
)
LOOK = Finding(check="cost.time", verdict="warning", title="It is slow", weight=3)


def patient(model: nn.Module, seconds: float = 60.0) -> Patient:
    return Patient(model, material_for(model, torch.randn(4, 3, 8, 8)), budget=Budget(seconds))


def network() -> nn.Module:
    return create("resnet8", num_classes=4)


def checking(look: Callable[[Patient], Iterator[Finding | Chart]], *, quick: bool = True) -> Check:
    return Check("signal.some", "Some question?", look, quick=quick)


def test_what_is_wrong_comes_first_and_causes_before_symptoms() -> None:
    found = diagnosis("net", [FINE, LOOK, SYMPTOM, CAUSE], seconds=1.0)
    assert [f.check.partition(".")[0] for f in found.findings] == [
        *("learning", "signal", "cost", "wiring"),
    ]
    assert found.verdict == "wrong" and found.troubles == (CAUSE, SYMPTOM, LOOK)
    assert found.counts() == {"wrong": 2, "warning": 1, "fine": 1, "not applicable": 0}
    assert found.sentence() == "Something is wrong with net: ReLU and the loss do not fit."


def test_a_cause_that_two_checks_see_is_told_once() -> None:
    again = replace(LOOK, check="identity.speed", cause=CAUSE.cause)
    found = diagnosis("net", [again, CAUSE, SYMPTOM], seconds=1.0)
    assert [f.check for f in found.troubles] == [CAUSE.check, SYMPTOM.check]
    assert found.troubles[0].figure.endswith("seen by identity.speed, too")


def test_the_verdict_is_one_sentence() -> None:
    assert diagnosis("net", [FINE], seconds=1.0).sentence() == (
        "net is healthy: 1 check, nothing to object to."
    )
    assert diagnosis("net", [LOOK], seconds=1.0).sentence() == "Worth a look in net: it is slow."
    first = diagnosis("net", [SYMPTOM], seconds=1.0)
    assert first.sentence().endswith("net: the gradient grows (at stages.0.1).")
    nothing = diagnosis("net", [], seconds=1.0)
    assert nothing.verdict == "not applicable" and "was not examined" in nothing.sentence()


@pytest.mark.parametrize("width", [40, 80, 120])
def test_the_table_has_three_parts_a_finding_and_fits_its_width(width: int) -> None:
    said = diagnosis("net", [FINE, SYMPTOM, LOOK], seconds=2.0).table(width=width)
    lines = said.splitlines()
    assert max(map(len, lines)) <= width
    heads = [line[:9].strip() for line in lines if line[:9].strip() in ("WRONG", "WARNING")]
    assert heads == ["WRONG", "WARNING"] and "1 fine, 0 not applicable. 2 s." in said
    words = " ".join(said.split())
    assert "[stages.0.1]" in words and "next look at the initialisation" in words
    assert "(300 times; held against: at most 10 times: healthy networks have 0.5 to 3)" in words
    assert "The network runs" not in said


def test_what_narrows_the_verdict_is_said_below_it() -> None:
    found = diagnosis("net", [FINE], seconds=1.0, notes=("grey",), remarks=("All made up.",))
    assert found.table().splitlines()[-1] == "All made up." and "grey" not in found.table()
    assert found.to_json()["remarks"] == ["All made up."] and found.to_json()["notes"] == ["grey"]


def test_every_answer_can_be_listed() -> None:
    said = diagnosis("net", [FINE, SYMPTOM], seconds=2.0).table(every=True)
    assert "fine     The network runs (all finite)  [wiring.runs]" in said


def test_json_holds_no_number_that_json_does_not_have() -> None:
    chart = Chart(
        name="signal.g", title="g", caption="", x=(1.0, 2.0), lines={"a": (math.nan, math.inf)}
    )
    text = json.dumps(diagnosis("net", [FINE, chart], seconds=1.0).to_json(), allow_nan=False)
    assert json.loads(text)["charts"][0]["lines"] == {"a": [None, None]}
    assert json.loads(text)["findings"][0]["title"] == "The network runs"


@pytest.mark.parametrize("error", [RuntimeError("boom"), AssertionError(), ZeroDivisionError("x")])
def test_a_failure_is_its_checks_own_and_what_was_seen_stays(error: Exception) -> None:
    def look(patient: Patient) -> Iterator[Finding | Chart]:
        yield SYMPTOM
        raise error

    seen = ask(checking(look), patient(network()))
    assert seen[0] == SYMPTOM and isinstance(seen[1], Finding)
    assert (seen[1].verdict, seen[1].why) == ("not applicable", FAILED)
    assert seen[1].figure.startswith(type(error).__name__)
    assert "1 check failed: signal.some" in diagnosis("net", seen, seconds=1.0).table()


def test_what_does_not_apply_says_why() -> None:
    def look(patient: Patient) -> Iterator[Finding | Chart]:
        raise NotApplicable("there is nothing to see")
        yield

    (found,) = ask(checking(look), patient(network()))
    assert isinstance(found, Finding) and found.figure == "there is nothing to see"
    assert found.why == "" and found.verdict == "not applicable"


def test_a_question_that_takes_too_long_is_one_that_was_not_asked() -> None:
    def look(patient: Patient) -> Iterator[Finding | Chart]:
        raise TooLong("a step takes 9 s")
        yield

    (found,) = ask(checking(look), patient(network()))
    assert isinstance(found, Finding) and (found.why, found.figure) == (NO_TIME, "a step takes 9 s")
    assert not diagnosis("net", [FINE, found], seconds=1.0).extent.complete


def unasked(name: str, why: str) -> Finding:
    return Finding(check=name, verdict="not applicable", title="Some question?", why=why)


def test_what_there_is_no_time_for_is_told_from_what_is_left_to_longer_ones() -> None:
    def look(patient: Patient) -> Iterator[Finding | Chart]:
        yield FINE

    kinds = ((False, 10.0, LONGER, "1 left to a longer"), (True, 1e-9, NO_TIME, "1 not asked for"))
    for quick, seconds, why, words in kinds:
        (found,) = ask(checking(look, quick=quick), patient(network(), seconds))
        assert isinstance(found, Finding) and found.why == why
        said = diagnosis("net", [found], seconds=1.0).table()
        assert words in said and "0 fine, 0 not applicable" in said
    assert ask(checking(look), patient(network(), 10.0)) == [FINE]


def test_nothing_is_healthy_of_which_little_was_asked() -> None:
    seen = [FINE, unasked("signal.a", NO_TIME), unasked("signal.b", LONGER), unasked("c.d", "")]
    found = diagnosis("net", [*seen], seconds=10.2, budget=10.0)
    assert found.sentence(more="wait") == (
        "net: nothing to object to so far, but only 2 of 3 questions fit into 10 s; wait."
    )
    assert found.to_json()["asked"] == {
        "asked": 2,
        "questions": 3,
        "complete": False,
        "longer": 1,
        "budget": 10.0,
    }
    wrong = diagnosis("net", [SYMPTOM, *seen], seconds=1.0, budget=2.5).sentence()
    assert wrong.startswith("Something is wrong with net: the gradient grows (at stages.0.1). Only")
    assert "3 of 4 questions fit into 2.5 s; a longer --budget" in wrong
    nothing = diagnosis("net", [*seen[1:2]], seconds=1.0).sentence()
    assert nothing.startswith("net: not examined: none of 1 questions fit into 1 s")
    whole = diagnosis("net", [FINE, unasked("signal.b", LONGER)], seconds=1.0)
    assert whole.extent.complete and whole.sentence().startswith("net is healthy: 1 check")


def test_a_question_counts_once_though_its_cause_is_told_by_another() -> None:
    again = replace(LOOK, check="identity.speed", cause=CAUSE.cause)
    asked = diagnosis("net", [CAUSE, CAUSE, again], seconds=1.0).extent
    assert (asked.asked, asked.questions) == (2, 2)


def test_where_time_may_run_out_causes_are_asked_first_and_long_ones_last() -> None:
    every = checks()
    order = urgent_first(every)
    assert set(FIRST) <= {check.name for check in every} and len(set(FIRST)) == len(FIRST)
    assert sorted(c.name for c in order) == sorted(c.name for c in every)
    assert order[0].name == "wiring.runs"
    assert [c.quick for c in order] == sorted((c.quick for c in every), reverse=True)
    asked = [c.name for c in order if c.quick]
    assert asked.index("learning.optimizer") < asked.index("wiring.inputs")


def test_of_a_network_that_does_not_run_nothing_else_is_said() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(12, 3)

        def forward(self, x: torch.Tensor, more: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = self.head(torch.cat([x, more], 1))
            return y

    x, more, y = torch.randn(64, 8), torch.randn(64, 4), torch.arange(64) % 3
    found = examine(Two(), (x, y), budget="10s")
    assert [f.cause for f in found.troubles] == ["does not run"]
    assert not [f for f in found.findings if f.why == FAILED]
    reasons = {f.figure for f in found.findings if f.check.startswith(("signal", "shortcuts"))}
    assert "the network does not run on such an input" in reasons and len(reasons) <= 2
    both = examine(Two(), ((x, more), y), budget="10s")
    assert both.verdict == "fine" and not [f for f in both.findings if f.why == FAILED]


def test_a_check_leaves_no_trace() -> None:
    def look(patient: Patient) -> Iterator[Finding | Chart]:
        patient.model.train()
        patient.model(patient.x).sum().backward()
        torch.rand(3)
        yield FINE

    someone = patient(network())
    before = {name: value.clone() for name, value in someone.model.state_dict().items()}
    someone.model.eval()
    state = torch.get_rng_state()
    ask(checking(look), someone)
    assert torch.equal(torch.get_rng_state(), state) and not someone.model.training
    assert all(torch.equal(v, before[n]) for n, v in someone.model.state_dict().items())
    assert all(p.grad is None for p in someone.model.parameters())


@pytest.mark.full
def test_an_examination_changes_nothing_of_the_network() -> None:
    model = network().train()
    model(torch.randn(2, 3, 32, 32)).sum().backward()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    grads = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    state = torch.get_rng_state()
    examine(model, budget="10s")
    assert torch.equal(torch.get_rng_state(), state)
    assert all(module.training for module in model.modules())
    assert all(torch.equal(v, before[n]) for n, v in model.state_dict().items())
    for parameter, grad in zip(model.parameters(), grads, strict=True):
        assert parameter.grad is not None and grad is not None
        assert torch.equal(parameter.grad, grad)


def test_progress_is_told_every_question_once() -> None:
    asked: list[str] = []
    examine(network(), budget=0.001, progress=asked.append)
    assert sorted(asked) == sorted(check.question for check in checks())


def test_every_check_belongs_to_its_section() -> None:
    names = [check.name for check in checks()]
    assert len(names) == len(set(names))
    assert {name.partition(".")[0] for name in names} <= set(SECTIONS)
    assert all(check.question.endswith("?") for check in checks())


def test_assert_healthy_raises_with_the_table() -> None:
    class Broken(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise KeyError("no such layer")

    with pytest.raises(AssertionError, match="does not run") as told:
        assert_healthy(Broken(), torch.randn(4, 3, 8, 8))
    assert "next" in str(told.value) and "KeyError" in str(told.value)


def test_a_forward_that_ends_the_program_does_not_run() -> None:
    class Leaving(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise SystemExit(3)

    found = examine(Leaving(), torch.randn(4, 3, 8, 8), budget="10s")
    assert found.troubles[0].cause == "does not run" and "SystemExit: 3" in found.troubles[0].figure


@pytest.mark.full
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_of_a_scriptmodule_it_is_said_what_cannot_be_seen() -> None:
    class Small(nn.Sequential):
        pass

    layers = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    model = torch.jit.script(Small(*layers))
    found = examine(model, (torch.randn(64, 3, 8, 8), torch.arange(64) % 3), budget="10s")
    assert found.verdict == "fine" and "ScriptModule" in found.remarks[0] and found.name == "Small"
    assert not [f for f in found.findings if f.why == FAILED]
    with pytest.raises(InputError, match="that it was made of"):
        examine(model)


def test_assert_healthy_warns_where_time_ran_out() -> None:
    with pytest.warns(ExaminedInPartWarning, match=r"questions fit into 0\.001 s; give a"):
        assert_healthy(network(), torch.randn(4, 3, 8, 8), budget=0.001)


def test_a_chart_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match="no chart"):
        diagnosis("net", [FINE], seconds=1.0).plot()
    charts = [Chart(name=n, title=n, caption="", x=(1.0,), lines={}) for n in ("a.b", "c.d")]
    with pytest.raises(InputError, match=r"there are a\.b, c\.d"):
        diagnosis("net", [*charts], seconds=1.0).plot(chart="x")
