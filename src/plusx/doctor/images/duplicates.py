"""Are there images that stand in two splits, or twice in one?"""

from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from itertools import combinations

from torch import Tensor

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.images.signature import signatures
from plusx.doctor.images.splits import Labelled, labelled, raw_splits
from plusx.doctor.images.study import picked
from plusx.doctor.patient import Patient

__all__ = ["duplicates", "shared"]

CHECK = "images.duplicates"
SAME, SAME_WRONG = 0.003, 0.01  # share of a split that is bytewise in training; clean sets: 0
NEAR, NEAR_WRONG = 0.02, 0.10  # ... that correlates with one; clean sets: 0
ALIKE = 0.995  # correlation; unlike pairs: digits below 0.990, fashion 0.993, CIFAR-10 0.989
MOST, AGAINST = 1000, 10_000
TWICE = 0.05  # share of a split that repeats another image of it


def duplicates(patient: Patient) -> Iterator[Finding]:
    """Compare the splits pair by pair, exactly and by correlation; then each with itself."""
    raws = set(raw_splits(patient.material))
    splits = [s for s in labelled(patient.material) if not raws or s.where in raws]
    splits = [s for s in splits if len(s.labels) >= 20]
    if not splits:
        raise NotApplicable("there are fewer than 20 images in every split")
    codes = {split.where: _codes(split.images) for split in splits}
    troubles = [*_repeated(splits, codes)]
    for first, second in combinations(splits, 2):
        troubles += _overlap(first, second, codes)
    yield from troubles
    if not troubles:
        yield Finding(
            check=CHECK,
            verdict="fine",
            title="No images stand in two splits" if len(splits) > 1 else "No image stands twice",
            figure=", ".join(f"{len(s.labels)} {s.where}" for s in splits) + " images compared",
            threshold=_THRESHOLD,
        )


_THRESHOLD = (
    f"{SAME:.1%} of a split the same, or {NEAR:.0%} with a correlation above {ALIKE:g} (clean sets "
    "have none)"
)


def _codes(images: Tensor) -> list[bytes]:
    """Return a hash of each image; none of those that have one value all over."""
    flat = images.flatten(1).cpu()
    flat = flat.float() if flat.is_floating_point() else flat  # NumPy has no bfloat16
    plain = (flat == flat[:, :1]).all(1).tolist()
    rows = flat.numpy()
    return [
        b"" if p else blake2b(row.tobytes(), digest_size=12).digest() for row, p in zip(rows, plain)
    ]


def shared(first: Tensor, second: Tensor) -> int:
    """Return how many images of `second` are bytewise in `first`."""
    known = {code for code in _codes(first) if code}
    return sum(code in known for code in _codes(second))


def _overlap(first: Labelled, second: Labelled, codes: dict[str, list[bytes]]) -> Iterator[Finding]:
    known = {code: at for at, code in enumerate(codes[first.where]) if code}
    same = [(at, known[code]) for at, code in enumerate(codes[second.where]) if code in known]
    share = len(same) / len(second.labels)
    if len(same) >= 2 and share > SAME:
        yield _found(first, second, same, share, "the same", wrong=share > SAME_WRONG)
        return
    near, looked = _near(first.images, second.images)
    share = len(near) / max(1, looked)
    if len(near) >= 2 and share > NEAR:
        yield _found(first, second, near, share, "nearly the same", wrong=share > NEAR_WRONG)


def _near(first: Tensor, second: Tensor) -> tuple[list[tuple[int, int]], int]:
    """Return the pairs (place in second, place in first) that correlate, and how many looked at."""
    if first.dim() != 4 or second.shape[1:] != first.shape[1:]:
        return [], 0
    some, against = picked(len(second), MOST), picked(len(first), AGAINST)
    a, b = signatures(second[some]), signatures(first[against])
    best, where = (a @ b.T).max(1)
    found = (best > ALIKE).nonzero().flatten()
    pairs = [(int(some[at]), int(against[where[at]])) for at in found]
    return pairs, len(some)


def _found(
    first: Labelled,
    second: Labelled,
    pairs: list[tuple[int, int]],
    share: float,
    how: str,
    *,
    wrong: bool,
) -> Finding:
    few = ", ".join(f"{second.name(a)} = {first.name(b)}" for a, b in pairs[:3])
    return Finding(
        check=CHECK,
        verdict="wrong" if wrong else "warning",
        title=f"Images of {second.where} stand in {first.where}, too",
        figure=f"{len(pairs)} ({share:.1%}) are {how}: {few}",
        threshold=_THRESHOLD,
        place=f"{first.where} and {second.where}",
        cause="splits overlap",
        why="what was learned by heart counts as known: the figure of the split is too good",
        next="take them out of training, or split again by what an image shows",
        weight=3,
    )


def _repeated(splits: list[Labelled], codes: dict[str, list[bytes]]) -> Iterator[Finding]:
    """Find images that stand in one split several times."""
    for split in splits:
        counts = Counter(code for code in codes[split.where] if code)
        extra = sum(count - 1 for count in counts.values())
        if extra <= TWICE * len(split.labels):
            continue
        code, count = counts.most_common(1)[0]
        name = split.name(codes[split.where].index(code))
        yield Finding(
            check=CHECK,
            verdict="warning",
            title=f"Images stand in {split.where} several times",
            figure=f"{extra} of {len(split.labels)} repeat another; {name} stands {count} times",
            threshold=f"{TWICE:.0%} (clean sets: 0)",
            place=split.where,
            cause="splits overlap",
            why="a split made from these by chance has the same images on both sides",
            next="keep one of each before the images are split",
            weight=1,
        )
