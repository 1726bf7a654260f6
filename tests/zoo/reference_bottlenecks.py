"""ResNeXt, wide ResNets, ResNet-D, ResNet-RS, VGG by hand, on a dictionary of tensors.

Nothing of plusx is used here: the names of the tensors are all that the two have in common.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from reference import State, basic, conv, norm


def postactivation(
    x: Tensor, state: State, *, training: bool, groups: int = 1, average: bool = False
) -> Tensor:
    """Any network of relu(s + t) with three-layer or two-layer transforms and any of the stems.

    `average` pools before a strided shortcut projects (He et al. 2018, ResNet-D).
    """

    def relu_norm(x: Tensor, name: str) -> Tensor:
        return F.relu(norm(x, state, name, training=training))

    x = _stem(x, state, relu_norm)
    for block in dict.fromkeys(".".join(n.split(".")[:4]) for n in state if "stages." in n):
        _, stage, position, _ = block.split(".")
        stride = 2 if stage != "0" and position == "0" else 1
        t = _transform(x, state, block, stride, groups, training=training)
        s = x
        if f"{block}.shortcut.conv.weight" in state:
            pooled = F.avg_pool2d(x, 2) if average and stride == 2 else x
            s = conv(pooled, state, f"{block}.shortcut.conv", stride=1 if average else stride)
            s = norm(s, state, f"{block}.shortcut.norm", training=training)
        x = F.relu(s + t)
    return F.linear(x.mean((2, 3)), state["head.linear.weight"], state["head.linear.bias"])


def _stem(x: Tensor, state: State, relu_norm) -> Tensor:
    if "stem.conv.weight" in state:
        large = state["stem.conv.weight"].shape[-1] == 7
        x = relu_norm(conv(x, state, "stem.conv", stride=2 if large else 1), "stem.norm")
        return F.max_pool2d(x, 3, stride=2, padding=1) if large else x
    for number, stride in ((1, 2), (2, 1), (3, 1)):
        x = relu_norm(conv(x, state, f"stem.conv{number}", stride=stride), f"stem.norm{number}")
    if "stem.conv4.weight" in state:
        return relu_norm(conv(x, state, "stem.conv4", stride=2), "stem.norm4")
    return F.max_pool2d(x, 3, stride=2, padding=1)


def _transform(
    x: Tensor, state: State, block: str, stride: int, groups: int, *, training: bool
) -> Tensor:
    inside = next(n for n in state if n.startswith(f"{block}.transform") and "conv1" in n)
    inside = inside.removesuffix(".conv1.weight")
    if f"{inside}.conv3.weight" not in state:
        return basic(x, state, inside, stride=stride, training=training)
    t = conv(x, state, f"{inside}.conv1")
    t = F.relu(norm(t, state, f"{inside}.norm1", training=training))
    t = torch.cat(  # each path by itself: Xie et al. 2016, figure 3(b)
        [
            F.conv2d(path, weight, stride=stride, padding=1)
            for path, weight in zip(
                t.chunk(groups, 1), state[f"{inside}.conv2.weight"].chunk(groups, 0)
            )
        ],
        1,
    )
    t = F.relu(norm(t, state, f"{inside}.norm2", training=training))
    t = norm(conv(t, state, f"{inside}.conv3"), state, f"{inside}.norm3", training=training)
    if inside.endswith(".body"):  # Hu et al. 2017, equations 2 to 4
        gate = f"{inside.removesuffix('.body')}.gate.weigh"
        z = t.mean((2, 3), keepdim=True)
        z = F.relu(F.conv2d(z, state[f"{gate}.reduce.weight"], state[f"{gate}.reduce.bias"]))
        z = F.conv2d(z, state[f"{gate}.expand.weight"], state[f"{gate}.expand.bias"])
        t = t * torch.sigmoid(z)
    return t


def vgg(x: Tensor, state: State, *, training: bool) -> Tensor:
    """Simonyan and Zisserman 2014, table 1, without dropout."""
    stage = "0"
    for name in [n.removesuffix(".weight") for n in state if "conv" in n and "weight" in n]:
        if name.split(".")[1] != stage:
            x, stage = F.max_pool2d(x, 2), name.split(".")[1]
        x = F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=1)
        normed = name.replace("conv", "norm")
        if f"{normed}.weight" in state:
            x = norm(x, state, normed, training=training)
        x = F.relu(x)
    x = F.max_pool2d(x, 2)
    if "head.linear.weight" in state:
        return F.linear(x.mean((2, 3)), state["head.linear.weight"], state["head.linear.bias"])
    x = F.adaptive_avg_pool2d(x, 7).flatten(1)
    for number in (1, 2, 3):
        x = F.linear(x, state[f"head.linear{number}.weight"], state[f"head.linear{number}.bias"])
        x = F.relu(x) if number < 3 else x
    return x
