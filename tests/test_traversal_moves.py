"""What a reader's hand, the play button and the page's address do to a traversal."""

# ruff: noqa: F811  (fixtures of another file have the names of their arguments)

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page
from published_page import served, visited
from test_browser import bench, workbench  # noqa: F401
from test_traversal import SparseModel, a_model, random_images, sparse_widget
from traversal_page import canvas_pixels, next_frame

from vsclib.traversal import Traversal
from vsclib.traversal.script import FOLDER

START = [0, 2, 0, -3, 0, 0.5]


@contextlib.contextmanager
def opened(
    browser: Browser, folder: Path, widget: Traversal, query: str = "", width: int = 1280
) -> Iterator[Page]:
    """A workbench of a widget, whose page has an address."""
    with (
        served(workbench(folder, widget)) as address,
        visited(browser, address, f"index.html{query}", width=width) as visit,
    ):
        visit.page.locator(".vsclib-traversal").wait_for()
        next_frame(visit.page)
        yield visit.page
        assert visit.errors == [] and visit.foreign == [] and visit.missing == []


def code(page: Page) -> list[float]:
    """The code that was saved last."""
    return page.evaluate("saved.at(-1).z")


def test_undo_goes_back_move_by_move_across_images(bench):
    undo = bench.get_by_role("button", name="Undo")
    assert undo.is_disabled()
    bench.get_by_role("switch", name="gate of latent 3").press("Space")
    bench.get_by_role("radio", name="image 0").press("ArrowRight")
    bench.get_by_role("slider", name="slab of latent 1").press("ArrowRight")
    assert bench.evaluate("saved.at(-1).image") == 1
    undo.click()
    assert code(bench) == [0] * 6
    undo.click()
    assert code(bench) == pytest.approx([0, 2, 0, 0, 0, 0.5])
    assert bench.evaluate("saved.at(-1).image") == 0
    undo.click()
    assert code(bench) == pytest.approx(START) and undo.is_disabled()


def test_a_sample_moves_the_latents_that_are_on_and_no_other(bench):
    before = canvas_pixels(bench.locator("canvas.reconstruction"))
    bench.get_by_role("button", name="Sample").click()
    first = code(bench)
    next_frame(bench)
    assert [value != 0 for value in first] == [value != 0 for value in START]
    assert first != pytest.approx(START)
    assert np.abs(canvas_pixels(bench.locator("canvas.reconstruction")) - before).max() > 2
    bench.get_by_role("button", name="Sample").click()
    assert code(bench) != first
    bench.get_by_role("button", name="Undo").click()
    assert code(bench) == pytest.approx(first)


def test_samples_are_as_wide_as_the_codes_and_can_be_repeated(tmp_path):
    program = tmp_path / "draws.mjs"
    text = (FOLDER / "motion.js").read_text("utf-8")
    program.write_text(
        text + "const u = uniforms(7); console.log(JSON.stringify([...Array(20000)].map(() => normal(u))));"
        "console.log(spreadOf([3, 9, -4], [1, 0, 1]), spreadOf([1], [0]));"
        "console.log(JSON.stringify(between({ z: [1, 0], on: [1, 0] }, { z: [0, 4], on: [0, 1] }, 0.25)));"
        "console.log(backAndForth(0.5, 3, 4), backAndForth(0.5, 1, 4));",
        "utf-8",
    )  # fmt: skip
    run = subprocess.run(["node", str(program)], capture_output=True, text=True)
    if run.returncode:
        pytest.fail(run.stderr)
    draws, spreads, way, places = run.stdout.splitlines()
    values = np.array(json.loads(draws))
    assert abs(values.mean()) < 0.03 and abs(values.std() - 1) < 0.03
    assert abs((values**4).mean() - 3) < 0.3  # a normal's fourth moment
    assert [float(part) for part in spreads.split()] == pytest.approx([12.5**0.5, 1])
    assert json.loads(way) == {"z": [0.75, 1], "on": [1, 1]}
    assert [float(part) for part in places.split()] == pytest.approx([0.75, 0.75])


