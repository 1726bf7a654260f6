"""Attention and shake-shake by hand, on a dictionary of tensors.

Nothing of plusx is used here: the names of the tensors are all that the two have in common.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from reference import State, basic, conv, norm

Hand = Callable[..., Tensor]


def affine(x: Tensor, state: State, name: str, **settings: int) -> Tensor:
    return F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], **settings)


def se(x: Tensor, state: State, name: str, *, training: bool) -> Tensor:
    """Hu et al. 2017, equations 2 to 4."""
    z = F.relu(affine(x.mean((2, 3), keepdim=True), state, f"{name}.weigh.reduce"))
    return x * torch.sigmoid(affine(z, state, f"{name}.weigh.expand"))


def eca(x: Tensor, state: State, name: str, *, training: bool) -> Tensor:
    """Wang et al. 2019, equation 9: a weight times each of the k neighbours of a channel."""
    weight = state[f"{name}.conv.weight"].flatten()
    z = x.mean((2, 3))
    half = len(weight) // 2
    wide = torch.cat([z.new_zeros(len(z), half), z, z.new_zeros(len(z), half)], 1)
    sums = sum(w * wide[:, i : i + z.shape[1]] for i, w in enumerate(weight))
    return x * torch.sigmoid(sums)[:, :, None, None]


def cbam(x: Tensor, state: State, name: str, *, training: bool) -> Tensor:
    """Woo et al. 2018, equations 1 to 3, with the norm of the authors' code."""

    def mlp(z: Tensor) -> Tensor:
        z = F.relu(affine(z, state, f"{name}.channel.mlp.reduce"))
        return affine(z, state, f"{name}.channel.mlp.expand")

    mean, largest = F.avg_pool2d(x, x.shape[2:]), F.max_pool2d(x, x.shape[2:])
    x = x * torch.sigmoid(mlp(mean) + mlp(largest))
    pooled = torch.stack([x.mean(1), x.max(1).values], 1)
    place = conv(pooled, state, f"{name}.place.weigh.conv")
    return x * torch.sigmoid(norm(place, state, f"{name}.place.weigh.norm", training=training))


def bam(x: Tensor, state: State, name: str, *, training: bool) -> Tensor:
    """Park et al. 2018, equations 1 to 4."""
    name = f"{name}.transform"
    c = F.relu(affine(x.mean((2, 3), keepdim=True), state, f"{name}.channel.reduce"))
    c = affine(c, state, f"{name}.channel.expand")
    c = norm(c, state, f"{name}.channel.norm", training=training)
    p = F.relu(affine(x, state, f"{name}.place.reduce"))
    p = F.relu(affine(p, state, f"{name}.place.conv1", padding=4, dilation=4))
    p = F.relu(affine(p, state, f"{name}.place.conv2", padding=4, dilation=4))
    p = affine(p, state, f"{name}.place.expand")
    p = norm(p, state, f"{name}.place.norm", training=training)
    return x + x * torch.sigmoid(c + p)


def non_local(
    x: Tensor, state: State, name: str, *, training: bool, pairwise: str = "embedded"
) -> Tensor:
    """Wang et al. 2017, equations 1 to 6, place by place."""
    name = f"{name}.transform"

    def sampled(x: Tensor) -> Tensor:
        return F.max_pool2d(x, 2, ceil_mode=True).flatten(2)

    def embedded(part: str) -> Tensor:
        return affine(x, state, f"{name}.{part}")

    g = sampled(embedded("g.conv"))
    if pairwise == "gaussian":
        one, other = x.flatten(2), sampled(x)
    elif pairwise == "concat":
        one, other = embedded("pairwise.theta.conv").flatten(2), embedded("pairwise.phi.conv")
        other = sampled(other)
    else:
        one, other = embedded("pairwise.theta").flatten(2), sampled(embedded("pairwise.phi.conv"))
    places = []
    for i in range(one.shape[2]):
        here = one[:, :, i : i + 1].expand_as(other)
        if pairwise == "concat":
            w = [state[f"{name}.pairwise.{part}.weigh.weight"] for part in ("theta", "phi")]
            f = F.relu((torch.cat([here, other], 1) * torch.cat(w, 1).flatten()[:, None]).sum(1))
        else:
            f = (here * other).sum(1)
        if pairwise in ("gaussian", "embedded"):
            f = torch.exp(f - f.max(1, keepdim=True).values)
            f = f / f.sum(1, keepdim=True)
        else:
            f = f / other.shape[2]
        places.append((f[:, None] * g).sum(2))
    y = torch.stack(places, 2).unflatten(2, x.shape[2:])
    z = norm(affine(y, state, f"{name}.z.conv"), state, f"{name}.z.norm", training=training)
    return x + z


