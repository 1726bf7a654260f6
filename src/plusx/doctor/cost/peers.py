"""What would plain networks of the same task cost?"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from plusx.analysis.costs import measure
from plusx.doctor.cost.count import counted
from plusx.doctor.cost.limit import rounds
from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.patient import Patient

__all__ = ["peers"]

SECONDS = 0.5


def peers(patient: Patient) -> Iterator[Finding]:
    """Count and time a linear map, an MLP and a small plain convolutional network beside it.

    They are what a residual network has to be better than: three lines of code each.
    """
    x = patient.x
    if x.dim() != 4 or not x.is_floating_point():
        raise NotApplicable("the network takes no images; its plain peers are not known")
    shape, classes = tuple(x.shape[1:]), patient.num_classes
    own = counted(patient)
    made = {name: make(shape, classes).to(x.device, x.dtype) for name, make in PEERS.items()}
    batch = x[:8]
    ways: dict[str, Callable[[], object]] = {
        "the network": lambda: patient.forward(patient.model, batch)
    }
    ways |= {name: _forward(model.eval(), batch) for name, model in made.items()}
    times = rounds(ways, seconds=SECONDS, device=x.device)
    rows = [_row("the network", own.params, own.macs, times["the network"] / len(batch))]
    rows += [
        _row(
            name,
            sum(parameter.numel() for parameter in model.parameters()),
            _macs(model, x),
            times[name] / len(batch),
        )
        for name, model in made.items()
    ]
    yield Finding(
        check="cost.peers",
        verdict="fine",
        title="What plain networks of the task cost",
        figure="; ".join(rows),
        threshold="none: train them, too, and see what the difference in cost brings",
    )


def linear(shape: tuple[int, ...], classes: int) -> nn.Module:
    """Flatten, linear."""
    return nn.Sequential(nn.Flatten(), nn.Linear(_size(shape), classes))


def perceptron(shape: tuple[int, ...], classes: int) -> nn.Module:
    """Flatten, linear 256, ReLU, linear."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(_size(shape), 256), nn.ReLU(), nn.Linear(256, classes)
    )


def plain(shape: tuple[int, ...], classes: int) -> nn.Module:
    """Three 3x3 / 2 of 32, 64, 128 channels with BN and ReLU, average, linear."""
    layers: list[nn.Module] = []
    channels = shape[0]
    for width in (32, 64, 128):
        layers += [nn.Conv2d(channels, width, 3, stride=2, padding=1, bias=False)]
        layers += [nn.BatchNorm2d(width), nn.ReLU()]
        channels = width
    head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))
    return nn.Sequential(*layers, *head)


PEERS: dict[str, Callable[[tuple[int, ...], int], nn.Module]] = {
    "a linear map": linear,
    "an MLP of 256": perceptron,
    "three plain convolutions": plain,
}


def _forward(model: nn.Module, x: Tensor) -> Callable[[], object]:
    def forward() -> object:
        with torch.no_grad():
            return model(x)

    return forward


def _macs(model: nn.Module, x: Tensor) -> int:
    return measure(model, (x[:2].to("meta"),), {"network": model})["network"].macs


def _row(name: str, params: int, macs: int, seconds: float) -> str:
    return f"{name} {params:,} parameters, {macs:,} MACs, {1e3 * seconds:.2f} ms an image"


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for side in shape:
        size *= side
    return size
