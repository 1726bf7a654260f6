"""All that there is to ask of the gates of a network, of one set of images."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from plusx.analysis.gate_complexity import GateComplexity, gate_complexity
from plusx.analysis.gate_dynamics import GateDynamics, gate_dynamics
from plusx.analysis.gate_flow import GateFlow, gate_flow
from plusx.analysis.gate_importance import GateImportance, gate_importance
from plusx.analysis.gate_weights import GateWeights, gate_weights
from plusx.analysis.summary import summary
from plusx.data import InputSpec, normalise
from plusx.explain.gate_beside import Beside, beside_grad_cam

__all__ = ["STEPS", "GateStudy", "gate_study"]

STEPS = ("weights", "maps", "dynamics", "complexity", "gradients", "importance")
EXAMPLES = 6
"""Images whose maps are kept."""
COMPARED = 64
"""Images whose maps are compared with Grad-CAM, and whose gradients are split."""
PASSES_OF_SHARES = 7 * (2 + 5)
"""Passes of `gate_importance` beside one a channel."""
WORK = 3e12
"""Multiply-accumulates for the importance of channels: about a minute on two cores."""
LEAST = 32
"""Images from which on accuracies say something."""


@dataclass(frozen=True, eq=False)
class GateStudy:
    """What the gates of a network weigh, where they look, and what comes of it.

    `pixels` (E, C, H, W) are examples, as they are to be shown, with the numbers of their classes
    in `truths`. `complexity` is None for too few images, `importance` where no gate weighs
    channels or it would take too long; `left_out` says why, as one of the notes. `untrained` says
    that the weights are known to be random.
    """

    name: str
    pixels: Tensor
    truths: Tensor
    weights: GateWeights
    beside: tuple[Beside, ...]
    dynamics: GateDynamics
    complexity: GateComplexity | None
    flow: GateFlow
    importance: GateImportance | None
    notes: tuple[str, ...]
    seconds: float
    left_out: str = ""
    untrained: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain JSON values, without maps; null for what is undefined."""
        return {
            "name": self.name,
            "untrained": self.untrained,
            "weights": self.weights.to_json(),
            "beside Grad-CAM": [each.to_json() for each in self.beside],
            "dynamics": self.dynamics.to_json(),
            "complexity": self.complexity.to_json() if self.complexity else None,
            "flow": self.flow.to_json(),
            "importance": self.importance.to_json() if self.importance else None,
            "notes": list(self.notes),
        }


def gate_study(
    model: nn.Module,
    pixels: Tensor,
    labels: Tensor,
    *,
    spec: InputSpec,
    name: str = "",
    gate: str | None = None,
    notes: Sequence[str] = (),
    untrained: bool = False,
    batch: int = 64,
    progress: Callable[[str], object] = lambda step: None,
) -> GateStudy:
    """Ask everything of the gates of `model` on some images: what they weigh, where, and why.

    `pixels` (N, C, H, W) are uint8 and have classes `labels` (N,); `spec` says how the network
    takes them, and `notes` and `untrained` are what is known of the network. `gate` is the one
    whose channels are removed, by itself the last one for which that takes about a minute;
    `progress` hears each of STEPS when it is done. The model is left as it was. Raises `InputError`
    where it has no gate.
    """
    began = time.perf_counter()
    images = normalise(pixels, spec).contiguous()
    said = list(notes)
    weights = gate_weights(model, images, labels, classes=spec.classes, batch=batch)
    progress(STEPS[0])
    shown = _one_of_each(labels)[:EXAMPLES]
    beside = beside_grad_cam(model, images[:COMPARED], images[shown], batch)
    progress(STEPS[1])
    dynamics = gate_dynamics(model, images, labels, batch=batch)
    progress(STEPS[2])
    complexity = None
    if len(images) >= 10:
        complexity = gate_complexity(model, images, batch=batch)
    else:
        said.append(f"{len(images)} images are too few to correlate gates with complexity.")
    progress(STEPS[3])
    flow = gate_flow(model, images[:COMPARED], labels[:COMPARED], batch=batch)
    progress(STEPS[4])
    importance, why = _importance(model, images, labels, weights, gate, batch)
    progress(STEPS[5])
    return GateStudy(
        name=name,
        pixels=pixels[shown],
        truths=labels[shown].cpu(),
        weights=weights,
        beside=beside,
        dynamics=dynamics,
        complexity=complexity,
        flow=flow,
        importance=importance,
        notes=(*said, *filter(None, [why])),
        seconds=time.perf_counter() - began,
        left_out=why,
        untrained=untrained,
    )


def _one_of_each(labels: Tensor) -> list[int]:
    """Order images: the first of each class, then the second of each, and so on."""
    came: dict[int, int] = {}
    ranks = []
    for place, label in enumerate(labels.tolist()):
        came[label] = came.get(label, 0) + 1
        ranks.append((came[label], place))
    return [place for _, place in sorted(ranks)]


def _importance(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    weights: GateWeights,
    gate: str | None,
    batch: int,
) -> tuple[GateImportance | None, str]:
    """Remove channels of the gate that is named, or of the last one that it is not too long for."""
    macs = summary(model, tuple(images.shape[1:])).macs
    work = {  # an image
        each.name: macs * (len(each.mean) + PASSES_OF_SHARES)
        for each in weights.gates
        if each.kind in ("channel", "both") and len(each.mean) > 1
    }
    if gate is None:
        if not work:
            return None, "No gate weighs channels, so none are taken away."
        few = [name for name in work if work[name] * LEAST <= WORK]
        if not few:
            return None, _too_long(work)
        gate = few[-1]
    count = min(len(images), max(int(WORK / work.get(gate, WORK)), LEAST))
    found = gate_importance(model, images[:count], labels[:count], gate=gate, batch=batch)
    return found, ""


def _too_long(work: Mapping[str, int]) -> str:
    """Say how long the cheapest gate would take, and how to ask for it."""
    cheapest = min(work, key=lambda name: work[name])
    minutes = math.ceil(work[cheapest] * LEAST / WORK)
    return (
        f"No channels are taken away: {LEAST} images take about {minutes} minutes even for the "
        f"gate with the fewest channels. --gate {cheapest} asks for it all the same."
    )
