"""Training that is wrong: rates, losses, gradients, modes, what the optimizer holds."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from defects.bases import BASES, adam
from defects.case import Case, Defect, usual
from defects.plain_by_hand import PlainCNN
from defects.resnet_by_hand import ResNet
from defects.transformer_by_hand import Transformer

__all__ = ["DEFECTS"]

Optimizer = torch.optim.Optimizer


class Softmax(ResNet):
    def forward(self, x: Tensor) -> Tensor:
        return F.softmax(super().forward(x), dim=1)


class Sigmoid(PlainCNN):
    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(super().forward(x))


class SoftmaxTransformer(Transformer):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).softmax(dim=-1)


def no_zeroing(model: nn.Module, optimizer: Optimizer, x: Tensor, y: Tensor) -> Tensor:
    model.train()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def no_step(model: nn.Module, optimizer: Optimizer, x: Tensor, y: Tensor) -> Tensor:
    model.train()
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    return loss


def zeroed_before_step(model: nn.Module, optimizer: Optimizer, x: Tensor, y: Tensor) -> Tensor:
    model.train()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss


def in_evaluation(model: nn.Module, optimizer: Optimizer, x: Tensor, y: Tensor) -> Tensor:
    """model.eval() of the last validation, and nobody calls train() again."""
    model.eval()
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def mode_untouched(model: nn.Module, optimizer: Optimizer, x: Tensor, y: Tensor) -> Tensor:
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def in_training(model: nn.Module, x: Tensor) -> Tensor:
    model.train()
    with torch.no_grad():
        return model(x)


def summed(logits: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(logits, y, reduction="sum")


def of_the_first(logits: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(logits[:1], y[:1])


def unreduced_first(logits: Tensor, y: Tensor) -> Tensor:
    """The loss of each image, of which the first is taken for their mean."""
    return F.cross_entropy(logits, y, reduction="none")[0]


def sgd(parameters: Iterable[nn.Parameter], rate: float = 0.05) -> Optimizer:
    return torch.optim.SGD(parameters, lr=rate, momentum=0.9, weight_decay=5e-4)


def changed(base: str, **changes: object) -> Case:
    """Change what the base's training says."""
    healthy = BASES[base]()
    assert healthy.training is not None
    return replace(healthy, training=replace(healthy.training, **changes))  # type: ignore[arg-type]


def at_rate(base: str, factor: float) -> Case:
    """Take the base's rate so many times."""
    healthy = BASES[base]()
    assert healthy.training is not None and healthy.training.optimizer is not None
    for group in healthy.training.optimizer.param_groups:
        group["lr"] *= factor
    return healthy


def ending_in(base: str, model: nn.Module, optimizer: Optimizer) -> Case:
    return replace(BASES[base](), model=model, training=usual(model, optimizer=optimizer))


def head_forgotten(base: str) -> Case:
    """The head was exchanged after the optimizer was made."""
    healthy = BASES[base]()
    model = healthy.model
    optimizer = sgd(model.parameters())
    model.fc = nn.Linear(model.fc.in_features, 10)  # type: ignore[arg-type,union-attr]
    return replace(healthy, training=usual(model, optimizer=optimizer))


def head_alone() -> Case:
    model = Transformer()
    optimizer = torch.optim.AdamW(model.head.parameters(), lr=1e-3)
    return ending_in("transformer by hand", model, optimizer)


def stage_forgotten() -> Case:
    """Parameter groups by stage, one of which was left out."""
    healthy = BASES["resnet20"]()
    model = healthy.model
    parts = ("stem", "stages.0", "stages.2", "head")
    groups = [{"params": list(model.get_submodule(part).parameters())} for part in parts]
    optimizer = torch.optim.SGD(groups, lr=0.05, momentum=0.9)
    return replace(healthy, training=usual(model, optimizer=optimizer))


def in_eval_mode(base: str) -> Case:
    """The network comes from an evaluation, and the step leaves it so."""
    healthy = changed(base, step=mode_untouched)
    healthy.model.eval()
    return healthy


