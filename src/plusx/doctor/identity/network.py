"""Is it the network that was meant, or else which one is it?"""

from collections.abc import Iterator

from plusx.doctor.finding import Finding
from plusx.doctor.identity.difference import difference
from plusx.doctor.identity.known import nearest
from plusx.doctor.identity.meant import meant, params_of
from plusx.doctor.identity.outline import Outline
from plusx.doctor.identity.seen import classes_of
from plusx.doctor.identity.unlike import Difference
from plusx.doctor.patient import Patient
from plusx.zoo import Network

__all__ = ["network"]

CHECK = "identity.network"
LARGE = 100_000_000
"""A known network of more parameters is named, and not built to compare with."""
NEAR = 0.05
"""A network whose parameters are farther from all known ones, as a share, is one of its own."""
TRIED = 4
"""So many of the nearest known networks are compared layer by layer."""
NEVER_MEANT = {
    "no shortcut",
    "two blocks under one skip",
    "shortcut from elsewhere",
    "shortcut before the norm",
    "activation after the sum",
}
"""What tells a mistake from another version of a network, where the parameters are the same."""
OF_ITS_OWN = {"another network", "wrong stem", "wrong depth"}
"""What makes a network of other counts another one, and not a known one with a change."""
SAID_ELSEWHERE = {"activation after the sum", "no final norm", "bias before norm"}
"""What a check of its own finds in any network, whatever was meant."""
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
    if patient.expect and not patient.has_outline:
        yield _by_params(patient, patient.expect)
    elif patient.expect:
        same = config if config is not None and config.name == patient.expect else None
        other = meant(
            patient.expect, _inputs(patient), num_classes=classes_of(patient), config=same
        )
        yield _against(patient.expect, patient.outline, other, expected=True)
    elif config is not None:
        made = meant(
            config.name,
            _inputs(patient),
            num_classes=classes_of(patient),
            config=config,
        )
        yield _against(config.name, patient.outline, made, expected=False)
    else:
        yield _by_counts(patient)


def _against(name: str, given: Outline, other: Outline, *, expected: bool) -> Finding:
    found = difference(given, other)
    if found is None:
        return _fine(f"It is {name}", given, name)
    if not expected and found.cause in SAID_ELSEWHERE:
        return _fine(f"It is {name}, but for: {found.words}", given, name)
    return _other(name, given, other, found, expected=expected)


def _other(
    name: str, given: Outline, other: Outline, found: Difference, *, expected: bool
) -> Finding:
    more = f" (and {found.count - 1} more)" if found.count > 1 else ""
    return Finding(
        check=CHECK,
        verdict="wrong" if expected else "warning",
        title=f"It is not {name}: {found.words}{more}",
        figure=_counts(given),
        threshold=f"{name} of the zoo has {_counts(other)}",
        place=found.place,
        cause=found.cause,
        why=WHY[found.cause],
        next=f"`plusx info {name}` lists the network, layer by layer; or say what was meant",
        weight=3 if expected else 2,
    )


def _by_params(patient: Patient, name: str) -> Finding:
    """Compare what can be compared of a network whose graph cannot be seen."""
    params = sum(parameter.numel() for parameter in patient.model.parameters())
    other = params_of(name, patient.x, classes_of(patient))
    same = params == other
    return Finding(
        check=CHECK,
        verdict="fine" if same else "wrong",
        title=f"It has the parameters of {name}" if same else f"It is not {name}",
        figure=f"{params:,} parameters; its graph cannot be seen",
        threshold=f"{name} of the zoo has {other:,}",
        cause="" if same else "another network",
        why="" if same else WHY["another network"],
        next="" if same else f"`plusx info {name}` lists the network, layer by layer",
        weight=2,
    )


def _by_counts(patient: Patient) -> Finding:
    """Name the known network that has the same counts; another one is no trouble."""
    given, classes = patient.outline, classes_of(patient)
    known = [
        each
        for each in nearest(given, classes, count=TRIED)
        if not each.off or (each.off <= NEAR and each.units == len(given.rows))
    ]
    for place, each in enumerate(known):
        if each.params > LARGE:
            return _fine(f"It has the parameters of {each.name}", given, each.name)
        other = meant(each.name, _inputs(patient), num_classes=classes)
        found = difference(given, other)
        if found is None:
            return _fine(f"It is {each.name}", given, each.name)
        if not each.off and found.cause in NEVER_MEANT:
            return _other(each.name, given, other, found, expected=False)
        if place == 0:
            first = each, found
    if not known or (first[0].off and first[1].cause in OF_ITS_OWN):
        return _fine("It is a network of its own, none of the zoo", given, "")
    said = f"The nearest known network is {first[0].name}, but for: {first[1].words}"
    return _fine(said, given, "")


def _fine(title: str, given: Outline, name: str) -> Finding:
    return Finding(
        check=CHECK,
        verdict="fine",
        title=title,
        figure=_counts(given),
        threshold=f"{name} of the zoo, layer by layer" if name else "",
    )


def _counts(of: Outline) -> str:
    stages = ", ".join(str(count) for _, count in of.stages)
    said = f" ({stages})" if len(of.stages) > 1 else ""
    return f"{of.params:,} parameters, {len(of.rows)} units{said}"


def _inputs(patient: Patient) -> tuple[object, ...]:
    return (patient.x[:2], *patient.context(patient.x[:2]))
