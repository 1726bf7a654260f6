"""What does each stream of a network add to the answer, and what gradient does it get?"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from plusx.analysis.labels import known
from plusx.analysis.stream_figures import StreamFigures, Streams
from plusx.analysis.untouched import untouched
from plusx.branch.streams import Added, Beside
from plusx.errors import InputError
from plusx.zoo.streams import Halves, halves

__all__ = ["streams"]


def streams(
    model: nn.Module, images: Tensor, labels: Tensor, *, classes: Sequence[str] = ()
) -> Streams:
    """Take the streams of `model` apart: each alone, each silenced, and the gradient of each.

    `images` as the network takes them, `labels` (B,), `classes` their names. Logits are those of
    evaluation mode, gradients those of cross-entropy in training mode; one image has none, since
    norms over a batch take two. A stream is silenced by zeros where the streams meet: of logits it
    is then left out. The model is left as it was. Raises `InputError` for a network without
    streams.
    """
    parts = halves(model)
    if parts is None:
        raise InputError(
            f"{type(model).__name__} has no streams; expected a network such as dualstream_resnet18"
        )
    if len(images) != len(labels) or not len(images):
        raise InputError(f"there are {len(images)} images and {len(labels)} labels; give as many")
    with torch.inference_mode(False), untouched(model):
        images, labels = images.clone(), labels.clone()
        model.eval()
        with torch.no_grad():
            together = model(images)
            labels = known(labels, together.shape[1])
            alone, silenced = _apart(parts, images)
        difference = _difference(together, Added()(tuple(alone)))
        together, alone = together.float(), [logits.float() for logits in alone]
        gradients = _gradients(model, parts, images, labels)
    true = torch.stack([_of_truth(logits, labels) for logits in alone])  # (streams, B)
    sizes = true.abs()
    num = together.shape[1]
    names = tuple(classes) or tuple(str(c) for c in range(num))
    if len(names) != num:
        raise InputError(f"there are {len(names)} names of classes for {num} logits; give as many")
    at = [labels == c for c in range(num)]
    found = tuple(
        StreamFigures(
            name=name,
            params=sum(p.numel() for p in _parameters(parts, name)),
            logit=float(true[s].mean()),
            share=_share(sizes, s),
            by_class=tuple(_share(sizes[:, of], s) if bool(of.any()) else None for of in at),
            alone=_accuracy(alone[s], labels),
            silenced=_accuracy(silenced[s], labels),
            gradient=gradients[s][0],
            at_stem=gradients[s][1],
        )
        for s, name in enumerate(parts.names)
    )
    return Streams(
        images=len(images),
        classes=names,
        accuracy=_accuracy(together, labels),
        added=parts.added,
        difference=difference,
        streams=found,
        together=together.cpu(),
        alone=tuple(logits.cpu() for logits in alone),
    )


def _apart(parts: Halves, images: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Return the logits of each stream alone, and of all without it."""
    features: tuple[Tensor, ...] = _run(parts.before, images)
    zeros = [torch.zeros_like(feature) for feature in features]
    alone, silenced = [], []
    for own in range(len(features)):
        pairs = list(enumerate(zip(features, zeros, strict=True)))
        alone.append(_run(parts.after, tuple(x if s == own else zero for s, (x, zero) in pairs)))
        rest = tuple(zero if s == own else x for s, (x, zero) in pairs)
        silenced.append(_run(parts.after, rest))
    return alone, silenced


def _difference(together: Tensor, summed: Tensor) -> float:
    """Return the largest |together - summed|, in the type they have; NaN is no other than NaN."""
    same = (together == summed) | (together.isnan() & summed.isnan())
    return float((together.float() - summed.float()).abs().masked_fill(same, 0).max())


def _run(chain: Sequence[nn.Module], x: Tensor | tuple[Tensor, ...]) -> Any:
    for part in chain:
        x = part(x)
    return x


def _gradients(
    model: nn.Module, parts: Halves, images: Tensor, labels: Tensor
) -> list[tuple[float | None, float | None]]:
    """Return the norm of the gradient of each stream's parameters, and of its stem's."""
    if len(images) < 2:
        return [(None, None)] * len(parts.names)
    model.train()
    with torch.enable_grad():
        logits = model(images)
        if logits.requires_grad:
            F.cross_entropy(logits.float(), labels).backward()
    stem = model.get_submodule("stem")
    return [
        (_norm(_parameters(parts, name)), _norm(list(stem.get_submodule(name).parameters())))
        for name in parts.names
    ]


def _parameters(parts: Halves, name: str) -> list[nn.Parameter]:
    """Return the parameters that this stream alone has; streams within it are its own."""
    return [
        parameter
        for part in parts.before
        if isinstance(part, Beside)
        for parameter in part.get_submodule(name).parameters()
    ]


def _norm(parameters: Sequence[nn.Parameter]) -> float | None:
    learning = [p for p in parameters if p.requires_grad]
    grads = [p.grad.float().norm() for p in learning if p.grad is not None]
    if not learning:
        return None
    return float(torch.stack(grads).norm()) if grads else 0.0


def _of_truth(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the logit of the true class over the mean of the image's, which softmax ignores."""
    return logits.gather(1, labels[:, None])[:, 0] - logits.mean(1)


def _share(sizes: Tensor, stream: int) -> float:
    total = float(sizes.sum())
    return float(sizes[stream].sum()) / total if total else 0.0


def _accuracy(logits: Tensor, labels: Tensor) -> float:
    return float((logits.argmax(1) == labels).float().mean())
