"""Section "images": are images and labels what a network can learn from?"""

from plusx.doctor.check import Check
from plusx.doctor.images.augmentation import augmentation, mirrored
from plusx.doctor.images.balance import balance
from plusx.doctor.images.channels import channels
from plusx.doctor.images.duplicates import duplicates
from plusx.doctor.images.labels import labels
from plusx.doctor.images.network import network
from plusx.doctor.images.noise import noise
from plusx.doctor.images.numbering import numbering
from plusx.doctor.images.scale import constant, scale
from plusx.doctor.images.sizes import sizes

__all__ = ["CHECKS"]

CHECKS = (
    Check("images.scale", "Are the images normalised?", scale),
    Check("images.constant", "Does every channel carry something?", constant),
    Check("images.channels", "Are red and blue where they belong?", channels),
    Check("images.labels", "Do the labels belong to their images?", labels),
    Check("images.numbering", "Do all splits number their classes alike?", numbering),
    Check("images.noise", "Are some labels wrong?", noise),
    Check("images.balance", "Have all classes images enough?", balance),
    Check("images.duplicates", "Do images stand in two splits?", duplicates),
    Check("images.network", "Do the network's guesses fit labels and colours?", network),
    Check(
        "images.augmentation", "Do augmented images show their class?", augmentation, quick=False
    ),
    Check("images.mirrored", "Are characters mirrored?", mirrored),
    Check("images.sizes", "Are all images of one size but for a few?", sizes),
)
