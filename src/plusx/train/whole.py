"""The network in one place, and its weights from one place, however it lies on the processes."""

from collections.abc import Mapping

from torch import Tensor

from plusx.saving import read_weights
from plusx.train.choose import build
from plusx.train.setup import Setup
from plusx.zoo import Network

__all__ = ["fill", "read_best", "whole"]


def whole(setup: Setup) -> Network | None:
    """Return the network with its weights as they are, None where another process has it.

    All processes take part. Where the network lies over several, the one that writes gets a copy,
    in memory: the device may be too small for it.
    """
    if not setup.spread.joint:
        return setup.network
    state = setup.spread.collected(setup.network.state_dict())
    if not setup.ranks.writes:
        return None
    network = build(setup.config, setup.data)
    network.load_state_dict(state)
    return network


def fill(setup: Setup, state: Mapping[str, Tensor]) -> None:
    """Give the network the weights of a whole one; raises as `load_state_dict` does."""
    own = setup.network.state_dict()
    setup.network.load_state_dict(
        {n: setup.spread.own_part(v, own[n]) if n in own else v for n, v in state.items()}
    )


def read_best(setup: Setup) -> None:
    """Give the network the weights of the run's model folder, those that validated best."""
    if not setup.spread.joint:
        read_weights(setup.network, setup.run.model)
        return
    setup.ranks.wait()  # the first has written them
    network = build(setup.config, setup.data)
    read_weights(network, setup.run.model)
    fill(setup, network.state_dict())
