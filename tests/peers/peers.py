"""Which networks the peers have too, and how to make one with everything drawn at random."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import timm
import torch
import torchvision
from torch import Tensor, nn

from plusx import create, list_models
from plusx.catalog import family_of

TORCHVISION = {"vit_base_patch16_224": "vit_b_16"}
"""Names that differ; the others are the same."""
TIMM = {"mobilenet_v2": "mobilenetv2_100", "mobilenet_v2_140": "mobilenetv2_140"}
SETTINGS = {
    f"efficientnet_b{number}": {"bn_eps": 1e-3, "bn_momentum": 0.01} for number in (5, 6, 7)
}
"""timm builds them with torch's batch norm, torchvision and plusx with the authors'."""
WITH_OPTIONS = (
    ("resnet50", {"stem": "deep"}, "timm", "resnet50c"),
    ("resnet50", {"attention": "se"}, "timm", "seresnet50"),
    ("resnet50", {"norm": "group"}, "timm", "resnet50_gn"),
    ("resnet18", {"attention": "se", "drop_path": 0.1}, "timm", "seresnet18"),
)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.GroupNorm, nn.LayerNorm)


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
    for name, options, library, peer in WITH_OPTIONS:
        yield Pair(name, library, peer, options)


def without_chance(model: nn.Module) -> None:
    """Set every rate of dropout and of stochastic depth to zero."""
    for module in model.modules():
        for rate in ("p", "drop_prob", "rate"):
            if isinstance(getattr(module, rate, None), float):
                setattr(module, rate, 0.0)


def randomise(model: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    """Draw every parameter and every statistic, statistics around what `inputs` give."""
    norms = [module for module in model.modules() if isinstance(module, NORMS)]
    scales = {id(norm.weight) for norm in norms}
    with torch.no_grad():
        for parameter in model.parameters():
            if id(parameter) in scales:
                parameter.uniform_(0.5, 1.5)
            elif parameter.dim() == 1:
                parameter.normal_(0, 0.1)
            else:
                parameter.normal_(0, (2 / parameter[0].numel()) ** 0.5)
        batched = [norm for norm in norms if isinstance(norm, NORMS[:3])]
        for norm in batched:
            norm.reset_running_stats()
        usual = [norm.momentum for norm in batched]
        for norm in batched:
            norm.momentum = 1.0  # the statistics become those of this batch
        model.train()
        model(*inputs)
        for norm, momentum in zip(batched, usual):
            norm.momentum = momentum
            mean, var, count = norm.running_mean, norm.running_var, norm.num_batches_tracked
            assert mean is not None and var is not None and count is not None
            var.clamp_(min=0.1 * float(var.mean())).mul_(torch.empty_like(var).uniform_(0.5, 1.5))
            mean.add_(0.1 * var.sqrt() * torch.randn_like(mean))
            count.random_(1, 1000)
