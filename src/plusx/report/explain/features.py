"""Section: what the network's channels look for."""

from torch import Tensor

from plusx.explain import Features, Filters
from plusx.explain.address import spoken
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
        "late ones to whole patterns. Shown are those that spoke most for the classes explained "
        "above.",
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
    ends = min(ENDS, len(found.pool) // 2)
    channels = count(len(which), "channel")
    if ends:
        shown = join(_channel(found, place, ends) for place in which)
        said = (
            f"{channels}, a row each. First: a picture made from noise to excite it as "
            f"much as can be. Then, of {count(len(found.pool), 'image')}, those it answers to "
            "most, and those it answers to least."
        )
    else:
        cells = (
            tag(
                "li",
                _made(found, place),
                tag("p", f"Channel {found.excited.at[place][1]}: {_said(found, place)}"),
            )
            for place in which
        )
        shown = tag("ul", *cells, class_="pictures")
        said = (
            f"{channels}: pictures made from noise to excite each as much as can be. "
            "Give more images, or --data, to see which it answers to most and least."
        )
    titled = join([tag("h3", spoken(layer)), shown])
    return framed(f"features-{layer.replace('.', '-')}", titled, caption=said)


def _channel(found: Features, which: int, ends: int) -> Html:
    return tag(
        "div",
        tag("h4", f"Channel {found.excited.at[which][1]}"),
        tag(
            "ul",
            tag("li", _made(found, which), tag("p", _said(found, which))),
            *(_example(found, place, "most") for place in found.extremes.strongest(which, ends)),
            *(_example(found, place, "least") for place in found.extremes.weakest(which, ends)),
            class_="pictures row",
        ),
        class_="channel",
    )


def _said(found: Features, which: int) -> str:
    return "made to excite it" if found.excited.found(which) else "nothing was found to excite it"


def _made(found: Features, which: int) -> Html:
    layer, channel = found.excited.at[which]
    pixels = big(_bytes(found.excited.images[which]))
    return picture(pixels, label=f"what excites channel {channel} of {spoken(layer)}")


def _example(found: Features, place: int, end: str) -> Html:
    name = found.pool.names[place]
    shown = picture(big(found.pool.pixels[place]), label=name)
    words = tag("p", name.rpartition("/")[2], class_="file", title=name)
    return tag("li", shown, tag("p", end), words, class_=end)


def _bytes(image: Tensor) -> Tensor:
    return (255 * image).round().byte()
