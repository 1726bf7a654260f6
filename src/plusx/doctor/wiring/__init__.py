"""Section "wiring": is everything connected as it should be?"""

from plusx.doctor.check import Check
from plusx.doctor.wiring.runs import runs

__all__ = ["CHECKS"]

CHECKS = (Check("wiring.runs", "Does the network run, with finite numbers?", runs),)
