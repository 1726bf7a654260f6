"""`plusx gates NETWORK`."""

import json
import warnings
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from plusx.cli.arguments import arguments
from plusx.cli.beside import folder_for, write_together
from plusx.cli.console import ConsoleReporter, Json
from plusx.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from plusx.data import InputSpec
    from plusx.doctor.material import Material

__all__ = ["gates"]

Flag = Parameter(negative="")


def gates(
    network: str,
    *,
    data: str | None = None,
    gate: str | None = None,
    count: int | None = None,
    weights: str | None = None,
    arg: Annotated[list[str] | None, Flag] = None,
    size: int | None = None,
    out: Annotated[Path | None, Parameter(alias="-o")] = None,
    json_output: Json = False,
) -> None:
    """Look at the gates of a network (SE, ECA, CBAM, hybrid, ...): what they weigh, where, why.

    Writes a page, gates.html, and its charts as PNG files. All is measured on validation images,
    or training images where there are no others.

    Parameters
    ----------
    network
        A run folder or saved model; a network of `plusx models`; torchvision:NAME or timm:NAME;
        path/to/file.py:factory or package.module:factory. Code of others is run for the last two
        alone, because you name it.
    data
        What `plusx train --data` takes; that of the run by default.
    gate
        Take channels away from what this gate weighs, by its address; by default the last one for
        which that takes about a minute.
    count
        How many images; 256 small ones or 48 photographs by default.
    weights
        Weights for a network that is no run: a file of tensors alone, which runs no code, a
        folder, or hub:OWNER/NAME.
    arg
        What the factory, the library or plusx.create is called with: NAME=VALUE, again for each.
    size
        Side of the images in pixels, where name and data do not say it.
    out
        The folder to write to; "gates" in the run folder, or gates/NAME, by default.
    json_output
        Print the figures as JSON.
    """
    from plusx.cli.subject import SEED
    from plusx.doctor.age import untrained
    from plusx.doctor.chance import same_chance
    from plusx.doctor.target import Asked, target
    from plusx.explain.gate_study import STEPS, gate_study
    from plusx.report.gates import build, sentence
    from plusx.report.gates.pngs import pictures

    if count is not None and count < 2:
        raise InputError(f"count is {count}; expected 2 or more images")
    warnings.simplefilter("ignore")  # of somebody's network
    asked = Asked(data=data, size=size, arguments=arguments(arg or []), weights=weights)
    reporter = ConsoleReporter()
    with same_chance(seed=SEED):  # weights that are drawn are the same each time
        found = target(network, asked, reporter=reporter)
    folder = folder_for("gates", network, found.name, out)
    spec, pixels, labels = _images(network, found.material, count)
    notes = []
    if count is not None and len(labels) < count:
        notes.append(f"Looked at {len(labels)} images, not {count}: no more are at hand.")
    with reporter.progress("looking at gates", len(STEPS)) as advance:
        study = gate_study(
            found.model,
            pixels,
            labels,
            spec=spec,
            name=found.name,
            gate=gate,
            notes=notes,
            untrained=bool(untrained(found.model)),
            progress=lambda step: advance(1, step),
        )
    files = {"gates.html": build(study).encode(), **dict(pictures(study))}
    write_together("gates", folder, files)
    if json_output:
        print(json.dumps(study.to_json(), indent=2, ensure_ascii=False))
        return
    print(fill(sentence(study), 100), study.dynamics.table(), *study.notes, sep="\n\n")
    print(f"\nPage      {folder / 'gates.html'}\nPictures  {len(files) - 1} beside it")


def _images(
    network: str, material: "Material", count: int | None
) -> "tuple[InputSpec, Tensor, Tensor]":
    """Draw stored images with their labels: of the validation split, or of the training split."""
    import torch

    from plusx.data import centre
    from plusx.data.spec import SMALL

    raw, spec = material.val or material.train, material.spec
    if raw is None or spec is None:
        raise InputError(
            f"{network} has no images to look at its gates with, expected labelled ones: --data DIR"
        )
    most = count or (256 if spec.size <= SMALL else 48)
    order = torch.randperm(len(raw.labels), generator=torch.Generator().manual_seed(0))[:most]
    return spec, centre(raw.images[order], spec.size), raw.labels[order]
