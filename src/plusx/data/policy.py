"""Which augmentation suits a data set: chosen by rule, and said in words."""

from dataclasses import dataclass

from plusx.data.spec import InputSpec

__all__ = ["Policy", "policy_for"]


@dataclass(frozen=True)
class Policy:
    """Random crops (out of the image padded by `padding`), and mirror images where `flip`.

    `fill` is the pixel of the padding, one value per channel: the training mean, so that the
    padding is zero after normalisation (to within the rounding to a byte).
    """

    padding: int
    flip: bool
    fill: tuple[int, ...]

    def __str__(self) -> str:
        crop = (
            f"random crops after padding by {self.padding} pixel(s) of the mean colour"
            if self.padding
            else "random crops out of the larger stored image"
        )
        return f"{crop}, {'half of the images mirrored' if self.flip else 'no mirror images'}"


def policy_for(spec: InputSpec) -> Policy:
    """Return the policy for a data set: He et al. 2015 section 4.2, scaled to the image size.

    32x32 is padded by 4 there, so one eighth of the side here; photos have their margin
    already. Characters are not mirrored: a mirrored 2 is no 2.
    """
    characters = all(len(name) == 1 and name.isalnum() for name in spec.classes)
    small = spec.stored == spec.size
    return Policy(
        padding=max(1, spec.size // 8) if small else 0,
        flip=not characters,
        fill=tuple(round(255 * mean) for mean in spec.mean),
    )
