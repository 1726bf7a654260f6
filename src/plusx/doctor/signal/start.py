"""Are the weights as an initialisation leaves them: of a lawful size, and all different?"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from plusx.doctor.age import untrained
from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.patient import Patient
from plusx.doctor.signal.passing import LAYERS
from plusx.unit import declared_units

__all__ = ["start"]

CHECK = "signal.start"
LARGE = 3.0
NORMED = 6.0
"""Before a norm the size does no harm: torchvision's inception_v3 has 4.2."""
SMALL = 0.15
GROWN = 3.0
"""After training weights may be as many times larger or smaller."""
LAWS = "He's, Xavier's and torch's own initialisation are the laws; "


@dataclass(frozen=True, eq=False)
class _Weight:
    """The weight of one layer beside the largest and the smallest law for it."""

    name: str
    layer: nn.Module
    rms: float
    large: float
    small: float
    alike: bool


def start(patient: Patient) -> Iterator[Finding]:
    """Hold each weight against the laws of initialisation: of zero, alike, too large, too small."""
    found = [
        _measured(name, layer)
        for name, layer in patient.model.named_modules()
        if isinstance(layer, LAYERS) and layer.weight.numel() > 1
    ]
    if not found:
        raise NotApplicable("the network has no convolution and no linear layer")
    broken = [w for w in found if not math.isfinite(w.rms)]
    if broken:
        yield _broken(broken, len(found))
        return
    zero = _idle_zeros(patient, [w for w in found if w.rms == 0])
    alike = [w for w in found if w.alike]
    drawn = [w for w in found if w.rms > 0 and not w.alike]
    grown = GROWN if untrained(patient.model) is False else 1
    normed = patient.passing.normed
    large = [w for w in drawn if w.large > grown * (NORMED if w.name in normed else LARGE)]
    small = [w for w in drawn if w.small < SMALL / grown]
    if 2 * len(small) <= len(found):  # a few are drawn small on purpose: heads, spatial gates
        small = []
    if zero:
        yield _zero(zero, len(found))
    if alike:
        yield _alike(alike, len(found))
    if large:
        yield _large(large, grown, len(found))
    if small:
        yield _small(small, len(found))
    if not (zero or alike or large or small):
        yield Finding(
            check=CHECK,
            verdict="fine",
            title="The weights are of the size that initialisations give",
            figure=f"{min((w.small for w in drawn), default=1):.2g} times the smallest law to "
            f"{max((w.large for w in drawn), default=1):.2g} times the largest",
            threshold=f"{SMALL / grown:g} in most layers, {LARGE * grown:g} in any, "
            f"{NORMED * grown:g} before a norm; {LAWS}{_HEALTHY}",
        )


_HEALTHY = (
    "healthy networks of the zoo, torchvision and timm have 0.27 times the smallest "
    "in the median layer or more, and at most 1.8 times the largest, inception_v3's 4.2 apart"
)


def _measured(name: str, layer: nn.Module) -> _Weight:
    weight = layer.weight
    assert isinstance(weight, Tensor)
    rows = weight.detach().double().flatten(1)
    groups = getattr(layer, "groups", 1)
    kernel = math.prod(weight.shape[2:])
    fan_in, fan_out = rows.shape[1], rows.shape[0] * kernel
    rms = float(rows.square().mean().sqrt())
    single = weight.shape[1] == 1 and groups > 1  # depthwise: each filter has its own channel
    alike = len(rows) > 1 and not single and float((rows - rows[:1]).abs().max()) <= 1e-6 * rms
    return _Weight(
        name,
        layer,
        rms,
        rms / math.sqrt(max(2 / fan_in, 2 * groups / fan_out)),
        rms / math.sqrt(min(1 / (3 * fan_in), 2 / fan_out)),
        alike and rms > 0,
    )


