import contextlib
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from published_page import (
    REPOSITORY,
    build,
    build_small_book,
    executed_notebook,
    served,
    visited,
)
from test_traversal import a_model, random_images, sparse_widget
from test_traversal_stored import notebook_of
from traversal_page import canvas_pixels, check_traversals, next_frame

from vsclib.traversal import Traversal
from vsclib.traversal.script import FOLDER, MODULE, STUB, STYLE
from vsclib.traversal.stored import keep_data_only

VENDOR = REPOSITORY / "book" / "_assets" / "vendor"
MANIFEST = json.loads((VENDOR / "MANIFEST.json").read_text("utf-8"))

# A page without Jupyter: it runs the widget on a model that writes down what it is told.
WORKBENCH = """<!DOCTYPE html><meta charset="utf-8"><link rel="icon" href="data:,"><div id="one"></div><div id="two"></div>
<script type="module">
  import widget from "./widget.js";
  const state = await (await fetch("state.json")).json();
  const style = document.createElement("style");
  style.textContent = state._css;
  document.head.append(style);
  const listeners = {};
  window.saved = [];
  window.model = {
    widget_manager: { get_model: async (name) => ({ get: (key) => state.models[name][key], set: (key, value) => { state.models[name][key] = value; },
      on() {}, off() {}, save_changes() {} }) },
    get: (name) => state[name],
    set: (name, value) => { state[name] = value; },
    save_changes: () => { window.saved.push(structuredClone({ z: state.z, image: state.image })); },
    on: (event, f) => (listeners[event] ??= []).push(f),
    off: (event, f) => { listeners[event] = (listeners[event] ?? []).filter((other) => other !== f); },
  };
  window.fromPython = (name, value) => { state[name] = value; listeners[`change:${name}`].forEach((f) => f()); };
  const address = { read: () => new URLSearchParams(location.search).get("w1"), write: (text) => { window.written = text; } };
  window.listening = () => Object.values(listeners).flat().length;
  window.leave = await widget.render({ model: window.model, el: document.getElementById("one"), address });
</script>"""


def workbench(folder: Path, widget: Traversal) -> Path:
    (folder / "index.html").write_text(WORKBENCH, "utf-8")
    (folder / "widget.js").write_text(MODULE, "utf-8")
    exports = "\nexport { decode, halfToFloat, halvesOf, readDecoder };\n"
    decoder = (FOLDER / "decoder.js").read_text("utf-8") + exports
    (folder / "decoder.js").write_text(decoder, "utf-8")
    parts = [widget.decoder, *([widget.beside, widget.beside.decoder] if widget.beside else [])]
    models = {part.model_id: part.get_state() for part in parts}
    state = {**widget.get_state(), "_css": STYLE, "models": models}
    (folder / "state.json").write_text(json.dumps(state), "utf-8")
    return folder


@pytest.fixture
def bench(tmp_path, browser):
    """An open workbench with the sparse widget of the tests: codes [0, 2, 0, -3, 0, 0.5] and all
    zeros.
    """
    with (
        served(workbench(tmp_path, sparse_widget())) as address,
        visited(browser, address, "index.html") as visit,
    ):
        visit.page.locator("canvas.reconstruction").wait_for()
        next_frame(visit.page)
        yield visit.page
        assert visit.errors == [] and visit.foreign == [] and visit.missing == []


