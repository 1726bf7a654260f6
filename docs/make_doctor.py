"""Make the lists in docs/doctor.md from the doctor itself: `make docs`.

With `--example`, examine docs/broken_net.py anew, too. tests/doctor/test_page.py checks the page.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from marked import replaced

from plusx.doctor.causes import CAUSES
from plusx.doctor.sections import SECTIONS, checks

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "doctor.md"
BENCH = ROOT / "benchmarks" / "results" / "defects.json"
COMMAND = ("doctor", "docs/broken_net.py:net", "--data", "digits")


def page(text: str) -> str:
    """Return the page with every list made anew; the example stays as it is."""
    blocks = {"network": _network(), "checks": _checks(), "causes": _causes(), "bench": _bench()}
    for name, block in blocks.items():
        text = replaced(text, name, block, page=PAGE)
    return text


def example() -> str:
    """Call the doctor as a person would, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "plusx", *COMMAND],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "96"},
    )
    assert done.returncode == 1, done.stderr
    said = "".join(f"    {line}".rstrip() + "\n" for line in done.stdout.splitlines())
    return f"    $ plusx {' '.join(COMMAND)}\n{said}".rstrip()


def _network() -> str:
    code = (ROOT / "docs" / "broken_net.py").read_text().partition("\n\n\n")[2]
    return f"```py\n{code.strip()}\n```"


def _checks() -> str:
    lines = []
    for section, question in SECTIONS.items():
        asked = checks(lambda name, wanted=section: name == wanted)
        lines += [f"### {section.capitalize()}: {question[0].lower()}{question[1:]}", ""]
        for check in asked:
            long = "" if check.quick else " (long)"
            lines.append(f"- `{check.name}`: {check.question}{long}")
        lines.append("")
    return "\n".join(lines).rstrip()


def _causes() -> str:
    rows = [f"| {cause} | {meaning} |" for cause, meaning in CAUSES.items()]
    return "\n".join(["| cause | what it means |", "|---|---|", *rows])


def _bench() -> str:
    if not BENCH.exists():
        return "Not measured yet: `python benchmarks/run.py defects`."
    found: Mapping[str, Any] = json.loads(BENCH.read_text())["figures"]
    rows = [
        f"| {each['defect']} | {each['base']} | {' or '.join(each['expected'])} "
        f"| {each['rank'] or 'not found'} |"
        for each in found["table"]
    ]
    late = found["measured with an earlier text"]
    alarms = [f"- {key}: {'; '.join(said)}" for key, said in found["alarms"].items()]
    return "\n".join(
        [
            f"{found['defects']} defects in {found['bases']} networks, "
            f"{found['budget, s']:g} s of work each: the right cause among the first three "
            f"findings in {found['right, %']}%, something found in {found['caught, %']}%. "
            f"In {found['healthy']:,} examinations of healthy networks "
            f"{found['called wrong']} were called wrong; "
            f"warnings were {found['warnings, %']}% of {found['checks']:,} checks."
            + (
                f" {late} of all were examined before the last change of the doctor."
                if late
                else ""
            ),
            "",
            "| defect | network | cause | found at place |",
            "|---|---|---|---|",
            *rows,
            "",
            *(["What was said of healthy networks:", "", *alarms] if alarms else []),
        ]
    )


def main() -> None:
    """Make the page, and its example when asked."""
    text = page(PAGE.read_text())
    if "--example" in sys.argv:
        text = replaced(text, "example", example(), page=PAGE)
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
