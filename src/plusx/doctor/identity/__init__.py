"""Section "identity": is it the network that was meant?"""

from plusx.doctor.check import Check
from plusx.doctor.identity.bias import bias
from plusx.doctor.identity.network import network
from plusx.doctor.identity.preact import preact
from plusx.doctor.identity.samples import samples
from plusx.doctor.identity.stem import stem

__all__ = ["CHECKS"]

CHECKS: tuple[Check, ...] = (
    Check("identity.network", "Is it the network that was meant?", network),
    Check("identity.preact", "Do pre-activation units and the end fit together?", preact),
    Check("identity.bias", "Is no bias taken away by a norm?", bias),
    Check("identity.stem", "Does the stem suit the size of the images?", stem),
    Check("identity.samples", "Are there images enough for the parameters?", samples),
)
