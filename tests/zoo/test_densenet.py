"""DenseNets: by hand, and the memory-saving mode, which must change nothing but memory."""

import copy
import gc
import weakref
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from live_bytes import live_bytes
from reference_densenet import densenet as by_hand
from torch import nn

from plusx import InputError, create, list_models, record, summary, units
from plusx.analysis.signal import signal
from plusx.catalog import family_of
from randomise import randomise

NAMES = [
    *("densenet_bc16_4", "densenet7_5"),
    *(
        pytest.param(name, marks=() if name == "densenet121" else pytest.mark.full)
        for name in list_models("densenet*")
    ),
]
SMALL = "densenet_bc22_6"


def pair(name: str = SMALL, **options: object) -> tuple[nn.Module, nn.Module]:
    """The same network in both modes, in double precision, training."""
    plain = create(name, num_classes=10, **options).double().train()
    randomise(plain)
    saving = create(name, num_classes=10, memory="saving", **options).double().train()
    saving.load_state_dict(plain.state_dict())
    return plain, saving


def images(batch: int = 4) -> torch.Tensor:
    return torch.randn(batch, 3, 16, 16).double()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("memory", ["plain", "saving"])
def test_equals_the_hand_written_network(name: str, training: bool, memory: str) -> None:
    side = max(16, 2 * family_of(name).small_size)
    model = create(name, num_classes=10, memory=memory).double().train(training)
    randomise(model)
    x = torch.randn(2, 3, side, side).double()
    state = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    with torch.no_grad():
        want = by_hand(x, state, training=training)
        assert (model(x) - want).abs().max() <= 1e-9 * want.abs().max()


def test_widths_grow_by_the_growth_and_shrink_by_the_compression() -> None:
    model = create("densenet121")
    widths = [stage.conv.out_channels for stage in model.stages[1::2]]
    assert widths == [128, 256, 512] and model.head.linear.in_features == 1024
    other = create("densenet121", growth=16, compression=0.25, bottleneck=2)
    assert [stage.conv.out_channels for stage in other.stages[1::2]] == [40, 58, 110]
    assert units(other)[0].transform.conv1.out_channels == 32
    assert "conv2" not in dict(
        units(create("densenet121", bottleneck=0))[0].transform.named_children()
    )


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("densenet40_12", 1.0),
        ("densenet_bc100_12", 0.8),
        ("densenet_bc250_24", 15.3),
        ("densenet_bc190_40", 25.6),
        ("densenet100_12", 7.0),
        ("densenet100_24", 27.2),
    ],
)
def test_counts_are_those_printed_in_the_paper(name: str, millions: float) -> None:
    """Huang et al. 2016, table 2; it prints 7.0 for 7.08."""
    with torch.device("meta"):
        found = sum(p.numel() for p in create(name, num_classes=10).parameters())
    assert abs(found / 1e6 - millions) < 0.1


@pytest.mark.parametrize("name", [SMALL, "densenet10_6"])
@pytest.mark.parametrize("options", [{}, {"norm": "group"}, {"attention": "se"}], ids=str)
def test_saving_has_the_same_gradients_and_statistics(name: str, options: dict[str, str]) -> None:
    plain, saving = pair(name, **options)
    x = images()
    inputs = [x.clone().requires_grad_(), x.clone().requires_grad_()]
    for model, given in zip((plain, saving), inputs, strict=True):
        for _ in range(2):
            model(given).square().sum().backward()
    assert torch.equal(plain(x), saving(x))
    assert torch.allclose(inputs[0].grad, inputs[1].grad, rtol=1e-9, atol=1e-12)
    for (key, a), b in zip(plain.named_parameters(), saving.parameters(), strict=True):
        assert torch.allclose(a.grad, b.grad, rtol=1e-9, atol=1e-12), key
    for (key, a), b in zip(plain.named_buffers(), saving.buffers(), strict=True):
        assert torch.equal(a, b), key


def test_saving_takes_two_passes_before_one_is_undone() -> None:
    plain, saving = pair()
    first, second = images(), images(3)
    for model in (plain, saving):
        one, two = model(first), model(second)
        (one.square().sum() + two.square().sum()).backward()
    for a, b in zip(plain.parameters(), saving.parameters(), strict=True):
        assert torch.allclose(a.grad, b.grad, rtol=1e-9, atol=1e-12)


