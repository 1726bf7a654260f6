"""Classifying images with a trained network, from its run folder or its saved model alone."""

from dataclasses import dataclass
from pathlib import Path

import torch

from plusx.data import InputSpec, centre, normalise, read_image
from plusx.errors import InputError
from plusx.saving import load
from plusx.zoo import Network

__all__ = ["Classifier", "Prediction"]


@dataclass(frozen=True)
class Prediction:
    """The classes of one image, most probable first."""

    image: str
    classes: tuple[str, ...]
    probabilities: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Classifier:
    """p = softmax(network(normalised image)), with the input that the network was trained on."""

    network: Network
    input: InputSpec

    @classmethod
    def open(cls, folder: Path) -> "Classifier":
        """Read a run folder or the `model` folder of one; `InputError` where it is neither."""
        for place in (folder / "model", folder):
            if (place / "input.json").is_file():
                spec = InputSpec.from_json((place / "input.json").read_text(encoding="utf-8"))
                network = load(place)
                made = network.config
                if made is None or (made.num_classes, made.in_channels) != (
                    len(spec.classes),
                    spec.channels,
                ):
                    raise InputError(
                        f"{place}: input.json does not fit the network: {len(spec.classes)} "
                        f"classes and {spec.channels} channels"
                    )
                return cls(network, spec)
        raise InputError(
            f"{folder} holds no trained network; give a run folder that `plusx train` made, or "
            "the model folder inside it"
        )

    def predict(self, image: Path, *, top: int = 5) -> Prediction:
        """Return the `top` classes of an image file; `InputError` where it is no image."""
        pixels = centre(read_image(image, self.input)[None], self.input.size)
        with torch.inference_mode():
            logits = self.network(normalise(pixels, self.input))
        p, places = logits.softmax(1)[0].topk(min(top, len(self.input.classes)))
        names = tuple(self.input.classes[int(place)] for place in places)
        return Prediction(str(image), names, tuple(p.tolist()))
