"""From stored bytes to the network's input: crop, mirror, normalise, whole batches at a time."""

import torch

from plusx.data.policy import Policy
from plusx.data.spec import InputSpec

__all__ = ["augment", "centre", "normalise"]


def augment(
    images: torch.Tensor, policy: Policy, *, size: int, generator: torch.Generator
) -> torch.Tensor:
    """Crop each image at random, and mirror it with probability 1/2 where the policy says so.

    He et al. 2015, section 4.2. uint8 (B, C, S, S) to uint8 (B, C, size, size); a pure function
    of its arguments and the generator's state, which moves on by the same amount for every
    policy. The generator may be on another device than the images.
    """
    padded = _padded(images, policy)
    batch, channels, _, side = padded.shape
    room = side - size + 1
    source = generator.device
    top, left = torch.randint(room, (2, batch, 1), generator=generator, device=source)
    mirrored = torch.rand(batch, 1, generator=generator, device=source) < 0.5
    along = torch.arange(size, device=source)
    across = torch.where(mirrored, size - 1 - along, along) if policy.flip else along
    # One gather does all: of what was tried (windows of unfold, advanced indexing, a loop over
    # the images) it was the fastest for small images, and it is the same on every device.
    places = (top + along)[:, :, None] * side + (left + across)[:, None, :]  # (B, size, size)
    index = places.to(images.device).view(batch, 1, -1).expand(-1, channels, -1)
    return padded.reshape(batch, channels, -1).gather(2, index).view(batch, channels, size, size)


def centre(images: torch.Tensor, size: int) -> torch.Tensor:
    """Return the middle of the images, (B, C, size, size): what evaluation sees."""
    margin = images.shape[-1] - size
    start = margin // 2
    return images[..., start : start + size, start : start + size]


def normalise(images: torch.Tensor, spec: InputSpec) -> torch.Tensor:
    """y = (x / 255 - mean) / std, uint8 (B, C, H, W) to float32, channels last in memory."""
    std = torch.tensor(spec.std, device=images.device).view(1, -1, 1, 1)
    mean = torch.tensor(spec.mean, device=images.device).view(1, -1, 1, 1)
    # bytes are turned before they become floats: a quarter of the memory to move
    values = images.contiguous(memory_format=torch.channels_last).float()
    return torch.addcmul(-mean / std, values, 1 / (255 * std))


def _padded(images: torch.Tensor, policy: Policy) -> torch.Tensor:
    if policy.padding == 0:
        return images
    batch, _, height, width = images.shape
    pad = policy.padding
    fill = torch.tensor(policy.fill, dtype=torch.uint8, device=images.device)
    padded = fill.view(1, -1, 1, 1).repeat(batch, 1, height + 2 * pad, width + 2 * pad)
    padded[:, :, pad : pad + height, pad : pad + width] = images
    return padded
