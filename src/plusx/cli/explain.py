"""`plusx explain NETWORK IMAGE...`."""

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from plusx.cli.arguments import arguments
from plusx.cli.beside import folder_for, write_together
from plusx.cli.console import ConsoleReporter, Json

if TYPE_CHECKING:
    from plusx.cli.subject import Subject
    from plusx.explain import Decision, Features

__all__ = ["explain"]

Flag = Parameter(negative="")
STEPS = 96


def explain(
    network: str,
    *images: Annotated[Path, Parameter(name="IMAGE", required=True, group="Parameters")],
    method: Annotated[list[str] | None, Flag] = None,
    unit: Annotated[list[str] | None, Flag] = None,
    target: str | None = None,
    count: int = 8,
    features: Annotated[bool, Flag] = False,
    data: str | None = None,
    weights: str | None = None,
    arg: Annotated[list[str] | None, Flag] = None,
    size: int | None = None,
    num_classes: int | None = None,
    in_channels: int | None = None,
    out: Annotated[Path | None, Parameter(alias="-o")] = None,
    json_output: Json = False,
) -> None:
    """Show why a network says what it says of images: where it looks, and which units saw it.

    Writes a page, explain.html, and its pictures as PNG files.

    Parameters
    ----------
    network
        A run folder or saved model; a network of `plusx models`; torchvision:NAME or timm:NAME;
        path/to/file.py:factory or package.module:factory. Code of others is run for the last two
        alone, because you name it.
    images
        Image files; of a folder or a .zip, --count of its images.
    method
        grad-cam, grad-cam++, hires-cam, layer-cam, eigen-cam, score-cam, integrated-gradients,
        guided-backpropagation, occlusion; again for each, the first leads; or all. The last three
        need captum. By default four that take a pass each.
    unit
        Look at this unit or layer, by its address in `plusx info`; again for each. By default
        the last unit, of each stream where there are several.
    target
        Explain this class, by name or number, in place of what the network says.
    count
        Images of each folder or .zip that are explained, evenly spread.
    features
        Show what channels look for, too: images made to excite them, examples, first filters.
    data
        What `plusx train --data` takes: its classes and normalisation for a network that is no
        run, and where the examples of --features come from.
    weights
        Weights for a network that is no run: a file of tensors alone, which runs no code, a
        folder, or hub:OWNER/NAME.
    arg
        What the factory, the library or plusx.create is called with: NAME=VALUE, again for each.
    size
        Side of the images in pixels, where name and data do not say it.
    num_classes
        Classes, where the name takes any and there are no data.
    in_channels
        1 for grey images, 3 for colour, where the name takes any and there are no data.
    out
        A new folder to write to, or one of an earlier time; "explain" in the run folder, or
        explain/NAME, by default.
    json_output
        Print answers and figures as JSON.
    """
    from plusx.cli.subject import subject
    from plusx.doctor.target import Asked
    from plusx.explain import decide, read_images
    from plusx.explain.address import addressed
    from plusx.explain.channels import layers_of
    from plusx.explain.methods import BY_LAYER, BY_PIXEL, USUAL
    from plusx.explain.suited import suited
    from plusx.report.explain import build
    from plusx.report.explain.pngs import pictures

    warnings.simplefilter("ignore")  # of somebody's network
    asked = Asked(
        data=data,
        size=size,
        num_classes=num_classes,
        in_channels=in_channels,
        arguments=arguments(arg or []),
        weights=weights,
    )
    reporter = ConsoleReporter()
    found = subject(network, asked, reporter)
    folder = folder_for("explain", network, found.name, out)
    shown = read_images(images, found.spec, most=count)
    methods = method or [*USUAL]
    if "all" in methods:
        methods = [*BY_LAYER, *BY_PIXEL]
    layers: list[str] = []
    if features:  # a wrong address is told before the work
        units = addressed(found.model, suited(found.model, shown.x), unit or ())
        layers = layers_of(found.model, units)
    with reporter.progress("explaining", 4 * len(methods) + 1) as advance:
        decision = decide(
            found.model,
            shown,
            name=found.name,
            methods=methods,
            unit=unit or (),
            target=target,
            notes=found.notes,
            tell=lambda what: advance(1, what),
        )
    looked = None
    if features:
        looked = _features(found, decision, images, layers, reporter)
    files = {"explain.html": build(decision, looked).encode(), **dict(pictures(decision, looked))}
    write_together("explain", folder, files)
    if json_output:
        print(json.dumps(decision.to_json(), indent=2, ensure_ascii=False))
        return
    print(f"{decision.table()}\n\nPage      {folder / 'explain.html'}")
    print(f"Pictures  {len(files) - 1} beside it")


def _features(
    found: "Subject",
    decision: "Decision",
    images: tuple[Path, ...],
    layers: list[str],
    reporter: ConsoleReporter,
) -> "Features":
    from plusx.cli.subject import POOL, pool_of
    from plusx.explain import features, read_images

    pool = pool_of(found) or read_images(images, found.spec, most=POOL)
    with reporter.progress("what channels look for", STEPS) as advance:
        return features(
            found.model,
            pool,
            decision.images,
            decision.targets,
            layers=layers,
            steps=STEPS,
            progress=lambda n: advance(n),
        )
