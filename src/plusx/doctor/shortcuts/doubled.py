"""Sums of a value with itself: the block's input was lost under its name before it was added."""

from collections.abc import Iterator

from torch import fx

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.patient import Patient
from plusx.graph.flow import Flow
from plusx.graph.inplace import uncopied
from plusx.graph.nodes import argument, common_owner, kind

__all__ = ["doubled"]

CHECK = "shortcuts.doubled"


def doubled(patient: Patient) -> Iterator[Finding]:
    """Look for y = v + v, where v was computed by layers; a network without units may be all so."""
    traced, _ = patient.graph
    flow = Flow(traced.module)
    sums = [node for node in flow.nodes if kind(node) == "add" and not flow.is_constant(node)]
    if not sums:
        raise NotApplicable("the network adds no two values")
    found = [node for node in sums if _of_itself(node) and _is_computed(node, flow)]
    if not found:
        yield Finding(
            check=CHECK,
            verdict="fine",
            title="No sum adds a value to itself",
            figure=f"{len(sums)} sums looked at",
        )
        return
    yield Finding(
        check=CHECK,
        verdict="wrong",
        title="A sum adds a value to itself",
        figure=f"{len(found)} of {len(sums)} sums are v + v",
        threshold="none: a skip carries another value than its transform gives",
        place=common_owner([found[0]]),
        cause="shortcut overwritten",
        why="the name that should hold the block's input held its output when they were added",
        next="keep the input in a variable of its own before the first layer, and add that: "
        "identity = x; ...; out + identity",
        weight=3,
    )


def _of_itself(node: fx.Node) -> bool:
    pair = (argument(node, 0, "input"), argument(node, 1, "other"))
    terms = [_bare(term) for term in pair if isinstance(term, fx.Node)]
    return len(terms) == 2 and terms[0] is terms[1]


def _bare(node: fx.Node) -> fx.Node:
    """Return the value behind copies and modules that do nothing."""
    node = uncopied(node)[0]
    while kind(node) == "identity":
        node = node.all_input_nodes[0]
    return node


def _is_computed(node: fx.Node, flow: Flow) -> bool:
    return any(flow.above[node] & flow.bit[layer] for layer in flow.learning)
