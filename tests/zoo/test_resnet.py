"""ResNets and plain nets against the same networks by hand."""

import pytest
import torch

from plusx import create, list_models
from plusx.catalog import family_of
from randomise import randomise
from reference import network as by_hand

FAMILIES = ("resnet", "resnet-cifar", "plain", "plain-cifar")
NAMES = [
    pytest.param(n, marks=() if n in ("resnet18", "resnet20", "plain20") else pytest.mark.full)
    for n in list_models()
    if family_of(n).name in FAMILIES
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("training", [False, True])
def test_equals_the_hand_written_network(name: str, training: bool) -> None:
    family = family_of(name)
    model = create(name, num_classes=10).double().train(training)
    randomise(model)
    images = torch.randn(3, 3, family.small_size, family.small_size).double()
    state = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    with torch.no_grad():
        first = name in ("resnet164", "resnet1001")  # the stride in the first 1x1
        want = by_hand(images, state, training=training, first=first)
        found = model(images)
    # 110 plain layers in training mode multiply a rounding error by some 10^6
    tolerance = 1e-5 if training and name.startswith("plain") else 1e-9
    assert (found - want).abs().max() <= tolerance * want.abs().max()
