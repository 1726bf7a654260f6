"""Section "images" of the examination."""

from plusx.doctor.check import Check

__all__ = ["CHECKS"]

CHECKS: tuple[Check, ...] = ()
