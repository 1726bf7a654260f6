"""Section "cost": what does the network cost, beside the machine's limit and plain networks?"""

from plusx.doctor.check import Check
from plusx.doctor.cost.count import count
from plusx.doctor.cost.limit import speed
from plusx.doctor.cost.peers import peers

__all__ = ["CHECKS"]

CHECKS: tuple[Check, ...] = (
    Check("cost.count", "What does the network cost?", count),
    Check("cost.speed", "How near does it come to the machine's limit?", speed, quick=False),
    Check("cost.peers", "What would plain networks cost?", peers, quick=False),
)