def test_a_walk_goes_from_end_to_end_by_its_place(bench):
    bench.get_by_label("what moves").select_option("walk:0:1")
    place = bench.get_by_label("place on the way")
    assert int(place.input_value()) == 75  # 2 of -4 to 4
    place.press("End")
    assert code(bench)[1] == pytest.approx(4)
    place.press("Home")
    assert code(bench) == pytest.approx([0, -4, 0, -3, 0, 0.5])


def test_play_moves_the_picture_and_pause_keeps_what_it_shows(bench):
    bench.get_by_label("what moves").select_option("walk:0:1")
    bench.get_by_role("button", name="Play").click()
    bench.wait_for_timeout(300)
    assert bench.evaluate("saved.length") == 0, "the kernel hears of every frame"
    bench.get_by_role("button", name="Pause").click()
    assert bench.evaluate("saved.length") == 1
    assert code(bench)[1] != 2
    shown = canvas_pixels(bench.locator("canvas.reconstruction"))
    bench.wait_for_timeout(200)
    np.testing.assert_array_equal(canvas_pixels(bench.locator("canvas.reconstruction")), shown)
    bench.get_by_role("button", name="Undo").click()
    assert code(bench) == pytest.approx(START)


def test_the_way_to_another_image_ends_in_its_code(bench):
    bench.get_by_label("what moves").select_option("to:1")
    place = bench.get_by_label("place on the way")
    for _ in range(5):
        place.press("PageUp")
    half = int(place.input_value()) / 100
    assert code(bench) == pytest.approx([(1 - half) * value for value in START], abs=1e-6)
    place.press("End")
    assert code(bench) == [0] * 6 and "0 of 6 latents on" in bench.locator(".summary").inner_text()


def test_where_motion_is_not_wanted_a_press_is_a_step(browser, tmp_path):
    with opened(browser, tmp_path, sparse_widget()) as page:
        page.emulate_media(reduced_motion="reduce")
        page.reload()
        page.get_by_label("what moves").select_option("to:1")
        step = page.get_by_role("button", name="Step")
        step.click()
        assert code(page) == pytest.approx([7 / 8 * value for value in START], abs=1e-6)
        page.wait_for_timeout(200)
        assert page.evaluate("saved.length") == 1, "something moved by itself"


def test_bars_and_sliders_are_dragged_by_the_mouse(bench):
    box = bench.locator(".chart svg").bounding_box()
    x = box["x"] + box["width"] * 2.5 / 6
    bench.mouse.move(x, box["y"] + box["height"] / 2)
    bench.mouse.down()
    bench.mouse.move(x, box["y"] + box["height"] * 0.27, steps=3)
    bench.mouse.up()
    assert code(bench)[2] == pytest.approx(2, abs=0.05)
    slider = bench.get_by_role("slider", name="slab of latent 3").bounding_box()
    bench.mouse.move(slider["x"] + 20, slider["y"] + slider["height"] / 2)
    bench.mouse.down()
    middle = slider["x"] + slider["width"] / 2
    bench.mouse.move(middle, slider["y"] + slider["height"] / 2, steps=3)
    bench.mouse.up()
    assert code(bench)[3] == pytest.approx(0, abs=0.1)
    assert bench.evaluate("saved.length") == 2


def touch(page: Page, *points: tuple[float, float], rest: int = 0) -> None:
    """A finger that goes down at the first point, along the others, and up."""
    session = page.context.new_cdp_session(page)

    def send(kind: str, *where: tuple[float, float]) -> None:
        touches = [{"x": x, "y": y} for x, y in where]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    send("touchStart", points[0])
    page.wait_for_timeout(rest)
    for point in points[1:]:
        send("touchMove", point)
        page.wait_for_timeout(20)
    send("touchEnd")
    page.wait_for_timeout(50)


