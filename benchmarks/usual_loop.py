"""The training loop of most tutorials: DataLoader, per-image transforms, float32."""

import time

import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset


class PerImage(Dataset[tuple[Tensor, int]]):
    """Images decoded, cropped, mirrored and normalised one at a time."""

    def __init__(self, pixels: Tensor, labels: Tensor) -> None:
        self.images = [Image.fromarray(image[0].numpy()) for image in pixels]
        self.labels = labels.tolist()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = ImageOps.expand(self.images[index], border=3)
        x, y = torch.randint(0, 7, (2,)).tolist()
        image = image.crop((x, y, x + 28, y + 28))
        if torch.rand(()) < 0.5:
            image = ImageOps.mirror(image)
        tensor = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
        tensor = tensor.view(1, 28, 28).float() / 255
        return (tensor - 0.286) / 0.353, self.labels[index]


def train_epoch(model: nn.Module, images: PerImage, *, batch_size: int, workers: int) -> float:
    """Train one epoch; return images per second."""
    loader = DataLoader(
        images, batch_size=batch_size, shuffle=True, drop_last=True, num_workers=workers
    )
    optimizer = torch.optim.SGD(
        model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4
    )
    model.train()
    seen, began = 0, time.perf_counter()
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y, label_smoothing=0.1).backward()
        optimizer.step()
        seen += len(y)
    return seen / (time.perf_counter() - began)
