"""Are mean and deviation of the images taken out, and does every channel carry something?"""

from collections.abc import Iterator
from contextlib import suppress

import torch
from torch import Tensor, nn

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.images.splits import inputs
from plusx.doctor.mode import evaluating
from plusx.doctor.patient import Patient
from plusx.tape import watch

__all__ = ["constant", "scale"]

FAR = 4.0  # mean or deviation; ImageNet's figures on any photographs: means to 2.6, deviations to 2
TINY = 0.02  # deviation
APART, RATIO = 1.0, 2.0  # of two splits: means in deviations, deviations; clean: 0.1 and 1.1
MOST = 64  # images that are looked at
CONSTANT = 0.001  # deviation of a channel over the largest of the others


def scale(patient: Patient) -> Iterator[Finding]:
    """Look at mean and deviation of what the first layer with weights gets."""
    inputs(patient.material)
    x = _first_input(patient)
    what = "images" if patient.material.x.dim() == 4 else "inputs"
    if x is None:
        yield Finding(
            check="images.scale",
            verdict="fine",
            title=f"A norm takes mean and deviation of the {what} out",
            threshold="a norm that gets the input as it is, before any layer with weights",
        )
        return
    mean, std = _per_channel(x)
    figure = f"mean {_said(mean)}, deviation {_said(std)}"
    if max(mean.abs().max(), std.max()) > FAR or std.max() < TINY:
        title = f"The {what} reach the network without being normalised"
        yield _raw(figure, "wrong", title, _why(mean, std))
    elif what == "images" and _within_one(x):
        title = "The images lie between 0 and 1, their mean is not taken out"
        yield _raw(figure, "warning", title, _why(mean, std))
    elif (gap := _gap(patient)) > 1:
        yield _raw(
            f"mean and deviation lie {gap:.1f} times as far apart as they may",
            "wrong",
            f"Test {what} are normalised in another way than training {what}",
            "what the network learned at one scale is asked at another",
        )
    else:
        yield Finding(
            check="images.scale",
            verdict="fine",
            title=f"The {what} are normalised",
            figure=figure,
            threshold=_THRESHOLD,
        )


def _within_one(x: Tensor) -> bool:
    """Whether there are images between 0 and 1, and not of these two alone."""
    return bool(x.min() >= 0) and bool(x.max() <= 1) and bool(((x > 0) & (x < 1)).any())


def _why(mean: Tensor, std: Tensor) -> str:
    """Say how these numbers differ from those of mean 0 and deviation 1 that weights are drawn for.

    LeCun et al. 1998, "Efficient backprop", section 4.3.
    """
    offset, spread = float(mean.abs().max()), float(std.max())
    if offset > 3 * spread:
        times = f"{offset / max(spread, 1e-9):.0f} times larger than what differs between inputs"
        return f"the first layer sees an offset {times}"
    if spread > FAR:
        return f"the numbers are {spread:.0f} times larger than the first layer is drawn for"
    if spread < TINY:
        return f"the numbers are {1 / max(spread, 1e-9):.0f} times smaller than it is drawn for"
    return (
        f"an offset of {offset / max(spread, 1e-9):.1f} deviations that all have in common: the "
        "first layer's weights are pulled one way, and learning is slower"
    )


_THRESHOLD = (
    f"means and deviations below {FAR:g}, not all of it between 0 and 1 (any photographs with "
    "ImageNet's figures: means to 2.6, deviations to 2)"
)


def constant(patient: Patient) -> Iterator[Finding]:
    """Look for a channel with the same value in all images."""
    x = inputs(patient.material)
    if x.dim() != 4 or len(x) < 2:
        raise NotApplicable("this takes two images or more")
    raw = patient.material.train
    flat = _flat(x[:MOST]) + (_flat(raw.images[:MOST].float()) if raw is not None else [])
    channels = sorted(set(flat))
    yield Finding(
        check="images.constant",
        verdict="wrong" if channels else "fine",
        title="A channel has the same value everywhere"
        if channels
        else "Every channel differs from image to image",
        figure=f"channel {', '.join(map(str, channels))} of {x.shape[1]} is constant"
        if channels
        else f"{x.shape[1]} channels of {len(x[:MOST])} images",
        threshold=f"a deviation above {CONSTANT:.1%} of the other channels'",
        place=f"input, channel {channels[0]}" if channels else "",
        cause="channel constant" if channels else "",
        why="what it showed never reaches the network" if channels else "",
        next="see how the images are read; feed as many channels as there are" if channels else "",
        weight=3,
    )


def _flat(x: Tensor) -> list[int]:
    deviation = x.transpose(0, 1).flatten(1).std(1)
    return (deviation <= CONSTANT * deviation.max()).nonzero().flatten().tolist()


def _first_input(patient: Patient) -> Tensor | None:
    """Return what the first layer with weights gets: a network may normalise by itself.

    None where a norm gets the input as it is: what it makes of it is seen in training alone.
    """
    norms = nn.modules.batchnorm._NormBase | nn.LayerNorm | nn.GroupNorm
    layers = {
        name: module
        for name, module in patient.model.named_modules()
        if isinstance(module, nn.Linear | nn.modules.conv._ConvNd | norms)
    }
    seen: list[Tensor] = []
    first: list[str] = []  # a norm that gets the input itself
    given = patient.x.flatten()

    def see(name: str, x: object, y: object) -> None:
        if isinstance(x, Tensor) and x.is_floating_point():
            if isinstance(layers[name], norms):
                if x.numel() != patient.x.numel() or not torch.equal(x.flatten(), given):
                    return
                first.append(name)
            seen.append(x.detach().float())
            raise _Enough

    # _Enough, or whatever somebody's code raises before, is no matter here
    with suppress(Exception), evaluating(patient.model), torch.no_grad(), watch(layers, see):
        patient.model(patient.x, *patient.context(patient.x))
    if first:
        return None
    return seen[0] if seen else patient.x.float()


class _Enough(Exception):
    """The first layer has had its input: the rest of the network need not run."""


def _per_channel(x: Tensor) -> tuple[Tensor, Tensor]:
    rows = x.transpose(0, 1).flatten(1) if x.dim() == 4 and x.shape[1] <= 4 else x.flatten()[None]
    return rows.mean(1), rows.std(1)


def _gap(patient: Patient) -> float:
    """Return how far the test split's mean lies from training's, in deviations."""
    test = patient.material.test_x
    if test is None or len(test) < 16 or len(patient.material.x) < 16:
        return 0.0
    (mean, std), (other, other_std) = (
        _per_channel(patient.material.x[:MOST].float()),
        _per_channel(test[:MOST].float()),
    )
    low, high = torch.minimum(std, other_std), torch.maximum(std, other_std)
    alive = low > 1e-3 * high.max()  # a constant channel is another question's
    shift, ratio = (mean - other).abs() / high / APART, high / low
    return float(torch.maximum(shift, ratio / RATIO)[alive].amax()) if alive.any() else 0.0


def _said(values: Tensor) -> str:
    return ", ".join(f"{v:.2f}" for v in values.tolist())


def _raw(figure: str, verdict: str, title: str, why: str) -> Finding:
    return Finding(
        check="images.scale",
        verdict="wrong" if verdict == "wrong" else "warning",
        title=title,
        figure=figure,
        threshold=_THRESHOLD,
        place="input",
        cause="not normalised",
        why=why,
        next="subtract the training split's mean and divide by its deviation, channel by channel, "
        "or column by column",
        weight=3,
    )