def test_a_finger_that_swipes_up_scrolls_and_moves_nothing(browser, tmp_path):
    folder = workbench(tmp_path, sparse_widget())
    context = browser.new_context(has_touch=True, viewport={"width": 390, "height": 500})
    with served(folder) as address:
        page = context.new_page()
        page.goto(f"{address}index.html")
        slider = page.get_by_role("slider", name="slab of latent 3")
        slider.wait_for()
        page.add_style_tag(content="body { padding-bottom: 900px }")
        slider.scroll_into_view_if_needed()
        box = slider.bounding_box()
        x, y = box["x"] + 30, box["y"] + box["height"] / 2
        before, value = page.evaluate("scrollY"), slider.input_value()
        touch(page, (x, y), *[(x + 1, y - 25 * step) for step in range(1, 7)])
        assert page.evaluate("scrollY") > before + 40
        assert slider.input_value() == value and page.evaluate("saved.length") == 0

        slider.scroll_into_view_if_needed()
        box = slider.bounding_box()
        y = box["y"] + box["height"] / 2
        middle = box["x"] + box["width"] / 2
        touch(page, (box["x"] + 40, y), (box["x"] + 60, y), (middle, y))
        assert code(page)[3] == pytest.approx(0, abs=0.1)

        bar = page.locator(".chart svg")
        page.evaluate("scrollTo(0, 0)")
        box = bar.bounding_box()
        x = box["x"] + box["width"] * 0.5 / 6
        down = box["y"] + box["height"] / 2
        touch(page, (x, down), (x, down - 6), (x, box["y"] + box["height"] * 0.27), rest=400)
        assert code(page)[0] == pytest.approx(2, abs=0.1), "a finger that rests takes the bar along"
    context.close()


def test_the_address_says_what_is_shown_and_shows_what_it_says(browser, tmp_path):
    with opened(browser, tmp_path, sparse_widget(), "?w1=0;1:-1.5,3:off") as page:
        assert page.get_by_role("slider", name="slab of latent 1").input_value() == "-1.52"
        assert not page.get_by_role("switch", name="gate of latent 3").is_checked()
        assert page.locator(".problem").is_hidden()
        page.get_by_role("switch", name="gate of latent 3").press("Space")
        assert page.evaluate("written") == "0;1:-1.5"
        page.get_by_role("button", name="Reset").click()
        assert page.evaluate("written") == ""
        page.get_by_role("radio", name="image 0").press("ArrowRight")
        assert page.evaluate("written") == "1"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("9", "image 9; there are 0 to 1"),
        ("0;99:1", "latent 99; there are 0 to 5"),
        ("0;1:7e9", "the value 7e9; values are -4 to 4, or off"),
        ("0;1:", "the value (none)"),
        ("0;1:NaN", "the value NaN"),
        ("0;1:1~1:1", "more models"),
        ("%3Cb%3Ex", "image <b>x"),
    ],
)
def test_a_wrong_address_is_answered_in_one_line(browser, tmp_path, query, words):
    with opened(browser, tmp_path, sparse_widget(), f"?w1={query}") as page:
        line = page.locator(".problem").inner_text()
        assert words in line and "own code is shown" in line and "\n" not in line
        page.get_by_role("switch", name="gate of latent 3").press("Space")
        assert code(page) == pytest.approx([0, 2, 0, 0, 0, 0.5])
        assert page.locator(".problem").is_hidden()


def two_models() -> Traversal:
    dense = SparseModel([[1.0] * 6, [0.5] * 6], [[True] * 6] * 2)
    dense.name = "dense"
    z = [[0.0, 2.0, 0.0, -3.0, 0.0, 0.5], [0.0] * 6]
    active = [[False, True, False, True, False, True], [False] * 6]
    return Traversal(SparseModel(z, active), random_images(2, (1, 4, 4)), beside=dense)


