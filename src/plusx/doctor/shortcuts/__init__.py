"""Section "shortcuts": does each unit carry its input, and add to it?"""

from plusx.doctor.check import Check
from plusx.doctor.shortcuts.doubled import doubled
from plusx.doctor.shortcuts.equation import equation
from plusx.doctor.shortcuts.gradient import gradient
from plusx.doctor.shortcuts.overwritten import overwritten
from plusx.doctor.shortcuts.share import share
from plusx.doctor.shortcuts.skipped import skipped
from plusx.doctor.shortcuts.source import source

__all__ = ["CHECKS"]

CHECKS = (
    Check("shortcuts.equation", "Is a unit with a transform of zero its shortcut?", equation),
    Check("shortcuts.gradient", "Does the gradient pass every skip?", gradient),
    Check("shortcuts.row", "Has every block of the row a skip of its own?", skipped),
    Check("shortcuts.ends", "Does every skip start and end with its block?", source),
    Check("shortcuts.overwritten", "Is what a skip carries left as it is?", overwritten),
    Check("shortcuts.doubled", "Does a sum add a value to itself?", doubled),
    Check("shortcuts.share", "How much does each unit add to what it carries?", share),
)
