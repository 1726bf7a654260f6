"""Are all images of one size but for a few?"""

from collections import Counter
from collections.abc import Iterator

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.images.splits import raw_splits
from plusx.doctor.patient import Patient

__all__ = ["sizes"]

CHECK = "images.sizes"
MOST_ALIKE = 0.95  # share of one size from which on others are odd; photos: 0.3, CIFAR-10: 1
LEAST = 50


def sizes(patient: Patient) -> Iterator[Finding]:
    """Count the sizes of the stored files, where they are known."""
    raws = raw_splits(patient.material).values()
    known = [(name, size) for raw in raws if raw.sizes for name, size in zip(raw.names, raw.sizes)]
    if len(known) < LEAST:
        raise NotApplicable("the sizes of the files are not known, or there are fewer than 50")
    counts = Counter(size for _, size in known)
    usual, count = counts.most_common(1)[0]
    odd = [(name, size) for name, size in known if size != usual]
    trouble = bool(odd) and count >= MOST_ALIKE * len(known)
    few = ", ".join(f"{name} {size[0]}x{size[1]}" for name, size in odd[:3])
    yield Finding(
        check=CHECK,
        verdict="warning" if trouble else "fine",
        title="A few images have another size than all others"
        if trouble
        else "No image stands out by its size",
        figure=f"{count} of {len(known)} images are {usual[0]}x{usual[1]}"
        + (f"; not {few}" if trouble else ""),
        threshold=f"all, or fewer than {MOST_ALIKE:.0%}",
        place=odd[0][0] if trouble else "",
        cause="odd sizes" if trouble else "",
        why="they come from elsewhere, and are stretched or cut as no other is" if trouble else "",
        next="look at these files; leave them out, or bring them to the size of the others"
        if trouble
        else "",
        weight=2,
    )
