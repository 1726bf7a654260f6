"""Pre-activation, wide and pyramidal networks by hand, on a dictionary of tensors.

Nothing of plusx is used here: the names of the tensors are all that the two have in common.
"""

import torch.nn.functional as F
from torch import Tensor

from reference import State, conv, norm, pad


def preact(x: Tensor, state: State, *, training: bool, first: bool) -> Tensor:
    """He et al. 2016, appendix; `first` puts a bottleneck's stride in its first 1x1.

    A unit whose BN and ReLU stand before the split has a norm of its own, outside its transform.
    """

    def relu_norm(x: Tensor, name: str) -> Tensor:
        return F.relu(norm(x, state, name, training=training))

    x = _stem(x, state)
    for block, stride in _blocks(state):
        if f"{block}.norm.weight" in state:
            h = relu_norm(x, f"{block}.norm")
            inside, s = f"{block}.unit.transform", h
        else:
            inside, s = f"{block}.transform", x
            h = relu_norm(x, f"{inside}.norm1")
        deep = f"{inside}.conv3.weight" in state
        t = conv(h, state, f"{inside}.conv1", stride=stride if first or not deep else 1)
        t = relu_norm(t, f"{inside}.norm2")
        t = conv(t, state, f"{inside}.conv2", stride=stride if deep and not first else 1)
        if deep:
            t = conv(relu_norm(t, f"{inside}.norm3"), state, f"{inside}.conv3")
        if f"{block}.unit.shortcut.weight" in state:
            s = conv(h, state, f"{block}.unit.shortcut", stride=stride)
        elif s.shape != t.shape:
            s = pad(s, channels=t.shape[1], stride=stride)
        x = s + t
    return _head(relu_norm(x, "head.norm"), state)


def pyramid(x: Tensor, state: State, *, training: bool) -> Tensor:
    """Han et al. 2016, figure 6(d): BN first without a ReLU, BN last, new channels last."""

    def normed(x: Tensor, name: str) -> Tensor:
        return norm(x, state, name, training=training)

    x = normed(conv(x, state, "stem.conv"), "stem.norm")
    for block, stride in _blocks(state):
        inside = f"{block}.transform"
        deep = f"{inside}.conv3.weight" in state
        t = conv(
            normed(x, f"{inside}.norm0"), state, f"{inside}.conv1", stride=1 if deep else stride
        )
        t = F.relu(normed(t, f"{inside}.norm1"))
        t = normed(
            conv(t, state, f"{inside}.conv2", stride=stride if deep else 1), f"{inside}.norm2"
        )
        if deep:
            t = normed(conv(F.relu(t), state, f"{inside}.conv3"), f"{inside}.norm3")
        s = F.avg_pool2d(x, 2) if stride == 2 else x
        y = t.clone()
        y[:, : s.shape[1]] += s
        x = y
    return _head(F.relu(normed(x, "head.norm")), state)


def _stem(x: Tensor, state: State) -> Tensor:
    if state["stem.conv.weight"].shape[-1] == 3:
        return conv(x, state, "stem.conv")
    return F.max_pool2d(conv(x, state, "stem.conv", stride=2), 3, stride=2, padding=1)


def _blocks(state: State) -> list[tuple[str, int]]:
    """Return the name of each block, and the stride of its first layer."""
    names = dict.fromkeys(".".join(n.split(".")[:3]) for n in state if n.startswith("stages."))
    return [
        (name, 2 if name.split(".")[1] != "0" and name.split(".")[2] == "0" else 1)
        for name in names
    ]


def _head(x: Tensor, state: State) -> Tensor:
    return F.linear(x.mean((2, 3)), state["head.linear.weight"], state["head.linear.bias"])
