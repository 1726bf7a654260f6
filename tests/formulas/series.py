"""Counts of 1-D ResNets: Wang et al. 2016, section II.C; He et al. 2015, table 1, k for k x k."""

DEPTHS = {"resnet1d18": (2, 2, 2, 2), "resnet1d34": (3, 4, 6, 3)}


def counts(name: str) -> dict[str, int]:
    """Return the sums for a heartbeat (140 values, 5 classes) or a second of sound (35 classes)."""
    if name == "resnet_tsc":
        return _tsc(length=140, classes=5)
    if name in DEPTHS:
        return _resnet(DEPTHS[name], length=16000, classes=35)
    return {}


def _tsc(*, length: int, classes: int) -> dict[str, int]:
    params = macs = 0
    before = 1
    for width in (64, 128, 128):
        weights = 8 * before * width + 5 * width * width + 3 * width * width
        norms = 3
        if before != width:
            weights += before * width
            norms += 1
        params += weights + norms * 2 * width
        macs += weights * length
        before = width
    return {"params": params + 129 * classes, "macs": macs + 128 * classes, "units": 3}


def _resnet(depths: tuple[int, ...], *, length: int, classes: int) -> dict[str, int]:
    length //= 2
    params, macs = 7 * 64 + 128, 7 * 64 * length
    length //= 2
    before = 64
    for blocks, width in zip(depths, (64, 128, 256, 512)):
        weights = 3 * before * width + (2 * blocks - 1) * 3 * width * width
        norms = 2 * blocks
        if before != width:
            length //= 2
            weights += before * width
            norms += 1
        params += weights + norms * 2 * width
        macs += weights * length
        before = width
    params, macs = params + 513 * classes, macs + 512 * classes
    return {"params": params, "macs": macs, "units": sum(depths)}
