"""Section: what the network's channels look for."""

from torch import Tensor

from plusx.explain import Features, Filters
from plusx.report.explain.overlay import big
from plusx.report.figures import framed
from plusx.report.markup import Html, join, tag
from plusx.report.page import Section
from plusx.report.pictures import picture
from plusx.report.words import count

__all__ = ["features"]

ENDS = 4
"""Examples of each end that are shown."""
WIDE = 480
FILTER = 24  # pixels of a filter's side, at least
COLUMNS = 12


def features(found: Features) -> Section:
    """Show the first filters, then channel by channel what it answers to most and least."""
    pieces = [] if found.filters is None else [_filters(found.filters)]
    layers = list(dict.fromkeys(layer for layer, _ in found.excited.at))
    pieces += [_layer(found, layer) for layer in layers]
    return Section(
        "features",
        "What the network looks for",
        "A channel is one detector inside the network. Early ones answer to edges and colours, "
        "late ones to whole patterns. Shown are those that spoke most for the answers above.",
        join(pieces),
    )


def _filters(found: Filters) -> Html:
    factor = -(-FILTER // max(found.weights.shape[2:]))
    sheet = _bytes(found.mosaic(columns=min(COLUMNS, len(found.weights))))
    sheet = sheet.repeat_interleave(factor, 1).repeat_interleave(factor, 2)
    height, width = found.weights.shape[2:]
    return framed(
        "features-filters",
        tag("div", picture(sheet, label="filters of the first layer", large=WIDE), class_="sheet"),
        caption=f"The first layer ({found.layer}) looks at {height}x{width} pixels at a time, "
        f"through {count(len(found.weights), 'filter')}: each answers where the picture looks like "
        "it. Smooth stripes and blobs of colour are a good sign, specks a sign of little training.",
    )


def _layer(found: Features, layer: str) -> Html:
    which = [place for place, (name, _) in enumerate(found.excited.at) if name == layer]
    rows = join(_channel(found, place) for place in which)
    return framed(
        f"features-{layer.replace('.', '-')}",
        rows,
        caption=f"{count(len(which), 'channel')} of {layer}, a row each. Left: a picture made from "
        "noise to excite it as much as can be. Then, of "
        f"{count(len(found.pool), 'image')}, those it answers to most, and those it answers to "
        "least.",
    )


def _channel(found: Features, which: int) -> Html:
    _, channel = found.excited.at[which]
    ends = min(ENDS, len(found.pool) // 2)
    strongest = found.extremes.strongest(which, ends)
    weakest = found.extremes.weakest(which, ends)
    made = picture(
        big(_bytes(found.excited.images[which])), label=f"what excites channel {channel}"
    )
    return tag(
        "div",
        tag("h3", f"Channel {channel}"),
        tag(
            "ul",
            tag("li", made, tag("p", "made to excite it")),
            *(_example(found, place, "most") for place in strongest),
            *(_example(found, place, "least") for place in weakest),
            class_="pictures row",
        ),
        class_="channel",
    )


def _example(found: Features, place: int, end: str) -> Html:
    name = found.pool.names[place]
    shown = picture(big(found.pool.pixels[place]), label=name)
    words = tag("p", name.rpartition("/")[2], class_="file", title=name)
    return tag("li", shown, tag("p", end), words, class_=end)


def _bytes(image: Tensor) -> Tensor:
    return (255 * image).round().byte()
