"""A trained network for images of a new domain, without labels of it: statistics, or CORAL."""

from collections.abc import Iterator
from typing import Literal, get_args

import torch
from torch import Tensor

from plusx.analysis.evaluation import Evaluation, evaluation
from plusx.data import InputSpec, Progress, Split, batches, centre, normalise, silent
from plusx.data.spec import SMALL
from plusx.errors import InputError, nearest
from plusx.train.coral import Coral, train_coral
from plusx.train.norm_statistics import has_statistics, re_estimated
from plusx.train.seeds import generator_for
from plusx.train.target import check_images
from plusx.zoo import Network

__all__ = ["Method", "adapt", "check_method", "measure"]

Method = Literal["statistics", "coral"]


def adapt(
    network: Network,
    images: Split,
    spec: InputSpec,
    *,
    method: Method = "statistics",
    source: Split | None = None,
    coral: Coral | None = None,
    seed: int = 0,
    progress: Progress = silent,
    workers: int = 0,
) -> Network:
    """Return a copy of `network`, whose input is `spec`, that is adapted to `images`.

    statistics: batch norms re-estimate mean and variance on `images`, no weight changes; Li et al.
    2016 (AdaBN). coral: the network is trained further on labelled `source` images while its
    features on `images` get the same correlations; Sun and Saenko 2016. After it batch norms, where
    there are any, re-estimate their statistics too: the paper's network has none.
    Neither helps where features change their sign, as on inverted images
    (benchmarks/results/adaptation.json): measure on some labelled images before it is relied on.

    The labels of `images` are not read. The network stays where it is, and the copy is in
    evaluation mode on the same device. Raises `InputError` for images of another size or other
    channels, for "statistics" without a batch norm, and for "coral" without a source.
    """
    check_method(method)
    check_images(images, spec)
    if len(images) < 2:
        raise InputError("there is 1 image to adapt to; statistics need two or more")
    if method == "coral":
        if source is None:
            raise InputError(
                "coral needs labelled images of the old domain beside the new ones; give the data "
                "that the network was trained on (source, --source), or take method statistics"
            )
        check_images(source, spec, "the source")
        settings = coral or Coral(seed=seed)
        network = train_coral(
            network, source, images, spec, settings=settings, progress=progress, workers=workers
        )
        if not has_statistics(network):
            return network
    return re_estimated(
        network,
        _equal_batches(network, images, spec, seed=seed, progress=progress, workers=workers),
    )


def measure(
    network: Network,
    split: Split,
    spec: InputSpec,
    *,
    progress: Progress = silent,
    workers: int = 0,
) -> Evaluation:
    """Evaluate `network`, in evaluation mode, on the labelled images of `split`."""
    device = next(network.parameters()).device
    probabilities, labels = [], []
    network.eval()
    with (
        torch.inference_mode(),
        progress("measuring", -(-len(split) // _batch_size(spec))) as advance,
    ):
        for batch in batches(
            split,
            torch.arange(len(split)),
            batch_size=_batch_size(spec),
            device=device,
            workers=workers,
        ):
            logits = network(normalise(centre(batch.images, spec.size), spec))
            probabilities.append(logits.double().softmax(1).cpu())
            labels.append(batch.labels.cpu())
            advance(1)
    p, y = torch.cat(probabilities).numpy(), torch.cat(labels).numpy()
    return evaluation(p, y, spec.classes)


def check_method(method: str) -> None:
    """Raise `InputError` for a method that is none, with the nearest."""
    known = get_args(Method)
    if method not in known:
        raise InputError(
            f"method is {method!r}{nearest(str(method), known)}; expected one of {', '.join(known)}"
        )


def _equal_batches(
    network: Network,
    images: Split,
    spec: InputSpec,
    *,
    seed: int,
    progress: Progress,
    workers: int,
) -> Iterator[Tensor]:
    """Yield the network's input in mixed batches of one size; fewer images than batches are left.

    A smaller last batch would count as much as the others.
    """
    number = max(1, len(images) // _batch_size(spec))
    size = len(images) // number
    order = torch.randperm(len(images), generator=generator_for(seed, "statistics"))
    device = next(network.parameters()).device
    with progress("taking statistics", number) as advance:
        for batch in batches(
            images, order[: number * size], batch_size=size, device=device, workers=workers
        ):
            yield normalise(centre(batch.images, spec.size), spec)
            advance(1)


def _batch_size(spec: InputSpec) -> int:
    return 128 if spec.size <= SMALL else 32
