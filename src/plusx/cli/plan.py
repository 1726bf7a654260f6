"""`plusx plan --model M --data N --gpus K`."""

from typing import Literal

from plusx.cli.console import ConsoleReporter, Json

__all__ = ["plan"]


def plan(
    *,
    data: str,
    model: str | None = None,
    gpus: int = 1,
    batch_size: int | None = None,
    epochs: int | None = None,
    size: int | None = None,
    num_classes: int | None = None,
    precision: Literal["32", "bf16", "fp16"] | None = None,
    recipe: str | None = None,
    options: dict[str, str | int | float] | None = None,
    device: str = "auto",
    tflops: float | None = None,
    utilization: float | None = None,
    bandwidth: float | None = None,
    overlap: float = 0.5,
    price: float | None = None,
    json_output: Json = False,
) -> None:
    """Estimate time, cost, memory and communication of a run from a short measurement here.

    Parameters
    ----------
    data
        What `plusx train` takes, or a number of training images, such as 1281167.
    model
        A network of `plusx models`; by default as for `plusx train`.
    gpus
        Devices that train as one.
    batch_size
        Images a step, of all devices.
    epochs
        Passes over the training images; the recipe's by default.
    size
        Side of the network's input in pixels; with a number of images 224 by default.
    num_classes
        Classes, with a number of images; 1,000 by default.
    precision
        32, bf16 or fp16; by default bf16 where this machine computes it faster.
    recipe
        As for `plusx train`.
    options
        Other parts of the network, as in --options.stem small.
    device
        Where to measure: auto, cpu, cuda or mps.
    tflops
        Rate of a device in matrix products at this precision, as its maker states it, in 10^12
        operations a second; by default devices are as this machine.
    utilization
        Share of `tflops` that training reaches; by default that reached here, a fifth at most.
    bandwidth
        Of a device's link to the others in GB/s; by default 1 among processes on this CPU, else 25,
        as of a PCIe 4 slot.
    overlap
        Share of the backward pass behind which communication can hide.
    price
        Of a device for an hour, in the unit that the cost is to have.
    json_output
        Print JSON.
    """
    from plusx.train.config import TrainConfig
    from plusx.train.plan import plan as estimated

    config = TrainConfig(
        data=data,
        model=model,
        batch_size=batch_size,
        epochs=epochs,  # type: ignore[arg-type]  # None: the recipe's
        size=size,
        precision=precision,
        recipe=recipe,
        options=options or {},
        device=device,
    )
    found = estimated(
        config,
        gpus=gpus,
        num_classes=num_classes,
        tflops=tflops,
        utilization=utilization,
        bandwidth=bandwidth,
        overlap=overlap,
        price=price,
        reporter=ConsoleReporter(),
    )
    print(found.to_json() if json_output else found.table())
