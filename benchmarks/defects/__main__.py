"""`python benchmarks/defects [WORDS]`: the folder's parent is where its modules are looked for."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parent.parent)

from defects.bench import main  # noqa: E402

main(*(word for word in sys.argv[1:] if word != "--try"))
