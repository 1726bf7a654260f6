"""Is it the network that was meant, or else which one is it?"""

from collections.abc import Iterator

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.identity.difference import difference
from plusx.doctor.identity.known import Known, nearest
from plusx.doctor.identity.meant import meant
from plusx.doctor.identity.outline import Outline
from plusx.doctor.identity.unlike import Difference
from plusx.doctor.patient import Patient
from plusx.zoo import Network

__all__ = ["network"]

CHECK = "identity.network"
LARGE = 100_000_000
"""A known network of more parameters is named, and not built to compare with."""
NEVER_MEANT = {
    "no shortcut",
    "two blocks under one skip",
    "shortcut from elsewhere",
    "shortcut before the norm",
    "activation after the sum",
}
"""What tells a mistake from another version of a network, where the parameters are the same."""
WHY = {
    "wrong depth": "a stage was given another number of blocks",
    "wrong width": "a layer was given another number of channels",
    "other shortcut": "where the shape changes, the skip does something else than was meant",
    "wrong stem": "the first layers suit images of another size",
    "stride in the wrong place": "the image is halved at another place than was meant",
    "wrong order": "norm, activation and convolution stand in another order",
    "no final norm": "pre-activation sums need a norm and an activation before the head",
    "activation after the sum": "an activation on the sum cuts off what the skip carries below 0",
    "bias before norm": "the norm takes the mean away, and with it any bias before it",
    "another network": "a part is of another kind or size than was meant",
    "no shortcut": "a block computes its transform and does not add its input",
    "two blocks under one skip": "the skip spans what should be two units",
    "shortcut from elsewhere": "the skip starts at another place than the transform",
    "shortcut before the norm": "the sum stands before the transform's last norm",
}


def network(patient: Patient) -> Iterator[Finding]:
    """Compare with `expect`, with the network's own config, or with the nearest known one."""
    config = patient.model.config if isinstance(patient.model, Network) else None
    if patient.expect:
        same = config is not None and config.name == patient.expect
        options = dict(config.options) if config is not None and same else None
        other = meant(
            patient.expect, _inputs(patient), num_classes=_classes(patient), options=options
        )
        yield _against(patient.expect, patient.outline, other, told="that was expected")
    elif config is not None:
        made = meant(
            config.name,
            _inputs(patient),
            num_classes=_classes(patient),
            options=dict(config.options),
        )
        yield _against(config.name, patient.outline, made, told="")
    else:
        yield _by_counts(patient)


def _against(name: str, given: Outline, other: Outline, *, told: str) -> Finding:
    found = difference(given, other)
    if found is None:
        return _same(name, given)
    return _other(name, given, other, found, verdict_wrong=bool(told))


def _same(name: str, given: Outline) -> Finding:
    return Finding(
        check=CHECK,
        verdict="fine",
        title=f"It is {name}",
        figure=_counts(given),
        threshold=f"{name} of the zoo, layer by layer",
    )


def _other(
    name: str, given: Outline, other: Outline, found: Difference, *, verdict_wrong: bool
) -> Finding:
    more = f" (and {found.count - 1} more)" if found.count > 1 else ""
    return Finding(
        check=CHECK,
        verdict="wrong" if verdict_wrong else "warning",
        title=f"It is not {name}: {found.words}{more}",
        figure=_counts(given),
        threshold=f"{name} of the zoo has {_counts(other)}",
        place=found.place,
        cause=found.cause,
        why=WHY[found.cause],
        next=f"`plusx info {name}` lists the network, layer by layer; or say what was meant",
        weight=3 if verdict_wrong else 2,
    )


def _by_counts(patient: Patient) -> Finding:
    given = patient.outline
    classes = _classes(patient)
    known = nearest(given, classes)
    if known.off or known.params > LARGE:
        return _named(known, given, "")
    other = meant(known.name, _inputs(patient), num_classes=classes)
    found = difference(given, other)
    if found is None:
        return _same(known.name, given)
    if found.cause in NEVER_MEANT:
        return _other(known.name, given, other, found, verdict_wrong=False)
    return _named(known, given, found.words)


def _named(known: Known, given: Outline, but: str) -> Finding:
    """Say which known network is nearest; another one is no trouble."""
    title = f"It has the parameters of {known.name}"
    if known.off:
        title = f"It is no network of the zoo; the nearest is {known.name}"
    return Finding(
        check=CHECK,
        verdict="fine",
        title=f"{title}{f', but for: {but}' if but else ''}",
        figure=_counts(given),
        threshold=f"{known.name} has {known.params:,} parameters, {known.units} units",
    )


def _counts(of: Outline) -> str:
    stages = ", ".join(str(count) for _, count in of.stages)
    said = f" ({stages})" if len(of.stages) > 1 else ""
    return f"{of.params:,} parameters, {len(of.rows)} units{said}"


def _inputs(patient: Patient) -> tuple[object, ...]:
    return (patient.x[:2], *patient.material.context)


def _classes(patient: Patient) -> int:
    try:
        return patient.num_classes
    except NotApplicable:
        return 1000
