"""All benchmarks, or those named, one after another: `make bench`, `make bench ONLY="zoo input"`.

Each runs in a process of its own, and goes on where it was stopped; README's table is written
after each. Time left is what they took the last time. `--try` makes everything small.
"""

import json
import signal
import subprocess
import sys

import table
from ledger import HERE, PEERS, TRY, has_peers

NAMES = (
    *("starting", "planned", "equation", "limit", "input", "densenet_memory", "recompute"),
    *("training", "zoo", "adaptation", "time_to", "accuracy", "usual_resnet18", "defects"),
    *("hybrid_cost", "attention"),
)
AMONG_PEERS = {"zoo", "usual_resnet18", "defects"}


def took(name: str) -> int | None:
    path = HERE / "results" / f"{name}.json"
    found = json.loads(path.read_text()).get("seconds") if path.exists() else None
    return None if found is None else int(found)


def left(names: list[str]) -> str:
    known = [seconds for name in names if (seconds := took(name)) is not None]
    unknown = [name for name in names if took(name) is None]
    beside = f"{'; ' * bool(known)}not timed before: {', '.join(unknown)}" if unknown else ""
    return (f"about {sum(known) / 60:.0f} min left" if known else "") + beside


def run(name: str) -> int:
    python = PEERS if name in AMONG_PEERS else sys.executable
    if name in AMONG_PEERS and not has_peers(name):
        return 0
    script = HERE / name if (HERE / name).is_dir() else HERE / f"{name}.py"
    return subprocess.run([str(python), str(script), *["--try"] * TRY]).returncode


def main(*asked: str) -> int:
    unknown = set(asked) - set(NAMES)
    if unknown:
        print(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
        return 2
    names, failed = [name for name in NAMES if name in (asked or NAMES)], []
    for at, name in enumerate(names):
        print(f"[{at + 1}/{len(names)}] {name}; {left(names[at:])}", flush=True)
        if run(name):
            failed.append(name)
        if not TRY:
            table.main()
    if failed:
        print(f"failed: {', '.join(failed)}")
    return bool(failed)


if __name__ == "__main__":
    try:
        sys.exit(main(*(word for word in sys.argv[1:] if word != "--try")))
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on")
        sys.exit(128 + signal.SIGINT)
