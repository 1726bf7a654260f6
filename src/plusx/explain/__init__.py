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
from plusx.explain.decision import Decision, Way, decide
from plusx.explain.exciting import Excited, excite
from plusx.explain.extremes import Extremes, extremes
from plusx.explain.features import Features, features
from plusx.explain.filters import Filters, filters
from plusx.explain.halves import Split, split
from plusx.explain.judged import Judged, judged
from plusx.explain.material import Images, read_images
from plusx.explain.moved import Motion
from plusx.explain.pathway import Through, through
from plusx.explain.randomised import Sanity, sanity
from plusx.explain.removal import Faithfulness, faithfulness
from plusx.explain.shaken import Stability, stability

__all__ = [
    "Attribution",
    "Decision",
    "Excited",
    "Extremes",
    "Faithfulness",
    "Features",
    "Filters",
    "Images",
    "Judged",
    "Motion",
    "Sanity",
    "Split",
    "Stability",
    "Through",
    "Way",
    "decide",
    "eigen_cam",
    "excite",
    "extremes",
    "faithfulness",
    "features",
    "filters",
    "grad_cam",
    "grad_cam_pp",
    "guided_backpropagation",
    "hires_cam",
    "integrated_gradients",
    "judged",
    "layer_cam",
    "occlusion",
    "read_images",
    "sanity",
    "score_cam",
    "split",
    "stability",
    "through",
]
