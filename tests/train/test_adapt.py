"""Adapting to a new domain: CORAL against its formula, and the verb from end to end."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from watchers import Silent

from plusx import InputError, create, load
from plusx.cli.adapt import adapt as adapt_verb
from plusx.data import Data, InMemory, Split, augment, normalise, open_data, policy_for
from plusx.train.adapt import adapt, measure
from plusx.train.adapt_run import adapt_run
from plusx.train.config import TrainConfig
from plusx.train.coral import Coral, coral_loss, train_coral
from plusx.train.folder import RunFolder
from plusx.train.norm_statistics import re_estimated
from plusx.train.predict import Classifier
from plusx.train.seeds import generator_for
from plusx.train.target import check_images, labelled_source, open_target
from plusx.zoo import Network

# --- CORAL


def test_the_loss_is_that_of_the_paper() -> None:
    s, t = torch.randn(7, 5, dtype=torch.float64), 2 * torch.randn(9, 5, dtype=torch.float64)
    difference = np.cov(s.numpy(), rowvar=False) - np.cov(t.numpy(), rowvar=False)
    want = np.linalg.norm(difference, "fro") ** 2 / (4 * 5**2)
    assert float(coral_loss(s, t)) == pytest.approx(want, rel=1e-12)
    assert float(coral_loss(s, s + 3)) == pytest.approx(0, abs=1e-20), "means do not count"
    assert float(coral_loss(s, t)) == pytest.approx(float(coral_loss(t, s)))


def test_its_gradient_is_that_of_finite_differences() -> None:
    s = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    t = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(coral_loss, (s, t))


def test_features_that_do_not_fit_are_refused() -> None:
    for s, t in (((4, 3), (4, 2)), ((4, 3, 1), (4, 3)), ((4, 3), (3,))):
        with pytest.raises(InputError, match="take both from the same layer"):
            coral_loss(torch.zeros(s), torch.zeros(t))
    with pytest.raises(InputError, match="a covariance needs two"):
        coral_loss(torch.zeros(1, 3), torch.zeros(4, 3))


def shifted(split: Split, change: Callable[[Tensor], Tensor]) -> Split:
    assert isinstance(split.images, InMemory)
    return replace(split, images=InMemory(change(split.images.pixels)))


def inverted(pixels: Tensor) -> Tensor:
    return 255 - pixels


def faded(pixels: Tensor) -> Tensor:
    return pixels // 4 + 150


def noisy(pixels: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(len(pixels))
    noise = 60 * torch.randn(pixels.shape, generator=generator)
    return (pixels.float() + noise).round().clamp(0, 255).to(torch.uint8)


def some(split: Split, count: int) -> Split:
    assert isinstance(split.images, InMemory)
    return Split(InMemory(split.images.pixels[:count]), split.labels[:count], split.names[:count])


@pytest.fixture(scope="module")
def digits() -> Data:
    return open_data("digits")


@pytest.fixture(scope="module")
def trained(digits: Data) -> Network:
    """A network that knows the digits: CORAL of weight 0 with one domain is plain training."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = create("resnet8", num_classes=10, in_channels=1)
    settings = Coral(weight=0, epochs=6, learning_rate=0.2, batch_size=64)
    network = train_coral(network, digits.train, digits.train, digits.input, settings=settings)
    return re_estimated(network, [normalise(digits.train.images.pixels, digits.input)])


