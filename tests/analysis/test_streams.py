"""Streams taken apart: against each network by itself, plain autograd, and what is silenced."""

import json
import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from plusx import InputError, create
from plusx.analysis.stream_figures import Streams
from plusx.analysis.streams import streams
from plusx.branch.streams import Added, joined
from plusx.doctor.budget import Budget
from plusx.doctor.check import Check, ask
from plusx.doctor.finding import Finding
from plusx.doctor.given import material_for
from plusx.doctor.patient import Patient
from plusx.doctor.streams import CHECKS
from plusx.parts.colour import Brightness, Colour
from plusx.report.streams import streams as section
from plusx.zoo import Network
from plusx.zoo.resnet import resnet_cifar
from plusx.zoo.streams import Stream, beside

X = torch.randn(12, 3, 16, 16, generator=torch.Generator().manual_seed(0))
Y = torch.arange(12) % 3  # the fourth class has no image


def networks() -> tuple[Network, Network]:
    torch.manual_seed(0)
    build = resnet_cifar(8)
    return build(num_classes=4), build(num_classes=4, in_channels=1)


def together(colour: Network, grey: Network, *, fused: bool = False) -> Network:
    streams_of = {"rgb": Stream(Colour(), colour), "l": Stream(Brightness(), grey)}
    return beside(streams_of, fusion=joined(64, 2) if fused else None)


def right(logits: Tensor) -> float:
    return sum(int(row.argmax()) == int(y) for row, y in zip(logits, Y)) / len(Y)


def test_the_streams_are_the_networks_and_add_up_exactly() -> None:
    colour, grey = networks()
    found = streams(together(colour, grey), X, Y)
    with torch.no_grad():
        a, b = colour.eval()(X), grey.eval()(Brightness()(X))
    assert torch.equal(found.alone[0], a) and torch.equal(found.alone[1], b)
    assert torch.equal(found.together, a + b) and found.difference == 0.0
    rgb, brightness = found.streams
    assert found.accuracy == pytest.approx(right(a + b))
    assert rgb.alone == brightness.silenced == pytest.approx(right(a))
    assert rgb.silenced == brightness.alone == pytest.approx(right(b))
    assert rgb.params == sum(p.numel() for p in colour.parameters())


def test_shares_are_those_of_the_centred_true_logit() -> None:
    colour, grey = networks()
    found = streams(together(colour, grey), X, Y)
    sizes = [
        [abs(float(row[y] - row.mean())) for row, y in zip(logits, Y)] for logits in found.alone
    ]
    for stream, own in zip(found.streams, sizes):
        assert stream.share == pytest.approx(sum(own) / (sum(sizes[0]) + sum(sizes[1])), rel=1e-5)
        for c in range(3):
            of = [i for i, y in enumerate(Y) if int(y) == c]
            both = sum(sizes[0][i] + sizes[1][i] for i in of)
            assert stream.by_class[c] == pytest.approx(sum(own[i] for i in of) / both, rel=1e-5)
        assert stream.by_class[3] is None
    assert sum(stream.share for stream in found.streams) == pytest.approx(1)


def test_gradients_are_those_of_plain_autograd() -> None:
    colour, grey = networks()
    found = streams(together(colour, grey), X, Y)
    colour.train(), grey.train()
    F.cross_entropy(colour(X) + grey(Brightness()(X)), Y).backward()
    for stream, network in zip(found.streams, (colour, grey)):
        squares = [float(p.grad.double().square().sum()) for p in network.parameters()]
        at_stem = [float(p.grad.double().square().sum()) for p in network.stem.parameters()]
        assert stream.gradient == pytest.approx(math.sqrt(sum(squares)), rel=1e-4)
        assert stream.at_stem == pytest.approx(math.sqrt(sum(at_stem)), rel=1e-4)


def test_streams_that_meet_earlier_are_silenced_by_zeros_and_do_not_add_up() -> None:
    colour, grey = networks()
    model = together(colour, grey, fused=True).eval()
    found = streams(model, X, Y)
    fusion = model.stages.get_submodule("fusion")
    with torch.no_grad():
        features = colour.stages(colour.stem(X))
        want = model.head(fusion((features, torch.zeros_like(features))))
    assert torch.equal(found.alone[0], want)
    apart = found.together - (found.alone[0] + found.alone[1])
    assert found.difference == float(apart.abs().max())
    assert found.difference > 0


def test_it_leaves_no_trace_also_where_it_raises() -> None:
    colour, grey = networks()
    model = together(colour, grey).train()
    model(X).sum().backward()
    before = {n: t.clone() for n, t in model.state_dict().items()}
    grads = [p.grad.clone() for p in model.parameters()]
    state = torch.get_rng_state()
    streams(model, X, Y)
    with pytest.raises(InputError, match="labels go from 10 to 12, expected 0 to 3"):
        streams(model, X, Y + 10)
    assert all(torch.equal(before[n], t) for n, t in model.state_dict().items())
    assert all(torch.equal(a, p.grad) for a, p in zip(grads, model.parameters()))
    assert all(m.training for m in model.modules())
    assert torch.equal(state, torch.get_rng_state())


def test_a_frozen_stream_says_so() -> None:
    colour, grey = networks()
    model = together(colour, grey)
    grey.requires_grad_(False)
    found = streams(model, X, Y)
    assert found.streams[1].gradient is None and found.streams[0].gradient
    assert " - " in found.table()
    model.requires_grad_(False)
    assert [s.gradient for s in streams(model, X, Y).streams] == [None, None]


