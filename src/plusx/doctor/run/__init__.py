"""Section "run": how did the training go that the network comes from?"""

from plusx.doctor.check import Check
from plusx.doctor.run.advice import advice
from plusx.doctor.run.curves import curves
from plusx.doctor.run.learned import learned, overfitted
from plusx.doctor.run.steady import long_enough, rate, steady
from plusx.doctor.run.validation import validation

__all__ = ["CHECKS"]

CHECKS = (
    Check("run.curves", "How did loss, accuracy and rate go?", curves),
    Check("run.learned", "Did the run learn anything?", learned),
    Check("run.overfitted", "Does it do as well on new images?", overfitted),
    Check("run.steady", "Did the loss fall steadily?", steady),
    Check("run.rate", "Did the learning rate fall?", rate),
    Check("run.long_enough", "Did it train long enough?", long_enough),
    Check("run.validation", "Is validation easier than training?", validation),
    Check("run.next", "What should be tried next?", advice),
)
