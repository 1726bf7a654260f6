"""Which augmentation suits a data set: chosen by rule, and said in words."""

from dataclasses import dataclass

from plusx.data.spec import InputSpec
from plusx.errors import InputError

__all__ = ["MANY", "Policy", "policy_for"]

MANY = 100_000
"""Training photos from which on crops of 8% to 100% of the area are the default."""


@dataclass(frozen=True)
class Policy:
    """Random crops, and mirror images where `flip`.

    Without an `area`, a crop is as large as the network's input: taken out of the image padded by
    `padding`, or out of the larger stored image (He et al. 2015, section 4.2). With one, it is a
    share of the image between its two bounds, of an `aspect` (width / height) between its two,
    resized to the network's input (Szegedy et al. 2014, section 6).

    `fill` is the pixel of the padding, one value per channel: the training mean, so that the
    padding is zero after normalisation (to within the rounding to a byte).
    Raises InputError for bounds that are none.
    """

    padding: int
    flip: bool
    fill: tuple[int, ...]
    area: tuple[float, float] | None = None
    aspect: tuple[float, float] = (3 / 4, 4 / 3)

    def __post_init__(self) -> None:
        """Refuse bounds that are none."""
        if self.area is not None:
            low, high = self.area
            if not 0 < low <= high <= 1:
                raise InputError(
                    f"the area of crops is {low} to {high} of the image, expected two shares, "
                    "0 < from <= to <= 1; 0.08 to 1 is usual for large sets"
                )
            if self.padding:
                raise InputError(
                    f"padding is {self.padding} beside crops of a share of the area, expected 0; "
                    "leave one of the two out"
                )
        low, high = self.aspect
        if not 0 < low <= high:
            raise InputError(
                f"the aspect of crops is {low} to {high}, expected width / height from and to, "
                "both above 0; 3/4 to 4/3 is usual"
            )

    def __str__(self) -> str:
        return (
            f"{self._crops()}, {'half of the images mirrored' if self.flip else 'no mirror images'}"
        )

    def _crops(self) -> str:
        if self.area is not None:
            low, high = self.area
            return (
                f"random crops of {low:.0%} to {high:.0%} of the area, width / height "
                f"{self.aspect[0]:.2f} to {self.aspect[1]:.2f}, resized"
            )
        if self.padding:
            return f"random crops after padding by {self.padding} pixel(s) of the mean colour"
        return "random crops out of the larger stored image"


def policy_for(spec: InputSpec, *, count: int) -> Policy:
    """Return the policy for a data set of `count` training images.

    Small images: He et al. 2015 section 4.2, scaled to the image size (32x32 is padded by 4
    there, so one eighth of the side here). Photos: crops of Szegedy et al. 2014 section 6, whose
    8% to 100% of the area are for a million images and many epochs; a crop of 8% often misses
    what the image is named for, so sets below MANY have 25% to 100%. It does not depend on whether
    the images fit in memory: that differs from machine to machine. Characters are not mirrored:
    a mirrored 2 is no 2.
    """
    characters = all(len(name) == 1 and name.isalnum() for name in spec.classes)
    small = spec.stored == spec.size
    return Policy(
        padding=max(1, spec.size // 8) if small else 0,
        flip=not characters,
        fill=tuple(round(255 * mean) for mean in spec.mean),
        area=None if small else ((0.08, 1.0) if count >= MANY else (0.25, 1.0)),
    )
