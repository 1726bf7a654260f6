"""What a caller says of a target beside its name, and what comes of both."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torch import nn

from plusx.doctor.material import Material
from plusx.doctor.training import Training
from plusx.errors import InputError

__all__ = ["Asked", "Target"]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Each None means: as the target or the data has it. `arguments` go to what makes the network.

    `weights` is a file, a folder or hub:OWNER/NAME, of tensors alone: no code of it is run.
    """

    data: str | None = None
    size: int | None = None
    num_classes: int | None = None
    in_channels: int | None = None
    arguments: Mapping[str, object] = field(default_factory=dict)
    weights: str | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that count nothing."""
        for name in ("size", "num_classes", "in_channels"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} is {value}; expected 1 or more")


@dataclass(frozen=True, kw_only=True, eq=False)
class Target:
    """What `examine` takes."""

    model: nn.Module
    material: Material
    name: str
    training: Training | None = None
    run: Path | None = None
