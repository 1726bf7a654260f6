"""Claim: `import plusx` costs at most 0.15 s over `import torch`, `plusx --help` at most 0.5 s.

New processes in turns; the import is that of all public names, not only of the package.
"""

import subprocess
import sys
from pathlib import Path

from measure import interleaved, medians, record

NAMES = "create, list_models, units, summary, record, save, load, Residual"


def main(repeats: int = 15) -> None:
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
        repeats=repeats,
    )
    middle = medians(times)
    over = middle["import torch, plusx and all its names"] - middle["import torch"]
    record(
        "starting",
        {
            "import plusx over import torch, seconds": round(over, 3),
            "plusx --help, seconds": round(middle["plusx --help"], 3),
            "median seconds": middle,
        },
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
