"""The outline of a patient, or why there is none."""

from typing import TYPE_CHECKING

from plusx.catalog import family_of
from plusx.doctor.finding import NotApplicable
from plusx.doctor.identity.outline import Outline, outline
from plusx.errors import InputError
from plusx.zoo import Network
from plusx.zoo.network import images

if TYPE_CHECKING:
    from plusx.doctor.patient import Patient

__all__ = ["classes_of", "outline_of"]


def outline_of(patient: "Patient") -> Outline | str:
    """Outline the network in the mode that it has, by two images; or say why it has no outline.

    Recurrent networks of the zoo are left out: their graph is as long as the sequence.
    """
    model = patient.model
    config = model.config if isinstance(model, Network) else None
    if config is not None and family_of(config.name).inputs is not images:
        return f"{config.name} is no network for images: it has no stem and stages"
    try:
        return outline(model, (patient.x[:2], *patient.context(patient.x[:2])))
    except (InputError, RuntimeError, TypeError, KeyError, AttributeError) as error:
        words = (str(error).strip() or type(error).__name__).splitlines()[0]
        return f"its graph cannot be seen: {words}"


def classes_of(patient: "Patient") -> int:
    """Return the classes of its logits; a number that no head has to fit where it gives none."""
    try:
        return patient.num_classes
    except NotApplicable:
        return 1000
