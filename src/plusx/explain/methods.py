"""The methods by the names that the command line has for them."""

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn

from plusx.errors import InputError, nearest
from plusx.explain.answer import Target
from plusx.explain.attribution import Attribution, Method
from plusx.explain.by_input import (
    captum_attr,
    guided_backpropagation,
    integrated_gradients,
    occlusion,
)
from plusx.explain.cams import (
    eigen_cam,
    grad_cam,
    grad_cam_pp,
    hires_cam,
    layer_cam,
    score_cam,
)
from plusx.explain.looking import Unit

__all__ = ["ANY_CLASS", "BY_LAYER", "BY_PIXEL", "USUAL", "method"]

SQUARE = 7
"""How many squares of an occlusion go into a side."""


def _in_squares(model: nn.Module, images: Tensor, target: Target = None, /) -> Attribution:
    """Occlude by squares that suit the image, half overlapping: a window for every size."""
    window = max(1, round(min(images.shape[-2:]) / SQUARE))
    return occlusion(model, images, target, window=window, stride=max(1, window // 2))


BY_LAYER: dict[str, Callable[..., Attribution]] = {
    "grad-cam": grad_cam,
    "grad-cam++": grad_cam_pp,
    "hires-cam": hires_cam,
    "layer-cam": layer_cam,
    "eigen-cam": eigen_cam,
    "score-cam": score_cam,
}
"""Those that look at a unit, any by its address."""
BY_PIXEL: dict[str, Method] = {
    "integrated-gradients": integrated_gradients,
    "guided-backpropagation": guided_backpropagation,
    "occlusion": _in_squares,
}
"""Those of the pixels themselves, by captum."""
ANY_CLASS = ("eigen-cam",)
"""Those whose maps are the same whatever class is asked for."""
USUAL = ("grad-cam", "hires-cam", "layer-cam", "eigen-cam")
"""What is shown where nothing is asked for: each takes a pass or two."""


def method(name: str, *, unit: Unit = None) -> Method:
    """Return a method by its name, at `unit` if it looks at one; refuse one that cannot be had.

    >>> method("grad-cam++", unit="stages.0.0.unit").keywords
    {'unit': 'stages.0.0.unit'}
    """
    if name in BY_LAYER:
        return partial(BY_LAYER[name], unit=unit)
    if name in BY_PIXEL:
        captum_attr()  # told now, not after the work of others
        return BY_PIXEL[name]
    known = [*BY_LAYER, *BY_PIXEL]
    raise InputError(
        f"there is no method {name!r}{nearest(name, known)}; expected one of {', '.join(known)}"
    )
