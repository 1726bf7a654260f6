"""Weights in and out: load_weights(model, source), export_weights(model, layout)."""

from typing import Literal, get_args

from torch import Tensor, nn

from plusx.catalog import family_of
from plusx.errors import InputError, nearest
from plusx.weights import cifar, timm, torchvision
from plusx.weights.adapt import fitted_stem, head_names, stem_name
from plusx.weights.check import hint, misfits, some
from plusx.weights.layout import Keys, Layout, keys_of
from plusx.weights.report import LoadReport
from plusx.weights.source import Source, Weights, read
from plusx.zoo import Config, Network

__all__ = ["Fit", "export_weights", "layouts_of", "load_weights"]

Fit = Literal["strict", "adapt"]

OWN = Layout("plusx")
PEERS = (torchvision, timm, cifar)


def load_weights(
    model: nn.Module, source: Source, *, head: Fit = "strict", stem: Fit = "strict"
) -> LoadReport:
    """Fill `model`, made by `create`, with the weights of `source`, whoever named them.

    `source` is a file (`.safetensors`, or `.pth`, `.pt`, `.th`, read without running code), the
    folder of a saved model, a state dict, or `"hub:owner/name"`. The layout (torchvision's, timm's,
    the usual CIFAR code's, ours) is recognised by its keys, also under `state_dict` or the like
    (averaged weights first, where there are any) and behind `module.` or Lightning's `model.`.

    `head="adapt"` keeps the model's own last layer where the weights have other classes or none.
    `stem="adapt"` fits the first convolution to other input channels: to one channel the sum over
    all, from one channel a copy for each divided by their number.

    Raises `ValueError`, with the tensors by name, where one has no place, is missing or has another
    shape; the model is then as it was.

    >>> from plusx import create
    >>> weights = export_weights(create("resnet20", num_classes=10), "cifar")
    >>> print(load_weights(create("resnet20", num_classes=10), {"net": weights}))
    layout cifar: 116 tensors loaded; taken from under 'net'
    """
    for word, value in (("head", head), ("stem", stem)):
        if value not in get_args(Fit):
            raise InputError(f"{word}={value!r} is not known; it is one of strict, adapt")
    network, config = _network(model)
    weights = read(source)
    layout, keys, notes = _recognised(network, weights)
    own = network.state_dict()
    found = {
        name: form.from_peer(weights.tensors[key])
        for name, (key, form) in keys.items()
        if key in weights.tensors
    }
    kept = {n for n in keys.keys() - found.keys() if n.endswith(".num_batches_tracked")}
    if kept:
        notes.append(f"{len(kept)} num_batches_tracked, which it lacks, left as they were")
    adapted: list[str] = []
    if stem == "adapt":
        adapted += _adapt_stem(network, found, notes)
    if head == "adapt":
        left = _leave_head(network, found, notes)
        adapted += left
        kept.update(left)
    wrong = misfits(network, keys, weights.tensors, found, kept)
    if wrong:
        complete = weights.tensors.keys() <= {key for key, _ in keys.values()}
        raise InputError(
            f"{weights.where}, of the layout {layout.name}, does not fit {_title(config)}: {wrong}"
            f"{hint(network, found, kept, complete=complete)}"
        )
    network.load_state_dict(own | found)
    return LoadReport(layout.name, tuple(found), tuple(adapted), (*weights.notes, *notes))


def export_weights(model: nn.Module, layout: str) -> dict[str, Tensor]:
    """Return copies of the tensors of `model` with the keys and shapes of `layout`.

    `layout` is `torchvision`, `timm`, `cifar` or `plusx`, as far as the peer has such a network;
    `ValueError` where not, with those that have. The tensors are the model's, bit for bit.
    """
    network, config = _network(model)
    known: dict[str, Keys] = {}
    for made, keys in layouts_of(network):
        known.setdefault(made.name, keys)
    if layout not in known:
        raise InputError(
            f"{_title(config)} has no layout {layout!r}{nearest(layout, known)}; it has "
            f"{', '.join(known)}"
        )
    own = network.state_dict()
    return {
        key: form.to_peer(own[name]).detach().clone() for name, (key, form) in known[layout].items()
    }


def layouts_of(network: Network) -> list[tuple[Layout, Keys]]:
    """Return the layouts that have a key for every tensor of `network`, ours last."""
    _, config = _network(network)
    family = family_of(config.name).name
    layouts = [layout for peer in PEERS for layout in peer.LAYOUTS.get(family, ())]
    pairs = ((layout, keys_of(network, layout)) for layout in (*layouts, OWN))
    return [(layout, keys) for layout, keys in pairs if keys is not None]


def _network(model: nn.Module) -> tuple[Network, Config]:
    if not isinstance(model, Network) or model.config is None:
        raise InputError(
            f"only a model made by plusx.create has known layouts, not a {type(model).__name__}; "
            "use its own load_state_dict and state_dict"
        )
    return model, model.config


def _title(config: Config) -> str:
    options = (f"{option}={value}" for option, value in config.options.items())
    return " ".join((config.name, *options, f"num_classes={config.num_classes}"))


def _recognised(network: Network, weights: Weights) -> tuple[Layout, Keys, list[str]]:
    """Return the layout with the most keys in common, and a note on who else has the same."""
    layouts = layouts_of(network)
    common = [sum(key in weights.tensors for key, _ in keys.values()) for _, keys in layouts]
    if not any(common):
        raise InputError(
            f"{weights.where} has no known layout of this network "
            f"({', '.join(layout.name for layout, _ in layouts)}): its tensors are "
            f"{some(list(weights.tensors))}"
        )
    layout, keys = layouts[common.index(max(common))]
    same = [o.name for o, theirs in layouts if theirs == keys and o.name != layout.name]
    return layout, keys, [f"{other} has the same keys" for other in same]


def _adapt_stem(network: Network, found: dict[str, Tensor], notes: list[str]) -> list[str]:
    """Fit the stem's weight in `found` to the network's input channels; return its name if done."""
    name = stem_name(network)
    own = network.state_dict()
    if name not in found or found[name].dim() != own[name].dim():
        return []
    given, wanted = found[name].shape[1], own[name].shape[1]
    fitted = fitted_stem(found[name], wanted)
    if given == wanted or fitted is None:
        return []
    found[name] = fitted
    rule = "their sum" if wanted == 1 else f"copies divided by {wanted}"
    notes.append(f"the stem's {given} input channels became {wanted}: {rule}")
    return [name]


def _leave_head(network: Network, found: dict[str, Tensor], notes: list[str]) -> list[str]:
    """Take the last layer out of `found` where it has other classes; return the names if so."""
    own = network.state_dict()
    names = [name for name in head_names(network) if name in found]
    if not names:
        notes.append("the weights have no head, the model's own kept")
        return [*head_names(network)]
    classes = {len(found[name]) for name in names if found[name].dim()}
    alike = all(found[name].shape[1:] == own[name].shape[1:] for name in names)
    if not alike or len(classes) != 1 or classes == {len(own[names[0]])}:
        return []
    notes.append(f"the head for {classes.pop()} classes left out, the model's own kept")
    for name in names:
        del found[name]
    return names