@pytest.mark.parametrize("network", ["mlp", "conv"])
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 16, 16)])
def test_the_browsers_numbers_are_torchs(browser, tmp_path, network, shape):
    model = a_model("vsc", network=network, shape=shape)
    widget = Traversal(model, random_images(shape=shape))
    z = torch.randn(3, 12, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = model.decode(z).mean.numpy()
    with (
        served(workbench(tmp_path, widget)) as address,
        visited(browser, address, "index.html") as visit,
    ):
        decoded = visit.page.evaluate(
            """async (codes) => {
              const { readDecoder, halvesOf, decode } = await import("./decoder.js");
              const state = await (await fetch("state.json")).json();
              const size = state.shape.reduce((a, b) => a * b);
              const { layers, weights } = Object.values(state.models)[0];
              const decoder = readDecoder(layers, halvesOf(weights));
              return codes.map((z) => Array.from(decode(decoder, z, size)));
            }""",
            z.tolist(),
        )
        visit.page.evaluate("z => fromPython('z', z)", z[0].tolist())
        next_frame(visit.page)
        canvas = canvas_pixels(visit.page.locator("canvas.reconstruction"))
    assert expected.std() > 0.05, "a picture without contrast proves nothing"
    np.testing.assert_allclose(np.array(decoded).reshape(expected.shape), expected, atol=5e-3)
    np.testing.assert_allclose(canvas, np.broadcast_to(255 * expected[0], canvas.shape), atol=2)


def test_half_floats_are_widened_exactly(browser, tmp_path):
    every = np.arange(2**16, dtype="<u2")
    expected = every.view("<f2").astype(np.float64)
    finite = np.isfinite(expected)
    with (
        served(workbench(tmp_path, sparse_widget())) as address,
        visited(browser, address, "index.html") as visit,
    ):
        widened = visit.page.evaluate(
            "async (halves) => { const { halfToFloat } = await import('./decoder.js'); return halves.map(halfToFloat); }",
            every[finite].tolist(),
        )
    np.testing.assert_array_equal(np.array(widened, dtype=float), expected[finite])


def test_a_move_is_drawn_at_once_and_saved_when_it_ends(bench):
    slider = bench.locator("input[type=range][data-latent='1']")
    before = canvas_pixels(bench.locator("canvas.reconstruction"))
    slider.evaluate(
        "s => { s.value = -1.6; s.dispatchEvent(new Event('input', { bubbles: true })); }"
    )
    next_frame(bench)
    assert np.abs(canvas_pixels(bench.locator("canvas.reconstruction")) - before).max() > 2
    assert bench.evaluate("saved.length") == 0, "the kernel hears of every frame"
    slider.evaluate("s => s.dispatchEvent(new Event('change', { bubbles: true }))")
    assert bench.evaluate("saved.at(-1).z") == pytest.approx([0, -1.6, 0, -3, 0, 0.5])


def test_a_closed_gate_is_an_exact_zero_and_keeps_its_slab(bench):
    gate = bench.get_by_role("switch", name="gate of latent 3")
    gate.press("Space")
    assert bench.evaluate("saved.at(-1).z[3]") == 0
    gate.press("Space")
    assert bench.evaluate("saved.at(-1).z[3]") == -3


def test_moving_the_slab_of_a_silent_latent_opens_its_gate(bench):
    bench.get_by_role("spinbutton", name="Latent").fill("4")
    bench.get_by_role("button", name="Add").click()
    slider = bench.get_by_role("slider", name="slab of latent 4")
    gate = bench.get_by_role("switch", name="gate of latent 4")
    assert not gate.is_checked()
    slider.press("ArrowRight")
    assert gate.is_checked()
    value = bench.locator(".latent", has=slider).locator("output.value").inner_text()
    assert bench.locator(".scale").inner_text().split("\n")[1] == f"latent 4: {value}"
    assert bench.evaluate("saved.at(-1).z[4]") != 0


def test_a_click_on_a_bar_gives_its_latent_a_slider(bench):
    box = bench.locator(".chart svg").bounding_box()
    bench.mouse.click(box["x"] + box["width"] * 2.5 / 6, box["y"] + 20)
    assert bench.get_by_role("slider", name="slab of latent 2").is_visible()


def test_an_unknown_latent_is_answered_in_words(bench):
    bench.get_by_role("spinbutton", name="Latent").fill("6")
    bench.get_by_role("button", name="Add").click()
    assert "0 to 5" in bench.locator(".summary").inner_text()


def test_show_all_gives_every_latent_a_slider(bench):
    slabs = bench.get_by_role("slider", name="slab")
    assert slabs.count() == 3
    bench.get_by_role("button", name="Show all").click()
    assert slabs.count() == 6
    bench.get_by_role("button", name="Show all").click()
    assert slabs.count() == 3


def test_images_are_chosen_by_keyboard_and_reset_brings_the_code_back(bench):
    bench.get_by_role("radio", name="image 0").focus()
    bench.keyboard.press("ArrowRight")
    assert bench.evaluate("saved.at(-1)") == {"z": [0] * 6, "image": 1}
    assert "0 of 6 latents on" in bench.locator(".summary").inner_text()
    bench.get_by_role("slider").first.press("ArrowRight")
    assert "1 of 6 latents on" in bench.locator(".summary").inner_text()
    bench.get_by_role("button", name="Reset").press("Enter")
    assert bench.evaluate("saved.at(-1).z") == [0] * 6
    assert "0 of 6 latents on" in bench.locator(".summary").inner_text()


def test_the_page_follows_python(bench):
    bench.evaluate("fromPython('z', [0, 0, 1.25, -3, 0, 0.5])")
    assert bench.get_by_role("switch", name="gate of latent 2").is_checked()
    assert not bench.get_by_role("switch", name="gate of latent 1").is_checked()
    bench.evaluate("fromPython('image', 1)")
    assert bench.get_by_role("radio", name="image 1").is_checked()
    assert bench.get_by_role("switch", checked=True).count() == 0
    assert bench.evaluate("saved.length") == 0


def test_an_echo_from_python_leaves_the_focus_where_it_is(bench):
    slider = bench.locator("input[type=range][data-latent='1']")
    slider.press("ArrowRight")
    bench.evaluate("fromPython('z', saved.at(-1).z)")
    bench.evaluate("fromPython('z', [0, 1, 0, -3, 0, 0.5])")
    bench.keyboard.press("ArrowRight")
    assert bench.evaluate("saved.at(-1).z[1]") == pytest.approx(1.12, abs=0.05)


def test_notebook_shortcuts_leave_the_controls_their_keys(bench):
    assert (
        bench.locator(":is(button, input, select):not([data-lm-suppress-shortcuts])").count() == 0
    )


def test_a_view_that_is_gone_no_longer_listens(bench):
    assert bench.evaluate("listening()") == 2
    bench.evaluate("leave()")
    assert bench.evaluate("listening()") == 0


def test_bars_show_exact_zeros_as_ticks_and_open_gates_as_dots(bench):
    classes = bench.locator(".bar").evaluate_all(
        "bars => bars.map(bar => bar.classList.contains('zero'))"
    )
    assert classes == [True, False, True, False, True, False]
    dots = bench.locator(".dot").evaluate_all(
        "dots => dots.map(dot => dot.getAttribute('d') !== '')"
    )
    assert dots == [False, True, False, True, False, True]


def test_every_control_can_be_hit_and_has_a_name(bench):
    for control in bench.locator(".vsclib-traversal").locator("button, input, select").all():
        box = control.bounding_box()
        assert box["width"] >= 24 and box["height"] >= 24, control.evaluate("c => c.outerHTML")
        name = control.evaluate(
            "c => c.getAttribute('aria-label') || c.textContent || c.labels?.[0]?.textContent"
        )
        assert name, control.evaluate("c => c.outerHTML")


@pytest.mark.parametrize("width", [1280, 360])
def test_what_moves_is_right_of_the_sliders_or_in_sight_above_them(browser, tmp_path, width):
    with (
        served(workbench(tmp_path, sparse_widget())) as address,
        visited(browser, address, "index.html", width=width) as visit,
    ):
        result = visit.page.locator("canvas.reconstruction")
        result.wait_for()
        picture, sliders = result.bounding_box(), visit.page.locator(".sliders").bounding_box()
        if width > 600:
            assert picture["x"] >= sliders["x"] + sliders["width"]
        else:
            assert picture["y"] + picture["height"] <= sliders["y"]
            assert picture["width"] >= 100
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


def contrast(first: list[float], second: list[float]) -> float:
    """Contrast of two sRGB colours by WCAG 2."""

    def luminance(colour: list[float]) -> float:
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
            for c in (v / 255 for v in colour)
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("theme", ["", "light", "dark"])
def test_text_and_lines_stand_out_in_light_and_dark(browser, tmp_path, scheme, theme):
    with (
        served(workbench(tmp_path, sparse_widget())) as address,
        visited(browser, address, "index.html", color_scheme=scheme) as visit,
    ):
        visit.page.locator("canvas.reconstruction").wait_for()
        if theme:
            visit.page.evaluate(
                "theme => { document.documentElement.dataset.theme = theme; }", theme
            )

        def colour(selector: str, name: str) -> list[float]:
            text = visit.page.locator(selector).first.evaluate(
                f"node => getComputedStyle(node).{name}"
            )
            return [float(part) for part in text[text.index("(") + 1 : -1].split(",")[:3]]

        ground = colour(".vsclib-traversal", "backgroundColor")
        assert (sum(ground) < 200) == ((theme or scheme) == "dark")
        for text in (".heading", ".summary", ".quality", ".value", "button"):
            assert contrast(colour(text, "color"), ground) >= 4.5, text
        for line in (".axis", ".bar"):
            assert contrast(colour(line, "stroke"), ground) >= 3, line
        assert contrast(colour("button", "borderTopColor"), ground) >= 3
        assert contrast(colour(".reconstruction", "borderTopColor"), ground) >= 3
        assert contrast(colour(".data", "borderTopColor"), ground) >= 3


@pytest.mark.slow
def test_a_published_page_moves_without_a_kernel_and_asks_nobody_else(browser, tmp_path):
    cells = [
        f"import sys; sys.path.insert(0, {str(REPOSITORY / 'tests')!r})\n"
        "from test_traversal import Traversal, a_model, random_images, sparse_widget",
        "sparse_widget()",
        "Traversal(a_model(network='conv', shape=(3, 16, 16)), random_images(shape=(3, 16, 16)), limit=3.0)",
    ]
    executed_notebook(tmp_path / "page.ipynb", cells)
    html = build_small_book(tmp_path, ["page"])
    with served(html) as address:
        assert check_traversals(browser, html, address, "page.html") == 2
        with visited(browser, address, "page.html") as visit:
            visit.page.locator(".vsclib-traversal canvas.reconstruction").nth(1).wait_for()
            assert visit.page.locator("input[type=radio]:checked").count() == 2, (
                "two widgets share their choices"
            )


@pytest.mark.slow
def test_a_changed_script_is_on_the_page_after_a_build_that_runs_nothing(browser, tmp_path):
    library, notebook = tmp_path / "library", tmp_path / "page.ipynb"
    shutil.copytree(REPOSITORY / "vsclib", library / "vsclib")
    stored = notebook_of(sparse_widget())
    keep_data_only(stored)
    notebook.write_text(json.dumps(stored), "utf-8")
    before = notebook.read_bytes()
    html = build_small_book(tmp_path, ["page"])
    for file, old, new in (
        ("traversal.js", 'heading("Data")', 'heading("What is chosen")'),
        ("traversal.css", "--data: #808080", "--data: #010203"),
    ):
        path = library / "vsclib" / "traversal" / file
        text = path.read_text("utf-8")
        assert text.count(old) == 1
        path.write_text(text.replace(old, new), "utf-8")
    first = (html / "page.html").read_text("utf-8")
    build(tmp_path, PYTHONPATH=str(library))
    assert (html / "page.html").read_text("utf-8") != first, "a browser may keep the old script"
    for address in (contextlib.nullcontext(f"{html.as_uri()}/"), served(html)):
        with address as start, visited(browser, start, "page.html") as visit:
            heading = visit.page.locator(".vsclib-traversal .data-part .heading")
            heading.wait_for()
            assert heading.inner_text() == "What is chosen"
            frame = visit.page.locator("canvas.data").evaluate(
                "c => getComputedStyle(c).borderColor"
            )
            assert frame == "rgb(1, 2, 3)"
            assert visit.errors == [] and visit.foreign == [] and visit.missing == []
    assert notebook.read_bytes() == before
    assert not (tmp_path / "executed").exists(), "the build has executed the notebook"


def test_where_a_notebook_was_not_run_its_widget_says_what_to_do(browser, tmp_path):
    (tmp_path / "index.html").write_text('<link rel="icon" href="data:,">', "utf-8")
    with served(tmp_path) as address, visited(browser, address, "index.html") as visit:
        text = visit.page.evaluate(
            """async (stub) => {
              const url = URL.createObjectURL(new Blob([stub], { type: "text/javascript" }));
              const el = document.createElement("div");
              (await import(url)).default.render({ el });
              return el.textContent;
            }""",
            STUB,
        )
        assert "Run this cell" in text and visit.errors == []


@pytest.mark.slow
@pytest.mark.parametrize("path", ["notebooks/03-vsc.html", "notebooks/04-sparse-generator.html"])
def test_the_books_traversals_move_without_a_kernel_and_ask_nobody_else(browser, built_book, path):
    with served(built_book) as address:
        assert check_traversals(browser, built_book, address, path) >= 1


def test_what_the_book_serves_is_what_its_manifest_says():
    listed = {"MANIFEST.json", *MANIFEST["own"]}
    for package in MANIFEST["packages"]:
        assert package["version"] and package["licence"]
        licences = {package["licence_file"], *package.get("also", {}).values()}
        assert all((VENDOR / licence).stat().st_size > 500 for licence in licences)
        listed |= licences | set(package["files"])
        for name, file in package["files"].items():
            assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == file["sha256"], name
    present = {path.relative_to(VENDOR).as_posix() for path in VENDOR.rglob("*") if path.is_file()}
    assert present == listed
    assert max((VENDOR / name).stat().st_size for name in present) < 4_000_000