def test_one_step_is_the_step_by_hand(digits: Data) -> None:
    spec, size = digits.input, 16
    source, target = some(digits.train, size), some(shifted(digits.train, inverted), size)
    network = create("resnet8", num_classes=10, in_channels=1).eval()
    settings = Coral(epochs=1, batch_size=size, weight=3.0, weight_decay=0.0, seed=5)
    found = train_coral(network, source, target, spec, settings=settings)
    policy = policy_for(spec, count=size)
    inputs, labels = [], []
    for split, domain, rounds in ((source, "source", ()), (target, "target", (0,))):
        chance = generator_for(5, "coral", domain, "order", 0, *rounds)
        order = torch.randperm(size, generator=chance)
        chance = generator_for(5, "coral", domain, 0)
        seen = augment(split.images.pixels[order], policy, size=spec.size, generator=chance)
        inputs.append(normalise(seen, spec))
        labels.append(split.labels[order])
    network.train()
    head = network.head
    features = [head.flatten(head.pool(network.stages(network.stem(x)))) for x in inputs]
    covariances = [torch.cov(f.T) for f in features]
    loss = F.cross_entropy(head.linear(features[0]), labels[0])
    loss = loss + 3.0 * (covariances[0] - covariances[1]).square().sum() / (4 * 64**2)
    loss.backward()
    rate, nesterov = 0.01 * size / 128, 1 + 0.9  # the first step of Nesterov: g + m g
    want = dict(network.named_parameters())
    for name, parameter in found.named_parameters():
        step = rate * nesterov * want[name].grad
        torch.testing.assert_close(parameter, want[name] - step, rtol=1e-4, atol=1e-6)


