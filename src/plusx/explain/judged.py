"""judged(model, images, name): a method's maps, with what tells how far to trust them."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from plusx.explain.answer import Target
from plusx.explain.attribution import Attribution
from plusx.explain.known import known
from plusx.explain.looking import Unit
from plusx.explain.methods import ANY_CLASS, method
from plusx.explain.randomised import Sanity, sanity
from plusx.explain.removal import Faithfulness, faithfulness
from plusx.explain.shaken import Stability, stability

__all__ = ["Judged", "judged"]

CHECKED = 4
"""Images that the checks of a method with other weights and with noise are made on."""
DRAWS = 5
"""Networks of random weights."""
NOISES = 3
"""Draws of noise."""
STEPS = 10
"""Steps in which the image is taken away and put back."""


@dataclass(frozen=True, eq=False)
class Judged:
    """Maps of a method, and three answers on how far to trust them.

    Are they others for a network of random weights (`sanity`)? Does the answer go with the places
    that they name (`faithfulness`)? Do they stay under noise that nobody sees (`stability`)?
    """

    name: str
    maps: Attribution
    sanity: Sanity
    faithfulness: Faithfulness
    stability: Stability

    @property
    def of_class(self) -> bool:
        """Whether the maps are about the class that is explained."""
        return self.name not in ANY_CLASS

    def to_json(self) -> dict[str, object]:
        """Return the figures as plain JSON values, without the maps."""
        areas = self.faithfulness.to_json()
        return {
            "method": self.name,
            "layers": list(self.maps.layers),
            "passes": self.sanity.passed,
            "random_weights": known(self.sanity.correlations[-1]),
            **{key: areas[key] for key in areas if not key.endswith(("curve", "method"))},
            "under_noise": known(self.stability.correlation),
        }


def judged(
    model: nn.Module,
    images: Tensor,
    name: str,
    target: Target,
    *,
    unit: Unit = None,
    tell: Callable[[str], object] = lambda what: None,
) -> Judged:
    """Explain by the method of this name, and check it on the first few of the images."""
    by = method(name, unit=unit)
    tell(name)
    maps = by(model, images, target)
    few, targets = images[:CHECKED], maps.targets[:CHECKED]
    tell(f"{name}, with random weights")
    drawn = sanity(model, few, by, targets, steps=1, draws=DRAWS)
    tell(f"{name}, what is taken away")
    moved = faithfulness(model, maps, steps=STEPS)
    tell(f"{name}, under noise")
    return Judged(name, maps, drawn, moved, stability(model, few, by, targets, draws=NOISES))
