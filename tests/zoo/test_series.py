"""1-D ResNets against the same networks by hand, and what is special in them."""

import pytest
import torch
from reference_axes import series as by_hand
from torch import nn

from plusx import InputError, create, units
from randomise import randomise


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resnet_tsc", {}),
        ("resnet_tsc", {"shortcut": "norm"}),
        ("resnet1d18", {}),
        pytest.param("resnet1d34", {}, marks=pytest.mark.full),
    ],
)
@pytest.mark.parametrize("training", [False, True])
def test_equals_the_hand_written_network(
    name: str, options: dict[str, str], training: bool
) -> None:
    model = create(name, num_classes=10, in_channels=2, **options).double().train(training)
    randomise(model)
    x = torch.randn(3, 2, 71).double()
    state = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    with torch.no_grad():
        want = by_hand(x, state, training=training)
        found = model(x)
    assert (found - want).abs().max() <= 1e-9 * want.abs().max()


def test_no_step_of_a_short_series_is_lost() -> None:
    model = create("resnet_tsc", num_classes=5, in_channels=1).eval()
    for length in (1, 2, 9):
        assert model.stages(torch.randn(2, 1, length)).shape == (2, 128, length)


def test_the_shortcut_of_the_paper_and_of_its_code() -> None:
    paper, code = (create("resnet_tsc", shortcut=s) for s in ("project", "norm"))
    assert isinstance(units(paper)[2].shortcut, nn.Identity)
    assert isinstance(units(code)[2].shortcut, nn.BatchNorm1d)
    assert len(list(code.parameters())) == len(list(paper.parameters())) + 2


@pytest.mark.parametrize("norm", ["group", "layer", "instance", "none"])
def test_norms_activations_and_stochastic_depth_are_exchanged(norm: str) -> None:
    options = {"norm": norm, "activation": "mish", "drop_path": 0.2}
    model = create("resnet1d18", num_classes=5, in_channels=1, **options)
    assert model(torch.randn(2, 1, 64)).isfinite().all()
    assert not any(isinstance(m, nn.BatchNorm1d | nn.ReLU) for m in model.modules())


def test_a_shortcut_for_images_is_refused() -> None:
    with pytest.raises(InputError, match="one of project, norm"):
        create("resnet_tsc", shortcut="pad")
