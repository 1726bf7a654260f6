"""`plusx predict RUN IMAGE...`."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from plusx.cli.console import Json
from plusx.errors import InputError

__all__ = ["predict"]


def predict(
    run: Path,
    *images: Path,
    top: int = 5,
    json_output: Json = False,
) -> int:
    """Name the most probable classes of images.

    Parameters
    ----------
    run
        A run folder, or the model folder of one.
    images
        Image files.
    top
        How many classes to name.
    json_output
        Print JSON, one object an image.
    """
    from plusx.train.predict import Classifier

    if not images:
        raise InputError("no image was given; name at least one: plusx predict RUN IMAGE...")
    if top < 1:
        raise InputError(f"top is {top}; expected 1 or more")
    classifier = Classifier.open(run)
    failed = 0
    for image in images:
        try:
            found = classifier.predict(image, top=top)
        except InputError as error:
            print(f"plusx: {error}", file=sys.stderr)
            failed += 1
            continue
        if json_output:
            print(json.dumps(asdict(found), ensure_ascii=False))
            continue
        print(found.image)
        for name, probability in zip(found.classes, found.probabilities, strict=True):
            print(f"  {probability:6.1%}  {name}")
    return 2 if failed else 0
