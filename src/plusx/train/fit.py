"""The training loop."""

import copy
import time
from collections.abc import Iterator

import torch
from torch import Tensor

from plusx.analysis.signal import signal
from plusx.data import Batch, batches
from plusx.data.order import shuffled
from plusx.train.environment import peak_memory
from plusx.train.examine import probe_batch, validate
from plusx.train.result import Epoch, Probe
from plusx.train.seeds import generator_for, seed_for
from plusx.train.setup import Setup
from plusx.train.state import Progress, load_checkpoint, save_checkpoint
from plusx.train.step import take_step
from plusx.train.stop import NonFiniteLossError, StoppedError, StopRequest
from plusx.train.tally import Tally
from plusx.train.trackers import Tracking
from plusx.train.tune import freeze
from plusx.train.whole import whole

__all__ = ["fit"]

SAVE_SECONDS = 300.0
MOST_REWINDS = 3
CALMER = 0.25  # of the learning rate, after the loss was not finite


def fit(setup: Setup, progress: Progress, request: StopRequest, tracking: Tracking) -> None:
    """Train from `progress` to the last epoch, saving as it goes.

    The weights that validate best are in the run's model folder, the last in its checkpoint. When
    the loss is NaN or infinite, the run goes back to its last checkpoint and on with a smaller
    rate, up to three times. Raises `StoppedError` when `request` asks for it, `NonFiniteLossError`
    when the loss will not stay finite.
    """
    probe = probe_batch(setup)
    if not setup.run.checkpoint.exists():
        save_checkpoint(setup, progress)  # something to go back to
    while progress.epoch < setup.config.epochs:
        if _train_epoch(setup, progress, request, probe):
            epoch = _close_epoch(setup, progress)
            tracking.write(epoch, progress.probes)


def _train_epoch(
    setup: Setup, progress: Progress, request: StopRequest, probe: tuple[Tensor, Tensor]
) -> bool:
    """Do the steps of an epoch that are still to do; False where it went back in time."""
    tally = Tally(setup, progress)
    saved = began = time.perf_counter()
    with setup.reporter.progress(_bar(setup, progress), setup.steps) as advance:
        advance(progress.step)
        for batch in _batches(setup, progress):
            began += _probe_if_due(setup, progress, probe)  # its time is not training's
            take_step(setup, progress, batch, tally.sums)
            progress.broken += [(lost.name, lost.reason) for lost in batch.broken]
            progress.step += 1
            now = time.perf_counter()
            progress.train_seconds += now - began
            began = now
            advance(1)
            asked = 1000 * request.signal_number + (now - saved > SAVE_SECONDS)
            stop, due = divmod(setup.ranks.largest(asked), 1000)
            last = progress.step == setup.steps
            if not (stop or due or last or progress.step % tally.every == 0):
                continue
            if not tally.read():
                _go_back(setup, progress, batch)
                return False
            advance(0, tally.words())
            if stop or due:
                save_checkpoint(setup, progress)
                saved = now
            if stop:
                raise StoppedError(setup.run.path, stop)
    return True


def _batches(setup: Setup, progress: Progress) -> Iterator[Batch]:
    """Yield what is left of an epoch, in its order."""
    setup.network.train()
    return batches(
        setup.data.train,
        _order(setup, progress.epoch),
        batch_size=setup.batch_size,
        device=setup.device,
        workers=setup.data.workers,
        start=progress.step,
        rank=setup.ranks.share,
        world=setup.ranks.shares,
        views=setup.views(progress.epoch),
    )


def _order(setup: Setup, epoch: int) -> Tensor:
    """Return the places of an epoch's images; each comes as often as the recipe repeats it.

    Hoffer et al. 2019, "Augment your batch", and Wightman et al. 2021: a repeated image comes in
    one batch, augmented anew each time.
    """
    config, count = setup.config, setup.steps * setup.batch_size
    generator = generator_for(config.seed, "order", epoch)
    order = shuffled(setup.data.train, generator=generator)
    return order.repeat_interleave(config.repeats)[:count]


def _bar(setup: Setup, progress: Progress) -> str:
    return f"epoch {progress.epoch + 1}/{setup.config.epochs}"


def _go_back(setup: Setup, progress: Progress, batch: Batch) -> None:
    """Stand at the last checkpoint with a smaller rate; raise when that was tried often enough."""
    why = _explain(setup, progress)
    if progress.rewinds == MOST_REWINDS:
        kept = setup.run.write_batch(batch) if setup.ranks.writes else ""
        raise NonFiniteLossError(f"{why}. The batch is in {kept}")
    setup.ranks.wait()
    rewinds, scale = progress.rewinds + 1, progress.rate_scale * CALMER
    progress.become(load_checkpoint(setup))
    progress.rewinds, progress.rate_scale = rewinds, scale
    setup.ranks.wait()
    save_checkpoint(setup, progress)
    setup.say(
        f"{why}. Going back to step {progress.step + 1} of epoch {progress.epoch + 1} with "
        f"{scale:g} of the learning rate ({rewinds} of {MOST_REWINDS} times)"
    )


def _probe_if_due(setup: Setup, progress: Progress, probe: tuple[Tensor, Tensor]) -> float:
    """Measure signal and gradient where the plan wants it; return the seconds taken."""
    step = progress.steps_done(setup.steps)
    if step % setup.probe_every or (progress.probes and progress.probes[-1].step == step):
        return 0.0
    began = time.perf_counter()
    network = whole(setup)
    if network is not None:
        torch.manual_seed(seed_for(setup.config.seed, "probe", step))  # of random branches
        if setup.ranks.world > 1:
            network = copy.deepcopy(network)  # DDP counts every backward pass through its own
        tuning = setup.tuning_at(step, network)
        freeze(tuning)
        device = next(network.parameters()).device
        found = signal(network, *(part.to(device) for part in probe), still=tuning.still)
        progress.probes.append(Probe(step, step / setup.steps, found))
    return time.perf_counter() - began


def _close_epoch(setup: Setup, progress: Progress) -> Epoch:
    """Validate, keep the weights if they are the best so far, save, and say how it went."""
    began = time.perf_counter()
    setup.ranks.share_buffers(setup.network)
    with setup.kept:
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
        with setup.kept, setup.writing():
            network = whole(setup)
            if network is not None and setup.ranks.writes:
                setup.run.write_model(network, setup.data.input.to_json())
    save_checkpoint(setup, progress)
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


def _explain(setup: Setup, progress: Progress) -> str:
    """Say where the loss broke, what usually breaks it, and what to try."""
    rate = progress.learning_rate
    state = setup.spread.collected(dict(setup.network.named_parameters()))
    broken = [n for n, p in state.items() if p is not None and not p.isfinite().all()]
    weights = f"the weights of {broken[0]} are not finite" if broken else "the weights are finite"
    return (
        f"the loss was not finite at step {progress.step} of epoch {progress.epoch + 1}, at "
        f"learning rate {rate:g}; {weights}. Most often the rate is too high: try "
        f"--learning-rate {setup.peak / 10:g}, or a longer --warmup"
    )
