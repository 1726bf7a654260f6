"""Weights to start from: of a file, a run, a saved model or the hub."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from plusx.errors import InputError
from plusx.saving import load
from plusx.weights import load_weights
from plusx.weights.layout import Layout, keys_of
from plusx.zoo import Config, Network

__all__ = ["initial_weights", "network_in"]

_HUB = "hub:"
_WEIGHTS = "model.safetensors"
_BARE = Layout("bare", (("stem", "stem"), ("stages", "stages"), ("head", "head")))
"""Our names without what a transform is wrapped in, such as stochastic depth."""


def initial_weights(network: Network, source: str | Path) -> tuple[str, ...]:
    """Fill `network` with the weights of `source`; return what there is to tell, in lines.

    `source` is a run folder or the model folder in it, a file of weights in any layout that
    `load_weights` knows, or "hub:owner/name". The head is kept as it was where the weights have
    other classes, the first convolution is fitted from one input channel to many or many to one.
    Transforms wrapped in stochastic depth take the weights of bare ones, and the other way round.

    Raises `InputError`, naming the tensors, where the weights do not fit; the network is then as it
    was.
    """
    folder = _model_folder(source)
    if folder is None:
        report = load_weights(network, source, head="adapt", stem="adapt")
        return (f"Weights from {source}: {report}",)
    given = load(folder)
    assert given.config is not None
    try:
        report = load_weights(network, _renamed(given, network), head="adapt", stem="adapt")
    except InputError as error:
        wanted = network.config.name if network.config else "it"
        raise InputError(
            f"the weights of {folder} are those of {given.config.name}, which do not fit {wanted} "
            f"as it is built here: {error}; give --model {given.config.name} and its options"
        ) from error
    kind = f"{given.config.name}, {given.config.num_classes} classes"
    return (f"Weights from {folder} ({kind}): {report}",)


def network_in(source: str | Path) -> Config | None:
    """Return which network the weights of a run or model folder are for; None for other sources."""
    folder = _model_folder(source)
    return None if folder is None else load(folder).config


def _model_folder(source: str | Path) -> Path | None:
    """Return the model folder that `source` is or holds, None where it is no folder of ours."""
    path = Path(source)
    if str(source).startswith(_HUB) or not path.is_dir():
        return None
    for folder in (path / "model", path):
        if (folder / _WEIGHTS).is_file() and (folder / "config.json").is_file():
            return folder
    if (path / "config.json").is_file() and not (path / _WEIGHTS).is_file():
        raise InputError(
            f"{path} has no model yet: a run writes it when its first epoch ends; go on with "
            f"`plusx resume {path}`, or give another run"
        )
    return None


def _renamed(given: Network, wanted: Network) -> Mapping[str, Tensor]:
    """Return the tensors of `given` under the names that they have in `wanted`."""
    theirs, ours = keys_of(given, _BARE), keys_of(wanted, _BARE)
    assert theirs is not None and ours is not None, "every network is stem, stages and head"
    name_of = {key: name for name, (key, _) in ours.items()}
    return {
        name_of.get(theirs[name][0], name): tensor for name, tensor in given.state_dict().items()
    }
