"""The pictures of an explanation as PNG files, for slides and papers."""

from collections.abc import Iterator
from pathlib import Path

from matplotlib.figure import Figure

from plusx.explain import Decision, Features, Split, Through
from plusx.report.explain.overlay import big, over
from plusx.report.png import encoded, of_drawing, of_pixels, plain

__all__ = ["pictures"]


def pictures(found: Decision, features: Features | None = None) -> Iterator[tuple[str, bytes]]:
    """Yield the names of the files with what they hold: of each image, and of the features."""
    for index, name in enumerate(found.images.names):
        stem = f"{index + 1}-{plain(Path(name).stem)}"
        pixels = found.images.pixels[index]
        yield f"{stem}.png", of_pixels(big(pixels))
        for each in found.judged:
            yield f"{stem}-{plain(each.name)}.png", of_pixels(over(pixels, each.maps.maps[index]))
        if found.main.maps.half(index):
            yield f"{stem}-removal.png", of_drawing(found.main.faithfulness.of(index).plot)
        for number, way in enumerate(found.ways, start=1):
            of = f"-{number}" if len(found.ways) > 1 else ""
            yield f"{stem}-split{of}.png", _halves(way.split, index)
            yield f"{stem}-way{of}.png", _way(way.through.of(index))
    if features is not None:
        if features.filters is not None:
            yield "features-filters.png", of_drawing(features.filters.plot)
        pairs = zip(features.excited.images, features.excited.at)
        for number, (image, (layer, channel)) in enumerate(pairs, start=1):
            pixels = (255 * image).round().byte()
            yield f"features-{number}-{plain(layer)}-{channel}.png", of_pixels(big(pixels))


def _halves(split: Split, index: int) -> bytes:
    sheet = Figure(figsize=(10, 3), layout="constrained")
    split.plot([sheet.add_subplot(1, 4, place + 1) for place in range(4)], index=index)
    return encoded(sheet)


def _way(way: Through) -> bytes:
    height = 1.5 + 0.22 * min(len(way.units) + 1, 16)
    return of_drawing(way.plot, size=(5.0, height))