def hybrid(
    x: Tensor,
    state: State,
    name: str,
    *,
    training: bool,
    order: tuple[str, ...] = ("channel", "place"),
    parallel: bool = False,
    skip: int = 1,
) -> Tensor:
    """y = x + x a(x), or x a(x) without `skip`, part by part: the docstring of HybridAttention."""
    name = f"{name}.parts"
    mean, seen = x.mean((2, 3)), x
    for part in order:
        at = f"{name}.{part}"
        if f"{at}.strength.start" in state:
            s = state[f"{at}.strength.start"].tanh().expand(len(x))
        else:
            linear = f"{at}.strength.linear"
            s = F.linear(mean, state[f"{linear}.weight"], state[f"{linear}.bias"])[:, 0].tanh()
        if part == "channel":
            reduce = state[f"{at}.weights.reduce.weight"].flatten(1)
            expand = state[f"{at}.weights.expand.weight"].flatten(1)
            squeezed = (mean, seen.flatten(2).max(2).values)
            w = sum(F.relu(z @ reduce.T) @ expand.T for z in squeezed).sigmoid()[:, :, None, None]
        else:
            maps = torch.stack([seen.mean(1), seen.max(1).values], 1)
            maps = conv(maps, state, f"{at}.weights.weigh.conv")
            w = norm(maps, state, f"{at}.weights.weigh.norm", training=training).sigmoid()
        s = s[:, None, None, None]
        x = x + x * s * w if skip else x * (1 + s) * w
        seen = seen if parallel else x
    return x


def network(
    x: Tensor, state: State, *, training: bool, gate: Hand, groups: int = 1, average: bool = False
) -> Tensor:
    """A ResNet whose transforms end in `gate`, or with `gate` as blocks between its units."""
    x = _stem(x, state, training=training)
    for block in dict.fromkeys(".".join(n.split(".")[:3]) for n in state if "stages." in n):
        _, stage, position = block.split(".")
        stride = 2 if stage != "0" and position == "0" else 1
        unit = f"{block}.unit"
        if not any(name.startswith(unit) for name in state):
            x = gate(x, state, block, training=training)
            continue
        gated = any(name.startswith(f"{unit}.transform.gate") for name in state)
        inside = f"{unit}.transform.body" if gated else f"{unit}.transform"
        if f"{inside}.conv3.weight" in state:
            t = _bottleneck(x, state, inside, stride, groups, training=training)
        else:
            t = basic(x, state, inside, stride=stride, training=training)
        if gated:
            t = gate(t, state, f"{unit}.transform.gate", training=training)
        s = x
        if f"{unit}.shortcut.conv.weight" in state:
            pooled = F.avg_pool2d(x, 2) if average and stride == 2 else x
            s = conv(pooled, state, f"{unit}.shortcut.conv", stride=1 if average else stride)
            s = norm(s, state, f"{unit}.shortcut.norm", training=training)
        x = F.relu(s + t)
    return F.linear(x.mean((2, 3)), state["head.linear.weight"], state["head.linear.bias"])


def _stem(x: Tensor, state: State, *, training: bool) -> Tensor:
    deep = (("conv1", "norm1", 2), ("conv2", "norm2", 1), ("conv3", "norm3", 1))
    for layer, normed, stride in deep if "stem.conv1.weight" in state else (("conv", "norm", 2),):
        x = conv(x, state, f"stem.{layer}", stride=stride)
        x = F.relu(norm(x, state, f"stem.{normed}", training=training))
    return F.max_pool2d(x, 3, stride=2, padding=1)


def _bottleneck(
    x: Tensor, state: State, name: str, stride: int, groups: int, *, training: bool
) -> Tensor:
    t = conv(x, state, f"{name}.conv1")
    t = F.relu(norm(t, state, f"{name}.norm1", training=training))
    weight = state[f"{name}.conv2.weight"]
    t = F.conv2d(t, weight, stride=stride, padding=1, groups=groups)
    t = F.relu(norm(t, state, f"{name}.norm2", training=training))
    return norm(conv(t, state, f"{name}.conv3"), state, f"{name}.norm3", training=training)


def shake_shake(x: Tensor, state: State, *, training: bool) -> Tensor:
    """Gastaldi 2017, section 2.1, with alpha = 1/2: evaluation, and training of even-even."""

    def normed(x: Tensor, name: str) -> Tensor:
        return norm(x, state, name, training=training)

    x = normed(conv(x, state, "stem.conv"), "stem.norm")
    for unit in dict.fromkeys(".".join(n.split(".")[:3]) for n in state if "stages." in n):
        _, stage, position = unit.split(".")
        stride = 2 if stage != "0" and position == "0" else 1
        t = torch.zeros(())
        for one in (f"{unit}.transform.f", f"{unit}.transform.g"):
            z = normed(conv(F.relu(x), state, f"{one}.conv1", stride=stride), f"{one}.norm1")
            t = t + 0.5 * normed(conv(F.relu(z), state, f"{one}.conv2"), f"{one}.norm2")
        s = x
        if f"{unit}.shortcut.conv1.weight" in state:
            h = F.relu(x)
            moved = torch.zeros_like(h)  # one pixel right and one down
            moved[:, :, 1:, 1:] = h[:, :, :-1, :-1]
            s1 = conv(h[:, :, ::stride, ::stride], state, f"{unit}.shortcut.conv1")
            s2 = conv(moved[:, :, ::stride, ::stride], state, f"{unit}.shortcut.conv2")
            s = normed(torch.cat([s1, s2], 1), f"{unit}.shortcut.norm")
        x = s + t
    x = F.relu(x).mean((2, 3))
    return F.linear(x, state["head.linear.weight"], state["head.linear.bias"])
