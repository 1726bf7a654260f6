"""Image tensors as pictures inside the page."""

import base64
import io

from PIL import Image
from torch import Tensor

from plusx.report.markup import Html, tag

__all__ = ["SMALL", "as_image", "picture"]

SMALL = 64  # pixels a side, up to which every pixel is shown as a crisp square
LARGE = 192  # beyond that a picture is only a reminder of the image; it is made smaller


def picture(image: Tensor, *, label: str, large: int = LARGE) -> Html:
    """Show `image` (C, H, W) uint8: grey, colour, or its first channel if it is neither.

    One of more than `large` pixels a side is made smaller.
    """
    made = as_image(image)
    crisp = max(made.size) <= SMALL
    if max(made.size) > large:
        made.thumbnail((large, large))
    file = io.BytesIO()
    if crisp:
        made.save(file, "PNG", optimize=True)
    else:
        made.save(file, "JPEG", quality=85)
    kind = "png" if crisp else "jpeg"
    content = base64.b64encode(file.getvalue()).decode()
    return tag(
        "img",
        src=f"data:image/{kind};base64,{content}",
        alt=label,
        class_="crisp" if crisp else "smooth",
    )


def as_image(image: Tensor) -> Image.Image:
    """Make a Pillow image of (C, H, W) uint8."""
    shown = image if image.shape[0] in (1, 3) else image[:1]
    pixels = shown.permute(1, 2, 0).contiguous().cpu().numpy()
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