def test_saving_can_be_undone_twice() -> None:
    plain, saving = pair()
    x = images()
    for model in (plain, saving):
        loss = model(x).square().sum()
        loss.backward(retain_graph=True)
        loss.backward()
    for a, b in zip(plain.parameters(), saving.parameters(), strict=True):
        assert torch.allclose(a.grad, b.grad, rtol=1e-9, atol=1e-12)


def test_saving_drops_paths_alike() -> None:
    plain, saving = pair(drop_path=0.5)
    x, grads = images(), []
    for model in (plain, saving):
        torch.manual_seed(3)
        model(x).square().sum().backward()
        grads.append([p.grad for p in model.parameters()])
    for a, b in zip(*grads, strict=True):
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-12)


def test_saving_in_bf16_is_as_near_as_plain() -> None:
    """Widths change type along a stage under autocast; what is kept must not."""
    plain, saving = (model.float() for model in pair())
    x, grads = images().float(), []
    for model in (plain, saving):
        with torch.autocast("cpu", torch.bfloat16):
            loss = model(x).square().sum()
        loss.backward()
        grads.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
    assert (grads[0] - grads[1]).norm() < 0.02 * grads[0].norm()


def test_saving_is_seen_by_the_analyses() -> None:
    plain, saving = pair()
    x, labels = images(), torch.randint(0, 10, (4,))
    assert [u.name for u in units(saving)] == [u.name for u in units(plain)]
    with record(saving) as tape:
        saving(x).square().sum().backward()
    for seen in tape.units.values():
        assert torch.equal(seen.y, torch.cat([seen.shortcut, seen.transform], 1))
        assert seen.transform.grad is not None
    a, b = signal(plain, x, labels), signal(saving, x, labels)
    assert [part.gradient for part in b.parts] == pytest.approx([p.gradient for p in a.parts])
    assert summary(saving, 16).activation_bytes < 0.8 * summary(plain, 16).activation_bytes


def test_saving_frees_what_it_kept() -> None:
    _, saving = pair()
    with record(saving) as tape:
        loss = saving(images()).sum()
        kept = [weakref.ref(seen.y) for seen in tape.units.values()]
        tape.units.clear()
    copy.deepcopy(saving)
    gc.disable()
    del loss, tape
    alive = [ref for ref in kept if ref() is not None]
    gc.enable()
    assert not alive


def test_saving_computes_nothing_twice_without_a_backward_pass() -> None:
    _, saving = pair()
    calls: list[int] = []
    saving.stages[0][1].transform.norm1.register_forward_hook(lambda m, i, y: calls.append(1))
    x = images()
    with torch.no_grad():
        saving(x)
    saving.eval()(x).sum().backward()
    assert len(calls) == 2
    saving.train()(x).sum().backward()
    assert len(calls) == 4  # again in the backward pass


def test_saving_keeps_less_at_any_size() -> None:
    plain, saving = pair("densenet_bc40_12")
    assert live_bytes(saving, images()) < 0.6 * live_bytes(plain, images())


@pytest.mark.full
def test_memory_grows_linearly_not_quadratically_with_depth() -> None:
    """Pleiss et al. 2017, abstract. Bytes kept for the backward pass, at equal steps of depth."""
    kept: dict[str, list[int]] = {"plain": [], "saving": []}
    for depth in (40, 76, 112, 148):
        for memory, values in kept.items():
            model = create(f"densenet_bc{depth}_12", num_classes=10, memory=memory).train()
            values.append(live_bytes(model, torch.randn(2, 3, 16, 16)))
    bends = {}
    for memory, values in kept.items():
        steps = [b - a for a, b in pairwise(values)]
        bends[memory] = [(b - a) / a for a, b in pairwise(steps)]
    assert all(abs(bend) < 0.01 for bend in bends["saving"]), kept
    assert all(bend > 0.2 for bend in bends["plain"]), kept


def test_saving_learns() -> None:
    model = create(SMALL, num_classes=10, memory="saving").train()
    x, labels = torch.randn(16, 3, 16, 16), torch.randint(0, 10, (16,))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    losses = []
    for _ in range(15):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("densenet_bc101_12", {}, "nearest are 100 and 106"),
        ("densenet41_12", {}, "nearest are 40 and 43"),
        ("densenet40_0", {}, "expected 1 or more"),
        ("densenet121", {"memory": "little"}, "plain, saving"),
        ("densenet121", {"compression": 0}, "0.05 to 1"),
        ("densenet121", {"growth": 1.5}, "whole number"),
        ("densenet_bc100_12", {"growth": 24}, "no option 'growth'"),
    ],
)
def test_wrong_calls(name: str, options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        create(name, num_classes=10, **options)
