"""Claim: `import plusx` costs at most 0.15 s over `import torch`, `plusx --help` at most 0.5 s.

New processes in turns; the import is that of all public names, not only of the package.
"""

import subprocess
import sys
from pathlib import Path

from ledger import TRY, record, row
from measure import interleaved, medians

NAMES = "create, list_models, units, summary, record, save, load, Residual"


def main() -> None:
    def python(code: str) -> None:
        subprocess.run([sys.executable, "-c", code], check=True)

    helper = [str(Path(sys.executable).parent / "plusx"), "--help"]
    times = interleaved(
        {
            "import torch": lambda: python("import torch"),
            "import torch, plusx and all its names": lambda: python(
                f"import torch, plusx; from plusx import {NAMES}"
            ),
            "plusx --help": lambda: subprocess.run(helper, check=True, capture_output=True),
        },
        repeats=2 if TRY else 15,
    )
    middle = medians(times)
    over = middle["import torch, plusx and all its names"] - middle["import torch"]
    importing, helping = round(over, 3), round(middle["plusx --help"], 3)
    record(
        "starting",
        {
            "import plusx over import torch, seconds": importing,
            "plusx --help, seconds": helping,
            "median seconds": middle,
        },
        rows=[
            row(
                "`import plusx` and all its names, over `import torch`",
                importing,
                unit="s",
                at_most=0.15,
            ),
            row("`plusx --help`", helping, unit="s", at_most=0.5),
        ],
    )


if __name__ == "__main__":
    main()
