"""What will a run take? Its steps are measured here, and the rest is estimated from them."""

from dataclasses import replace

import torch

from plusx.data import Data, InMemory, InputSpec, Split, open_data, policy_for
from plusx.data.parallel import available_cores
from plusx.data.spec import stored_for
from plusx.errors import InputError
from plusx.train.choose import build, choose
from plusx.train.config import TrainConfig
from plusx.train.estimate import ELSEWHERE, HERE, SLOW, Job, Plan, Target, estimate
from plusx.train.plan_measure import busy, measured, on_threads, threads_of_each
from plusx.train.setup import Reporter, Silent

__all__ = ["plan"]


def plan(
    config: TrainConfig,
    *,
    gpus: int = 1,
    num_classes: int | None = None,
    tflops: float | None = None,
    utilization: float | None = None,
    bandwidth: float | None = None,
    overlap: float = 0.5,
    price: float | None = None,
    reporter: Reporter | None = None,
) -> Plan:
    """Measure some training steps here and estimate the run of `config` on `gpus` devices.

    `config.data` is what `plusx train` takes, or a number of training images (with `num_classes`,
    1,000 by itself, and colour images of `config.size` pixels, 224 by itself). With `tflops` None
    the devices are as this machine; on a CPU each process then has its share of the cores. Raises
    `InputError` as training would, and for numbers out of their range.
    """
    reporter = reporter or Silent()
    target = Target(
        gpus,
        tflops,
        ELSEWHERE if bandwidth is None else bandwidth,
        overlap,
        price,
        utilization=utilization,
    )  # refused before anything is opened
    if config.data.replace(",", "").replace("_", "").isdigit():
        data = _imagined(config, num_classes)
    elif num_classes is not None:
        raise InputError(
            f"num-classes is {num_classes}, but {config.data} has classes of its own; give it with "
            "a number of images"
        )
    else:
        data = open_data(
            config.data,
            seed=config.seed,
            size=config.size,
            progress=reporter.progress,
            workers=config.workers,
        )
    config, _ = choose(config, data, world=gpus)
    assert config.batch_size is not None and config.epochs is not None
    network = build(config, data).to(config.device)
    shared = config.device == "cpu" and tflops is None
    threads = threads_of_each(gpus) if shared and gpus > 1 else torch.get_num_threads()
    others = min(gpus, available_cores()) - 1 if shared else 0
    with on_threads(threads), busy(others), reporter.progress("measuring training steps", None):
        side = config.train_size or data.input.size
        found = measured(network, config, (data.input.channels, side, side), devices=gpus)
    if shared and bandwidth is None:
        target = replace(target, bandwidth=HERE)
    if shared and gpus > 1:
        crowding = max(1.0, gpus * threads / available_cores())
        target = replace(target, crowding=crowding, latency=SLOW)
    job = Job(len(data.train), len(data.val), config.epochs, config.batch_size)
    return estimate(found, job, target)


def _imagined(config: TrainConfig, num_classes: int | None) -> Data:
    """Return a data set of so many images that has its counts and sizes alone."""
    count = int(config.data.replace(",", "").replace("_", ""))
    size = config.size or 224
    classes = tuple(map(str, range(num_classes or 1000)))
    if count < 2 or len(classes) < 2:
        raise InputError(
            f"{count} images of {len(classes)} classes cannot be trained on; give 2 or more of each"
        )
    pixels = InMemory(torch.zeros(1, 3, 1, 1, dtype=torch.uint8))
    names = [""] * count  # an image counts, its name does not
    train, none = (
        Split(pixels, torch.zeros(0, dtype=torch.int64), names[:length]) for length in (count, 0)
    )
    spec = InputSpec(classes, 3, size, stored_for(size), (0.5,) * 3, (0.25,) * 3)
    policy = policy_for(spec, count=count)
    return Data(config.data, spec, policy, train, none, none, (), (), 0)
