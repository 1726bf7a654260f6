"""Which values of a graph come from which, and through what."""

from collections.abc import Iterable

from torch import fx, nn

from plusx.graph.nodes import is_shape, makes

__all__ = ["Flow"]


class Flow:
    """The values of a graph by what they come from; sizes and devices are no values.

    Sets of nodes are bits of a whole number: a network of 3,000 operations is asked 100,000 times.
    """

    def __init__(self, module: fx.GraphModule) -> None:
        self.nodes: list[fx.Node] = list(module.graph.nodes)
        self.bit = {node: 1 << number for number, node in enumerate(self.nodes)}
        self.above: dict[fx.Node, int] = {}
        """The values that a value is made of, itself among them; none for a constant."""
        self.learning: set[fx.Node] = set()
        """The operations on values that use parameters."""
        self._weights = {node for node in self.nodes if _is_parameter(module, node)}
        shapes: set[fx.Node] = set()
        for node in self.nodes:
            if is_shape(node, shapes):
                shapes.add(node)
                self.above[node] = 0
            else:
                self._see(module, node)

    def _see(self, module: fx.GraphModule, node: fx.Node) -> None:
        before = 0
        if not makes(node):
            for source in node.all_input_nodes:
                before |= self.above[source]
        moving = before != 0 or node.op == "placeholder"
        self.above[node] = before | self.bit[node] if moving else 0
        weighted = any(source in self._weights for source in node.all_input_nodes)
        if moving and (weighted or _has_parameters(module, node)):
            self.learning.add(node)
        elif not moving and weighted:
            self._weights.add(node)  # made of parameters alone, as a standardised weight is

    def is_constant(self, node: fx.Node) -> bool:
        """Tell whether the node is the same for every input."""
        return self.above[node] == 0

    def uses_weight(self, node: fx.Node) -> bool:
        """Tell whether one of the node's inputs is a parameter, or made of parameters."""
        return any(source in self._weights for source in node.all_input_nodes)

    def meeting(self, a: fx.Node, b: fx.Node) -> fx.Node | None:
        """Return the last value that both a and b come from, or are."""
        common = self.above[a] & self.above[b]
        return self.nodes[common.bit_length() - 1] if common else None

    def between(self, x: fx.Node, ends: Iterable[fx.Node]) -> list[fx.Node]:
        """Return what lies on the ways from x to the ends, in order, without x."""
        reached = 0
        for end in ends:
            reached |= self.above[end]
        return [
            node
            for node in self.nodes
            if self.bit[node] & reached and self.bit[x] & self.above[node] and node is not x
        ]


def _is_parameter(module: fx.GraphModule, node: fx.Node) -> bool:
    if node.op != "get_attr":
        return False
    owner, _, name = str(node.target).rpartition(".")
    return isinstance(getattr(module.get_submodule(owner), name), nn.Parameter)


def _has_parameters(module: fx.GraphModule, node: fx.Node) -> bool:
    if node.op != "call_module":
        return False
    return any(True for _ in module.get_submodule(str(node.target)).parameters())
