"""Section "wiring": is everything connected as it should be?"""

from plusx.doctor.check import Check
from plusx.doctor.wiring.gradient import gradient
from plusx.doctor.wiring.inputs import inputs
from plusx.doctor.wiring.modes import modes
from plusx.doctor.wiring.moves import moves
from plusx.doctor.wiring.precision import precision
from plusx.doctor.wiring.registered import registered
from plusx.doctor.wiring.repeat import repeat
from plusx.doctor.wiring.review import review
from plusx.doctor.wiring.runs import runs
from plusx.doctor.wiring.samples import samples
from plusx.doctor.wiring.shapes import batches, sizes
from plusx.doctor.wiring.shared import shared
from plusx.doctor.wiring.state import state
from plusx.doctor.wiring.statistics import statistics
from plusx.doctor.wiring.writes import writes

__all__ = ["CHECKS"]

# what is not quick takes a second before the first pass (meta), or many passes
CHECKS = (
    Check("wiring.runs", "Does the network run, with finite numbers?", runs),
    Check("wiring.registered", "Does the network know all of its layers?", registered),
    Check("wiring.shared", "Does a layer or parameter stand in two places?", shared),
    Check("wiring.gradient", "Does every parameter get a gradient, and change?", gradient),
    Check("wiring.samples", "Do the images of a batch stay apart?", samples),
    Check("wiring.statistics", "Do running statistics move in training alone?", statistics),
    Check("wiring.repeat", "Does evaluation give the same twice?", repeat),
    Check("wiring.writes", "Does the input stay as it is?", writes),
    Check("wiring.batches", "Can any number of images be in a batch?", batches),
    Check("wiring.inputs", "Does all of the input matter?", inputs),
    Check("wiring.moves", "Does the whole network move to other devices?", moves, quick=False),
    Check("wiring.state", "Is all that forward uses saved?", state, quick=False),
    Check("wiring.modes", "Do both modes agree where they should?", modes, quick=False),
    Check("wiring.sizes", "Which sizes of images does the network take?", sizes, quick=False),
    Check("wiring.precision", "Does the network work in bfloat16?", precision, quick=False),
    Check("wiring.review", "What does a review of the implementation find?", review, quick=False),
)
