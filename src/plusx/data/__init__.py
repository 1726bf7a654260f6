"""Data: a path or a name in, three splits of images out, and what is done to their batches."""

from plusx.data.augment import augment, centre, normalise
from plusx.data.batches import Batch, batches
from plusx.data.dataset import Broken, Data, Images, InMemory, OnDisk, Split
from plusx.data.decode import BrokenImage, read_image
from plusx.data.policy import Policy, policy_for
from plusx.data.progress import Progress, silent
from plusx.data.source import NAMES, open_data
from plusx.data.spec import InputSpec

__all__ = [
    "NAMES",
    "Batch",
    "Broken",
    "BrokenImage",
    "Data",
    "Images",
    "InMemory",
    "InputSpec",
    "OnDisk",
    "Policy",
    "Progress",
    "Split",
    "augment",
    "batches",
    "centre",
    "normalise",
    "open_data",
    "policy_for",
    "read_image",
    "silent",
]
