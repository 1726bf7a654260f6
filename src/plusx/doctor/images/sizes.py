"""Are all images of one size but for a few?"""

from collections.abc import Iterator

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.patient import Patient

__all__ = ["sizes"]

CHECK = "images.sizes"
MOST_ALIKE = 0.95  # share of one size from which on others are odd; photos: 0.3, CIFAR-10: 1
LEAST = 50


def sizes(patient: Patient) -> Iterator[Finding]:
    """Count the sizes of the stored files, where they are known."""
    found = patient.material.sizes
    total = sum(count for count, _ in found.values())
    if total < LEAST:
        raise NotApplicable("the sizes of the files are not known, or there are fewer than 50")
    usual = max(found, key=lambda size: found[size][0])
    count = found[usual][0]
    odd = [f"{name} {size[0]}x{size[1]}" for size, (_, name) in found.items() if size != usual]
    trouble = bool(odd) and count >= MOST_ALIKE * total
    yield Finding(
        check=CHECK,
        verdict="warning" if trouble else "fine",
        title="A few images have another size than all others"
        if trouble
        else "No image stands out by its size",
        figure=f"{count} of {total} images are {usual[0]}x{usual[1]}"
        + (f"; not {', '.join(odd[:3])}" if trouble else ""),
        threshold=f"all, or fewer than {MOST_ALIKE:.0%}",
        place=odd[0].partition(" ")[0] if trouble else "",
        cause="odd sizes" if trouble else "",
        why="they come from elsewhere, and are stretched or cut as no other is" if trouble else "",
        next="look at these files; leave them out, or bring them to the size of the others"
        if trouble
        else "",
        weight=2,
    )
