"""Head and stem fitted only when asked, and nothing changed by a refusal."""

import pytest
import torch
from torch import Tensor
from weight_samples import cifar, torchvision

from plusx import InputError, create, load_weights
from plusx.zoo import Network


def snapshot(model: Network) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def unchanged(model: Network, before: dict[str, Tensor]) -> bool:
    return all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_a_head_for_other_classes_is_refused_unless_asked_for() -> None:
    model = create("resnet8", num_classes=7)
    before = snapshot(model)
    words = r"linear\.weight \(10, 64\), the model's \(7, 64\).*head=\"adapt\" keeps"
    with pytest.raises(InputError, match=words):
        load_weights(model, cifar())
    assert unchanged(model, before)

    report = load_weights(model, cifar(), head="adapt")
    assert report.adapted == ("head.linear.weight", "head.linear.bias")
    assert "the head for 10 classes left out, the model's own kept" in str(report)
    assert torch.equal(model.head.linear.weight, before["head.linear.weight"])
    assert not torch.equal(model.stem.conv.weight, before["stem.conv.weight"])


def test_a_head_that_fits_is_loaded_also_when_asked_to_adapt() -> None:
    model, state = create("resnet8", num_classes=10), cifar()
    assert not load_weights(model, state, head="adapt").adapted
    assert torch.equal(model.head.linear.weight, state["linear.weight"])


def test_a_stem_for_other_channels_is_refused_unless_asked_for() -> None:
    model = create("resnet18", in_channels=1)
    before = snapshot(model)
    words = r"conv1\.weight \(64, 3, 7, 7\), the model's \(64, 1, 7, 7\).*stem=\"adapt\" fits"
    with pytest.raises(InputError, match=words):
        load_weights(model, torchvision())
    assert unchanged(model, before)


def test_three_channels_to_one_is_their_sum() -> None:
    grey, colour, state = create("resnet18", in_channels=1), create("resnet18"), torchvision()
    report = load_weights(grey, state, stem="adapt")
    load_weights(colour, state)
    assert report.adapted == ("stem.conv.weight",)
    assert "the stem's 3 input channels became 1: their sum" in str(report)
    images = torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        want = colour.eval()(images.expand(-1, 3, -1, -1))
        assert torch.allclose(grey.eval()(images), want, rtol=1e-4, atol=1e-4 * want.abs().max())


def test_one_channel_to_many_is_copies_divided_by_their_number() -> None:
    model, state = create("resnet18", in_channels=4), torchvision(channels=1)
    load_weights(model, state, stem="adapt")
    for channel in range(4):
        assert torch.equal(model.stem.conv.weight[:, channel], state["conv1.weight"][:, 0] / 4)


def test_where_head_and_stem_are_all_that_differs_the_error_says_so() -> None:
    model = create("resnet18", num_classes=7, in_channels=1)
    words = r'; only its head and its stem differ; head="adapt" keeps .*; stem="adapt" fits'
    with pytest.raises(InputError, match=words):
        load_weights(model, torchvision())
    with pytest.raises(InputError, match='; only its stem differs; stem="adapt" fits'):
        load_weights(model, torchvision(), head="adapt")
    load_weights(model, torchvision(), head="adapt", stem="adapt")
    with pytest.raises(InputError) as caught:
        load_weights(model, torchvision() | {"more": torch.zeros(1)})
    assert "only" not in str(caught.value) and 'head="adapt" keeps' in str(caught.value)


def test_weights_without_a_head_leave_the_models_own_when_asked() -> None:
    state = {key: tensor for key, tensor in cifar().items() if not key.startswith("linear.")}
    model = create("resnet8", num_classes=7)
    before = snapshot(model)
    with pytest.raises(InputError, match=r"lacks fc\.weight, fc\.bias; only its head differs"):
        load_weights(model, state)
    report = load_weights(model, state, head="adapt")
    assert "the weights have no head, the model's own kept" in str(report)
    assert torch.equal(model.head.linear.weight, before["head.linear.weight"])
    assert torch.equal(model.stem.conv.weight, state["conv1.weight"])


def test_other_channels_have_no_rule() -> None:
    model = create("resnet18", in_channels=4)
    with pytest.raises(InputError, match=r"\(64, 3, 7, 7\), the model's \(64, 4, 7, 7\)"):
        load_weights(model, torchvision(), stem="adapt")


def test_old_files_without_counts_of_batches_load() -> None:
    state = {k: v for k, v in cifar().items() if not k.endswith("num_batches_tracked")}
    report = load_weights(create("resnet8", num_classes=10), state)
    assert "7 num_batches_tracked, which it lacks, left as they were" in str(report)


def test_half_precision_is_converted() -> None:
    state = {k: v.half() if v.is_floating_point() else v for k, v in cifar().items()}
    model = create("resnet8", num_classes=10)
    load_weights(model, state)
    assert torch.equal(model.stem.conv.weight, state["conv1.weight"].float())


def without(state: dict[str, Tensor], key: str) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in state.items() if name != key}


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (without(cifar(), "layer2.0.bn1.bias"), r"it lacks layer2\.0\.bn1\.bias$"),
        (cifar() | {"extra": torch.zeros(1)}, "it has the unknown extra$"),
        (cifar(shortcut=True), r"unknown layer2\.0\.shortcut\.0\.weight, layer2.* and 4 more"),
        (cifar(depth=2), r"unknown layer1\.1\.conv1\.weight"),
        (cifar() | {"linear.bias": torch.zeros(3, 2)}, r"linear\.bias \(3, 2\), the .* \(10,\)"),
        (
            cifar() | {"conv1.weight": torch.zeros(16, 3, 3, 3, dtype=torch.int8)},
            r"\(16, 3, 3, 3\) of whole numbers, the model's",
        ),
        ({"encoder.weight": torch.zeros(1)}, r"no known layout .*cifar, plusx\).* encoder\.weight"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_changes(state, words: str) -> None:  # type: ignore[no-untyped-def]
    model = create("resnet8", num_classes=10)
    before = snapshot(model)
    for fit in ("strict", "adapt"):
        with pytest.raises(InputError, match=words):
            load_weights(model, state, head=fit, stem=fit)
        assert unchanged(model, before)


@pytest.mark.parametrize("word", ["head", "stem"])
def test_an_unknown_fit_is_refused(word: str) -> None:
    with pytest.raises(InputError, match=f"{word}='yes' is not known"):
        load_weights(create("resnet8"), {}, **{word: "yes"})
