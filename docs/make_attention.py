"""Make the tables in docs/attention.md from the networks and from what was measured: `make docs`.

tests/test_attention_page.py checks the page.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from marked import replaced

from plusx import create, summary
from plusx.branch import ATTENTION

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "attention.md"
RESULTS = ROOT / "benchmarks" / "results"
COUNTED = {"hybrid_resnet18": 224, "hybrid_resnet50": 224, "hybrid_resnet20": 32}
ABLATIONS = {
    "hybrid": "all of it",
    "hybrid-channel": "no weights of places",
    "hybrid-spatial": "no weights of channels",
    "hybrid-static": "strengths that are learned and do not depend on the input",
    "hybrid-noskip": "t a(t) alone, an ordinary gate; it does not start as the identity",
    "hybrid-spatial-first": "places before channels",
    "hybrid-parallel": "both parts see t itself",
}
"""Values of the option `attention`, and what each leaves out or changes."""
CLAIM = {
    "none": "It gains a point or more over the network without attention",
    "se": "It is at least as good as SE",
    "cbam": "It is at least as good as CBAM",
}
"""The statement, by what hybrid attention is compared with."""


def page(text: str) -> str:
    """Return the page with every table made anew."""
    blocks = {
        "counts": _counts(),
        "ablations": _ablations(),
        "cost": _cost(_measured("hybrid_cost")),
        "accuracy": _accuracy(_measured("attention")),
    }
    for name, block in blocks.items():
        text = replaced(text, name, block, page=PAGE)
    return text


def _measured(name: str) -> Mapping[str, Any] | None:
    path = RESULTS / f"{name}.json"
    found: Mapping[str, Any] | None = None
    if path.exists():
        found = json.loads(path.read_text())["figures"]
    return found


@cache
def _counts() -> str:
    """What attention adds, part by part, in percent of the network without it."""
    head = "| network | parameters | added | channels alone | places alone | MACs | added |"
    lines = [head, "|---|---|---|---|---|---|---|"]
    for name, side in COUNTED.items():
        found = {
            gate: summary(create(name, num_classes=_classes(side), attention=gate), side)
            for gate in ("none", "hybrid", "hybrid-channel", "hybrid-spatial")
        }
        none, whole = found["none"], found["hybrid"]
        added = [
            f"{100 * (found[gate].params / none.params - 1):.3f}%"
            for gate in ("hybrid", "hybrid-channel", "hybrid-spatial")
        ]
        macs = f"{whole.macs:,} | {100 * (whole.macs / none.macs - 1):.3f}%"
        lines.append(f"| `{name}` | {whole.params:,} | {' | '.join(added)} | {macs} |")
    return "\n".join(lines)


def _classes(side: int) -> int:
    return 10 if side == 32 else 1000


def _ablations() -> str:
    assert set(ABLATIONS) == {name for name in ATTENTION if name.startswith("hybrid")}
    rows = [f"| `attention={name}` | {what} |" for name, what in ABLATIONS.items()]
    return "\n".join(["| option | what it is |", "|---|---|", *rows])


def _cost(figures: Mapping[str, Any] | None) -> str:
    if figures is None:
        return "Not measured yet: `make bench ONLY=hybrid_cost`."
    head = (
        "| network | training step, times plain | SE | CBAM | inference, times plain | SE | CBAM |"
    )
    lines = [head, "|---|---|---|---|---|---|---|"]
    for name, of in figures.items():
        cells = [
            f"{of[what][f'{gate}, times plain']:.2f}"
            for what in ("training", "inference")
            for gate in ("hybrid", "se", "cbam")
        ]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def _accuracy(figures: Mapping[str, Any] | None) -> str:
    if figures is None:
        return "Not measured yet: `make bench ONLY=attention`."
    return "\n\n".join(_of_set(name, of) for name, of in figures.items())


def _of_set(name: str, of: Mapping[str, Any]) -> str:
    """A data set: what was run, a row a variant, and what becomes of the statement."""
    lines = [
        f"**{name}** (`{of['source']}`): {of['images']} training images, {of['epochs']} passes, "
        f"{of['seeds']} seeds, `{of['command']}`.",
        "",
        "| gate | parameters | test accuracy | points over none | over SE | step, times none |",
        "|---|---|---|---|---|---|",
    ]
    for each in of["variants"].values():
        cells = [
            f"{each['parameters']:,}",
            _interval(each["accuracy, %"], unit="%"),
            *(_interval(each.get(f"less {other}, points")) for other in ("none", "se")),
            f"{each['training step, times plain']:.2f}",
        ]
        lines.append(f"| {each['called']} | {' | '.join(cells)} |")
    whole = of["variants"]["hybrid"]
    judged = [
        f"- {CLAIM[other]}: **{verdict}**, {_interval(whole[f'less {other}, points'])} points."
        for other, verdict in of["claim"].items()
    ]
    return "\n".join([*lines, "", *_course(of), "", "Of the statement:", "", *judged])


def _course(of: Mapping[str, Any]) -> list[str]:
    """How fast it is learned with and without each part, and what gradient comes to the stem."""
    passes = sorted({1, 2, of["epochs"] // 2, of["epochs"]} & {*range(1, of["epochs"] + 1)})
    lines = [
        "How fast, on validation images (means over seeds), and the gradient of the stem's weights",
        "(L2 norm, median over training):",
        "",
        f"| attention | {' | '.join(f'pass {each}' for each in passes)} | gradient |",
        "|---" * (len(passes) + 2) + "|",
    ]
    for each in of["variants"].values():
        seen = each["validation accuracy by pass, %"]
        cells = [*(f"{seen[n - 1]:.1f}%" for n in passes)]
        cells.append(f"{each['gradient of the stem, median']:.2f}")
        lines.append(f"| {each['called']} | {' | '.join(cells)} |")
    return lines


def _interval(found: Mapping[str, Any] | None, unit: str = "") -> str:
    if found is None:
        return "-"
    low, high = found["interval"]
    return f"{found['mean']:.2f}{unit} ({low:.2f} to {high:.2f})"


def main() -> None:
    """Make the page."""
    PAGE.write_text(page(PAGE.read_text()))


if __name__ == "__main__":
    main()
