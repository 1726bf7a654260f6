"""Is there a bias before a norm that takes it away again?"""

from collections.abc import Iterator

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.identity.known import nearest
from plusx.doctor.identity.meant import meant
from plusx.doctor.identity.seen import classes_of
from plusx.doctor.patient import Patient
from plusx.zoo import Network

__all__ = ["bias"]

CHECK = "identity.bias"
MOST = 0.1
"""Of the layers. Of 91 networks of torchvision and timm VGG (most of its layers, by design),
EfficientFormer (85%) and StarNet (43%) have more; HRNet, ReXNet and Inception-NeXt have 2 to 5%,
all others none.
"""


def bias(patient: Patient) -> Iterator[Finding]:
    """Count biases that a batch or instance norm reads alone; some networks are known to have them.

    Ioffe and Szegedy 2015, section 3.2: the bias of a layer before its norm "can be ignored".
    """
    given = patient.outline
    if not any(layer.kind == "norm" for layer in given.layers):
        raise NotApplicable("the network has no norm")
    weighty = [layer for layer in given.layers if layer.kind in ("conv", "linear")]
    found = [layer for layer in weighty if layer.wastes_bias]
    figure = f"{len(found)} of {len(weighty)} layers have a bias that a norm takes away"
    name = _by_design(patient, len(found)) if found else ""
    if name or len(found) < MOST * len(weighty):
        yield Finding(
            check=CHECK,
            verdict="fine",
            title=f"Biases before norms are as {name} has them"
            if name
            else "No bias is wasted"
            if not found
            else "A few biases are wasted, which does no harm",
            figure=figure,
            threshold=f"{MOST:.0%}, or as many as a known network has",
        )
        return
    waste = sum(layer.width for layer in found)
    yield Finding(
        check=CHECK,
        verdict="warning",
        title="Layers have a bias that the norm after them takes away again",
        figure=f"{figure}, {waste:,} parameters",
        threshold=f"{MOST:.0%}; most networks of torchvision and timm: 0 to 5%",
        place=found[0].place,
        cause="bias before norm",
        why="batch norm subtracts each channel's mean, so the bias has no effect and no gradient",
        next="make them with bias=False; the norm's own bias does the work",
        weight=3,
    )


def _by_design(patient: Patient, count: int) -> str:
    """Return the known network that this is, if it has as many such biases (VGG has)."""
    model = patient.model
    inputs = (patient.x[:2], *patient.context(patient.x[:2]))
    classes = classes_of(patient)
    config = model.config if isinstance(model, Network) else None
    if patient.expect or config is not None:
        name = patient.expect or (config.name if config else "")
        config = config if config and config.name == name else None
    else:
        (known,) = nearest(patient.outline, classes)
        if known.off:
            return ""
        name = known.name
    other = meant(name, inputs, num_classes=classes, config=config)
    return name if sum(layer.wastes_bias for layer in other.layers) == count else ""
