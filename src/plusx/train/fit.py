"""The training loop."""

import math
import time

import torch
import torch.nn.functional as F
from torch import Tensor

from plusx.analysis.signal import signal
from plusx.data import Batch, augment, batches, normalise
from plusx.train.environment import peak_memory
from plusx.train.events import Events
from plusx.train.examine import probe_batch, validate
from plusx.train.optimize import learning_rate
from plusx.train.result import Epoch, Probe
from plusx.train.seeds import generator_for, seed_for
from plusx.train.setup import Setup
from plusx.train.state import Progress, save_checkpoint
from plusx.train.stop import NonFiniteLossError, StoppedError, StopRequest

__all__ = ["fit"]

SAVE_SECONDS = 300.0


def fit(setup: Setup, progress: Progress, request: StopRequest) -> None:
    """Train from `progress` to the last epoch, saving as it goes.

    The weights that validate best are in the run's model folder, the last in its checkpoint.
    Raises `StoppedError` when `request` asks for it, `NonFiniteLossError` when the loss is NaN or
    infinite.
    """
    probe = probe_batch(setup)
    with Events(setup.run.events, first_step=progress.epoch * setup.steps) as events:
        while progress.epoch < setup.config.epochs:
            _train_epoch(setup, progress, request, probe)
            epoch = _close_epoch(setup, progress)
            events.write(epoch, progress.probes)


def _train_epoch(
    setup: Setup, progress: Progress, request: StopRequest, probe: tuple[Tensor, Tensor]
) -> None:
    """Do the steps of an epoch that are still to do."""
    config, split = setup.config, setup.data.train
    order = torch.randperm(
        len(split.labels), generator=generator_for(config.seed, "order", progress.epoch)
    )
    setup.network.train()
    saved = began = time.perf_counter()
    bar = f"epoch {progress.epoch + 1}/{config.epochs}"
    with setup.reporter.progress(bar, setup.steps) as advance:
        advance(progress.step)
        for batch in batches(
            split,
            order[: setup.steps * setup.batch_size],
            batch_size=setup.batch_size,
            device=setup.device,
            workers=setup.data.workers,
            start=progress.step,
        ):
            began += _probe_if_due(setup, progress, probe)  # its time is not training's
            _step(setup, progress, batch)
            now = time.perf_counter()
            progress.train_seconds += now - began
            began = now
            advance(1)
            stop = request.signal_number
            if stop is not None or now - saved > SAVE_SECONDS:
                _save(setup, progress)
                saved = now
            if stop is not None:
                raise StoppedError(setup.run.path, stop)


def _step(setup: Setup, progress: Progress, batch: Batch) -> None:
    """Augment, forward, backward, step: all its randomness comes from (seed, epoch, step)."""
    config, spec = setup.config, setup.data.input
    place = (progress.epoch, progress.step)
    rate = learning_rate(config, setup.peak, progress.steps_done(setup.steps), setup.total_steps)
    for group in setup.optimizer.param_groups:
        group["lr"] = rate
    torch.manual_seed(seed_for(config.seed, "network", *place))
    generator = generator_for(config.seed, "augment", *place)
    images = augment(batch.images, setup.data.policy, size=spec.size, generator=generator)
    logits = setup.wrapped(normalise(images, spec))
    loss = F.cross_entropy(logits, batch.labels, label_smoothing=config.label_smoothing)
    value = float(loss.detach())
    if not math.isfinite(value):
        raise NonFiniteLossError(_explain(setup, progress, value, rate))
    setup.optimizer.zero_grad()
    setup.fabric.backward(loss)
    setup.optimizer.step()
    count = len(batch.labels)
    progress.loss_sum += value * count
    progress.correct += int((logits.argmax(1) == batch.labels).sum())
    progress.seen += count
    progress.broken += [(lost.name, lost.reason) for lost in batch.broken]
    progress.learning_rate = rate
    progress.step += 1


def _probe_if_due(setup: Setup, progress: Progress, probe: tuple[Tensor, Tensor]) -> float:
    """Measure signal and gradient where the plan wants it; return the seconds taken."""
    step = progress.steps_done(setup.steps)
    if step % setup.probe_every or (progress.probes and progress.probes[-1].step == step):
        return 0.0
    began = time.perf_counter()
    found = signal(setup.network, *probe)
    progress.probes.append(Probe(step, step / setup.steps, found))
    return time.perf_counter() - began


def _close_epoch(setup: Setup, progress: Progress) -> Epoch:
    """Validate, keep the weights if they are the best so far, save, and say how it went."""
    began = time.perf_counter()
    result = validate(setup)
    seconds = progress.train_seconds
    best = max(map(_rank, progress.epochs), default=None)
    epoch = Epoch(
        epoch=progress.epoch + 1,
        step=(progress.epoch + 1) * setup.steps,
        learning_rate=progress.learning_rate,
        train_loss=progress.loss_sum / max(1, progress.seen),
        train_accuracy=progress.correct / max(1, progress.seen),
        val_loss=result.loss,
        val_accuracy=result.accuracy,
        seconds=seconds + time.perf_counter() - began,
        images_per_second=progress.seen / max(seconds, 1e-9),
        memory_bytes=peak_memory(setup.device.type),
    )
    progress.close_epoch(epoch)
    if best is None or _rank(epoch) > best:
        progress.best_epoch = epoch.epoch
        setup.run.write_model(setup.network, setup.data.input.to_json())
    _save(setup, progress)
    setup.say(
        f"epoch {epoch.epoch:3d}/{setup.config.epochs}"
        f"  train loss {epoch.train_loss:.3f}  accuracy {epoch.train_accuracy:6.2%}"
        f"  validation loss {epoch.val_loss:.3f}  accuracy {epoch.val_accuracy:6.2%}"
        f"  {epoch.images_per_second:,.0f} images/s"
    )
    return epoch


def _rank(epoch: Epoch) -> tuple[float, float]:
    """Order epochs by validation accuracy, equal ones by their loss."""
    return epoch.val_accuracy, -epoch.val_loss


def _save(setup: Setup, progress: Progress) -> None:
    """Write checkpoint and metrics."""
    save_checkpoint(
        setup.run,
        config=setup.config,
        model=setup.network,
        optimizer=setup.optimizer,
        progress=progress,
    )


def _explain(setup: Setup, progress: Progress, value: float, rate: float) -> str:
    """Say where the loss broke, what usually breaks it, and what to try."""
    where = f"step {progress.step + 1} of epoch {progress.epoch + 1}"
    broken = [n for n, p in setup.network.named_parameters() if not p.isfinite().all()]
    weights = f"the weights of {broken[0]} are not finite" if broken else "the weights are finite"
    return (
        f"the loss became {value} at {where}, at learning rate {rate:g}; {weights}. Most often "
        f"the rate is too high: try --learning-rate {setup.peak / 10:g}, or a longer --warmup"
    )