def _idle_zeros(patient: Patient, zero: Sequence[_Weight]) -> list[_Weight]:
    """Return the weights of zero that get no gradient and end neither a transform nor the network.

    Those that do are how Fixup and others start as the identity (Zhang et al. 2019, section 3).
    """
    if not zero:
        return []
    moving = {layer.name for layer in patient.passing.layers if layer.gradient > 0}
    ends = _ends(patient)
    order = [layer.name for layer in patient.passing.layers]
    last = order[-1] if order else ""
    return [w for w in zero if w.name not in moving and w.name != last and w.layer not in ends]


def _ends(patient: Patient) -> set[nn.Module]:
    """Return the last weight layer of each unit's transform."""
    ours = declared_units(patient.model)
    if ours:
        inside = [[m for m in unit.transform.modules() if isinstance(m, LAYERS)] for unit in ours]
        return {layers[-1] for layers in inside if layers}
    if not patient.units:
        return set()
    row = patient.row
    found: set[nn.Module] = set()
    for link in row.links:
        called = [str(node.target) for node in link.work if node.op == "call_module"]
        modules = [row.traced.module.get_submodule(address) for address in called]
        found.update([module for module in modules if isinstance(module, LAYERS)][-1:])
    return found


def _broken(broken: Sequence[_Weight], count: int) -> Finding:
    return Finding(
        check=CHECK,
        verdict="wrong",
        title="Weights are no numbers",
        figure=f"not finite in {len(broken)} of {count} layers",
        threshold="finite weights",
        place=broken[0].name,
        cause="not finite",
        why="a step of training made them so, or the file that they were read from",
        next="take weights of before; train with a lower rate or --clip 1",
        weight=3,
    )


def _zero(zero: Sequence[_Weight], count: int) -> Finding:
    return Finding(
        check=CHECK,
        verdict="wrong",
        title="Weights are all zero",
        figure=f"0 in {len(zero)} of {count} layers, and no gradient reaches them",
        threshold="a standard deviation above 0, but for the layer that ends a transform or the "
        "network",
        place=zero[0].name,
        cause="initialised to zero",
        why="a layer of zeros passes neither signal nor gradient",
        next="draw them by He's or Xavier's law",
        weight=3,
    )


def _alike(alike: Sequence[_Weight], count: int) -> Finding:
    return Finding(
        check=CHECK,
        verdict="wrong",
        title="All filters of a layer are alike",
        figure=f"no difference between the filters in {len(alike)} of {count} layers "
        f"(root mean square {alike[0].rms:.2g})",
        threshold="filters that are drawn, and differ",
        place=alike[0].name,
        cause="initialised to a constant",
        why="they get the same gradient and stay alike: the layer is one filter",
        next="draw them by He's or Xavier's law",
        weight=3,
    )


def _large(large: Sequence[_Weight], grown: float, count: int) -> Finding:
    worst = max(large, key=lambda w: w.large)
    return Finding(
        check=CHECK,
        verdict="wrong",
        title="Weights are much too large",
        figure=f"{worst.large:.3g} times the largest law in {worst.name}; {len(large)} of {count} "
        "layers are so",
        threshold=f"{LARGE * grown:g}, before a norm {NORMED * grown:g}; {LAWS}{_HEALTHY}",
        place=large[0].name,
        cause="initialised too large",
        why="signals grow from layer to layer, activations saturate and the first loss is huge",
        next="draw them by He's law, standard deviation sqrt(2 / fan_in)",
        weight=3 if grown == 1 else 2,  # training may have made them so
    )


def _small(small: Sequence[_Weight], count: int) -> Finding:
    worst = min(small, key=lambda w: w.small)
    return Finding(
        check=CHECK,
        verdict="wrong",
        title="Weights are much too small",
        figure=f"{worst.small:.2g} times the smallest law in {worst.name}; {len(small)} of {count} "
        "layers are so",
        threshold=f"{SMALL:g} in most layers; {LAWS}{_HEALTHY}",
        place=small[0].name,
        cause="initialised too small",
        why="signal and gradient shrink from layer to layer",
        next="draw them by He's law, standard deviation sqrt(2 / fan_in)",
        weight=3,
    )
