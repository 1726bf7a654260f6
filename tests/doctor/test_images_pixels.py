"""Images that are not normalised, swapped, constant, doubled or spoiled, and healthy ones."""

import math
from dataclasses import replace

import pytest
import torch
from images_samples import asked, causes, digits, generator
from torch import Generator, Tensor, nn

from plusx.data import InputSpec
from plusx.doctor import Finding, Material, Raw
from plusx.doctor.images.signature import signatures


def _raw(material: Material) -> Raw:
    assert material.train is not None
    return material.train


@pytest.mark.parametrize(
    ("scale", "verdict"), [(1.0, "wrong"), (1 / 255, "warning"), (1 / 255**2, "wrong")]
)
def test_images_that_are_not_normalised(scale: float, verdict: str) -> None:
    x = _raw(digits()).images[:256].float() * scale
    assert causes(asked(Material(x=x, y=None), "scale")) == {"not normalised": verdict}


def test_anybodys_mean_and_deviation_will_do() -> None:
    x = _raw(digits()).images[:256].float() / 255
    for mean, std in ((0.485, 0.229), (0.5, 0.5), (0.1307, 0.3081), (0.0, 0.2)):
        assert causes(asked(Material(x=(x - mean) / std, y=None), "scale")) == {}


def test_a_network_may_normalise_by_itself() -> None:
    x = _raw(digits()).images[:64].float()

    class Net(nn.Module):
        def __init__(self, own: bool) -> None:
            super().__init__()
            self.own, self.conv, self.head = own, nn.Conv2d(1, 4, 3), nn.Linear(4, 10)

        def forward(self, x: Tensor) -> Tensor:
            x = (x - 77) / 95 if self.own else x
            y: Tensor = self.head(self.conv(x).mean((2, 3)))
            return y

    assert causes(asked(Material(x=x, y=None), "scale", model=Net(True))) == {}
    assert causes(asked(Material(x=x, y=None), "scale", model=Net(False))) == {
        "not normalised": "wrong"
    }


def test_test_images_that_are_normalised_otherwise() -> None:
    assert digits().test is not None
    raw = digits().test.images[:256].float() / 255  # type: ignore[union-attr]
    found = asked(replace(digits(), test_x=raw), "scale")
    assert causes(found) == {"not normalised": "wrong"}


