"""DenseNets by hand: Huang et al. 2016, equation 2, on a list of all features so far."""

import torch
import torch.nn.functional as F
from torch import Tensor

from reference import State, conv, norm


def densenet(x: Tensor, state: State, *, training: bool) -> Tensor:
    large = state["stem.conv.weight"].shape[-1] == 7
    x = conv(x, state, "stem.conv", stride=2 if large else 1)
    if large:
        x = F.relu(norm(x, state, "stem.norm", training=training))
        x = F.max_pool2d(x, 3, stride=2, padding=1)
    last = max(int(name.split(".")[1]) for name in state if name.startswith("stages."))
    for place in range(last + 1):
        stage = f"stages.{place}"
        if place % 2:
            x = F.relu(norm(x, state, f"{stage}.norm", training=training))
            x = F.avg_pool2d(conv(x, state, f"{stage}.conv"), 2)
            continue
        features = [x]
        while f"{stage}.{len(features) - 1}.transform.conv1.weight" in state:
            inside = f"{stage}.{len(features) - 1}.transform"
            t = torch.cat(features, 1)
            t = conv(
                F.relu(norm(t, state, f"{inside}.norm1", training=training)),
                state,
                f"{inside}.conv1",
            )
            if f"{inside}.conv2.weight" in state:
                t = F.relu(norm(t, state, f"{inside}.norm2", training=training))
                t = conv(t, state, f"{inside}.conv2")
            features.append(t)
        x = torch.cat(features, 1)
    x = F.relu(norm(x, state, "head.norm", training=training)).mean((2, 3))
    return F.linear(x, state["head.linear.weight"], state["head.linear.bias"])
