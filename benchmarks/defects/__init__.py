"""Defects with known causes, and healthy networks: what the doctor's figures are made of."""

from defects.anatomy import DEFECTS as ANATOMY
from defects.case import Case, Defect, Verdict, make_verdict
from defects.losses import DEFECTS as LOSSES
from defects.modes import DEFECTS as MODES
from defects.peers_broken import DEFECTS as PEERS
from defects.pictures import DEFECTS as PICTURES
from defects.runs import DEFECTS as RUNS
from defects.skips import DEFECTS as SKIPS
from defects.starts import DEFECTS as STARTS
from defects.steps import DEFECTS as STEPS
from defects.wires import DEFECTS as WIRES

__all__ = ["DEFECTS", "Case", "Defect", "Verdict", "make_verdict"]

DEFECTS: tuple[Defect, ...] = (
    *SKIPS,
    *ANATOMY,
    *WIRES,
    *MODES,
    *STARTS,
    *STEPS,
    *LOSSES,
    *PICTURES,
    *RUNS,
    *PEERS,
)
