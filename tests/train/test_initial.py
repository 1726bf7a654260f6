"""Weights to start from: runs, model folders, files, and networks that differ in their wrapping."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from plusx import InputError, create, export_weights, save
from plusx.train.config import TrainConfig
from plusx.train.folder import RunFolder
from plusx.train.initial import initial_weights, network_in
from plusx.zoo import Network


def small(num_classes: int = 10, in_channels: int = 1, **options: float) -> Network:
    torch.manual_seed(num_classes)
    return create("resnet8", num_classes=num_classes, in_channels=in_channels, **options)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder as training leaves it, as far as weights are concerned."""
    folder = RunFolder(tmp_path / "run")
    folder.write_config(TrainConfig(data="digits", model="resnet8"))
    folder.write_model(small(7), "{}")
    return folder.path


def body(network: Network) -> list[torch.Tensor]:
    return [t for n, t in network.state_dict().items() if not n.startswith("head")]


def test_a_run_its_model_folder_and_a_saved_model_give_the_same(run: Path, tmp_path: Path) -> None:
    want = small(7).state_dict()
    save(small(7), tmp_path / "saved")
    for source in (run, run / "model", str(tmp_path / "saved")):
        network = create("resnet8", num_classes=7, in_channels=1)
        (line,) = initial_weights(network, source)
        assert all(torch.equal(t, want[n]) for n, t in network.state_dict().items())
        assert "(resnet8, 7 classes): layout plusx: " in line and str(source) in line
        config = network_in(source)
        assert config is not None and (config.name, config.num_classes) == ("resnet8", 7)


def test_a_head_for_other_classes_is_kept_and_said(run: Path) -> None:
    network = small(10)
    head = network.head.state_dict()["linear.weight"].clone()
    (line,) = initial_weights(network, run)
    assert "the head for 7 classes left out, the model's own kept" in line
    assert torch.equal(network.head.state_dict()["linear.weight"], head)
    assert all(torch.equal(a, b) for a, b in zip(body(network), body(small(7)), strict=True))


def test_a_stem_for_other_channels_is_fitted_and_said(run: Path) -> None:
    network = small(7, in_channels=3)
    (line,) = initial_weights(network, run)
    assert "the stem's 1 input channels became 3" in line
    grey = torch.randn(2, 1, 8, 8)
    want, got = small(7).eval()(grey), network.eval()(grey.expand(-1, 3, -1, -1))
    torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [({}, {"drop_path": 0.2}), ({"drop_path": 0.2}, {}), ({"shake_drop": 0.5}, {"drop_path": 0.1})],
)
def test_wrapping_of_a_transform_does_not_matter(
    tmp_path: Path, theirs: dict[str, float], ours: dict[str, float]
) -> None:
    given = small(10, **theirs)
    save(given, tmp_path / "saved")
    network = small(9, **ours)
    initial_weights(network, tmp_path / "saved")
    assert all(torch.equal(a, b) for a, b in zip(body(network), body(given), strict=True))


def test_a_file_in_the_layout_of_others(tmp_path: Path) -> None:
    given = small(10)
    save_file(export_weights(given, "cifar"), tmp_path / "theirs.safetensors")
    network = small(4)
    (line,) = initial_weights(network, tmp_path / "theirs.safetensors")
    assert "layout cifar: " in line and "the head for 10 classes left out" in line
    assert all(torch.equal(a, b) for a, b in zip(body(network), body(given), strict=True))
    assert network_in(tmp_path / "theirs.safetensors") is None
    assert network_in("hub:owner/name") is None


def test_weights_of_another_network_are_refused_by_name(run: Path) -> None:
    network = create("resnet14", num_classes=7, in_channels=1)
    before = {n: t.clone() for n, t in network.state_dict().items()}
    with pytest.raises(InputError, match=r"those of resnet8, which do not fit resnet14.*--model"):
        initial_weights(network, run)
    assert all(torch.equal(t, before[n]) for n, t in network.state_dict().items())


def test_a_run_without_a_model_and_nothing_at_all(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "young")
    folder.write_config(TrainConfig(data="digits"))
    with pytest.raises(InputError, match=r"has no model yet.*plusx resume"):
        initial_weights(small(), folder.path)
    with pytest.raises(InputError, match="there is no file"):
        initial_weights(small(), tmp_path / "nothing.pth")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"has no model\.safetensors"):
        initial_weights(small(), tmp_path / "empty")
