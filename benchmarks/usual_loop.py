"""The usual loops, float32: those of torchvision's reference script and of timm's `train.py`.

Their networks, data loading, optimizers, losses and schedules, with their defaults: SGD of rate 0.1
for 256 images; torchvision: decay 1e-4, a tenth at a third and two thirds of the run; timm:
Nesterov, decay 2e-5 of weights alone, label smoothing 0.1, cosine. `usual_loop.py JOB`, with a
`Job` as JSON, prints images/s by epoch, and the accuracy on the test images after the last.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

import handwritten
import peers
from usual_data import Job, Sets, loaders, right, sets

RATE, PER = 0.1, 256


def network(job: Job, classes: int, channels: int) -> nn.Module:
    """The peer's network; resnet20, which neither has, by hand."""
    if job.network == "resnet20":
        return handwritten.resnet20()
    if job.whose == "timm":
        return peers.timm.create_model(job.network, num_classes=classes, in_chans=channels)
    return peers.torchvision.models.get_model(job.network, num_classes=classes)


def training(
    job: Job, model: nn.Module
) -> tuple[torch.optim.Optimizer, Callable[[Tensor, Tensor], Tensor], Callable[[int], object]]:
    """The optimizer, the loss, and what is to be called with the number of epochs done."""
    rate = RATE * job.batch_size / PER
    if job.whose == "timm":
        optimizer = peers.timm.optim.create_optimizer_v2(
            model, "sgd", lr=rate, weight_decay=2e-5, momentum=0.9
        )
        schedule, _ = peers.timm.scheduler.create_scheduler_v2(
            optimizer, "cosine", num_epochs=job.epochs
        )
        return optimizer, peers.timm.loss.LabelSmoothingCrossEntropy(0.1), schedule.step
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9, weight_decay=1e-4)
    third = max(1, round(job.epochs / 3))
    steps = torch.optim.lr_scheduler.StepLR(optimizer, step_size=third, gamma=0.1)
    return optimizer, nn.CrossEntropyLoss(), lambda done: steps.step()


def train_epoch(
    model: nn.Module,
    loader: Any,
    optimizer: torch.optim.Optimizer,
    loss_of: Callable[[Tensor, Tensor], Tensor],
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    after: Callable[[], object] = lambda: None,
) -> float:
    """Train on all that `loader` gives, calling `after` each step; return images per second."""
    model.train()
    seen, began = 0, time.perf_counter()
    for x, y in loader:
        x, y = x.to(device, non_blocking=True), y.to(device, non_blocking=True)
        with torch.autocast(device, dtype, enabled=dtype != torch.float32):
            loss = loss_of(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert loss.item() < float("inf")  # the scripts look at each loss, too
        seen += len(y)
        after()
    return seen / (time.perf_counter() - began)


def accuracy(model: nn.Module, loader: Any, *, device: str = "cpu") -> float:
    model.eval()
    hits = seen = 0
    with torch.inference_mode():
        for x, y in loader:
            hits += right(model(x.to(device)), y.to(device))
            seen += len(y)
    return hits / seen


def run(job: Job) -> dict[str, Any]:
    torch.manual_seed(job.seed)
    found: Sets = sets(job)
    train, test = loaders(job, found)
    model = network(job, found.classes, len(found.mean)).to(job.device)
    optimizer, loss, schedule = training(job, model)
    speeds = []
    for epoch in range(job.epochs):
        speeds.append(train_epoch(model, train, optimizer, loss, device=job.device))
        schedule(epoch + 1)
    return {"images/s": speeds, "accuracy": accuracy(model, test, device=job.device)}


if __name__ == "__main__":
    print(json.dumps(run(Job(**json.loads(sys.argv[1])))))
