"""A training result as real ones are, with no training."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

import plusx
from plusx.analysis.evaluation import Evaluation, evaluation
from plusx.analysis.signal import Signal, signal
from plusx.doctor import Chart
from plusx.doctor import Finding as Seen
from plusx.doctor.diagnosis import Diagnosis, diagnosis
from plusx.train.config import TrainConfig
from plusx.train.result import Epoch, Finding, Health, Mistake, Probe, TrainResult

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def made(
    *,
    model: str = "resnet8",
    classes: Sequence[str] = CLASSES,
    num_epochs: int = 10,
    num_probes: int = 3,
    side: int = 32,
    channels: int = 3,
) -> TrainResult:
    """Return a good run of `model` on images of random pixels."""
    torch.manual_seed(0)
    test = guesses(classes)
    options = {"num_classes": len(classes), "in_channels": channels}
    network = plusx.create(model, **options)
    images = torch.randn(4, channels, side, side)
    labels = torch.arange(4) % len(classes)
    start = signal(network, images, labels)
    pictures = torch.randint(0, 256, (8, channels, side, side), dtype=torch.uint8)
    return TrainResult(
        folder=Path("runs/cifar10"),
        config=TrainConfig(data="cifar10", model=model, epochs=num_epochs),
        command=f"plusx train cifar10 --model {model} --epochs {num_epochs}",
        health=_healthy(test.accuracy),
        epochs=tuple(_epoch(i + 1, num_epochs) for i in range(num_epochs)),
        probes=tuple(
            Probe(100 * i, i * num_epochs / num_probes, _later(start, i / num_probes))
            for i in range(num_probes)
        ),
        best_epoch=max(1, num_epochs - 1) if num_epochs else None,
        test=test,
        test_mirrored=None,
        mistakes=tuple(
            Mistake(f"test/{i:04d}.png", pictures[i], classes[0], classes[-1], 0.99 - i / 50)
            for i in range(8)
        ),
        originals=pictures,
        augmented=pictures.flip(3),
        data_notes=("10 classes, from the names of folders",),
        split_sizes={"training": 45000, "validation": 5000, "test": 1000},
        class_counts={name: 4500 - 7 * i for i, name in enumerate(classes)},
        broken=(),
        summary=plusx.summary(network, (channels, side, side)),
        environment={"device": "a processor", "precision": "32", "threads": 2, "torch": "2.13.0"},
        seconds=754.0,
    )


def guesses(classes: Sequence[str], *, count: int = 1000) -> Evaluation:
    """Return the evaluation of guesses that are mostly right."""
    chance = np.random.default_rng(0)
    labels = chance.integers(0, len(classes), count)
    logits = chance.normal(size=(count, len(classes)))
    logits[np.arange(count), labels] += 1 + np.log(len(classes))
    exp = np.exp(logits)
    return evaluation(exp / exp.sum(axis=1, keepdims=True), labels, tuple(classes))


def _later(start: Signal, done: float) -> Signal:
    """Let the gradient fall, least in the first parts, and the later units change less."""
    deep = range(len(start.parts))
    return replace(
        start,
        loss=start.loss * 0.1**done,
        parts=tuple(
            replace(
                part,
                gradient=part.gradient * 0.1 ** (done * i / len(deep)),
                share=part.share and part.share * 0.5 ** (done * i / len(deep)),
            )
            for i, part in zip(deep, start.parts, strict=True)
        ),
        activations=tuple(
            replace(
                a,
                mean=a.mean * (1 - done / 3),
                std=a.std * (1 + done),
                dead=min(1.0, 0.1 * done * a.mean),
            )
            for a in start.activations
        ),
    )


def _healthy(accuracy: float) -> Health:
    return Health(
        "good",
        f"Healthy: {accuracy:.1%} of 1,000 test images are classified correctly; gradients reach "
        "every part and no unit is idle.",
        (
            Finding(
                "note",
                "It was still getting better at the end",
                "Validation accuracy rose in the last epochs; give it more with --epochs.",
            ),
            Finding(
                "good",
                "The network has learned",
                f"Accuracy {accuracy:.1%}; always naming the commonest class gives 10.0%.",
            ),
        ),
    )


def _epoch(epoch: int, of: int) -> Epoch:
    done = epoch / of
    return Epoch(
        epoch=epoch,
        step=352 * epoch,
        learning_rate=0.1 * (1 - done) + 1e-4,
        train_loss=0.6 + 1.6 * 0.02**done,
        train_accuracy=0.93 - 0.55 * 0.02**done,
        val_loss=0.35 + 1.5 * 0.02**done,
        val_accuracy=0.92 - 0.5 * 0.03**done,
        seconds=70 + 3 * (epoch % 3),
        images_per_second=690 - 11 * (epoch % 4),
        memory_bytes=(900 + 5 * min(epoch, 3)) * 2**20,
    )


def diagnosed() -> Diagnosis:
    """An examination with an answer of every kind, and charts by depth and by number."""
    trouble = Seen(
        check="shortcuts.gradient",
        verdict="wrong",
        title="No gradient passes a skip",
        figure="the gradient through the skip is 0 in 1 of 4 units",
        threshold="above 0: y = x + f(x) gives dy/dx = 1 + df/dx",
        place="stages.0.1",
        cause="shortcut detached",
        why="a detach() cuts it off <b>here</b>",
        next="add x itself",
        weight=3,
    )
    answers = [
        trouble,
        replace(
            trouble,
            check="signal.growth",
            verdict="warning",
            title="It grows",
            place="",
            cause="gradient explodes",
        ),
        Seen(check="wiring.runs", verdict="fine", title="The network runs", figure="x" * 200),
        Seen(check="images.noise", verdict="not applicable", title="Noise?", figure="no images"),
    ]
    names = tuple(f"stages.{i}.a_long_name_of_a_unit" for i in range(30))
    charts = [
        Chart(
            name="signal.gradient",
            title="Gradient by depth",
            caption="The norm at each unit.",
            x=names,
            lines={"first": tuple(0.5**i for i in range(30)), "last": (float("nan"),) * 30},
            y_label="norm",
            log="y",
        ),
        Chart(
            name="learning.range",
            title="Loss by rate",
            caption="The loss as the rate grows.",
            x=tuple(10.0**i for i in range(-5, 2)),
            lines={"loss": (2.3, 2.2, 2.0, 1.5, 1.0, 4.0, 1e30)},
            x_label="learning rate",
            y_label="loss",
            log="xy",
            marks=(("present", 0.1), ("best", 0.02)),
        ),
    ]
    return diagnosis("net", [*answers, *charts], seconds=12.3, notes=("A <note>.",))
