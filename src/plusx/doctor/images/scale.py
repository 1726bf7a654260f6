"""Are mean and deviation of the images taken out, and does every channel carry something?"""

from collections.abc import Iterator
from contextlib import suppress

import torch
from torch import Tensor, nn

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.images.splits import inputs
from plusx.doctor.patient import Patient, evaluating
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
    mean, std = _per_channel(x)
    figure = f"mean {_said(mean)}, deviation {_said(std)}"
    if max(mean.abs().max(), std.max()) > FAR or std.max() < TINY:
        yield _raw(figure, "wrong", "The images reach the network without being normalised")
    elif x.min() >= 0 and x.max() <= 1 and bool(((x > 0) & (x < 1)).any()):
        yield _raw(figure, "warning", "The images lie between 0 and 1, their mean is not taken out")
    elif (gap := _gap(patient)) > 1:
        yield _raw(
            f"mean and deviation lie {gap:.1f} times as far apart as they may",
            "wrong",
            "Test images are normalised in another way than training images",
        )
    else:
        yield Finding(
            check="images.scale",
            verdict="fine",
            title="The images are normalised",
            figure=figure,
            threshold=_THRESHOLD,
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


def _first_input(patient: Patient) -> Tensor:
    """Return what the first layer with weights gets: a network may normalise by itself."""
    layers = {
        name: module
        for name, module in patient.model.named_modules()
        if isinstance(module, nn.Linear | nn.modules.conv._ConvNd)
    }
    seen: list[Tensor] = []

    def see(name: str, x: object, y: object) -> None:
        if isinstance(x, Tensor) and x.is_floating_point():
            seen.append(x.detach().float())
            raise _Enough

    # _Enough, or whatever somebody's code raises before, is no matter here
    with suppress(Exception), evaluating(patient.model), torch.no_grad(), watch(layers, see):
        patient.model(patient.x, *patient.context(patient.x))
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
        _per_channel(patient.material.x[:MOST]),
        _per_channel(test[:MOST]),
    )
    low, high = torch.minimum(std, other_std), torch.maximum(std, other_std)
    alive = low > 1e-3 * high.max()  # a constant channel is another question's
    shift, ratio = (mean - other).abs() / high / APART, high / low
    return float(torch.maximum(shift, ratio / RATIO)[alive].amax()) if alive.any() else 0.0


def _said(values: Tensor) -> str:
    return ", ".join(f"{v:.2f}" for v in values.tolist())


def _raw(figure: str, verdict: str, title: str) -> Finding:
    return Finding(
        check="images.scale",
        verdict="wrong" if verdict == "wrong" else "warning",
        title=title,
        figure=figure,
        threshold=_THRESHOLD,
        place="input",
        cause="not normalised",
        why="the first layer sees an offset many times larger than what differs between images",
        next="subtract the training images' mean and divide by their deviation, channel by channel",
        weight=3,
    )
