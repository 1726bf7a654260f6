"""Video ResNets against the same networks by hand, and what is special in them."""

import pytest
import torch
from reference_axes import video as by_hand

from plusx import create, units
from plusx.zoo.network import Family
from plusx.zoo.video import FAMILIES, clips
from randomise import randomise

NAMES = tuple(FAMILIES[0].models)


@pytest.mark.full
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("training", [False, True])
def test_equals_the_hand_written_network(name: str, training: bool) -> None:
    model = create(name, num_classes=10).double().train(training)
    randomise(model)
    x = torch.randn(3, 3, 4, 24, 20).double()
    state = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    with torch.no_grad():
        want = by_hand(x, state, flat=name == "mc3_18", training=training)
        found = model(x)
    assert (found - want).abs().max() <= 1e-9 * want.abs().max()


@pytest.mark.full
def test_only_mc3_keeps_time() -> None:
    frames = {}
    for name in NAMES:
        model = create(name, num_classes=5).eval()
        with torch.no_grad():
            frames[name] = model.stages(model.stem(torch.randn(1, 3, 8, 16, 16))).shape[2]
    assert frames == {"r3d_18": 1, "mc3_18": 8, "r2plus1d_18": 1}


def test_a_factored_convolution_has_about_the_weights_of_the_full_one() -> None:
    three, two = (create(name, num_classes=5) for name in ("r3d_18", "r2plus1d_18"))
    for a, b in zip(units(three), units(two)):
        full = a.transform.conv1.weight.numel()
        factored = b.transform.conv1.space.weight.numel() + b.transform.conv1.time.weight.numel()
        assert full * 0.99 < factored <= full


def test_an_example_is_a_clip() -> None:
    family: Family = FAMILIES[0]
    assert family.inputs is clips
    assert [x.shape for x in clips(2, 3, 112)] == [(2, 3, 16, 112, 112)]
    assert [x.shape for x in clips(2, 3, 7)] == [(2, 3, 2, 7, 7)]


def test_norms_activations_and_stochastic_depth_are_exchanged() -> None:
    model = create("r3d_18", num_classes=5, norm="group", activation="silu", drop_path=0.2).eval()
    assert model(torch.randn(1, 3, 2, 8, 8)).shape == (1, 5)
