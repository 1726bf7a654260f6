"""Explaining a decision: which places, by which units, and how far to trust the answer."""

from plusx.explain.attribution import Attribution
from plusx.explain.by_input import guided_backpropagation, integrated_gradients, occlusion
from plusx.explain.cams import (
    eigen_cam,
    grad_cam,
    grad_cam_pp,
    hires_cam,
    layer_cam,
    score_cam,
)
from plusx.explain.halves import Split, split
from plusx.explain.pathway import Through, through
from plusx.explain.randomised import Sanity, sanity
from plusx.explain.removal import Faithfulness, faithfulness
from plusx.explain.shaken import Stability, stability

__all__ = [
    "Attribution",
    "Faithfulness",
    "Sanity",
    "Split",
    "Stability",
    "Through",
    "eigen_cam",
    "faithfulness",
    "grad_cam",
    "grad_cam_pp",
    "guided_backpropagation",
    "hires_cam",
    "integrated_gradients",
    "layer_cam",
    "occlusion",
    "sanity",
    "score_cam",
    "split",
    "stability",
    "through",
]
