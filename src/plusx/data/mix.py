"""Two images in one, and both their classes in its target: mixup and cutmix."""

import torch
from torch import Tensor

from plusx.errors import InputError

__all__ = ["mix"]


def mix(
    images: Tensor,
    labels: Tensor,
    *,
    num_classes: int,
    mixup: float,
    cutmix: float,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """x = l x_i + (1 - l) x_j, or x_i with a box of x_j; t = l y_i + (1 - l) y_j.

    mixup: Zhang et al. 2017; cutmix: Yun et al. 2019, algorithm 1. `mixup` and `cutmix` are the
    alphas of l ~ Beta(alpha, alpha), 0 where it is off; where both are on, each batch takes one of
    them with probability 1/2. j is a permutation of the batch; a batch has one l and one box. The
    box has a share 1 - l of the image's area and any centre; l is then corrected for what of the
    box lies outside.

    Images (B, C, H, W) on any device, labels int64 (B,) on the same; `generator` is on the CPU.
    Returns the images and float32 targets (B, num_classes). Mixed bytes come back as float32 from 0
    to 255, since rounding would undo small shares; bytes that are not blended stay bytes.
    """
    _check(images, labels, mixup, cutmix)
    # drawn always, so that the generator's state does not depend on the settings' outcome
    coin, down, across = torch.rand(3, generator=generator, dtype=torch.float64).tolist()
    partner = torch.randperm(len(images), generator=generator).to(images.device)
    blended = mixup > 0 and (cutmix == 0 or coin < 0.5)
    alpha = mixup if blended else cutmix
    if alpha == 0:
        return images, _targets(labels, labels, 1.0, num_classes)
    share = _beta(alpha, generator)
    others = images.index_select(0, partner)
    if blended:
        whole = images if images.is_floating_point() else images.float()
        mixed = torch.lerp(others.to(whole.dtype), whole, share)
    else:
        mixed, share = _pasted(images, others, share, down, across)
    return mixed, _targets(labels, labels.index_select(0, partner), share, num_classes)


def _beta(alpha: float, generator: torch.Generator) -> float:
    """Draw from Beta(alpha, alpha), which is Dirichlet's (alpha, alpha) in one dimension.

    torch.distributions takes no generator; this is the kernel that it calls. In double precision:
    for small alphas most draws are nearer to 0 or 1 than float32 can tell.
    """
    both = torch.full((2,), alpha, dtype=torch.float64)
    return float(torch._sample_dirichlet(both, generator=generator)[0])


def _pasted(
    images: Tensor, others: Tensor, share: float, down: float, across: float
) -> tuple[Tensor, float]:
    """Paste a box of the others, centred at shares of height and width; return what is left."""
    height, width = images.shape[-2:]
    top, bottom = _cut(height, share, int(down * height))
    left, right = _cut(width, share, int(across * width))
    pasted = images.clone()
    pasted[..., top:bottom, left:right] = others[..., top:bottom, left:right]
    return pasted, 1 - (bottom - top) * (right - left) / (height * width)


def _cut(side: int, share: float, centre: int) -> tuple[int, int]:
    """Return where a box of side sqrt(1 - share) begins and ends, clipped at the borders."""
    length = int(side * (1 - share) ** 0.5)
    start = centre - length // 2
    return max(start, 0), min(start + length, side)


def _targets(labels: Tensor, others: Tensor, share: float, num_classes: int) -> Tensor:
    targets = torch.zeros(len(labels), num_classes, device=labels.device)
    # added, not set: both may be of the same class
    shares = torch.tensor([share, 1 - share], device=labels.device).expand(len(labels), 2)
    return targets.scatter_add(1, torch.stack([labels, others], dim=1), shares)


def _check(images: Tensor, labels: Tensor, mixup: float, cutmix: float) -> None:
    for name, alpha in (("mixup", mixup), ("cutmix", cutmix)):
        # below that, double precision cannot hold what is drawn
        if not (alpha == 0 or 0.01 <= alpha < float("inf")):
            raise InputError(f"{name} is {alpha}, expected an alpha from 0.01 up, or 0 for none")
    if images.dim() != 4 or labels.shape != images.shape[:1] or labels.is_floating_point():
        raise InputError(
            f"images have shape {tuple(images.shape)} and labels {tuple(labels.shape)} "
            f"({labels.dtype}), expected (B, C, H, W) and int64 (B,); mix before the labels are "
            "made targets"
        )
