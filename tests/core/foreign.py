"""Networks as users write them, without a part of ours, and what is known of their units."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PostActivation(nn.Module):
    """relu(f(x) + p(x)), the sum in place, one ReLU used three times."""

    def __init__(self, width: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.downsample = None
        if stride > 1 or width != out:
            self.downsample = nn.Sequential(
                nn.Conv2d(width, out, 1, stride, bias=False), nn.BatchNorm2d(out)
            )

    def forward(self, x: Tensor) -> Tensor:
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


class PreActivation(nn.Module):
    """The projection and the transform both from relu(bn(x)), everything in place."""

    def __init__(self, width: int, out: int, stride: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(width)
        self.conv1 = nn.Conv2d(width, out, 3, stride, 1)
        self.bn2 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1)
        self.shortcut = nn.Conv2d(width, out, 1, stride) if width != out else nn.Sequential()

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn(x), inplace=True)
        s = self.shortcut(y) if len(list(self.shortcut.parameters())) else x
        y = self.conv2(self.bn2(self.conv1(y)).relu_())
        return s.add_(y) if s is not x else y.add_(s)


class Padded(nn.Module):
    """Option A of the paper: every second pixel, channels of zeros; a functional sum."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, out, 3, 2, 1)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1)
        self.more = (out - width) // 2

    def forward(self, x: Tensor) -> Tensor:
        s = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.more, self.more))
        return F.relu(torch.add(self.conv2(F.relu(self.conv1(x))), s))


