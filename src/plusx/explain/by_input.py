"""Attributions of the pixels themselves, by captum."""

import warnings
from types import ModuleType

import torch
from torch import Tensor, fx, nn

from plusx.errors import InputError
from plusx.explain.answer import Answer, Target, answered, logits_of, run_on
from plusx.explain.attribution import Attribution, checked
from plusx.explain.looking import made_of, passed, still
from plusx.graph import trace
from plusx.graph.nodes import kind

__all__ = ["captum_attr", "guided_backpropagation", "integrated_gradients", "occlusion"]

CHUNK = 32
"""Images that are run at once."""


def integrated_gradients(
    model: nn.Module,
    images: Tensor,
    target: Target = None,
    *,
    baseline: Tensor | None = None,
    steps: int = 50,
) -> Attribution:
    """map = sum_c (x - x0) times the mean gradient on the straight way from x0 to x.

    Sundararajan et al. 2017, "Axiomatic attribution", equation 1: it sums to the difference of the
    logits of x and of x0 = `baseline`, images of zeros by default. Signed in `raw`.
    """
    captum = captum_attr()
    if steps < 1:
        raise InputError(f"steps is {steps}, expected 1 or more")
    with still(model):
        x = images.detach().clone().requires_grad_()
        said = answered(model, x, target)
        _reached(said, x)
        found = captum.IntegratedGradients(_Logits(model)).attribute(
            images.detach().clone(),  # captum asks for gradients by them
            baselines=baseline,
            target=said.targets,
            n_steps=steps,
            internal_batch_size=max(CHUNK, len(images)),
        )
    return _made("integrated gradients", images, said, found)


def guided_backpropagation(model: nn.Module, images: Tensor, target: Target = None) -> Attribution:
    """map = sum_c |g_c| of the image, where each ReLU lets only positive gradients back.

    Springenberg et al. 2014, "Striving for simplicity", section 3.4. Sharp, and hardly about the
    class: it is known to fail the sanity check of Adebayo et al. 2018 (`sanity`).
    """
    captum = captum_attr()
    with still(model):
        seen = passed(model, images, target)
        _reached(seen.answer, seen.images)
        guided = captum.GuidedBackprop(_one_relu_a_site(model, seen.images.detach()))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # captum tells of its hooks
            found = guided.attribute(images.detach().clone().requires_grad_(), target=seen.targets)
    return _made("guided backpropagation", images, seen.answer, found.abs())


def occlusion(
    model: nn.Module,
    images: Tensor,
    target: Target = None,
    *,
    window: int = 8,
    stride: int = 4,
    blank: float = 0.0,
) -> Attribution:
    """map = how much the logit falls when a square of `window` pixels becomes `blank`.

    Zeiler and Fergus 2013, "Visualizing and understanding convolutional networks", section 4.2.
    One pass for each place of the square, `stride` pixels apart.
    """
    captum = captum_attr()
    height, width = images.shape[-2:]
    side = min(height, width)
    if not 1 <= stride <= window <= side:
        raise InputError(
            f"window is {window} and stride {stride}, expected 1 <= stride <= window <= {side}, "
            "the side of the images"
        )
    with still(model), torch.no_grad():
        said = answered(model, images, target)
        found = captum.Occlusion(_Logits(model)).attribute(
            images.detach(),
            sliding_window_shapes=(images.shape[1], window, window),
            strides=(images.shape[1], stride, stride),
            baselines=blank,
            target=said.targets,
        )
    raw = found / images.shape[1]
    grid = (-(-(height - window) // stride) + 1, -(-(width - window) // stride) + 1)
    return _made("occlusion", images, said, raw, grid=grid)


def captum_attr() -> ModuleType:
    """Return captum's methods, or say how to get them."""
    try:
        from captum import attr
    except ImportError as error:
        raise InputError("this needs captum: pip install 'plusx[analysis]'") from error
    module: ModuleType = attr
    return module


def _made(
    method: str,
    images: Tensor,
    said: Answer,
    found: Tensor,
    *,
    grid: tuple[int, int] | None = None,
) -> Attribution:
    raw = checked(found.detach().float().sum(1), "the image")
    scores = said.scores.detach()
    return Attribution(method, ("image",), said.targets, scores, images.detach(), (raw,), grid)


def _reached(said: Answer, x: Tensor) -> None:
    """Refuse a network that lets no gradient through to the images x."""
    scores = said.scores
    if not scores.requires_grad or not made_of(scores, x):
        raise InputError(
            "no gradient of the answer reaches the image, expected a network without detach() or "
            "no_grad() on the way; occlusion needs none: --method occlusion"
        )


def _one_relu_a_site(model: nn.Module, images: Tensor) -> nn.Module:
    """Return the graph of `model`, over its own parameters, with a ReLU module for each use of one.

    captum changes the gradient of modules: functions it does not see, and a module that is used
    twice or writes over its input it cannot hook.
    """
    module = trace(model, (images,)).module
    for number, node in enumerate(list(module.graph.nodes)):
        if kind(node) == "relu" and node.op != "placeholder":
            module.add_submodule(f"relu_site{number}", nn.ReLU())
            _replace(node, f"relu_site{number}")
    module.graph.eliminate_dead_code()
    module.recompile()
    return _Logits(module)


def _replace(node: fx.Node, name: str) -> None:
    with node.graph.inserting_before(node):
        made = node.graph.call_module(name, (node.all_input_nodes[0],))
    node.replace_all_uses_with(made)
    node.graph.erase_node(node)


class _Logits(nn.Module):
    """The logits of what a network gives, for a library that wants a tensor."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        return logits_of(run_on(self.module, x), len(x))
