"""A real browser shows the report: whole, quiet, readable on a telephone and in the dark."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from report_samples import diagnosed, made

from explain_samples import decided, looked
from gate_samples import studied
from plusx.report.doctor import build as examination
from plusx.report.explain import build as explanation
from plusx.report.gates import build as gates
from plusx.report.training import build

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.full

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run"),
)
LONG = "a class name that goes on and on " * 8
PAGES = {
    "an examination": lambda: examination(diagnosed()),
    "gates": lambda: gates(studied()),
    "an explanation": lambda: explanation(decided(), looked()),
    "a usual run": lambda: build(made(model="resnet20", num_probes=5)),
    "one epoch, grey images": lambda: build(made(num_epochs=1, num_probes=1, side=8, channels=1)),
    "a hundred classes": lambda: build(
        made(classes=[f"class {i}" for i in range(100)], num_probes=2)
    ),
    "long names": lambda: build(made(classes=[f"{i} {LONG}" for i in range(20)], num_probes=2)),
    "unbroken names": lambda: build(made(classes=["x" * 300, "y" * 300], num_probes=2, side=8)),
}

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
UNSEEN = """[...document.querySelectorAll("figure")].filter(figure => {
    const parts = [figure, ...figure.querySelectorAll("svg, img")]
    const boxes = parts.map(part => part.getBoundingClientRect())
    return boxes.length < 2 || boxes.some(box => box.width < 40 || box.height < 40)
}).map(figure => figure.id)"""
# words of a drawing that stand outside of it, by more than the difference between two fonts
OUTSIDE = """[...document.querySelectorAll("figure svg")].flatMap(svg => {
    const frame = svg.getBoundingClientRect()
    return [...svg.querySelectorAll("text")].filter(text => {
        const box = text.getBoundingClientRect()
        return box.left < frame.left - 6 || box.right > frame.right + 6
            || box.top < frame.top - 6 || box.bottom > frame.bottom + 6
    }).map(text => svg.closest("figure").id + ": " + text.textContent)
})"""
# the least contrast (WCAG 2) of any text against the nearest opaque ground behind it
CONTRAST = """() => {
    const parse = color => color.match(/[\\d.]+/g).map(Number)
    const light = color => {
        const [r, g, b] = parse(color).map(v => v / 255)
            .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b
    }
    const ground = element => {
        const color = getComputedStyle(element).backgroundColor
        const alpha = parse(color)[3] ?? 1
        return alpha === 1 || !element.parentElement ? color : ground(element.parentElement)
    }
    let worst = [99, ""]
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    while (walk.nextNode()) {
        const element = walk.currentNode.parentElement
        if (!walk.currentNode.data.trim()) continue
        const style = getComputedStyle(element)
        const inDrawing = element instanceof SVGElement
        const [a, b] = [light(inDrawing ? style.fill : style.color), light(ground(element))]
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
        if (contrast < worst[0]) worst = [contrast, walk.currentNode.data]
    }
    return [...worst, light(getComputedStyle(document.body).backgroundColor)]
}"""


@pytest.fixture(scope="module")
def browser() -> "Iterator[sync_api.Browser]":
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*QUIET])
        yield browser
        browser.close()


@pytest.fixture(scope="module", params=PAGES)
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(PAGES[request.param](), encoding="utf-8")
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
def test_a_browser_shows_it(
    browser: "sync_api.Browser", report: Path, width: int, scheme: str
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report.as_uri())
    try:
        assert page.evaluate(OVERFLOW) == 0
        assert page.evaluate(UNSEEN) == []
        assert page.evaluate(OUTSIDE) == []
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert page.evaluate(OVERFLOW) == 0
        contrast, words, ground = page.evaluate(CONTRAST)
        assert contrast >= 4.5, words
        assert ground < 0.05 if scheme == "dark" else ground > 0.8
        assert said == []
        assert [url for url in asked if not url.startswith("data:")] == [report.as_uri()]
    finally:
        page.close()
