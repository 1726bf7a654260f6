"""Counts of video ResNets from Tran et al. 2017, table 1, clips of 16 frames at 112 pixels."""

from math import prod


def counts(name: str) -> dict[str, int]:
    """Add up convolutions of (time, space): 3x3x3; 1x3x3 from stage 2 on (mc3); or in two steps.

    400 classes. The inner widths are torchvision's: 45 in the stem, one formula a unit.
    """
    if name not in ("r3d_18", "mc3_18", "r2plus1d_18"):
        return {}
    steps = name == "r2plus1d_18"
    maps = (16, 56, 56)
    sums = [_conv(49, 3, 45, maps), _conv(3, 45, 64, maps)] if steps else [_conv(147, 3, 64, maps)]
    before = 64
    for stage, width in enumerate((64, 128, 256, 512)):
        flat = name == "mc3_18" and stage > 0
        for unit in range(2):
            into = before if unit == 0 else width
            old = maps
            if stage and unit == 0:
                maps = (maps[0] if flat else maps[0] // 2, maps[1] // 2, maps[2] // 2)
                sums.append(_conv(1, into, width, maps))
            inner = 27 * into * width // (9 * into + 3 * width)
            for start, old_maps in ((into, old), (width, maps)):
                if steps:  # the first step strides in space alone
                    sums.append(_conv(9, start, inner, (old_maps[0], *maps[1:])))
                    sums.append(_conv(3, inner, width, maps))
                else:
                    sums.append(_conv(9 if flat else 27, start, width, maps))
        before = width
    params = sum(part[0] for part in sums) + 513 * 400
    return {"params": params, "macs": sum(part[1] for part in sums) + 512 * 400, "units": 8}


def _conv(taps: int, before: int, after: int, maps: tuple[int, int, int]) -> tuple[int, int]:
    """Return parameters, with those of the norm, and MACs."""
    weights = taps * before * after
    return weights + 2 * after, weights * prod(maps)