def _colours(count: int = 300, *, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return bytes with a warm ground and a blue sky, and labels that the shapes tell."""
    chance = generator(seed)
    y = torch.randint(4, (count,), generator=chance)
    shape = torch.randn(4, 16, 16, generator=generator(9))
    grey = 120 + 25 * shape[y] + 25 * torch.randn(count, 16, 16, generator=chance)
    warm = 15 + 20 * torch.randn(count, 1, 1, generator=chance)
    sky = torch.linspace(-12, 12, 16)[:, None] * torch.rand(count, 1, 1, generator=chance)
    red, blue = grey + warm + sky, grey - warm - sky
    return torch.stack([red, grey, blue], 1).clamp(0, 255).to(torch.uint8), y


def _coloured() -> Material:
    (images, y), (others, z) = _colours(), _colours(seed=1)
    mean, std = images.float().mean((0, 2, 3)), images.float().std((0, 2, 3))
    spec = InputSpec(tuple("wxyz"), 3, 16, 16, tuple(mean / 255), tuple(std / 255))

    def seen(stored: Tensor) -> Tensor:
        return (stored.float() - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)

    return Material(
        x=seen(images),
        y=y,
        test_x=seen(others),
        test_y=z,
        train=Raw(images, y, tuple(f"train/{i}" for i in range(len(y)))),
        test=Raw(others, z, tuple(f"test/{i}" for i in range(len(z)))),
        spec=spec,
    )


def _turned(raw: Raw | None) -> Raw:
    assert raw is not None
    return replace(raw, images=raw.images.flip(1))


def test_red_and_blue_where_they_belong() -> None:
    assert causes(asked(_coloured(), "channels", "constant", "scale", "duplicates")) == {}


def test_input_that_is_swapped_on_its_way() -> None:
    material = _coloured()
    found = asked(replace(material, x=material.x.flip(1)), "channels")
    assert causes(found) == {"channels swapped": "wrong"} and found[0].weight == 3


def test_a_test_split_that_is_swapped() -> None:
    material = _coloured()
    found = asked(replace(material, test=_turned(material.test)), "channels")
    assert causes(found) == {"channels swapped": "wrong"} and found[0].place == "test"


def test_photographs_that_all_are_swapped_are_worth_a_look() -> None:
    material = _coloured()
    assert material.spec is not None
    swapped = replace(
        material,
        train=_turned(material.train),
        test=_turned(material.test),
        x=material.x.flip(1),
        spec=replace(material.spec, mean=material.spec.mean[::-1], std=material.spec.std[::-1]),
    )
    assert causes(asked(swapped, "channels")) == {"channels swapped": "warning"}
    measured_before = replace(swapped, spec=material.spec)
    assert causes(asked(measured_before, "channels")) == {"channels swapped": "wrong"}


def test_ink_on_blue_paper_is_no_photograph() -> None:
    ink = digits().x[:100, :, :, :].clamp(0, 1)
    warm, cold = (torch.tensor(c).view(1, 3, 1, 1) for c in ((0.9, 0.6, 0.2), (0.1, 0.3, 0.5)))
    found = asked(Material(x=ink * warm + (1 - ink) * cold, y=None), "channels")
    assert causes(found) == {}


def test_grey_images_have_no_colours_to_swap() -> None:
    grey = torch.randn(100, 1, 16, 16, generator=generator()).expand(-1, 3, -1, -1)
    (found,) = asked(Material(x=grey, y=None), "channels")
    assert found.verdict == "not applicable"


class _Red(nn.Module):
    """Tells the class by the mean of the first channel."""

    def forward(self, x: Tensor) -> Tensor:
        return -(((x[:, 0].mean((1, 2)))[:, None] - torch.arange(4.0)) ** 2) * 4


def test_a_trained_network_tells_that_colours_are_swapped() -> None:
    y = torch.arange(200) % 4
    x = torch.rand(200, 3, 8, 8, generator=generator())
    x[:, 0] += y[:, None, None] - 0.5
    assert causes(asked((x, y), "network", model=_Red())) == {}
    found = asked((x.flip(1), y), "network", model=_Red())
    assert causes(found) == {"channels swapped": "wrong"}


def test_a_network_that_is_sure_of_its_mistakes_is_not_called_swapped() -> None:
    y = torch.arange(200) % 4
    seen = torch.where(torch.arange(200) % 8 == 0, 3, torch.where(torch.arange(200) % 8 == 7, 0, y))
    x = torch.full((200, 3, 8, 8), 1.5)  # swapped, it knows nothing and says so: a lower loss
    x[:, 0] = seen[:, None, None].float()
    assert causes(asked((x, y), "network", model=_Red())) == {}


def test_a_constant_channel() -> None:
    material = _coloured()
    x = material.x.clone()
    x[:, 2] = 0.3
    found = asked(replace(material, x=x), "constant", "scale")
    assert causes(found) == {"channel constant": "wrong"}
    assert found[0].place == "input, channel 2"


def test_images_that_stand_in_two_splits() -> None:
    material = _coloured()
    train, test = _raw(material), material.test
    assert test is not None
    names = test.names
    same = replace(test, images=torch.cat([train.images[:30], test.images[30:]]))
    found = asked(replace(material, test=same), "duplicates")
    assert causes(found) == {"splits overlap": "wrong"}
    assert "30 (10.0%)" in found[0].figure and f"{names[0]} = train/0" in found[0].figure


def test_images_that_nearly_stand_in_two_splits() -> None:
    material = _coloured()
    train, test = _raw(material), material.test
    assert test is not None
    brighter = (train.images[:60].float() * 1.05 + 2).clamp(0, 255).to(torch.uint8)
    near = replace(test, images=torch.cat([brighter, test.images[60:]]))
    found = asked(replace(material, test=near), "duplicates")
    assert causes(found) == {"splits overlap": "wrong"} and "nearly" in found[0].figure


def test_images_that_stand_several_times_in_one() -> None:
    material = _coloured()
    train = _raw(material)
    again = replace(train, images=train.images[torch.arange(300) % 100])
    found = asked(Material(x=material.x, y=None, train=again), "duplicates")
    assert causes(found) == {"splits overlap": "warning"} and "200 of 300" in found[0].figure


def test_signatures_are_correlations() -> None:
    images = torch.rand(5, 1, 8, 8, generator=generator())
    found = signatures(images) @ signatures(images).T
    assert torch.allclose(found, torch.corrcoef(images.flatten(1)), atol=1e-5)
    assert float(signatures(torch.full((1, 1, 8, 8), 7.0)).norm()) == 0


def _blank(images: Tensor, chance: Generator) -> Tensor:
    return torch.randint(0, 256, images.shape, generator=chance).to(torch.uint8)


def test_augmentation_that_leaves_nothing() -> None:
    found = asked(replace(digits(), augment=_blank), "augmentation")
    assert causes(found) == {"augmentation too strong": "wrong"}


def test_mild_augmentation_is_fine() -> None:
    def rotated(images: Tensor, chance: Generator) -> Tensor:
        angle = (torch.rand(len(images), generator=chance) - 0.5) * math.pi / 6
        turn = torch.zeros(len(images), 2, 3)
        turn[:, 0, 0], turn[:, 1, 1] = angle.cos(), angle.cos()
        turn[:, 0, 1], turn[:, 1, 0] = -angle.sin(), angle.sin()
        grid = nn.functional.affine_grid(turn, list(images.shape), align_corners=False)
        seen = nn.functional.grid_sample(images.float(), grid, align_corners=False)
        return seen.round().to(torch.uint8)

    assert causes(asked(replace(digits(), augment=rotated), "augmentation", "mirrored")) == {}


@pytest.mark.parametrize("axes", [(3,), (2,), (2, 3)])
def test_digits_must_not_be_mirrored(axes: tuple[int, ...]) -> None:
    def mirrored(images: Tensor, chance: Generator) -> Tensor:
        half = torch.rand(len(images), generator=chance) < 0.5
        return torch.where(half.view(-1, 1, 1, 1), images.flip(axes), images)

    found = asked(replace(digits(), augment=mirrored), "mirrored")
    assert causes(found) == {"augmentation too strong": "wrong"}


def test_a_few_images_of_another_size() -> None:
    def found(sizes: dict[tuple[int, int], tuple[int, str]]) -> list[Finding]:
        return asked(replace(digits(), sizes=sizes), "sizes")

    assert causes(found({(8, 8): (500, "a.png")})) == {}
    odd = found({(64, 9): (2, "b.png"), (8, 8): (500, "a.png")})
    assert causes(odd) == {"odd sizes": "warning"} and odd[0].place == "b.png"
    assert "500 of 502" in odd[0].figure
    assert causes(found({(8 + i, 8): (12, f"{i}.png") for i in range(40)})) == {}
    assert found({})[0].verdict == "not applicable"


class _Behind(nn.Module):
    """A norm before the first convolution, or after it."""

    def __init__(self, norm: nn.Module, *, first: bool) -> None:
        super().__init__()
        conv = nn.Conv2d(1, norm.weight.shape[0], 3)  # type: ignore[index,union-attr]
        self.body = nn.Sequential(norm, nn.Conv2d(1, 4, 3)) if first else nn.Sequential(conv, norm)
        self.head = nn.LazyLinear(10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(x).flatten(1))  # type: ignore[no-any-return]


def test_a_norm_that_gets_the_images_normalises_them() -> None:
    x = _raw(digits()).images[:256].float() / 255
    for norm, first in ((nn.BatchNorm2d(1), True), (nn.GroupNorm(1, 1), True)):
        model = _Behind(norm, first=first)
        model(x[:2])
        assert causes(asked(Material(x=x, y=None), "scale", model=model)) == {}
    late = _Behind(nn.BatchNorm2d(4), first=False)
    late(x[:2])
    found = asked(Material(x=x, y=None), "scale", model=late)
    assert causes(found) == {"not normalised": "warning"}


def test_what_is_not_normalised_is_said_as_it_is() -> None:
    def said(x: torch.Tensor, model: nn.Module | None = None) -> str:
        (found,) = asked(Material(x=x, y=None), "scale", model=model)
        assert found.cause == "not normalised"
        return f"{found.title}: {found.why}"

    x = torch.randn(64, 1, 8, 8, generator=generator())
    x = (x - x.mean()) / x[:16].std()  # of which the first sixteen are measured
    assert "offset 100 times larger" in said(x * 0.1 + 10 - 0.1 * x[:16].mean())
    assert "267 times larger than the first layer" in said(x * 267)
    assert "100 times smaller" in said(x / 100)
    halves = torch.tensor([0.2, 0.6]).repeat(64, 1, 8, 4)  # mean 0.4, deviation 0.2
    assert "an offset of 2.0 deviations" in said(halves)
    columns = torch.randn(64, 20, generator=generator()) * torch.logspace(0, 3, 20)
    assert "The inputs" in said(columns, nn.Linear(20, 3))
    shares = torch.rand(64, 20, generator=generator())
    fine = asked(Material(x=shares, y=None), "scale", model=nn.Linear(20, 3))
    assert causes(fine) == {} and "images" not in fine[0].title


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_images_of_half_precision_are_looked_at(dtype: torch.dtype) -> None:
    y = digits().y
    assert y is not None
    material = Material(x=digits().x[:256].to(dtype), y=y[:256])
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).to(dtype)
    found = asked(material, model=model)  # which refuses checks that fail
    assert causes(found) == {}
    seen = {each.check for each in found if each.verdict == "fine"}
    assert {"images.duplicates", "images.network", "images.scale"} <= seen
