"""What will a run take on K devices: time, cost, memory and communication, from a measurement.

A step of a batch B on K devices takes

    compute + communication - hidden
    compute       = (B / K) / (images/s of a device)
    communication = 2 (K - 1) (latency + gradient bytes / K / bandwidth)    (ring all-reduce)
    hidden        = min(communication, overlap * 2/3 compute)       (backward is 2/3 of a step)

Patarasuk and Yuan 2009, "Bandwidth optimal all-reduce algorithms", for the ring; Li et al. 2020,
"PyTorch Distributed", arXiv 2006.15704, for communication that hides behind the backward pass.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from plusx.analysis.aligned import aligned
from plusx.analysis.drawing import BLUE, new_axes
from plusx.errors import InputError
from plusx.train.plan_measure import Measured

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ELSEWHERE", "HERE", "SLOW", "Job", "Plan", "Target", "estimate"]

BACKWARD = 2 / 3  # of a step: the gradients of inputs and of weights, each as much as the forward
USUAL = 0.2
HERE, ELSEWHERE = 1.0, 25.0  # GB/s between devices, where none is given
SLOW, FAST = 3e-3, 2e-5  # seconds until a message of a ring is there: processes of a CPU; devices
"""`USUAL` is the share of a GPU's stated rate that steps of convolutions reach at most, if nothing
else is known: resnet50 in mixed precision at 2,600 images/s (timm's issue 1491) is 6 * 4.09e9 *
2600 = 64 of an A100's 312 TFLOP/s. A CPU comes closer to its rate, since its caches feed it."""


@dataclass(frozen=True)
class Job:
    """What is to be trained: images of an epoch and of validation, epochs, images a step."""

    images: int
    val_images: int
    epochs: int
    batch_size: int


@dataclass(frozen=True)
class Target:
    """The devices that are planned for. `tflops` None: they are as this machine.

    `utilization` is the share of `tflops` that training steps reach; None: that which they reach
    here, but a fifth at most. `bandwidth` in GB/s of each device's link; `overlap` the share of the
    backward pass behind which communication can hide; `price` of a device for an hour; `crowding`
    processes for each share of this machine that one was measured with; `latency` of a message.
    """

    gpus: int = 1
    tflops: float | None = None
    bandwidth: float = ELSEWHERE
    overlap: float = 0.5
    price: float | None = None
    crowding: float = 1.0
    utilization: float | None = None
    latency: float = FAST

    def __post_init__(self) -> None:
        """Refuse numbers outside their range, naming the option."""
        for name, holds, expected in (
            ("gpus", self.gpus >= 1, "1 or more"),
            ("tflops", self.tflops is None or self.tflops > 0, "above 0"),
            (
                "utilization",
                self.utilization is None or 0 < self.utilization <= 1,
                "a share of --tflops, above 0 and up to 1",
            ),
            ("bandwidth", self.bandwidth > 0, "gigabytes a second above 0"),
            ("overlap", 0 <= self.overlap <= 1, "a share of the backward pass, 0 to 1"),
            ("price", self.price is None or self.price >= 0, "0 or more, for a device-hour"),
        ):
            if not holds:
                raise InputError(f"{name} is {getattr(self, name)}; expected {expected}")


@dataclass(frozen=True)
class Plan:
    """The estimate: seconds, bytes a device, cost in the price's unit; and all it was made from."""

    job: Job
    target: Target
    measured: Measured
    device_images_per_second: float
    compute_seconds: float  # of a step
    communication_seconds: float
    hidden_seconds: float
    step_seconds: float
    images_per_second: float  # of all devices, in training
    epoch_seconds: float  # with validation
    total_seconds: float
    device_hours: float
    cost: float | None
    communication_bytes: float  # that a device sends in a step
    activation_bytes: float  # of a device
    memory_bytes: float  # of a device, in all
    assumptions: tuple[str, ...]

    def to_json(self) -> str:
        """Return everything as JSON."""
        return json.dumps(asdict(self))

    def table(self) -> str:
        """List time, cost, memory and communication, then every assumption."""
        here = self.measured
        cost = "give --price" if self.cost is None else f"{self.cost:,.2f}"
        rows = [
            ("", f"{self.target.gpus} device(s)"),
            ("time", _time(self.total_seconds)),
            ("  an epoch", _time(self.epoch_seconds)),
            ("  a step", _time(self.step_seconds)),
            ("    compute", _time(self.compute_seconds)),
            ("    communication", _time(self.communication_seconds)),
            ("    of it hidden", _time(self.hidden_seconds)),
            ("images/s", f"{self.images_per_second:,.0f}"),
            ("device-hours", f"{self.device_hours:,.2f}"),
            ("cost", cost),
            ("memory of a device", _bytes(self.memory_bytes)),
            ("  parameters", _bytes(here.parameter_bytes)),
            ("  gradients", _bytes(here.gradient_bytes)),
            ("  optimizer", _bytes(here.state_bytes)),
            ("  activations", _bytes(self.activation_bytes)),
            ("sent by a device in a step", _bytes(self.communication_bytes)),
        ]
        return "\n".join([*aligned(rows), "", "Assumed", *(f"- {a}" for a in self.assumptions)])

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw images/s by number of devices at this batch size, and what K times one would be."""
        ax = ax or new_axes()
        most = min(self.job.batch_size, max(8, 2 * self.target.gpus))
        counts = range(1, most + 1)
        plans = [estimate(self.measured, self.job, replace(self.target, gpus=k)) for k in counts]
        one = plans[0].images_per_second
        ax.plot(counts, [k * one for k in counts], ":", color="gray", label="K times one")
        ax.plot(counts, [p.images_per_second for p in plans], "o-", color=BLUE, label="plan")
        ax.set_xlabel("devices")
        ax.set_ylabel("images/s")
        ax.legend()
        return ax


def estimate(measured: Measured, job: Job, target: Target) -> Plan:
    """Apply the formula at the head of this file; nothing is measured."""
    count = target.gpus
    speed = measured.images_per_second / target.crowding
    if target.tflops is not None:
        speed = _share(measured, target) * target.tflops * 1e12 / (6 * measured.macs)
    compute = job.batch_size / count / speed
    sent = 2 * (count - 1) / count * measured.gradient_bytes
    communication = 2 * (count - 1) * target.latency + sent / (target.bandwidth * 1e9)
    hidden = min(communication, target.overlap * BACKWARD * compute)
    step = compute + communication - hidden
    validation = (1 - BACKWARD) * job.val_images / (count * speed)
    epoch = job.images // job.batch_size * step + validation
    total = job.epochs * epoch
    hours = count * total / 3600
    activations = measured.kept_each * job.batch_size / count + measured.kept_once
    held = measured.parameter_bytes + measured.gradient_bytes + measured.state_bytes
    return Plan(
        job=job,
        target=target,
        measured=measured,
        device_images_per_second=speed,
        compute_seconds=compute,
        communication_seconds=communication,
        hidden_seconds=hidden,
        step_seconds=step,
        images_per_second=job.batch_size / step,
        epoch_seconds=epoch,
        total_seconds=total,
        device_hours=hours,
        cost=None if target.price is None else target.price * hours,
        communication_bytes=sent,
        activation_bytes=activations,
        memory_bytes=held + activations,
        assumptions=tuple(_assumptions(measured, job, target)),
    )


def _share(measured: Measured, target: Target) -> float:
    """Return the share of a stated rate that training steps are taken to reach."""
    if target.utilization is not None:
        return target.utilization
    return min(USUAL, measured.utilization)


def _assumptions(measured: Measured, job: Job, target: Target) -> Iterator[str]:
    count = target.gpus
    yield (
        f"measured here ({measured.device}, precision {measured.precision}): "
        f"{measured.images_per_second:,.1f} images/s in training steps of {measured.batch}, "
        f"{measured.matmul / 1e12:.3g} TFLOP/s in matrix products"
    )
    yield (
        f"{measured.macs:,} MACs an image and forward pass, so 6 times as many FLOP in a step: "
        f"{measured.utilization:.0%} of the matrix-product rate"
    )
    if target.tflops is None:
        crowded = f", {target.crowding:.3g} processes on each share of it" * (target.crowding > 1)
        yield f"devices as this machine, its cores busy alike{crowded}; another: --tflops"
    else:
        why = "as measured here, but a fifth at most, as of convolutions on a GPU"
        if target.utilization is not None:
            why = "as given"
        yield (
            f"devices of {target.tflops:g} TFLOP/s in matrix products of this precision "
            f"(--tflops), of which training reaches {_share(measured, target):.0%} "
            f"({why}: --utilization)"
        )
    yield f"{job.batch_size / count:g} images a device and step, as fast each as in those measured"
    yield (
        f"{job.images:,} training images, {job.epochs} epochs, {job.val_images:,} validation "
        "images an epoch at a third of the cost"
    )
    if count > 1:
        yield (
            f"gradients by ring all-reduce over {target.bandwidth:g} GB/s a device (--bandwidth), "
            f"each of its messages {1000 * target.latency:g} ms on its way, "
            f"hidden behind up to {target.overlap:.0%} of the backward pass (--overlap)"
        )
    yield "parameters, gradients and optimizer whole on every device; no device waits for another"
    yield (
        "not counted: decoding and augmentation of images, start, checkpoints, the test; memory of "
        "the framework, of averaged weights, and of an operation's workspace"
    )


def _time(seconds: float) -> str:
    if seconds < 1:
        return f"{1000 * seconds:.3g} ms"
    if seconds < 120:
        return f"{seconds:.3g} s"
    if seconds < 7200:
        return f"{seconds / 60:.1f} min"
    return f"{math.floor(seconds / 3600):,} h {seconds % 3600 / 60:.0f} min"


def _bytes(count: float) -> str:
    return f"{count / 1e9:.3g} GB" if count >= 1e9 else f"{count / 1e6:.3g} MB"
