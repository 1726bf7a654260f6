"""`plusx doctor TARGET`."""

import json
import shutil
import warnings
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from plusx.cli.arguments import arguments
from plusx.cli.console import ConsoleReporter, Json
from plusx.errors import InputError

__all__ = ["doctor"]

Flag = Parameter(negative="")
WIDEST = 100
BUDGET = "1m"


def doctor(
    target: str,
    *,
    data: str | None = None,
    expect: str | None = None,
    budget: str = BUDGET,
    quick: Annotated[bool, Flag] = False,
    arg: Annotated[list[str] | None, Flag] = None,
    weights: str | None = None,
    size: int | None = None,
    num_classes: int | None = None,
    in_channels: int | None = None,
    html: Path | None = None,
    every: Annotated[bool, Parameter(name="--all", negative="")] = False,
    fail_on: Literal["warning", "wrong"] = "wrong",
    json_output: Json = False,
) -> int:
    """Examine a network, ours or not: what is wrong, why, what to do next.

    Exit status 0: fine, or warnings; 1: something is wrong (or what --fail-on says); 2: the call
    was wrong.

    Parameters
    ----------
    target
        A network of `plusx models`; a run folder or saved model; torchvision:NAME or timm:NAME;
        path/to/file.py:factory or package.module:factory. Code of others is run for the last two
        alone, because you name it.
    data
        What `plusx train --data` takes. Without, images are made up, and nothing is said of what
        depends on real ones.
    expect
        The network of `plusx models` that it should be.
    budget
        How long it may take: 10s, 2m.
    quick
        The same as --budget 10s.
    arg
        What the factory, the library or plusx.create is called with: NAME=VALUE, again for each.
    weights
        Weights to examine it with: a file of tensors alone, which runs no code, a folder, or
        hub:OWNER/NAME.
    size
        Side of the images in pixels, where name and data do not say it.
    num_classes
        Classes, where the name takes any and there are no data.
    in_channels
        1 for grey images, 3 for colour, where the name takes any and there are no data.
    html
        Write a page with all answers and charts.
    every
        List what is fine, too.
    fail_on
        From which verdict on the exit status is 1.
    json_output
        Print all answers as JSON.
    """
    from plusx.doctor import examine
    from plusx.doctor.sections import checks
    from plusx.doctor.target import Asked
    from plusx.doctor.target import target as made

    if quick and budget != BUDGET:
        raise InputError(f"--quick is --budget 10s, but --budget {budget} is given, too; leave one")
    warnings.simplefilter("ignore")  # somebody's network is heard as findings
    asked = Asked(
        data=data,
        size=size,
        num_classes=num_classes,
        in_channels=in_channels,
        arguments=arguments(arg or []),
        weights=weights,
    )
    reporter = ConsoleReporter()
    found = made(target, asked, reporter=reporter)
    with reporter.progress("examining", len(checks())) as advance:
        diagnosis = examine(
            found.model,
            found.material,
            expect=expect,
            budget="10s" if quick else budget,
            training=found.training,
            run=found.run,
            name=found.name,
            progress=lambda question: advance(1, question),
        )
    if html is not None:
        from plusx.files import write_text
        from plusx.report.doctor import build

        write_text(html, build(diagnosis))
    if json_output:
        print(json.dumps(diagnosis.to_json(), indent=2, ensure_ascii=False))
    else:
        width = min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns)
        print(diagnosis.table(width=width, every=every))
        for note in diagnosis.notes if every else ():
            print(note)
        print(f"Report  {html}\n" if html else "", end="")
    bad = ("wrong",) if fail_on == "wrong" else ("wrong", "warning")
    return 1 if diagnosis.verdict in bad else 0