def found_on(classes: tuple[str, ...] = ("cat", "dog", "$x$", "<ape>")) -> Streams:
    return streams(together(*networks()), X, Y, classes=classes)


def test_table_json_and_plot() -> None:
    found = found_on()
    assert "at most 0\n" in found.table() and "rgb" in found.table() and "dog" in found.table()
    assert json.loads(json.dumps(found.to_json()))["difference"] == 0.0
    ax = found.plot()
    assert [t.get_text() for t in ax.get_yticklabels()] == ["cat", "dog", "$x$"]
    ends = [bar.get_x() + bar.get_width() for bar in ax.patches]
    assert ends[3:] == pytest.approx([100] * 3)


def test_the_report_shows_them() -> None:
    shown = section(found_on())
    assert shown.name == "streams" and "exactly the sum" in shown.body
    assert "&lt;ape&gt;" in shown.body and "<ape>" not in shown.body
    differs = section(replace(found_on(), difference=0.25))
    assert "differ by up to 0.25" in differs.body and "though they are added" in differs.body
    meet = section(replace(found_on(), difference=0.25, added=False))
    assert "the streams meet before the last layer" in meet.body


@pytest.mark.parametrize("broken", [False, True])
def test_logits_of_bf16_add_up_and_nan_is_nan(broken: bool) -> None:
    model = together(*networks()).bfloat16()
    if broken:
        nn.init.constant_(model.get_submodule("head.streams.l.linear").bias, math.nan)
    found = streams(model, X.bfloat16(), Y)
    assert found.together.isnan().any() == broken
    assert found.added and found.difference == 0.0


def test_only_streams_added_as_logits_add_up() -> None:
    features = beside(
        {n: Stream(v, w) for n, v, w in zip("ab", (Colour(), Brightness()), networks())},
        fusion=Added(),
    )
    assert not streams(features, X, Y).added
    assert "streams.sum" not in seen_in(features)


def test_one_image_has_no_gradients() -> None:
    model = together(*networks())
    found = streams(model, X[:1, :, :1, :1], Y[:1])  # one place a channel, which a norm refuses
    assert [(s.gradient, s.at_stem) for s in found.streams] == [(None, None)] * 2


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: streams(create("resnet8", num_classes=4), X, Y), "no streams; expected"),
        (lambda: streams(together(*networks()), X, Y[:3]), "12 images and 3 labels"),
        (lambda: streams(together(*networks()), X[:0], Y[:0]), "0 images"),
        (lambda: found_on(("cat",)), "1 names of classes for 4 logits"),
        (lambda: streams(together(*networks()), X, Y - 1), "labels go from -1 to 1"),
    ],
)
def test_wrong_calls_say_what_is_right(call: object, words: str) -> None:
    assert callable(call)
    with pytest.raises(InputError, match=words):
        call()


def seen_in(model: nn.Module) -> dict[str, Finding]:
    patient = Patient(model, material_for(model, (X, Y)), budget=Budget(600))
    found = [each for check in CHECKS for each in ask(check, patient)]
    return {each.check: each for each in found if isinstance(each, Finding)}


def test_the_doctor_finds_healthy_streams_fine_and_is_silent_where_there_are_none() -> None:
    seen = seen_in(together(*networks()))
    assert {name: f.verdict for name, f in seen.items()} == {
        **{check.name: "fine" for check in CHECKS},
    }
    assert seen_in(create("resnet8", num_classes=4)) == {}
    assert "streams.sum" not in seen_in(together(*networks(), fused=True))
    assert all(isinstance(check, Check) for check in CHECKS)


class Scaled(nn.Module):
    """y = a `factor` of body(x)."""

    def __init__(self, body: nn.Module, factor: float) -> None:
        super().__init__()
        self.body = body
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.factor * self.body(x)
        return y


class Cut(Scaled):
    """y = a `factor` of body(x), without a gradient."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).detach()


def test_the_doctor_names_a_stream_that_is_cut_off_or_has_no_say() -> None:
    colour, grey = networks()
    grey.head = Cut(grey.head, 1.0)
    seen = seen_in(together(colour, grey))["streams.gradient"]
    assert (seen.verdict, seen.cause, seen.place) == ("wrong", "stream cut off", "stem.l")
    for factor in (0.0, math.nan):
        colour, grey = networks()
        for network in (colour, grey):
            network.head = Scaled(network.head, factor)
        seen = seen_in(together(colour, grey))["streams.gradient"]
        assert (seen.verdict, seen.cause) == ("wrong", "stream cut off")
    colour, grey = networks()
    grey.head = Cut(grey.head, 1e-4)
    seen = seen_in(together(colour, grey))["streams.share"]
    assert (seen.verdict, seen.cause, seen.place) == ("warning", "stream without a say", "stem.l")
    assert seen_in(together(colour, grey))["streams.sum"].verdict == "fine"


@pytest.mark.parametrize("names", [("rgb", "l"), ("a", "b")])
def test_a_stream_may_have_streams(names: tuple[str, str]) -> None:
    inner = [create("dualstream_mlp", num_classes=4, image_size=16) for _ in names]
    model = beside({name: Stream(Colour(), net) for name, net in zip(names, inner)})
    found = streams(model, X, Y)
    sizes = [sum(p.numel() for p in net.parameters()) for net in inner]
    assert [stream.params for stream in found.streams] == sizes and found.difference == 0


def test_gradients_are_the_same_within_inference_mode() -> None:
    model = together(*networks())
    wanted = [stream.gradient for stream in streams(model, X, Y).streams]
    with torch.inference_mode():
        found = streams(model, X.clone(), Y.clone())
    assert [stream.gradient for stream in found.streams] == wanted
