from dataclasses import dataclass
from typing import BinaryIO

import pytest
import torch

from plusx.data import Encoded, InMemory, Split, shuffled
from plusx.data.dataset import Chunks
from plusx.data.order import near


@dataclass(frozen=True)
class Pieces(Encoded):
    """Images in pieces of given lengths."""

    lengths: tuple[int, ...]
    window: int

    def __len__(self) -> int:
        return sum(self.lengths)

    def open(self, index: int) -> BinaryIO:
        raise NotImplementedError

    def chunks(self) -> Chunks:
        of = torch.repeat_interleave(torch.tensor(self.lengths))
        return Chunks(of * 7, self.window)


def split(lengths: tuple[int, ...], window: int) -> Split:
    images = Pieces(lengths, window)
    return Split(images, torch.zeros(len(images), dtype=torch.int64), ("",) * len(images))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_images_at_hand_are_permuted() -> None:
    memory = Split(InMemory(torch.zeros(9, 1, 2, 2)), torch.zeros(9), ("",) * 9)
    assert torch.equal(
        shuffled(memory, generator=generator()), torch.randperm(9, generator=generator())
    )


@pytest.mark.parametrize("window", [1, 50, 1000])
def test_every_image_once_and_pieces_near(window: int) -> None:
    lengths = (10, 1, 40, 40, 25, 7)
    order = shuffled(split(lengths, window), generator=generator())
    assert torch.equal(order.sort().values, torch.arange(123))
    of = torch.repeat_interleave(torch.tensor(lengths))[order]
    for piece, length in enumerate(lengths):
        places = torch.nonzero(of == piece).flatten()
        # a piece touches the windows that it covers when laid end to end, at most two at its ends
        assert places.max() - places.min() < length + 2 * window
    if window == 1:
        starts = [0, *torch.nonzero(of[1:] != of[:-1]).flatten().add(1).tolist()]
        assert len(starts) == len(lengths)


def test_a_function_of_the_generator() -> None:
    some = split((100, 100, 100), 64)
    first = shuffled(some, generator=generator())
    assert torch.equal(first, shuffled(some, generator=generator()))
    assert not torch.equal(first, shuffled(some, generator=generator(1)))
    assert first[:64].unique().numel() == 64
    firsts = {int(shuffled(some, generator=generator(seed))[0]) // 100 for seed in range(30)}
    assert firsts == {0, 1, 2}


def test_near() -> None:
    chunks = Pieces((100,) * 50, 200).chunks()
    some = near(chunks, 150)
    assert len(some) == 150
    assert torch.equal(some, some.sort().values) and some.unique().numel() == 150
    assert chunks.of[some].unique().numel() <= 2
    assert torch.equal(near(chunks, 9999), torch.arange(5000))
