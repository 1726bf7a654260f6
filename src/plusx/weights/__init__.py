"""Weights in the layouts of others: one small table a family, one reader, one loader."""

from plusx.weights.load import Fit, export_weights, layouts_of, load_weights
from plusx.weights.report import LoadReport

__all__ = ["Fit", "LoadReport", "export_weights", "layouts_of", "load_weights"]
