"""Networks side by side: y = fusion(f_1(view_1(x)), f_2(view_2(x)), ...), of any family."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

from torch import nn

from plusx import parts
from plusx.branch.streams import Added, Beside, Fusion
from plusx.errors import InputError
from plusx.zoo.network import Network

__all__ = ["Halves", "Stream", "StreamStages", "beside", "halves"]


@dataclass(frozen=True, eq=False)
class Stream:
    """What a stream sees of x, and the network that it is: logits of `view`(x)."""

    view: nn.Module
    network: Network


@final
class StreamStages(nn.Sequential):
    """y = the stages in a chain; a `Beside` among them takes and gives a tensor a stream.

    A class of its own, so that nothing takes them for stages that pass one tensor on.
    """


def beside(
    streams: Mapping[str, Stream], *, fusion: Fusion | None = None, after: int | None = None
) -> Network:
    """Set two or more networks side by side, each with stem, stages, norms and head of its own.

    Without `fusion` their logits are added. With it, features are joined `after` so many stages
    (all, by default), and the stages and the head above are the first stream's. Networks of other
    numbers of stages can be joined after all of them. Raises `ValueError` for fewer than two
    streams, one network in two places, a stage that there is not, or logits of other numbers.

    >>> from plusx.parts.colour import Brightness, Colour
    >>> from plusx.zoo.resnet import resnet18, resnet_cifar
    >>> small = resnet_cifar(20)(num_classes=10, in_channels=1)
    >>> large = resnet18(num_classes=10)
    >>> made = beside({"rgb": Stream(Colour(), large), "l": Stream(Brightness(), small)})
    >>> sum(p.numel() for p in made.parameters()) - sum(p.numel() for p in large.parameters())
    269434
    """
    networks = [stream.network for stream in streams.values()]
    if len(set(networks)) < 2 or len(set(networks)) < len(networks):
        raise InputError(
            f"{len(set(networks))} network(s) for {len(networks)} stream(s); expected two streams "
            "or more, each with a network of its own"
        )
    rows = _rows(networks)
    if fusion is None and after is not None:
        raise InputError("logits are added after all stages; leave `after` out, or give a fusion")
    count = len(rows) if after is None else after
    if not 1 <= count <= len(rows):
        raise InputError(
            f"after is {after}; the streams have {len(rows)} stage(s) in common, expected 1 to that"
        )
    names = list(streams)
    stages = StreamStages()
    for number, row in enumerate(rows[:count]):
        stages.add_module(str(number), Beside(dict(zip(names, row, strict=True))))
    head: nn.Module = networks[0].head
    if fusion is None:
        widths = {name: _logits(stream.network) for name, stream in streams.items()}
        if len(set(widths.values()) - {None}) > 1:
            raise InputError(f"the streams give {widths} logits; expected as many of each, to add")
        heads = Beside({name: stream.network.head for name, stream in streams.items()})
        head = parts.sequence(streams=heads, fusion=Added())
    else:
        stages.add_module("fusion", fusion)
        for number, row in enumerate(rows[count:], count):
            stages.add_module(str(number), row[0])
    stems = {
        name: parts.sequence(view=stream.view, stem=stream.network.stem)
        for name, stream in streams.items()
    }
    return Network(stem=Beside(stems), stages=stages, head=head, size=networks[0].size)


@dataclass(frozen=True, eq=False)
class Halves:
    """A network cut where its streams meet: `after` begins with the fusion."""

    names: tuple[str, ...]
    before: tuple[nn.Module, ...]
    after: tuple[nn.Module, ...]

    @property
    def added(self) -> bool:
        """Tell whether the answer is the sum of the streams' logits."""
        return len(self.after) == 1 and isinstance(self.after[0], Added)


def halves(model: nn.Module) -> Halves | None:
    """Cut a network that `beside` made at its fusion; None for any other, or where it is gone."""
    if not isinstance(model, Network) or not isinstance(model.stem, Beside):
        return None
    chain: list[nn.Module] = [model.stem]
    for part in (model.stages, model.head):
        chain += list(part.children()) if isinstance(part, nn.Sequential) else [part]
    place = next((i for i, part in enumerate(chain) if isinstance(part, Fusion)), None)
    if place is None:
        return None
    names = tuple(name for name, _ in model.stem.named_children())
    return Halves(names, tuple(chain[:place]), tuple(chain[place:]))


def _logits(network: Network) -> int | None:
    """Return how many logits a network gives; None where its head ends in no linear map."""
    *_, last = network.head.modules()
    return last.out_features if isinstance(last, nn.Linear) else None


def _rows(networks: Sequence[Network]) -> list[tuple[nn.Module, ...]]:
    """Return the stages of all networks row by row; one row where they are not the same chain."""
    chains = [n.stages for n in networks]
    if all(type(chain) is nn.Sequential for chain in chains):
        found = [list(chain.children()) for chain in chains]
        if len({len(chain) for chain in found}) == 1:
            return list(zip(*found, strict=True))
    return [tuple(chains)]
