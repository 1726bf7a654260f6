"""Data: a path or a name in, three splits of images out, and what is done to their batches."""

from plusx.data.augment import Draws, augment, centre, draw, normalise, seen
from plusx.data.batches import Batch, Views, batches
from plusx.data.dataset import Broken, Data, Encoded, Images, InMemory, OnDisk, Split
from plusx.data.decode import BrokenImage, read_image
from plusx.data.order import shuffled
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
    "Draws",
    "Encoded",
    "Images",
    "InMemory",
    "InputSpec",
    "OnDisk",
    "Policy",
    "Progress",
    "Split",
    "Views",
    "augment",
    "batches",
    "centre",
    "draw",
    "normalise",
    "open_data",
    "policy_for",
    "read_image",
    "seen",
    "shuffled",
    "silent",
]