def test_it_depends_on_the_seed_and_never_on_the_labels_of_the_target(digits: Data) -> None:
    network = create("resnet8", num_classes=10, in_channels=1, drop_path=0.5)
    before = {n: t.clone() for n, t in network.state_dict().items()}
    source, target = some(digits.train, 100), some(shifted(digits.train, inverted), 40)
    lying = replace(target, labels=torch.zeros_like(target.labels))
    state = torch.get_rng_state()

    def weights(to: Split, seed: int) -> list[Tensor]:
        settings = Coral(epochs=2, batch_size=32, seed=seed)
        made = adapt(network, to, digits.input, method="coral", source=source, coral=settings)
        return [*made.state_dict().values()]

    first = weights(target, 1)
    torch.manual_seed(99)
    again, other = weights(lying, 1), weights(target, 2)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))
    assert all(torch.equal(t, before[n]) for n, t in network.state_dict().items())
    torch.set_rng_state(state)
    weights(target, 1)
    assert torch.equal(torch.get_rng_state(), state), "the global random state is left alone"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"epochs": 0}, "epochs is 0"), ({"weight": -1}, "weight is -1"),
     ({"batch_size": 1}, "a covariance needs two"), ({"learning_rate": 0}, "above 0"),
     ({"momentum": 1}, "below 1"), ({"weight_decay": -1}, "0 or more")],
)  # fmt: skip
def test_settings_out_of_range_are_refused(wrong: dict[str, float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Coral(**wrong)  # type: ignore[arg-type]


def test_a_loss_that_is_not_finite_stops_with_a_hint(digits: Data) -> None:
    network = create("resnet8", num_classes=10, in_channels=1)
    part = some(digits.train, 64)
    settings = Coral(epochs=9, batch_size=16, learning_rate=1e30)
    with pytest.raises(InputError, match=r"the loss became .* lower the learning rate"):
        train_coral(network, part, part, digits.input, settings=settings)


# --- adapt


@pytest.mark.parametrize("change", [noisy, faded])
def test_both_methods_help_on_digits_that_are_shifted(
    trained: Network, digits: Data, change: Callable[[Tensor], Tensor]
) -> None:
    spec = digits.input
    images, test = shifted(digits.train, change), shifted(digits.test, change)
    before = measure(trained, test, spec).accuracy
    statistics = measure(adapt(trained, images, spec), test, spec).accuracy
    coral = adapt(trained, images, spec, method="coral", source=digits.train)
    assert statistics > before + 0.05
    assert measure(coral, test, spec).accuracy > before + 0.05


def test_a_network_without_norms_can_take_coral(digits: Data) -> None:
    network = create("fixup_resnet20", num_classes=10, in_channels=1)
    part = some(digits.train, 40)
    settings = Coral(epochs=1, batch_size=20)
    found = adapt(network, part, digits.input, method="coral", source=part, coral=settings)
    assert not found.training
    assert measure(found, part, digits.input).count == 40


def test_measuring_is_what_the_logits_say(trained: Network, digits: Data) -> None:
    found = measure(trained, digits.test, digits.input)
    with torch.no_grad():
        logits = trained(normalise(digits.test.images.pixels, digits.input))
    assert found.accuracy == (logits.argmax(1) == digits.test.labels).double().mean()
    assert found.loss == pytest.approx(float(F.cross_entropy(logits, digits.test.labels)), rel=1e-5)


def test_what_cannot_be_adapted_is_refused(digits: Data) -> None:
    network, spec = create("resnet8", num_classes=10, in_channels=1), digits.input
    colour = shifted(some(digits.train, 4), lambda pixels: pixels.expand(-1, 3, -1, -1))
    large = shifted(some(digits.train, 4), lambda pixels: pixels.repeat(1, 1, 2, 2))
    with pytest.raises(InputError, match=r"images of 3 channel\(s\), expected 1.*grey"):
        adapt(network, colour, spec)
    with pytest.raises(InputError, match=r"16x16 pixels, expected 8x8.*size=8"):
        adapt(network, large, spec)
    with pytest.raises(InputError, match="1 image to adapt to"):
        adapt(network, some(digits.train, 1), spec)
    with pytest.raises(InputError, match="no images"):
        check_images(some(digits.train, 0), spec)
    with pytest.raises(InputError, match=r"coral needs labelled images.*--source"):
        adapt(network, digits.train, spec, method="coral")
    with pytest.raises(InputError, match="the source has images of 3"):
        adapt(network, digits.train, spec, method="coral", source=colour)
    with pytest.raises(InputError, match="did you mean 'statistics'"):
        adapt(network, digits.train, spec, method="statistic")  # type: ignore[arg-type]


# --- from a run to an adapted model


@pytest.fixture
def run(tmp_path: Path, trained: Network, digits: Data) -> Path:
    folder = RunFolder(tmp_path / "digits")
    folder.write_config(TrainConfig(data="digits", model="resnet8"))
    folder.write_model(trained, digits.input.to_json())
    return folder.path


def arrays(path: Path, data: Data, change: Callable[[Tensor], Tensor]) -> Path:
    """A set in the layout of MedMNIST, which only numbers its classes."""
    parts = {"train": data.train, "val": data.val, "test": data.test}
    content = {}
    for name, split in parts.items():
        assert isinstance(split.images, InMemory)
        content[f"{name}_images"] = change(split.images.pixels)[:, 0].numpy()
        content[f"{name}_labels"] = split.labels.numpy()
    np.savez(path, **content)
    return path


def write(path: Path, pixels: Tensor) -> None:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels[0].numpy()).save(path)


def loose(folder: Path, data: Data, count: int) -> Path:
    """Images in a folder, without classes."""
    for at in range(count):
        write(folder / f"{at}.png", 255 - data.train.images.read(at))
    return folder


def test_the_verb_writes_a_model_and_measures_with_labels(
    run: Path, digits: Data, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = arrays(tmp_path / "new.npz", digits, faded)
    assert adapt_verb(run, data=str(new)) == 0
    out = capsys.readouterr().out
    folder = tmp_path / "digits-adapted"
    assert f"{len(digits.train):,} training images to adapt to" in out
    assert "no label of them was read" in out and "whose labels served for this alone" in out
    story = json.loads((folder / "adaptation.json").read_text())
    assert story["after"]["accuracy"] > story["before"]["accuracy"] + 0.1
    low, high = story["after"]["interval"]
    assert f"{story['after']['accuracy']:.2%} (95% interval {low:.2%} to {high:.2%}" in out
    loaded = measure(load(folder), shifted(digits.test, faded), digits.input)
    assert loaded.accuracy == story["after"]["accuracy"]
    image = loose(tmp_path / "images", digits, 1) / "0.png"
    assert len(Classifier.open(folder).predict(image).classes) == 5
    assert adapt_verb(run, data=str(new), json_output=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["model"] == str(tmp_path / "digits-adapted-2")
    assert told["after"] == story["after"]


def test_coral_takes_the_data_of_the_run_and_a_worse_result_is_bad_news(
    run: Path, digits: Data, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = arrays(tmp_path / "new.npz", digits, lambda pixels: pixels)
    reporter = Silent()
    folder, found = adapt_run(run, new, reporter=reporter, method="coral", epochs=1, seed=3)
    assert any(line.startswith("Source digits: ") for line in reporter.lines)
    assert found.after is not None and load(folder).config == found.network.config
    hard = arrays(tmp_path / "hard.npz", digits, lambda p: torch.randint_like(p, 0, 2) * 255)
    status = adapt_verb(run, data=str(hard), out=tmp_path / "hard")
    assert status == ("It is worse than before" in capsys.readouterr().out)
    with pytest.raises(InputError, match="does not name; give them with --source"):
        adapt_run(run / "model", new, reporter=Silent(), method="coral")
    beside, _ = adapt_run(
        run / "model", new, reporter=Silent(), method="coral", source="digits", epochs=1
    )
    assert beside == tmp_path / "digits-adapted-2"


def test_images_without_classes_are_adapted_to_and_not_measured(
    run: Path, digits: Data, tmp_path: Path
) -> None:
    new = loose(tmp_path / "new", digits, 40)
    (new / "broken.png").write_bytes(b"no image")
    (new / ".hidden.png").write_bytes(b"no image")
    reporter = Silent()
    folder, found = adapt_run(run, new, reporter=reporter, out=tmp_path / "made")
    assert found.count == 40 and found.before is None and found.after is None
    assert found.gain is None and "nothing to measure" in found.lines()[-1]
    assert "40 images to adapt to, without labels" in reporter.lines[0]
    assert reporter.lines[1] == "Left out 1 file(s) that cannot be read"
    inverse = shifted(some(digits.train, 40), inverted)
    want = adapt(load(run / "model"), inverse, digits.input)
    got = {n: t for n, t in load(folder).state_dict().items() if "running" in n}
    for name, tensor in got.items():  # the same 40 images, in another order
        torch.testing.assert_close(tensor, want.state_dict()[name], rtol=1e-4, atol=1e-5)


def test_other_classes_are_not_measured_and_their_labels_are_matched_by_name(
    digits: Data, tmp_path: Path
) -> None:
    for name in ("seven", "three"):
        for at in range(9):
            write(tmp_path / "new" / name / f"{at}.png", digits.train.images.read(at))
    target = open_target(tmp_path / "new", digits.input)
    assert target.test is None and "are not those of the network" in target.notes[-1]
    spec = replace(digits.input, classes=("other", "three", "seven", *digits.input.classes[3:]))
    known = open_target(tmp_path / "new", spec)
    assert known.test is not None and set(known.test.labels.tolist()) == {1, 2}
    assert {n.split("/")[0]: int(y) for n, y in zip(known.test.names, known.test.labels)} == {
        "seven": 2,
        "three": 1,
    }
    with pytest.raises(InputError, match=r"expected those of the network.*--source"):
        labelled_source(tmp_path / "new", digits.input)
    assert labelled_source("digits", digits.input).train.labels.equal(digits.train.labels)


def test_a_call_that_is_wrong_leaves_nothing(run: Path, tmp_path: Path) -> None:
    def refused(said: str, data: str = "digits", **named: object) -> None:
        with pytest.raises(InputError, match=said):
            adapt_run(run, data, reporter=Silent(), **named)  # type: ignore[arg-type]

    refused("source is for coral", source="digits")
    refused("epochs is for coral", epochs=3)
    refused("did you mean 'coral'", method="corel")
    refused("exists and is not empty", out=run)
    refused("does not exist", data=str(tmp_path / "nothing"))
    (tmp_path / "empty").mkdir()
    refused("is empty", data=str(tmp_path / "empty"))
    with pytest.raises(InputError, match="holds no trained network"):
        adapt_run(tmp_path / "empty", "digits", reporter=Silent())
    assert {path.name for path in tmp_path.iterdir()} == {"digits", "empty"}
