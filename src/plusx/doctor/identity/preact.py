"""Pre-activation: no activation on a sum, and a norm and an activation before the head.

He et al. 2016, "Identity mappings in deep residual networks", sections 3 and 4, appendix.
"""

from collections.abc import Iterator

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.identity.boundaries import opens_first
from plusx.doctor.identity.layer import Layer, words
from plusx.doctor.identity.outline import Outline
from plusx.doctor.patient import Patient
from plusx.zoo import Network

__all__ = ["preact"]

CHECK = "identity.preact"


def preact(patient: Patient) -> Iterator[Finding]:
    """Look at the sums and at the end of a network whose units begin with a norm."""
    given = patient.outline
    if not given.rows:
        raise NotApplicable("the network has no residual units")
    opened = [row for row in given.rows if opens_first(row.transform)]
    if not opened or not opens_first(given.rows[-1].transform):
        raise NotApplicable("its units do not begin with a norm or an activation")
    troubles = [*_on_sums(given), *_bare_end(patient, given)]
    yield from troubles
    if not troubles:
        yield Finding(
            check=CHECK,
            verdict="fine",
            title="Its pre-activation units and its end fit together",
            figure=f"{len(opened)} of {len(given.rows)} units begin with "
            f"{words(_opening(given.rows[-1].transform))}; after the last: {words(given.end)}",
            threshold="He et al. 2016: nothing on the sums, and the same before the head",
        )


def _on_sums(given: Outline) -> Iterator[Finding]:
    """Find sums that all who read them get through an activation."""
    found = []
    for place, row in enumerate(given.rows):
        bare = row.transform and row.transform[-1].kind in ("conv", "linear")
        gap = given.gaps[place + 1]
        if not (bare and opens_first(row.transform) and gap and gap[0].kind == "act"):
            continue
        follows = given.rows[place + 1] if place + 1 < len(given.rows) else None
        again = any(layer.kind == "norm" for layer in gap[1:])
        if again or (follows is not None and follows.identity and len(gap) == 1):
            found.append((row, gap[0]))
    if not found:
        return
    row, act = found[0]
    yield Finding(
        check=CHECK,
        verdict="wrong",
        title=f"{act} stands on the sum of pre-activation units",
        figure=f"{len(found)} of {len(given.rows)} sums",
        threshold="He et al. 2016, section 3: none",
        place=f"{row.name}{f', {act.place}' if act.place and act.place != row.name else ''}",
        cause="activation after the sum",
        why="the skip cannot carry what is below zero, so it is no identity any more",
        next="take the activation on the sum away: the next unit begins with its own",
        weight=3,
    )


def _bare_end(patient: Patient, given: Outline) -> Iterator[Finding]:
    """Find an end that lacks what each unit begins with.

    Wrong is that of a network which is known to have it; somebody's own may do without, and one
    block that runs again and again has no norm to come after the last time.
    """
    last = given.rows[-1]
    if _again(given):
        return
    opening = {layer.kind for layer in _opening(last.transform)}
    lacking = [kind for kind in ("norm", "act") if kind in opening - {x.kind for x in given.end}]
    if len(last.y) != 3 and "norm" not in lacking:
        return  # of tokens: CrossViT's last units begin with an activation, its end does not
    if not lacking:
        return
    named = {"norm": "norm", "act": "activation"}
    said = " and ".join(named[kind] for kind in lacking)
    yield Finding(
        check=CHECK,
        verdict="wrong" if "norm" in lacking and _known(patient) else "warning",
        title=f"No {said} between the last sum and the head",
        figure=f"after the last unit: {words(given.end)}",
        threshold=f"He et al. 2016, appendix: {words(_opening(last.transform))} first",
        place=last.name,
        cause="no final norm",
        why="a pre-activation sum grows with depth, and only the next unit's norm brings it back; "
        "after the last one the head gets it as it is",
        next=f"put {words(_opening(last.transform))} between the last unit and the pooling",
        weight=3,
    )


def _again(given: Outline) -> bool:
    """Say whether the last unit's weights are those of the unit before it."""
    last, before = given.rows[-1], given.rows[-2] if len(given.rows) > 1 else None
    places = [layer.place for layer in last.convs]
    return (
        before is not None
        and all(places)
        and bool(places)
        and places == [x.place for x in before.convs]
    )


def _known(patient: Patient) -> bool:
    """Say whether it is known what network was meant: by a name, or by its origin."""
    model = patient.model
    return bool(patient.expect) or (isinstance(model, Network) and model.config is not None)


def _opening(transform: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """Return what stands before a transform's first weights."""
    count = next((n for n, x in enumerate(transform) if x.kind not in ("norm", "act")), 0)
    return transform[:count]
