"""The doctor: a verdict on any network, with the cause and the next step."""

from plusx.doctor.check import Check
from plusx.doctor.diagnosis import Diagnosis
from plusx.doctor.examine import examine
from plusx.doctor.finding import Chart, Finding, NotApplicable
from plusx.doctor.healthy import ExaminedInPartWarning, assert_healthy
from plusx.doctor.material import Material, Raw
from plusx.doctor.patient import Patient
from plusx.doctor.training import Training

__all__ = [
    "Chart",
    "Check",
    "Diagnosis",
    "ExaminedInPartWarning",
    "Finding",
    "Material",
    "NotApplicable",
    "Patient",
    "Raw",
    "Training",
    "assert_healthy",
    "examine",
]
