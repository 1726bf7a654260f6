"""Claim: the doctor names the cause of a defect among its first three findings, and is quiet else.

Every defect of this package is examined once, and every healthy network of the panel drawn and
after ten steps. `--defects` and `--panel` measure one of the two; any other words pick what has
them in its name, and print only. `--try` takes a few of each. When the text of the doctor or of the
defects changes, all is measured anew, with `--keep` only what has not been; the record counts what
an earlier text was measured with. A defect counts as given the right
cause if one of its causes is among the first three troubles, and as caught if there is any trouble.
"""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import asdict
from functools import partial
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from torch import set_num_threads

import plusx.doctor
from defects import DEFECTS, Defect, make_verdict
from defects.panel import Healthy, counted, panel
from ledger import CORES, TRY, Row, Steps, record, row

__all__ = ["main"]

FOLDERS = (Path(plusx.doctor.__file__).parent, Path(__file__).parent)
TEXT = hashlib.blake2b(
    b"".join(path.read_bytes() for folder in FOLDERS for path in sorted(folder.rglob("*.py"))),
    digest_size=8,
).hexdigest()
"""Of the doctor and its defects: what an examination says depends on all of it."""

BUDGET = 60.0
"""Seconds of work of one examination: the default."""
SEED = 0
FEW = 3
AT_ONCE = 24
"""Examinations that one set of processes is made for."""


def main(*words: str) -> None:
    """Examine what the words pick, or all; record all."""
    with_peers = of_peers()
    if not with_peers:
        print("defects: torchvision and timm are not there (`make test-peers`): without them")
    flags = {word for word in words if word.startswith("--")}
    picked = [word for word in words if word not in flags]
    defects = [d for d in DEFECTS if (with_peers or not d.of_peers) and _meant(d.key, picked)]
    healthy = [h for h in panel(with_peers=with_peers) if _meant(h.key, picked)]
    if TRY:
        defects, healthy = defects[:: max(1, len(defects) // FEW)][:FEW], healthy[:FEW]
    defects = [] if "--panel" in flags else defects
    healthy = [] if "--defects" in flags else healthy
    settings = {"budget, s": BUDGET, "seed": SEED, "picked": picked}
    steps = Steps("defects", total=len(defects) + len(healthy), **settings)
    if "--keep" not in flags:
        steps.values = {key: value for key, value in steps.values.items() if value["text"] == TEXT}
    keys = [each.key for each in (*defects, *healthy)]
    with closing(examinations([key for key in keys if key not in steps.values])) as made:
        values = {key: steps.once(key, partial(next, made)) for key in keys}
    found = [(defect, values[defect.key]) for defect in defects]
    quiet = [(each, values[each.key]) for each in healthy]
    print(table(found))
    print(alarms(quiet))
    if not picked and defects and healthy:
        figures = summed(found, quiet)
        record("defects", figures, rows=rows(figures), seconds=steps.seconds)
        steps.finish()


def examinations(keys: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Examine what the keys name, in their order: one process of one thread a core.

    Processes are replaced after some examinations, so that none inherits much of those before it;
    by a new pool, as one with `max_tasks_per_child` may wait for ever (CPython issue 115634).
    """
    for start in range(0, len(keys), AT_ONCE):
        pool = ProcessPoolExecutor(CORES, get_context("spawn"), set_num_threads, (1,))
        try:
            yield from pool.map(examined, keys[start : start + AT_ONCE])
        finally:
            pool.shutdown(cancel_futures=True)


def examined(key: str) -> dict[str, Any]:
    """Judge the defect or ask the healthy network of this key.

    A healthy one that cannot even be examined is as bad as a false alarm.
    """
    for defect in DEFECTS:
        if defect.key == key:
            verdict = make_verdict(defect.case(SEED).examine(BUDGET), defect.causes)
            return {**asdict(verdict), "text": TEXT}
    healthy = next(each for each in panel(with_peers=of_peers()) if each.key == key)
    return {**counted(healthy.case(SEED).examine(BUDGET)), "text": TEXT}


def of_peers() -> bool:
    return all(find_spec(name) is not None for name in ("torchvision", "timm"))


def _meant(key: str, words: Sequence[str]) -> bool:
    return all(word.lower() in key.lower() for word in words)


def right(verdict: dict[str, Any]) -> bool:
    return verdict["rank"] is not None and verdict["rank"] <= 3


def table(found: Sequence[tuple[Defect, dict[str, Any]]]) -> str:
    """A line a defect: whether it was found, what was expected, the first three findings."""
    lines = [f"{'rank':4}  {'defect (base)':60}  {'expected':28}  first three found"]
    for defect, verdict in found:
        rank = "-" if verdict["rank"] is None else str(verdict["rank"])
        first = "; ".join(verdict["troubles"][:3]) or "nothing"
        lines.append(f"{rank:4}  {defect.key:60}  {defect.causes[0]:28}  {first}")
    return "\n".join(lines)


def alarms(quiet: Sequence[tuple[Healthy, dict[str, Any]]]) -> str:
    """A line a false alarm, and how many there are."""
    lines = [f"{each.key}: {trouble}" for each, counts in quiet for trouble in counts["troubles"]]
    loud = sum(bool(counts["wrong"]) for _, counts in quiet)
    return "\n".join([*lines, f"{loud} of {len(quiet)} healthy networks are called wrong"])


def summed(
    found: Sequence[tuple[Defect, dict[str, Any]]],
    quiet: Sequence[tuple[Healthy, dict[str, Any]]],
) -> dict[str, Any]:
    """Shares over all defects, counts over all healthy networks, and every line behind them."""
    warnings = sum(counts["warning"] for _, counts in quiet)
    checks = sum(counts["asked"] for _, counts in quiet)
    return {
        "budget, s": BUDGET,
        "seed": SEED,
        "measured with an earlier text": sum(v["text"] != TEXT for _, v in (*found, *quiet)),
        "defects": len(found),
        "bases": len({defect.base for defect, _ in found}),
        "right, %": round(100 * sum(right(v) for _, v in found) / len(found), 1),
        "caught, %": round(100 * sum(bool(v["troubles"]) for _, v in found) / len(found), 1),
        "healthy": len(quiet),
        "called wrong": sum(bool(counts["wrong"]) for _, counts in quiet),
        "checks": checks,
        "warnings": warnings,
        "warnings, %": round(100 * warnings / checks, 2),
        "table": [
            {
                "defect": defect.name,
                "base": defect.base,
                "expected": list(defect.causes),
                "found": verdict["troubles"][:3],
                "rank": verdict["rank"],
                "seconds": verdict["seconds"],
            }
            for defect, verdict in found
        ],
        "alarms": {each.key: counts["troubles"] for each, counts in quiet if counts["troubles"]},
    }


def rows(figures: dict[str, Any]) -> list[Row]:
    """Lines of README's table."""
    of = f"{figures['defects']} defects in {figures['bases']} networks"
    quiet = f"{figures['healthy']} examinations of healthy networks, drawn and after ten steps"
    return [
        row(
            f"the doctor, {of}: right cause in the first three findings",
            figures["right, %"],
            unit="%",
            at_least=95,
        ),
        row(f"the doctor, {of}: caught", figures["caught, %"], unit="%", at_least=98),
        row(
            f"the doctor, {quiet}: called wrong",
            figures["called wrong"],
            unit="examinations",
            at_most=0,
        ),
        row(
            f"the doctor, {quiet}: warnings",
            figures["warnings, %"],
            unit="%",
            at_most=3,
            note=f"of {figures['checks']:,} checks",
        ),
    ]
