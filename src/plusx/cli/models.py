"""`plusx models [PATTERN]`."""

import json

from plusx.cli.console import Json
from plusx.errors import InputError

__all__ = ["models"]


def models(
    pattern: str = "*",
    *,
    json_output: Json = False,
) -> None:
    """List the networks that `--model` and `plusx info` know.

    Parameters
    ----------
    pattern
        Names to list, as in file names: "resnet*".
    json_output
        Print JSON.
    """
    import torch

    from plusx import create, list_models, units
    from plusx.catalog import family_of

    names = list_models(pattern)
    if not names:
        raise InputError(f"no network matches {pattern!r}; `plusx models` lists all")
    rows = []
    for name in names:
        family = family_of(name)
        with torch.device("meta"):  # counted, not allocated
            network = create(name, num_classes=family.num_classes)
        rows.append(
            {
                "name": name,
                "parameters": sum(p.numel() for p in network.parameters()),
                "units": len(units(network)),
                "size": family.size,
                "classes": family.num_classes,
                "paper": family.paper,
            }
        )
    if json_output:
        print(json.dumps(rows, indent=2))
        return
    print(f"{'name':14}{'parameters':>12}{'units':>7}  {'images':9}paper")
    for row in rows:
        side = f"{row['size']}x{row['size']}"
        print(f"{row['name']:14}{row['parameters']:12,}{row['units']:7}  {side:9}{row['paper']}")
    print("\nOther depths 6n + 2, such as resnet26, go by their name too.")
