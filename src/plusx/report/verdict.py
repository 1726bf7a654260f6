"""The top of the report: how the run went, in plain words, and what to do next."""

import math
from pathlib import PurePath

from plusx.report.blocks import facts
from plusx.report.markup import Html, join, tag
from plusx.report.words import count, number, percent, time
from plusx.train.result import Finding, TrainResult

__all__ = ["chip", "findings", "verdict"]

# colour alone would not reach everyone: each level has its word and its sign
LEVELS = {"good": "Good", "note": "Note", "warning": "Look", "bad": "Problem"}
SIGNS = {"good": "✓", "note": "i", "warning": "!", "bad": "✕"}


def verdict(result: TrainResult) -> Html:
    """Say how the run went: level, sentence, accuracy, findings, the run in a line of figures."""
    level = result.health.level
    data = PurePath(result.config.data).name or result.config.data
    return join(
        [
            tag("p", f"Training report · {result.summary.name} on {data}", class_="kicker"),
            tag(
                "div",
                tag(
                    "div",
                    tag("p", chip(level)),
                    tag("h1", result.health.sentence),
                ),
                _accuracy(result),
                class_="verdict",
            ),
            findings(result.health.findings),
            facts(_figures(result)),
        ]
    )


def chip(level: str, *, word: str = "") -> Html:
    """Write a level as its sign and its word, or another `word`, in its colour."""
    sign = tag("span", SIGNS[level], class_="sign", aria_hidden="true")
    return tag("span", sign, word or LEVELS[level], class_=f"level {level}")


def _accuracy(result: TrainResult) -> Html:
    test = result.test
    if test is not None:
        low, high = test.interval
        big = percent(test.accuracy)
        small = (
            f"of {count(test.count, 'test image')} right. With so many images, the true rate lies "
            f"between {percent(low)} and {percent(high)} (95% interval)."
        )
    elif result.epochs:
        kept = [e for e in result.epochs if e.epoch == result.best_epoch] or result.epochs
        best = max((epoch.val_accuracy for epoch in kept), key=_finite)
        big = percent(best)
        small = "of the validation images right at best. The run stopped before its test."
    else:
        big, small = "–", "The run stopped before its first epoch ended: there is no accuracy yet."
    return tag("p", tag("strong", big), tag("span", small), class_="accuracy")


def _finite(value: float) -> float:
    return value if math.isfinite(value) else -math.inf


def findings(found: tuple[Finding, ...]) -> Html:
    """List observations, each with its level, what it is, and what to do."""
    items = (
        tag("li", chip(each.level), tag("div", tag("h2", each.title), tag("p", each.text)))
        for each in found
    )
    return tag("ul", *items, class_="findings") if found else Html("")


def _figures(result: TrainResult) -> dict[str, str]:
    summary = result.summary
    before = {"good": "nothing to object to", "warning": "worth a look", "bad": "something wrong"}
    examined = {}
    if result.examination is not None:
        part = "in part: " if result.examination.part else ""
        examined["examined"] = part + before[result.examination.level]
    return {
        "network": f"{summary.name}, {count(summary.units or 0, 'residual unit')}",
        "parameters": f"{summary.params:,}",
        "MACs an image": number(summary.macs / 1e6) + " million",
        "training": f"{count(len(result.epochs), 'epoch')} in {time(result.seconds)}",
        "seed": str(result.config.seed),
        **examined,
    }
