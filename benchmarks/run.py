"""All benchmarks, one after another: `make bench`. Needs PLUSX_DATA for the training one."""

import os

import equation
import starting
import table
import training

starting.main()
equation.main()
if os.environ.get("PLUSX_DATA"):
    training.main()
else:
    print("training: skipped, PLUSX_DATA names no folder with fashion-mnist")
table.main()
