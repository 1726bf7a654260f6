"""resnet18 on Fashion-MNIST as it is usually trained: how right is it after how many epochs?

torchvision's network with a 3x3 stem and no max-pool, as for CIFAR; SGD 0.1, Nesterov, momentum
0.9, decay 5e-4 of everything, cosine, batch 128; Pillow, crop, mirror, DataLoader with a worker a
core. On a CPU a cosine of 5 epochs, which is short in its favour, computed in bf16 to be done in
half the time: its accuracies count for float32, whose seconds time_to.py measures. The test images
are looked at after each epoch, again in its favour. Saved every 100 steps: a run that was stopped
goes on.

    usual_resnet18.py           the epochs
    usual_resnet18.py --speed   seconds of an epoch in float32, from some of its steps
    usual_resnet18.py --cuda    a cosine of 30 epochs in float32 on a GPU, with their seconds
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, Subset

import peers
import time_to
from ledger import CORES, TRY, UNDER_WAY, needs_data, record
from plusx.files import write_with
from plusx.train.seeds import generator_for
from usual_data import Job, Sets, sets, torchvision_loaders
from usual_loop import accuracy, train_epoch

STEPS = 2 if TRY else 60  # that --speed measures, after WARM others
WARM, SAVE_EVERY = (1, 2) if TRY else (5, 100)


class Usual:
    """The run: network, optimizer, rate by step, and where it stands."""

    def __init__(self, *, epochs: int, device: str, dtype: torch.dtype = torch.float32) -> None:
        self.job = Job(
            whose="torchvision", network="resnet18", data="digits" if TRY else "fashion-mnist",
            size=8 if TRY else 28, batch_size=128, epochs=epochs, workers=CORES, device=device,
        )  # fmt: skip
        self.found: Sets = sets(self.job)
        self.test = torchvision_loaders(self.job, self.found)[1]
        self.dtype = dtype
        torch.manual_seed(0)
        self.model = resnet18(self.found.classes, len(self.found.mean)).to(device)
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4
        )
        self.steps = len(self.found.train) // self.job.batch_size
        total = epochs * self.steps
        self.rate = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, total)
        self.place = {"epoch": 0, "step": 0, "accuracies": [], "seconds": 0.0}

    def loader(self, most: int | None = None) -> DataLoader[Any]:
        """What is left of the epoch's images, whole batches, or the next `most` of them."""
        order = torch.randperm(
            len(self.found.train), generator=generator_for(0, "order", self.place["epoch"])
        ).tolist()
        first, last = self.place["step"], self.steps
        last = last if most is None else min(last, first + most)
        size = self.job.batch_size
        part = Subset(self.found.train, order[first * size : last * size])
        return DataLoader(part, batch_size=size, num_workers=CORES)

    def epoch(self, after: Callable[[], object], *, most: int | None = None) -> None:
        def done() -> None:
            self.rate.step()
            self.place["step"] += 1
            after()

        loss = nn.CrossEntropyLoss()
        device = self.job.device
        train_epoch(
            self.model, self.loader(most), self.optimizer, loss,
            device=device, dtype=self.dtype, after=done,
        )  # fmt: skip

    def close_epoch(self) -> float:
        """Look at the test images; stand at the next epoch."""
        found = accuracy(self.model, self.test, device=self.job.device)
        accuracies = [*self.place["accuracies"], found]
        self.place |= {"epoch": self.place["epoch"] + 1, "step": 0, "accuracies": accuracies}
        return found

    def parts(self) -> dict[str, Any]:
        return {"model": self.model, "optimizer": self.optimizer, "rate": self.rate}


def resnet18(classes: int, channels: int) -> nn.Module:
    model = peers.torchvision.models.resnet18(num_classes=classes)
    model.conv1 = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
    model.maxpool = nn.Identity()
    return model


def speed() -> dict[str, float]:
    run, ends = Usual(epochs=1, device="cpu"), []
    run.epoch(lambda: ends.append(time.perf_counter()), most=WARM + STEPS)
    each = [after - before for before, after in zip(ends[WARM - 1 :], ends[WARM:])]
    return {"seconds of an epoch": run.steps * statistics.median(each)}


def on_gpu(epochs: int = 30) -> dict[str, Any]:
    """Train until the target is reached; seconds are those of training alone."""
    run, seconds = Usual(epochs=1 if TRY else epochs, device="cpu" if TRY else "cuda"), 0.0
    found = 0.0
    while found < time_to.TARGET and run.place["epoch"] < run.job.epochs:
        began = time.perf_counter()
        run.epoch(lambda: None)
        seconds += time.perf_counter() - began
        found = run.close_epoch()
    return {"seconds": seconds, "accuracies": run.place["accuracies"]}


def main() -> None:
    needs_data("usual_resnet18", "fashion-mnist")
    run = Usual(epochs=1 if TRY else 5, device="cpu", dtype=torch.bfloat16)
    run.model.to(memory_format=torch.channels_last)
    path = UNDER_WAY / "usual_resnet18.pt"
    if path.exists():
        kept = torch.load(path, weights_only=True)
        for name, part in run.parts().items():
            part.load_state_dict(kept[name])
        run.place = kept["place"]
        print(f"usual_resnet18: going on at {run.place}", flush=True)

    began, first = time.perf_counter(), run.place["epoch"] * run.steps + run.place["step"]
    before = run.place["seconds"]

    def save() -> None:
        run.place["seconds"] = before + time.perf_counter() - began
        state = {name: part.state_dict() for name, part in run.parts().items()}
        write_with(path, lambda file: torch.save({**state, "place": run.place}, file))

    def after() -> None:
        if run.place["step"] % SAVE_EVERY == 0:
            save()
            done = run.place["epoch"] * run.steps + run.place["step"]
            left = (time.perf_counter() - began) / (done - first)
            left *= run.job.epochs * run.steps - done
            print(f"usual_resnet18: step {done}, about {left / 60:.0f} min left", flush=True)

    while run.place["epoch"] < run.job.epochs:
        run.epoch(after)
        run.close_epoch()
        save()
        found = {"accuracy by epoch": run.place["accuracies"]}
        record("usual_resnet18", found, seconds=run.place["seconds"])
        time_to.conclude()
    path.unlink()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--speed", *_]:
            print(json.dumps(speed()))
        case ["--cuda", *_]:
            print(json.dumps(on_gpu()))
        case _:
            main()