class SqueezeExcite(nn.Module):
    """x + scale * (x f(x)): the product is a gate, the sum a unit."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)
        self.down, self.up = nn.Conv2d(width, 4, 1), nn.Conv2d(4, width, 1)
        self.scale = nn.Parameter(torch.full((width, 1, 1), 0.5))

    def forward(self, x: Tensor) -> Tensor:
        t = self.conv(x)
        gate = torch.sigmoid(self.up(F.relu(self.down(t.mean((2, 3), keepdim=True)))))
        return x + self.scale * (t * gate)


class Highway(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body, self.gate = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        g = torch.sigmoid(self.gate(x))
        return g * torch.tanh(self.body(x)) + (1 - g) * x


class Lerp(Highway):
    def forward(self, x: Tensor) -> Tensor:
        return torch.lerp(x, torch.tanh(self.body(x)), torch.sigmoid(self.gate(x)))


class DenseBlock(nn.Module):
    """Each layer reads the concatenation of all before it."""

    def __init__(self, width: int, growth: int, depth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv2d(width + place * growth, growth, 3, padding=1) for place in range(depth)
        )

    def forward(self, x: Tensor) -> Tensor:
        features = [x]
        for layer in self.layers:
            features.append(layer(torch.cat(features, 1).relu()))
        return torch.cat(features, 1)


class Attention(nn.Module):
    """Scores with a mask, a table of positions and a term of the query: three sums, no unit."""

    def __init__(self, width: int, length: int) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.table = nn.Parameter(torch.randn(length, length))
        self.relative = nn.Parameter(torch.randn(width, length))
        self.register_buffer("mask", torch.full((length, length), -1e4).triu(1))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        scores = q @ k.transpose(-2, -1) / q.size(-1) ** 0.5
        scores = scores + q @ self.relative
        scores = scores + self.table + self.mask[: x.shape[1], : x.shape[1]]
        return self.out(F.softmax(scores, dim=-1) @ v)


def gelu(x: Tensor) -> Tensor:
    """GELU by hand, as GPT-2 has it: the sum inside it has x and a power of x, no parameter."""
    return 0.5 * x * (1 + torch.tanh(0.79788456 * (x + 0.044715 * torch.pow(x, 3.0))))


class TransformerBlock(nn.Module):
    def __init__(self, width: int, length: int) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = Attention(width, length)
        self.fc, self.proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x))
        return x + self.proj(gelu(self.fc(self.ln_2(x))))


class Decoder(nn.Module):
    """Token and position embeddings are added: no unit."""

    def __init__(self) -> None:
        super().__init__()
        self.wte, self.wpe = nn.Embedding(20, 8), nn.Embedding(6, 8)
        self.h = nn.ModuleList(TransformerBlock(8, 6) for _ in range(2))
        self.head = nn.Linear(8, 20)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.wte(ids) + self.wpe(torch.arange(6, device=ids.device))
        for block in self.h:
            x = block(x)
        return self.head(x)


class Inception(nn.Module):
    """Branches side by side, a 1x1 convolution, and a pool among them: none is a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(width, 4, 1), nn.Conv2d(width, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        pool = F.max_pool2d(x, 3, 1, 1)
        return torch.cat([self.a(x), F.relu(self.b(x)), pool], dim=1)


class GlobalContext(nn.Module):
    """One value for all places, added to each: a sum that is spread."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x.mean((2, 3), keepdim=True))


class Branches(nn.Module):
    """x beside two branches: a concatenation of three with a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(width, 4, 1), nn.Conv2d(width, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.concat([F.relu(self.a(x)), F.relu(self.b(x)), x], dim=1)


class Loop(nn.Module):
    """One block used three times, its sum written outside it."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Linear(8, 8), nn.Tanh())

    def forward(self, x: Tensor, times: int = 3) -> Tensor:
        for _ in range(times):
            x = x + 0.5 * self.block(x)
        return x


class Branching(nn.Module):
    """A forward that looks at values as torch.fx cannot: at a length that it turns into a list."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        rows = [self.body(row).relu_() + row for row in x]
        return torch.stack(rows)


class Rotated(nn.Module):
    """Rotary positions: x cos + rotate(x) sin, a sum without a parameter, before a unit."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("cos", torch.rand(8))
        self.register_buffer("sin", torch.rand(8))
        self.body = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        a, b = x.chunk(2, dim=-1)
        turned = x * self.cos + torch.cat((-b, a), dim=-1) * self.sin
        return turned + self.body(turned).tanh()


def _image() -> Tensor:
    return torch.randn(2, 8, 6, 6)


def _row() -> Tensor:
    return torch.randn(2, 8)


def _ids() -> Tensor:
    return torch.randint(20, (2, 6))


NETWORKS: dict[str, tuple[Callable[[], nn.Module], Callable[[], Tensor], list[str]]] = {
    "post-activation": (
        lambda: nn.Sequential(PostActivation(8, 8, 1), PostActivation(8, 12, 2)),
        _image,
        ["0", "1"],
    ),
    "pre-activation": (
        lambda: nn.Sequential(PreActivation(8, 12, 2), PreActivation(12, 12, 1)),
        _image,
        ["0", "1"],
    ),
    "padded": (lambda: Padded(8, 12), _image, [""]),
    "squeeze-excite": (lambda: SqueezeExcite(8), _image, [""]),
    "highway": (lambda: nn.Sequential(Highway(8), Highway(8)), _row, ["0", "1"]),
    "lerp": (lambda: Lerp(8), _row, [""]),
    "dense": (lambda: nn.Sequential(DenseBlock(8, 4, 3)), _image, ["0:1", "0:2", "0:3"]),
    "decoder": (Decoder, _ids, ["h.0:1", "h.0:2", "h.1:1", "h.1:2"]),
    "inception": (lambda: Inception(8), _image, []),
    "global context": (lambda: GlobalContext(8), _image, [""]),
    "branches": (lambda: Branches(8), _image, [""]),
    "loop": (Loop, _row, [":1", ":2", ":3"]),
    "rotated": (Rotated, _row, [""]),
    "plain": (lambda: nn.Sequential(nn.Linear(8, 8), nn.ReLU(inplace=True)), _row, []),
}
"""How to make a network, its input, and the names of its units."""
