"""Our networks against torchvision's and timm's, with the same weights, in and out."""

from collections.abc import Callable, Mapping
from importlib.util import find_spec

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

if find_spec("torchvision") is None or find_spec("timm") is None:
    pytest.skip(
        "torchvision and timm live in .venv-peers: make test-peers", allow_module_level=True
    )

from peers import Pair, ends, pairs, randomise, without_chance
from plusx import export_weights, load_weights
from plusx.catalog import family_of
from plusx.zoo.network import images

PAIRS = list(pairs())
TOLERANCE = 1e-5
EXACT = 1e-11

Record = Callable[[str, object], None]


def apart(found: Tensor, want: Tensor) -> float:
    """The largest difference, relative to the largest value."""
    assert found.shape == want.shape
    assert found.isfinite().all() and want.isfinite().all()
    return float((found - want).abs().max().double() / want.abs().max().clamp(min=1e-30))


def same(found: Mapping[str, Tensor], want: Mapping[str, Tensor]) -> bool:
    return found.keys() == want.keys() and all(
        torch.equal(tensor, want[key]) and tensor.dtype == want[key].dtype
        for key, tensor in found.items()
    )


def step(model: nn.Module, inputs: tuple[Tensor, ...], labels: Tensor) -> Tensor:
    """Train one batch with SGD; return the logits in training mode."""
    logits: Tensor = model.train()(*inputs)
    F.cross_entropy(logits, labels).backward()
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    model.zero_grad(set_to_none=True)
    return logits.detach()


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_equals_the_peer(pair: Pair, record_property: Record) -> None:
    errors = compared(pair, torch.float32)
    words = " ".join(f"{option}={value}" for option, value in pair.options.items())
    record_property("name", f"{pair.name} {words}".strip())
    record_property("peer", f"{pair.library} {pair.peer}")
    for what, error in errors.items():
        record_property(what, error)
    if max(errors.values()) > TOLERANCE:
        # A step takes a VGG's logits to 1e10, and with them how differently float32 is rounded.
        exact = compared(pair, torch.float64)
        assert max(exact.values()) <= EXACT, (errors, exact)


def compared(pair: Pair, dtype: torch.dtype) -> dict[str, float]:
    """Return how far both are apart with the same weights, before and after a step."""
    family = family_of(pair.name)
    size = max(family.small_size, 64) if family.inputs is images else family.small_size
    batch = 2 if size > 100 else 4
    inputs = family.inputs(batch, family.in_channels, size)
    labels = torch.randint(family.num_classes, (batch,))
    theirs, ours = pair.theirs(), pair.ours()
    without_chance(theirs)
    without_chance(ours)
    randomise(theirs, inputs, ends(ours, pair.library))

    report = load_weights(ours, theirs.state_dict())
    assert pair.library in (report.layout, *(note.split()[0] for note in report.notes))
    assert not report.adapted
    assert same(export_weights(ours, pair.library), theirs.state_dict())
    ours, theirs = ours.to(dtype), theirs.to(dtype)
    inputs = tuple(x.to(dtype) if x.is_floating_point() else x for x in inputs)

    errors = {}
    with torch.no_grad():
        logits = theirs.eval()(*inputs)
        errors["eval"] = apart(ours.eval()(*inputs), logits)
    assert apart(logits[0], logits[1]) > 1e-3, "this test sees no input"
    errors["train"] = apart(step(ours, inputs, labels), step(theirs, inputs, labels))
    want = theirs.state_dict()
    found = export_weights(ours, pair.library)
    errors["weights"] = max(apart(found[key], want[key]) for key in want)
    with torch.no_grad():
        errors["step"] = apart(ours.eval()(*inputs), theirs.eval()(*inputs))
    return errors