def zeroed_gradients() -> Case:
    """Without weight decay, which would move the weights alone."""
    healthy = BASES["resnet by hand"]()
    optimizer = torch.optim.SGD(healthy.model.parameters(), lr=0.05, momentum=0.9)
    training = usual(healthy.model, optimizer=optimizer, others={"step": zeroed_before_step})
    return replace(healthy, training=training)


def softmaxed(
    kind: Callable[[], nn.Module], base: str, optimizer: Callable[..., Optimizer]
) -> Case:
    model = kind()
    return ending_in(base, model, optimizer(model))


HAND, BLOCKS, CNN = "resnet by hand", "transformer by hand", "cnn by hand"
CAREFUL = "resnet by hand, careful"
DEFECTS = (
    Defect(
        "rate 100 times too high", "resnet20", ("rate too high",), lambda: at_rate("resnet20", 100)
    ),
    Defect("rate 100 times too high", CNN, ("rate too high",), lambda: at_rate(CNN, 100)),
    Defect("rate 100 times too high", BLOCKS, ("rate too high",), lambda: at_rate(BLOCKS, 100)),
    Defect(
        "rate 100 times too low", "resnet20", ("rate too low",), lambda: at_rate("resnet20", 0.01)
    ),
    Defect("rate 100 times too low", HAND, ("rate too low",), lambda: at_rate(HAND, 0.01)),
    Defect("rate 100 times too low", BLOCKS, ("rate too low",), lambda: at_rate(BLOCKS, 0.01)),
    Defect(
        "gradients never zeroed",
        CAREFUL,
        ("gradients pile up",),
        lambda: changed(CAREFUL, step=no_zeroing),
    ),
    Defect(
        "gradients never zeroed",
        BLOCKS,
        ("gradients pile up",),
        lambda: changed(BLOCKS, step=no_zeroing),
    ),
    Defect(
        "optimizer.step() left out", CAREFUL, ("no step",), lambda: changed(CAREFUL, step=no_step)
    ),
    Defect(
        "zero_grad() between backward() and step()",
        HAND,
        ("no step",),
        zeroed_gradients,
    ),
    Defect(
        "a new head after the optimizer",
        HAND,
        ("not in the optimizer",),
        partial(head_forgotten, HAND),
    ),
    Defect("only the head in the optimizer", BLOCKS, ("not in the optimizer",), head_alone),
    Defect(
        "a stage missing from the groups", "resnet20", ("not in the optimizer",), stage_forgotten
    ),
    Defect(
        "softmax before cross-entropy",
        HAND,
        ("softmax before the loss",),
        lambda: softmaxed(Softmax, HAND, lambda model: sgd(model.parameters())),
    ),
    Defect(
        "softmax before cross-entropy",
        BLOCKS,
        ("softmax before the loss",),
        lambda: softmaxed(SoftmaxTransformer, BLOCKS, adam),
    ),
    Defect(
        "sigmoid before cross-entropy",
        CNN,
        ("softmax before the loss",),
        lambda: softmaxed(Sigmoid, CNN, lambda model: sgd(model.parameters(), 0.01)),
    ),
    Defect(
        "a sum for the mean",
        HAND,
        ("wrong reduction",),
        lambda: changed(HAND, loss=summed),
    ),
    Defect(
        "a sum for the mean",
        "densenet22_12",
        ("wrong reduction",),
        lambda: changed("densenet22_12", loss=summed),
    ),
    Defect(
        "the loss of the first image",
        "resnet20",
        ("wrong reduction",),
        lambda: changed("resnet20", loss=of_the_first),
    ),
    Defect(
        "an unreduced loss, its first",
        BLOCKS,
        ("wrong reduction",),
        lambda: changed(BLOCKS, loss=unreduced_first),
    ),
    Defect(
        "eval never called",
        CAREFUL,
        ("eval never called",),
        lambda: changed(CAREFUL, predict=in_training),
    ),
    Defect(
        "eval never called",
        BLOCKS,
        ("eval never called",),
        lambda: changed(BLOCKS, predict=in_training),
    ),
    Defect(
        "train never called",
        CAREFUL,
        ("train never called",),
        lambda: changed(CAREFUL, step=in_evaluation),
    ),
    Defect("train never called again", HAND, ("train never called",), partial(in_eval_mode, HAND)),
)
