"""Parameters and MACs added up layer by layer, from the tables of a paper."""

from dataclasses import dataclass


@dataclass
class Tally:
    """A running sum; `side` is that of the layer's output, for one image."""

    params: int = 0
    macs: int = 0
    units: int = 0

    def conv(
        self, kernel: int, before: int, after: int, side: int, *, groups: int = 1, bias: int = 0
    ) -> None:
        weights = kernel * kernel * (before // groups) * after
        self.params += weights + bias * after
        self.macs += weights * side * side

    def norm(self, width: int) -> None:
        self.params += 2 * width

    def conv_norm(self, kernel: int, before: int, after: int, side: int, groups: int = 1) -> None:
        self.conv(kernel, before, after, side, groups=groups)
        self.norm(after)

    def linear(self, before: int, after: int) -> None:
        self.params += (before + 1) * after
        self.macs += before * after

    def counts(self) -> dict[str, int]:
        return {"params": self.params, "macs": self.macs, "units": self.units}