@pytest.mark.parametrize("width", [1280, 390])
def test_two_models_answer_side_by_side(browser, tmp_path, width):
    with opened(browser, tmp_path, two_models(), width=width) as page:
        canvases = page.locator("canvas.reconstruction")
        first, second = canvases.nth(0).bounding_box(), canvases.nth(1).bounding_box()
        assert first["y"] == second["y"] and first["x"] + first["width"] <= second["x"]
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        before = [canvas_pixels(canvases.nth(place)) for place in (0, 1)]
        page.get_by_role("slider", name="latent 2 of the dense").press("End")
        next_frame(page)
        after = [canvas_pixels(canvases.nth(place)) for place in (0, 1)]
        assert np.abs(after[0] - before[0]).max() == 0 and np.abs(after[1] - before[1]).max() > 2
        assert page.evaluate("written").startswith("0;~2:")
        page.get_by_role("radio", name="image 0").press("ArrowRight")
        assert "dense code of 6" in page.locator(".summary").nth(1).inner_text()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pixels": "AAAA"}, "images hold 3 values"),
        ({"codes": "AAAAAA=="}, "codes hold 1 numbers, 2 images of 6 latents need 12"),
        ({"codes": "AADAfwAAwH8AAMB/" * 4}, "a value that is not finite"),
        ({"dimensions": 2049}, "2049 latents, a page can show 2048"),
        ({"limit": 0}, "limit is 0"),
        ({"weights": "AHwAfAB8" * 37 + "AHw="}, "not finite"),
        ({"weights": "AAA="}, "1 weights and its layers need 112"),
        ({"layers": []}, "112 weights and its layers need 0"),
    ],
)
def test_a_state_that_does_not_fit_is_one_line_on_the_page(browser, tmp_path, change, words):
    folder = workbench(tmp_path, sparse_widget())
    state = json.loads((folder / "state.json").read_text("utf-8"))
    (decoder,) = state["models"].values()
    for name, value in change.items():
        (decoder if name in ("weights", "layers") else state)[name] = value
    (folder / "state.json").write_text(json.dumps(state), "utf-8")
    with served(folder) as address, visited(browser, address, "index.html") as visit:
        line = visit.page.locator(".problem").inner_text()
        assert "cannot be drawn" in line and words in line and "\n" not in line
        assert visit.errors == []


def test_a_decoder_may_lie_in_the_widgets_own_state(browser, tmp_path):
    folder = workbench(tmp_path, sparse_widget())
    state = json.loads((folder / "state.json").read_text("utf-8"))
    (state["decoder"],) = state.pop("models").values()
    (folder / "state.json").write_text(json.dumps({**state, "models": {}}), "utf-8")
    with served(folder) as address, visited(browser, address, "index.html") as visit:
        visit.page.locator("canvas.reconstruction").wait_for()
        assert visit.errors == []


def test_a_second_model_travels_with_its_codes():
    widget = two_models()
    assert widget.beside.title == "dense" and not widget.beside.gated and widget.gated
    widget.image = 1
    assert widget.beside.z == [0.5] * 6 and widget.z == [0.0] * 6
    assert repr(widget) == "Traversal(chosen beside dense: 2 images, 6 latents)"


def test_a_move_is_seen_at_the_next_frame(browser, tmp_path):
    widget = Traversal(a_model(), random_images())
    with opened(browser, tmp_path, widget) as page:
        times = page.evaluate(
            """async () => {
              const slider = document.querySelector('.sliders input[type=range]');
              const frame = () => new Promise((done) => requestAnimationFrame(done));
              const times = [];
              for (let i = 0; i < 41; i++) {
                await frame();
                const begun = performance.now();
                slider.value = slider.min * (i % 7) / 7;
                slider.dispatchEvent(new Event("input", { bubbles: true }));
                await frame();
                times.push(performance.now() - begun);
              }
              return times.sort((a, b) => a - b);
            }"""
        )
    assert times[20] <= 17 * 2, f"median {times[20]:.1f} ms"  # twice: a test's machine is not quiet
