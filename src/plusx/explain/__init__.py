"""Explaining a decision: which places, by which units, and how far to trust the answer."""

from plusx.explain.attribution import Attribution
from plusx.explain.cams import (
    eigen_cam,
    grad_cam,
    grad_cam_pp,
    hires_cam,
    layer_cam,
    score_cam,
)

__all__ = [
    "Attribution",
    "eigen_cam",
    "grad_cam",
    "grad_cam_pp",
    "hires_cam",
    "layer_cam",
    "score_cam",
]
