"""The healthy networks that the defects are changes of, each with data and training."""

from collections.abc import Callable, Mapping
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from defects.case import Case, usual
from defects.digits import digits
from defects.plain_by_hand import PlainCNN, mlp
from defects.preact_by_hand import PreActResNet, ReluFirstBlock
from defects.resnet_by_hand import ResNet
from defects.transformer_by_hand import Transformer
from plusx import create
from plusx.doctor import Training
from plusx.zoo import Network

__all__ = ["BASES", "PEERS", "adam", "by_name", "drawn", "peer", "taught"]

PHOTO = 96
"""Size at which networks for photographs are looked at: a stem of stride 4 is right there."""


def by_name(name: str, *, channels: int = 1, **options: str) -> Network:
    return create(name, num_classes=10, in_channels=channels, **options)


def drawn(network: Network) -> Network:
    """A network of the zoo's builders that `create` did not make has the classes of ImageNet."""
    network.head.linear = nn.Linear(network.head.linear.in_features, 10)
    return network


def adam(model: nn.Module, rate: float = 1e-3) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), lr=rate)


def peer(library: str, name: str, *, small: bool = True) -> nn.Module:
    """Make a torchvision or timm resnet; `small` with the stem that people give it at 32 pixels."""

    import peers  # registers the operators without which torchvision does not import

    if library == "torchvision":
        model = peers.torchvision.models.get_model(name, num_classes=10)
    else:
        model = peers.timm.create_model(name, num_classes=10)
    if small:
        model.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(model.conv1.weight, mode="fan_out", nonlinearity="relu")
        model.maxpool = nn.Identity()
    return model


def taught(case: Case, steps: int = 10) -> Case:
    """Let the case's network take a few steps on its own data, as its training says."""
    assert case.data is not None and case.data.y is not None and case.training is not None
    assert case.training.optimizer is not None
    x, y = case.data.x, case.data.y
    case.model.train()
    for at in range(steps):
        part = slice(32 * at % len(x), 32 * at % len(x) + 32)
        loss = F.cross_entropy(case.model(x[part]), y[part])
        case.training.optimizer.zero_grad()
        loss.backward()
        case.training.optimizer.step()
    return case


def _case(
    make: Callable[[], nn.Module],
    *,
    size: int = 32,
    channels: int = 1,
    train: Callable[[nn.Module], Training] = usual,
    expect: str | None = None,
) -> Case:
    model = make()
    return Case(
        model=model,
        data=digits(size=size, channels=channels),
        training=train(model),
        expect=expect,
    )


def careful(model: nn.Module) -> Training:
    """Give the step and the evaluation, too, as a careful user writes them."""

    def step(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> Tensor:
        model.train()
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    def predict(model: nn.Module, x: Tensor) -> Tensor:
        model.eval()
        with torch.no_grad():
            return model(x)

    return usual(model, others={"step": step, "predict": predict})


def with_adam(model: nn.Module) -> Training:
    return usual(model, optimizer=adam(model))


BASES: Mapping[str, Callable[[], Case]] = {
    "resnet20": partial(_case, partial(by_name, "resnet20"), expect="resnet20"),
    "resnet18": partial(
        _case, partial(by_name, "resnet18", channels=3, stem="small"), size=16, channels=3
    ),
    "resnet18 for photographs": partial(
        _case, partial(by_name, "resnet18", channels=3), size=PHOTO, channels=3, expect="resnet18"
    ),
    "preact_resnet20": partial(
        _case, partial(by_name, "preact_resnet20"), expect="preact_resnet20"
    ),
    "densenet22_12": partial(
        _case, partial(by_name, "densenet22_12"), size=16, expect="densenet22_12"
    ),
    "resnet by hand": partial(_case, ResNet, expect="resnet20"),
    "resnet by hand, careful": partial(_case, ResNet, train=careful),
    "resnet by hand, projecting": partial(_case, partial(ResNet, shortcut="B")),
    "preact by hand": partial(_case, PreActResNet),
    "relu first by hand": partial(_case, partial(PreActResNet, block=ReluFirstBlock)),
    "transformer by hand": partial(_case, Transformer, train=with_adam),
    "cnn by hand": partial(_case, PlainCNN, train=partial(usual, rate=0.01)),
    "mlp by hand": partial(_case, partial(mlp, nn.ReLU, depth=4), train=with_adam),
}
PEERS: Mapping[str, Callable[[], Case]] = {
    "torchvision resnet18": partial(
        _case, partial(peer, "torchvision", "resnet18"), size=16, channels=3
    ),
    "timm seresnet18": partial(_case, partial(peer, "timm", "seresnet18"), size=16, channels=3),
}
