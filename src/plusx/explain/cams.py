"""Class activation maps: relu(sum over the channels of weight times value)."""

import torch
from torch import Tensor, nn

from plusx.explain.answer import Target
from plusx.explain.attribution import Attribution, checked
from plusx.explain.looking import Layer, Unit, look
from plusx.explain.score import score_weights
from plusx.explain.weights import Weights, by_curvature, by_mean, by_place, by_positive_place

__all__ = ["eigen_cam", "grad_cam", "grad_cam_pp", "hires_cam", "layer_cam", "score_cam"]


def grad_cam(
    model: nn.Module, images: Tensor, target: Target = None, *, unit: Unit = None
) -> Attribution:
    """map = relu(sum_c mean(g_c) y_c): the weight of a channel is its mean gradient.

    Selvaraju et al. 2017, "Grad-CAM", equations 1 and 2.

    `images` (B, C, H, W) as the network takes them. y is what the last unit's merge gives (before
    a ReLU that follows it), that of any `unit`, or the output of another module by its address;
    of several units the mean. Without units it is the last convolution's output. Works in
    evaluation, under autocast too, on any network that `record` can follow, and leaves no trace.

    >>> import torch
    >>> from plusx import create
    >>> found = grad_cam(create("resnet8", num_classes=10), torch.randn(2, 3, 16, 16), target=3)
    >>> found.layers, tuple(found.maps.shape), tuple(found.raw[0].shape)
    (('stages.2.0.unit',), (2, 16, 16), (2, 4, 4))
    """
    return _weighted("Grad-CAM", by_mean, model, images, target, unit)


def grad_cam_pp(
    model: nn.Module, images: Tensor, target: Target = None, *, unit: Unit = None
) -> Attribution:
    """map = relu(sum_c w_c y_c), w from the positive gradients, weighed by the curvature.

    Chattopadhay et al. 2018, "Grad-CAM++", equations 5 and 19: small objects beside large ones
    keep their weight.
    """
    return _weighted("Grad-CAM++", by_curvature, model, images, target, unit)


def hires_cam(
    model: nn.Module, images: Tensor, target: Target = None, *, unit: Unit = None
) -> Attribution:
    """map = relu(sum_c g_c y_c), place by place: exact where a linear head follows.

    Draelos and Carin 2020, "Use HiResCAM instead of Grad-CAM", equation 5.
    """
    return _weighted("HiResCAM", by_place, model, images, target, unit)


def layer_cam(
    model: nn.Module, images: Tensor, target: Target = None, *, unit: Unit = None
) -> Attribution:
    """map = relu(sum_c relu(g_c) y_c), place by place: fine maps of early layers.

    Jiang et al. 2021, "LayerCAM", equation 5.
    """
    return _weighted("Layer-CAM", by_positive_place, model, images, target, unit)


def eigen_cam(
    model: nn.Module, images: Tensor, target: Target = None, *, unit: Unit = None
) -> Attribution:
    """map = relu(Y v): the first principal component of the values, whatever the class.

    Muhammad and Yeasin 2020, "Eigen-CAM", section 3. As in pytorch-grad-cam the channels are
    centred first, which the paper does not say. A component has no sign of its own: it gets that
    which goes with the sum over the channels.
    """
    seen, found = look(model, images, target, unit)
    return _made(
        "Eigen-CAM", images, seen.targets, seen.scores, found, list(map(_component, found))
    )


def score_cam(
    model: nn.Module, images: Tensor, target: Target = None, *, unit: Unit = None
) -> Attribution:
    """map = relu(sum_c softmax(score of the image seen through y_c) y_c), without gradients.

    Wang et al. 2020, "Score-CAM", equations 8 and 9. One pass through the network for each channel
    and image.
    """
    seen, found = look(model, images, target, unit)
    weights = [score_weights(model, images, seen.targets, layer.values) for layer in found]
    raws = [(w * layer.values).sum(1) for w, layer in zip(weights, found)]
    return _made("Score-CAM", images, seen.targets, seen.scores, found, raws)


def _weighted(
    method: str, weights: Weights, model: nn.Module, images: Tensor, target: Target, unit: Unit
) -> Attribution:
    seen, found = look(model, images, target, unit)
    raws = [(weights(at.values, at.gradients) * at.values).sum(1) for at in found]
    return _made(method, images, seen.targets, seen.scores, found, raws)


def _made(
    method: str,
    images: Tensor,
    targets: Tensor,
    scores: Tensor,
    found: list[Layer],
    raws: list[Tensor],
) -> Attribution:
    names = tuple(layer.name for layer in found)
    kept = tuple(checked(raw, name) for raw, name in zip(raws, names))
    return Attribution(method, names, targets, scores.detach(), images.detach(), kept)


def _component(layer: Layer) -> Tensor:
    rows = checked(layer.values, layer.name).flatten(2).transpose(1, 2)  # (B, places, C)
    u, s, _ = torch.linalg.svd(rows - rows.mean(1, keepdim=True), full_matrices=False)
    first: Tensor = u[..., 0] * s[..., :1]
    agrees = (first * rows.sum(2)).sum(1, keepdim=True) >= 0
    return first.where(agrees, -first).reshape(len(first), *layer.values.shape[2:])
