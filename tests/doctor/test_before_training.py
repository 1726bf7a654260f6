"""A run is examined before its first step: it trains the same to the bit, or it does not train."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from watchers import Silent

from plusx.doctor.before_training import LEAST, MOST, before_training
from plusx.train import run
from plusx.train.config import TrainConfig
from plusx.train.prepare import prepare
from plusx.train.result import Examination, Finding
from plusx.train.setup import Setup
from plusx.train.stop import StoppedError, UnhealthyError
from plusx.zoo import Network

SHORT = TrainConfig(
    data="digits",
    model="resnet8",
    epochs=1,
    batch_size=256,
    precision="32",
    device="cpu",
    drop_path=0.2,
)
BAD = Examination(
    level="bad",
    sentence="Something is wrong with resnet8: its skip is detached.",
    findings=(Finding("bad", "A skip is detached", "Next: mend it"),),
    table="the whole table",
    seconds=0.5,
)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    state = torch.load(folder / "checkpoints" / "last.pt", weights_only=True)
    return dict(state["model"])


def test_an_examined_run_trains_the_same_to_the_bit(tmp_path: Path) -> None:
    said = Silent()
    plain = run.train(SHORT, reporter=Silent(), out=tmp_path / "a")
    found = run.train(SHORT, reporter=said, out=tmp_path / "b", examine=before_training)
    assert plain is not None and found is not None and plain.examination is None
    examination = found.examination
    assert examination is not None and examination.level == "good", examination
    assert "nothing to object to" in examination.sentence
    assert any(examination.sentence in line for line in said.lines)
    assert examination.sentence in (tmp_path / "b" / "log.txt").read_text()
    first = json.loads((tmp_path / "b" / "metrics.jsonl").read_text().splitlines()[0])
    assert (first["event"], first["sentence"]) == ("examination", examination.sentence)
    a, b = weights(tmp_path / "a"), weights(tmp_path / "b")
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert [e.train_loss for e in plain.epochs] == [e.train_loss for e in found.epochs]
    assert plain.test is not None and found.test is not None
    assert plain.test.to_json() == found.test.to_json()


def test_what_is_set_up_stays_as_it_is() -> None:
    setup = prepare(SHORT, reporter=Silent())
    before = {n: v.clone() for n, v in setup.network.state_dict().items()}
    rates = [group["lr"] for group in setup.optimizer.param_groups]
    state = torch.get_rng_state()
    found = before_training(setup, setup.network)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(v, before[n]) for n, v in setup.network.state_dict().items())
    assert [group["lr"] for group in setup.optimizer.param_groups] == rates
    assert not setup.optimizer.state_dict()["state"]
    assert all(p.grad is None for p in setup.network.parameters())
    assert found.seconds < MOST


def test_a_short_run_is_not_held_up_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    import plusx.doctor.before_training as module

    budgets: list[float] = []
    asked = module.examine

    def examine(*given: object, budget: float, **more: object) -> object:
        budgets.append(budget)
        return asked(*given, budget=0.01, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "examine", examine)
    for epochs in (1, 1_000_000):
        setup = prepare(replace(SHORT, epochs=epochs), reporter=Silent())
        found = before_training(setup, setup.network)
        assert found.part and found.sentence.endswith("`plusx doctor` on the run asks the rest.")
    assert budgets == [LEAST, MOST]


def test_what_is_wrong_stops_a_run_and_leaves_nothing(tmp_path: Path) -> None:
    said = Silent()
    with pytest.raises(UnhealthyError, match="its skip is detached") as told:
        run.train(SHORT, reporter=said, out=tmp_path / "r", examine=lambda *run: BAD)
    assert told.value.examination == BAD and not (tmp_path / "r").exists()
    assert BAD.sentence not in " ".join(said.lines), "whoever catches the error tells it, once"


def test_anyway_it_trains_and_the_report_says_so(tmp_path: Path) -> None:
    from plusx.report.training import build

    found = run.train(
        SHORT, reporter=Silent(), out=tmp_path / "r", examine=lambda *run: BAD, anyway=True
    )
    assert found is not None and found.examination == BAD
    text = build(found)
    assert '<section id="examination"' in text and "A skip is detached" in text
    assert "something wrong" in text[: text.index("<nav")]
    part = build(replace(found, examination=replace(BAD, level="good", part=True)))
    assert "in part: nothing to object to" in part[: part.index("<nav")]
    assert 'id="examination"' not in build(replace(found, examination=None))


def test_a_run_that_goes_on_is_not_examined_again(tmp_path: Path) -> None:
    from watchers import StopsAt

    asked: list[Network] = []

    def once(setup: Setup, network: Network) -> Examination:
        asked.append(network)
        return replace(BAD, level="warning")

    with pytest.raises(StoppedError):
        run.train(SHORT, reporter=StopsAt(step=2), out=tmp_path / "r", examine=once)
    found = run.resume(tmp_path / "r", reporter=Silent())
    assert found is not None and len(asked) == 1
    assert found.examination == replace(BAD, level="warning")


def test_an_examination_that_fails_stops_nothing(tmp_path: Path) -> None:
    def fails(setup: Setup, network: Network) -> Examination:
        raise ZeroDivisionError("oh")

    said = Silent()
    found = run.train(SHORT, reporter=said, out=tmp_path / "r", examine=fails)
    assert found is not None and found.examination is None
    assert "The examination failed (ZeroDivisionError: oh); the run goes on" in said.lines


@pytest.mark.parametrize(
    "changes", [{"tune": "head"}, {"optimizer": "adamw"}, {"optimizer": "muon"}, {"loss": "bce"}]
)
@pytest.mark.full
def test_recipes_of_ours_begin_without_an_objection(changes: dict[str, str]) -> None:
    setup = prepare(replace(SHORT, **changes), reporter=Silent())  # type: ignore[arg-type]
    found = before_training(setup, setup.network)
    assert found.level == "good", found.table
