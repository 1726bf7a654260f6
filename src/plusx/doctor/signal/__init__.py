"""Section "signal": do signal and gradient pass the network, and how does it start?"""

from plusx.doctor.check import Check
from plusx.doctor.signal.activation import activation
from plusx.doctor.signal.conditioning import conditioning
from plusx.doctor.signal.depth import depth
from plusx.doctor.signal.linear import linear
from plusx.doctor.signal.loss import loss
from plusx.doctor.signal.shattered import shattered
from plusx.doctor.signal.start import start

__all__ = ["CHECKS"]

CHECKS = (
    Check("signal.start", "Are the weights as an initialisation leaves them?", start),
    Check("signal.activation", "Do the activations let the signal through?", activation),
    Check("signal.linear", "Is there an activation at all?", linear),
    Check("signal.depth", "Does the gradient reach the first layers?", depth),
    Check("signal.loss", "Is the first loss that of guessing?", loss),
    Check("signal.shattered", "Have like inputs like gradients?", shattered, quick=False),
    Check("signal.conditioning", "How even are the first layers?", conditioning, quick=False),
)
