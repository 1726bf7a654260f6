"""A network's training steps measured on this machine: what a plan is made from."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor

from plusx.analysis.summary import summary
from plusx.data.parallel import available_cores
from plusx.train.config import TrainConfig
from plusx.train.environment import environment
from plusx.train.loss import LOSSES
from plusx.train.optimize import optimizer_for, set_rates
from plusx.train.seeds import generator_for
from plusx.train.tune import freeze, set_modes, tuning
from plusx.zoo import Network

__all__ = ["Measured", "busy", "measured", "on_threads", "threads_of_each"]

STEPS, WARM = 5, 2  # training steps that are measured, after so many that are not
STEP_FLOPS = 2e11  # a measured step should have no more on a CPU: a second or two
TYPES = {"32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Measured:
    """A network on this machine. `matmul` is the machine's FLOP/s in large matrix products.

    `macs` of one image's forward pass; bytes of parameters, gradients, and the optimizer's state;
    `kept_each` bytes that the backward pass needs of each image, `kept_once` of a step.
    """

    device: str
    precision: str
    batch: int
    images_per_second: float
    matmul: float
    macs: int
    parameter_bytes: int
    gradient_bytes: int
    state_bytes: int
    kept_each: float
    kept_once: float

    @property
    def utilization(self) -> float:
        """Share of the matrix-product rate that training steps reach; 6 FLOP a MAC and image."""
        return 6 * self.macs * self.images_per_second / self.matmul


def measured(
    network: Network, config: TrainConfig, shape: tuple[int, int, int], *, devices: int = 1
) -> Measured:
    """Train `network` some steps at a rate of zero on random images (C, H, W), and measure.

    `config` has no setting left open. Statistics of norms change: the network is not to be used.
    """
    assert config.batch_size is not None and config.precision is not None
    device, dtype = torch.device(config.device), TYPES[config.precision]
    macs = summary(network, shape).macs
    kept, batch = [], _small(config, macs, config.batch_size // devices)
    step, state = _steps(network, config, dtype)
    sizes = (max(2, batch // 2), max(4, batch))
    for size in sizes:
        x, y = _random_batch(config, size, shape, network)
        kept.append(_kept(network, lambda x=x, y=y: step(x, y)))  # type: ignore[misc]
    each = max(0.0, (kept[1] - kept[0]) / (sizes[1] - sizes[0]))
    x, y = _random_batch(config, batch, shape, network)
    seconds = _seconds(lambda: step(x, y), device)
    return Measured(
        device=str(environment(device.type, config.precision)["device"]),
        precision=config.precision,
        batch=batch,
        images_per_second=batch / seconds,
        matmul=_matmul(device, dtype),
        macs=macs,
        parameter_bytes=sum(p.nbytes for p in network.parameters()),
        gradient_bytes=sum(p.nbytes for p in network.parameters() if p.grad is not None),
        state_bytes=state(),
        kept_each=each,
        kept_once=max(0.0, kept[1] - each * sizes[1]),
    )


def _small(config: TrainConfig, macs: int, share: int) -> int:
    """Choose how many images a measured step has: those of a real one, or as many as are quick."""
    most = 64 if config.device != "cpu" else int(STEP_FLOPS / (6 * max(1, macs)))
    return max(2, min(share // config.accumulate, most, 256))


def _steps(
    network: Network, config: TrainConfig, dtype: torch.dtype
) -> tuple[Callable[[Tensor, Tensor], None], Callable[[], int]]:
    """Return a training step, and who tells the bytes of the optimizer's state."""
    learning = tuning(network, config.tune or "all", share=1.0)  # gradual: once all learns
    freeze(learning)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = optimizer_for(network, learning, config)
    set_rates(optimizer, learning, 0.0)
    set_modes(network, learning)

    def step(x: Tensor, y: Tensor) -> None:
        optimizer.zero_grad()
        with torch.autocast(x.device.type, dtype, enabled=dtype != torch.float32):
            logits = network(x)
        loss = LOSSES[config.loss](logits, y, smoothing=config.label_smoothing)
        loss.backward()
        optimizer.step()

    def state() -> int:
        return sum(
            value.nbytes
            for kept in optimizer.state.values()
            for value in kept.values()
            if isinstance(value, Tensor)
        )

    return step, state


def _random_batch(
    config: TrainConfig, size: int, shape: tuple[int, int, int], network: Network
) -> tuple[Tensor, Tensor]:
    generator = generator_for(config.seed, "plan", size)
    x = torch.randn(size, *shape, generator=generator).to(memory_format=torch.channels_last)
    y = torch.zeros(size, dtype=torch.int64)
    device = next(network.parameters()).device
    return x.to(device), y.to(device)


def _kept(network: Network, step: Callable[[], None]) -> float:
    """Return the bytes that a step keeps for its backward pass, parameters aside."""
    own = {p.untyped_storage().data_ptr() for p in network.parameters()}
    seen: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        step()
    return float(sum(seen.values()))


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    """Return the median time of `work`, warmed up."""
    taken = []
    for _ in range(WARM + STEPS):
        began = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        elif device.type == "mps":
            torch.mps.synchronize()
        taken.append(time.perf_counter() - began)
    return median(taken[WARM:])


def _matmul(device: torch.device, dtype: torch.dtype) -> float:
    """Return the FLOP/s of a product of large square matrices."""
    side = 1024 if device.type == "cpu" else 8192
    a, b = (torch.ones(side, side, device=device, dtype=dtype) for _ in range(2))
    return 2 * side**3 / _seconds(lambda: a @ b, device)


@contextmanager
def on_threads(threads: int) -> Iterator[None]:
    """Compute on so many threads in the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def busy(others: int) -> Iterator[None]:
    """Let so many threads compute beside the block: cores that share a clock or a cache slow."""
    done = threading.Event()

    def compute() -> None:
        a = torch.ones(512, 512)
        while not done.is_set():
            a @ a

    threads = [threading.Thread(target=compute, daemon=True) for _ in range(others)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


def threads_of_each(processes: int) -> int:
    """Return the threads of each of so many processes here, as `plusx train --devices` gives."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    return int(told) if told.isdigit() else max(1, available_cores() // processes)
