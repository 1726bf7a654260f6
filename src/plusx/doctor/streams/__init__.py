"""Section "streams": of a network that has several, does each have its say? Of others, nothing."""

from plusx.doctor.check import Check
from plusx.doctor.streams.say import gradient, say, total

__all__ = ["CHECKS"]

CHECKS = (
    Check("streams.sum", "Is the answer the sum of what the streams give?", total),
    Check("streams.gradient", "Does the gradient reach every stream?", gradient),
    Check("streams.share", "Has every stream a say in the answer?", say),
)
