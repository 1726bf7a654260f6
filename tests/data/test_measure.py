import torch

from plusx.data.measure import mean_and_std


def test_exact_whatever_the_grouping() -> None:
    source = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (5000, 3, 4, 4), dtype=torch.uint8, generator=source)
    mean, std = mean_and_std([images])
    values = images.double() / 255
    assert torch.allclose(torch.tensor(mean).double(), values.mean(dim=(0, 2, 3)))
    assert torch.allclose(torch.tensor(std).double(), values.std(dim=(0, 2, 3), correction=0))
    assert mean_and_std(images.flip(0).split(7)) == (mean, std)


def test_images_of_one_colour_have_a_deviation() -> None:
    mean, std = mean_and_std([torch.full((4, 1, 2, 2), 51, dtype=torch.uint8)])
    assert mean == (0.2,)
    assert std == (1 / 255,)
