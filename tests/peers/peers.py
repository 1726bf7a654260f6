"""Which networks the peers have too, and how to make one with everything drawn at random."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import timm
import torch
import torchvision
from torch import Tensor, nn

from plusx import create, list_models, units
from plusx.catalog import family_of
from plusx.weights import layouts_of

TORCHVISION = {"vit_base_patch16_224": "vit_b_16"}
"""Names that differ; the others are the same."""
TIMM = {"mobilenet_v2": "mobilenetv2_100", "mobilenet_v2_140": "mobilenetv2_140"}
SETTINGS = {
    f"efficientnet_b{number}": {"bn_eps": 1e-3, "bn_momentum": 0.01} for number in (5, 6, 7)
}
"""Where timm has torch's batch norm, torchvision and plusx the authors'."""
MORE: tuple[tuple[str, dict[str, object], str, str], ...] = (
    ("resnet50", {"stem": "deep"}, "timm", "resnet50c"),
    ("resnet50", {"attention": "se", "drop_path": 0.1}, "timm", "seresnet50"),
    ("resnet50", {"norm": "group"}, "timm", "resnet50_gn"),
    ("vit_base_patch32_224", {}, "torchvision", "vit_b_32"),
)
"""Options and other sizes that make a peer's network."""
BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
NORMS = (*BATCH_NORMS, nn.GroupNorm, nn.LayerNorm)


@dataclass(frozen=True)
class Pair:
    name: str
    library: str
    peer: str
    options: dict[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        words = "".join(f"-{option}={value}" for option, value in self.options.items())
        return f"{self.library}-{self.peer}{words}"

    def ours(self) -> nn.Module:
        with torch.device("meta"):  # no initialisation: every tensor must be loaded
            classes = family_of(self.name).num_classes
            model = create(self.name, num_classes=classes, **self.options)
        return model.to_empty(device="cpu")

    def theirs(self) -> nn.Module:
        with torch.device("meta"):
            if self.library == "timm":
                model: nn.Module = timm.create_model(self.peer, **SETTINGS.get(self.peer, {}))
            else:
                model = torchvision.models.get_model(self.peer, weights=None)
        return model.to_empty(device="cpu")


def pairs() -> Iterator[Pair]:
    """Every network of ours that has a layout and a namesake at a peer."""
    namesakes = {
        "torchvision": (TORCHVISION, set(torchvision.models.list_models())),
        "timm": (TIMM, set(timm.list_models())),
    }
    for name in list_models():
        for library, (others, known) in namesakes.items():
            peer = others.get(name, name)
            if peer in known:
                yield Pair(name, library, peer)
    for name, options, library, peer in MORE:
        yield Pair(name, library, peer, options)


def without_chance(model: nn.Module) -> None:
    """Set every rate of dropout and of stochastic depth to zero."""
    for module in model.modules():
        for rate in ("p", "drop_prob", "rate"):
            if isinstance(getattr(module, rate, None), float):
                setattr(module, rate, 0.0)


def ends(ours: nn.Module, library: str) -> set[str]:
    """The peer's keys of the scales of the last norms of all units."""
    names = set()
    for unit in units(ours):
        norms = [name for name, part in unit.transform.named_modules() if isinstance(part, NORMS)]
        names.add(f"{unit.name}.transform.{norms[-1]}.weight")
    keys = next(keys for layout, keys in layouts_of(ours) if layout.name == library)
    return {key for name, (key, _) in keys.items() if name in names}


def randomise(model: nn.Module, inputs: tuple[Tensor, ...], ends: set[str]) -> None:
    """Draw every parameter and every statistic, statistics around what `inputs` give.

    Scales of the norms at the `ends` of the units are smaller, the more there are: otherwise a
    gradient grows a thousandfold on its way through a hundred units, and a rounding error with it.
    """
    norms = [module for module in model.modules() if isinstance(module, NORMS)]
    scales = {id(norm.weight) for norm in norms}
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if id(parameter) in scales:
                parameter.uniform_(0.5, 1.5)
                if name in ends:
                    parameter.div_(len(ends) ** 0.5)
            elif parameter.dim() == 1:
                parameter.normal_(0, 0.1)
            else:
                parameter.normal_(0, (2 / parameter[0].numel()) ** 0.5)
        _statistics(model, [n for n in norms if isinstance(n, BATCH_NORMS)], inputs)


def _statistics(model: nn.Module, norms: list[BatchNorm], inputs: tuple[Tensor, ...]) -> None:
    usual = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = 1.0  # the statistics become those of this batch
    model.train()(*inputs)
    for norm, momentum in zip(norms, usual):
        norm.momentum = momentum
        mean, var, count = norm.running_mean, norm.running_var, norm.num_batches_tracked
        assert mean is not None and var is not None and count is not None
        var.clamp_(min=0.1 * float(var.mean())).mul_(torch.empty_like(var).uniform_(0.5, 1.5))
        mean.add_(0.1 * var.sqrt() * torch.randn_like(mean))
        count.random_(1, 1000)
