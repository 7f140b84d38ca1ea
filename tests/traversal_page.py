"""What a reader does to a traversal on a published page, and what must come of it."""

import base64
import json
import re
from pathlib import Path

import numpy as np
from decoder_oracle import mean_image, unpacked
from playwright.sync_api import Browser, Locator, Page
from published_page import visited

from vsclib.traversal.script import SITE_SCRIPT, SITE_STYLE, STUB
from vsclib.traversal.stored import REFERENCE, WIDGET

GREY_LEVELS = 2
PLACE = re.compile(
    r'<div class="vsclib-live".*?<script type="application/json">(.*?)</script>', re.DOTALL
)
MODEL = re.compile(r'<script async src="([^"]*vsclib/models/[^"]*)">')


def stored_traversals(page: Path) -> list[dict]:
    """The states of the traversals that a built page shows, in order, decoders inside."""
    text = page.read_text("utf-8")
    models = {}
    for address in MODEL.findall(text):
        script = (page.parent / address).read_text("utf-8")
        name, state = json.loads(script[script.index("push(") + 5 : script.rindex(")")])
        models[name] = state
    shown = [json.loads(state.replace("<\\/", "</")) for state in PLACE.findall(text)]
    return [
        {**state, "decoder": unpacked_decoder(models[state["decoder"].removeprefix(REFERENCE)])}
        for state in shown
        if state.get("_anywidget_id") == WIDGET
    ]


def unpacked_decoder(decoder: dict) -> dict:
    """A page's decoder with its weights as base64 of float16."""
    weights = base64.b64encode(unpacked(decoder["packed"]).tobytes()).decode("ascii")
    return {"layers": decoder["layers"], "weights": weights}


def canvas_pixels(canvas: Locator) -> np.ndarray:
    """What a canvas shows, as (C = 3, H, W) in 0 to 255."""
    data, height, width = canvas.evaluate(
        "c => [Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data), c.height, c.width]"
    )
    return np.array(data, dtype=float).reshape(height, width, 4)[:, :, :3].transpose(2, 0, 1)


def next_frame(page: Page) -> None:
    """Waits until everything that was to be drawn is drawn."""
    page.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )


def assert_canvas_shows(canvas: Locator, state: dict, z: np.ndarray) -> np.ndarray:
    """The canvas is within two grey levels of the decoded code; gives what it shows."""
    next_frame(canvas.page)
    shown = canvas_pixels(canvas)
    expected = 255 * mean_image(state["decoder"], state["shape"], z)
    difference = np.abs(shown - expected).max()  # grey images fill all three channels
    assert difference <= GREY_LEVELS, (
        f"the canvas is {difference:.1f} grey levels away from the decoded code"
    )
    return shown


def check_traversal(widget: Locator, state: dict) -> None:
    """Moves the first slider, closes its gate and resets, all by keyboard; the canvas must follow
    each time.
    """
    keyboard = widget.page.keyboard
    canvas, slider = (
        widget.locator("canvas.reconstruction"),
        widget.locator("input[type=range]").first,
    )
    z = np.array(state["z"], dtype=np.float32)
    latent = int(slider.get_attribute("data-latent") or -1)
    start = assert_canvas_shows(canvas, state, z)

    slider.focus()
    for _ in range(20):
        keyboard.press("ArrowRight" if z[latent] < 0 else "ArrowLeft")
    z[latent] = float(slider.input_value())
    moved = assert_canvas_shows(canvas, state, z)
    assert np.abs(moved - start).max() > GREY_LEVELS, "moving a slider did not change the picture"

    if state["gated"]:
        widget.locator("input.gate").first.focus()
        keyboard.press("Space")
        z[latent] = 0
        assert_canvas_shows(canvas, state, z)
        assert widget.locator("output.value").first.inner_text() == "0"

    widget.get_by_role("button", name="Reset").press("Enter")
    assert_canvas_shows(canvas, state, np.array(state["z"], dtype=np.float32))


def check_traversals(browser: Browser, folder: Path, address: str, path: str) -> int:
    """Checks every traversal of a built page.

    Args:
        browser: a running browser.
        folder: the folder of the built HTML.
        address: where that folder is served, ending in a slash.
        path: the page inside it, for example ``notebooks/03-vsc.html``.

    Returns:
        How many traversals the page holds: at least one.
    """
    states = stored_traversals(folder / path)
    assert states, f"{path} holds no traversal"
    for state in states:
        assert (state["_esm"], state.get("_css", "")) == (STUB, ""), f"{path} carries a script"
    assert (folder / "_static/vsclib/traversal.js").read_text("utf-8") == SITE_SCRIPT
    assert (folder / "_static/vsclib/traversal.css").read_text("utf-8") == SITE_STYLE
    with visited(browser, address, path) as visit:
        widgets = visit.page.locator(".vsclib-traversal")
        for place in range(len(states)):
            widgets.nth(place).locator("canvas.reconstruction").wait_for()
        assert widgets.count() == len(states)
        for place, state in enumerate(states):
            check_traversal(widgets.nth(place), state)
        assert visit.foreign == [], "the page asked another server"
        assert visit.missing == [], "the page asked for a file that the book does not have"
        assert visit.errors == [], "the browser reported an error"
    return len(states)
