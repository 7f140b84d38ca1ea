"""The page "Draw a digit": its numbers are the library's, and it answers a reader at all times."""

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import REPOSITORY, load_script
from playwright.sync_api import Page
from published_page import served, visited

from vsclib import data, inference, metrics, spike_slab
from vsclib.models.generator import TwoGaussians

LIVE = REPOSITORY / "book" / "live"
WORKBENCH = """<!DOCTYPE html><html lang="en" data-theme="light"><meta charset="utf-8"><title>d</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="draw.css">
<meta name="viewport" content="width=device-width">
<div id="live-digit" class="live-digit"></div><script defer src="draw.js"></script></html>"""
EMPTY = "<!DOCTYPE html><meta charset='utf-8'><link rel='icon' href='data:,'>"


@pytest.fixture(scope="module")
def live_models():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(REPOSITORY / "results"))
        return load_script("results/live_models.py")


@pytest.fixture(scope="module")
def live_page():
    return load_script("book/_extensions/live_page.py")


@pytest.fixture(scope="module")
def written(live_models) -> dict:
    return live_models.read()


@pytest.fixture(scope="module")
def digits(written) -> np.ndarray:
    """The page's samples, uint8 (10, 1, 28, 28)."""
    pixels = base64.b64decode(written["samples"]["images"])
    return np.frombuffer(pixels, np.uint8).reshape(10, 1, 28, 28)


@pytest.fixture(scope="module")
def modules(browser, tmp_path_factory) -> Iterator[Page]:
    """An empty page that can import the modules, with the models' file loaded."""
    folder = tmp_path_factory.mktemp("modules")
    for path in LIVE.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "index.html").write_text(EMPTY, "utf-8")
    with served(folder) as address, visited(browser, address, "index.html") as visit:
        visit.page.add_script_tag(url=f"{address}models.js")
        visit.page.evaluate(
            """async () => {
              const names = ["digit", "weights", "networks", "inference"];
              const all = await Promise.all(names.map((name) => import(`./${name}.js`)));
              window.m = Object.assign({}, ...all);
              window.models = m.readModels(vsclibDigitModels);
            }"""
        )
        yield visit.page
        assert visit.errors == [] and visit.foreign == []


def images_of(digits: np.ndarray) -> list[list[float]]:
    return (digits.reshape(len(digits), -1) / 255).tolist()


# ------------------------------------------------------------------------ the numbers are vsclib's

PRIORS = [(0.01, 0.1, 0.1), (0.3, 0.2, 0.1), (1.0, 0.1, 0.05), (0.05, 1.0, 0.15)]


@pytest.mark.parametrize(("alpha", "sigma2", "step_size"), PRIORS)
@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_codes_after_thirty_steps_are_those_of_the_library(
    modules, live_models, written, digits, alpha, sigma2, step_size, likelihood
):
    sigma = 0.3 if likelihood == "gaussian" else None
    stored = written["models"]["generator"] | {"likelihood": likelihood, "sigma": sigma}
    model = live_models.read_model(stored)
    # In double precision, as the page computes; autograd, where the page has a closed form.
    decoder, x = model.decoder.double(), data.to_tensor(digits).double()
    z = torch.zeros(len(digits), model.latents, dtype=torch.float64)
    prior = TwoGaussians(torch.tensor(alpha, dtype=torch.float64), 1.0, sigma2)
    expected = inference.follow_gradient(
        lambda z: decoder(z).log_prob(x), prior.score, z, 30, step_size
    )
    found = modules.evaluate(
        """([images, alpha, sigma2, stepSize, likelihood, sigma]) => {
          const generator = { ...models.generator, likelihood, sigma };
          const setting = { prior: { alpha, sigma1: 1, sigma2 }, stepSize };
          return images.map((x) => Array.from(m.walk(generator, x, 30, setting).at(-1)));
        }""",
        [images_of(digits), alpha, sigma2, step_size, likelihood, sigma],
    )
    assert expected.abs().amax(1).max() > 0.5, "codes that stay at zero prove nothing"
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-4)


def test_the_standard_setting_is_the_models_own(modules, live_models, written, digits):
    model = live_models.read_model(written["models"]["generator"])
    expected = model.encode(data.to_tensor(digits))
    z, active = modules.evaluate(
        """(images) => {
          const { setting } = models.generator;
          const codes = images.map((x) => m.walk(models.generator, x, setting.steps, setting).at(-1));
          const active = (z) => Array.from(m.responsibility(z, setting.prior), (wide) => wide > 0.5);
          return [codes.map((z) => Array.from(z)), codes.map(active)];
        }""",
        images_of(digits),
    )
    np.testing.assert_allclose(z, expected.z.numpy(), atol=1e-3)
    assert active == expected.active.tolist()


@pytest.mark.parametrize("name", ["vae", "vsc"])
def test_encoders_and_decoders_are_those_of_the_library(
    modules, live_models, written, digits, name
):
    model = live_models.read_model(written["models"][name])
    with torch.no_grad():
        code = model.encode(data.to_tensor(digits))
    found = modules.evaluate(
        """([name, images]) => images.map((x) => {
          const { z, active, gamma } = m.encode(models[name], x);
          const image = Array.from(m.decode(models[name], z));
          return { z: Array.from(z), active, gamma: gamma && Array.from(gamma), image };
        })""",
        [name, images_of(digits)],
    )
    np.testing.assert_allclose([each["z"] for each in found], code.z.numpy(), atol=1e-4)
    assert [each["active"] for each in found] == code.active.tolist()
    with torch.no_grad():
        mean = model.decode(code.z).mean.flatten(1)
    np.testing.assert_allclose([each["image"] for each in found], mean.numpy(), atol=1e-4)
    if name == "vsc":
        assert 1 <= code.active.sum(1).min() and code.active.sum(1).max() < 25
        np.testing.assert_allclose([each["gamma"] for each in found], code.gamma.numpy(), atol=1e-4)


@pytest.mark.parametrize(("alpha", "sigma2", "step_size"), PRIORS)
def test_the_prior_is_the_librarys(modules, alpha, sigma2, step_size):
    z = torch.linspace(-3, 3, 61, dtype=torch.float64)
    found = modules.evaluate(
        """([z, alpha, sigma2]) => {
          const prior = { alpha, sigma1: 1, sigma2 };
          return { score: m.priorScore(z, prior), wide: m.responsibility(z, prior),
                   density: m.logPrior(z, prior), border: m.border(prior) };
        }""",
        [z.tolist(), alpha, sigma2],
    )
    leaf = z.clone().requires_grad_(True)
    density = spike_slab.mixture_log_prob(leaf, alpha, 1.0, sigma2).sum()
    (score,) = torch.autograd.grad(density, leaf)
    np.testing.assert_allclose(found["score"], score.numpy(), atol=1e-9)
    assert found["density"] == pytest.approx(density.item())
    wide = spike_slab.mixture_responsibility(z, alpha, 1.0, sigma2)
    np.testing.assert_allclose(found["wide"], wide.numpy(), atol=1e-12)
    if found["border"] is not None:
        at = torch.tensor(found["border"], dtype=torch.float64)
        assert spike_slab.mixture_responsibility(at, alpha, 1.0, sigma2).item() == pytest.approx(
            0.5
        )
    assert (found["border"] is None) == (alpha == 1.0 or sigma2 == 1.0)


def test_the_log_joint_rises_in_every_step(modules, digits):
    """Its gradient and its value are two pieces of code: short steps uphill must gain."""
    heights = modules.evaluate(
        """(x) => {
          const prior = { alpha: 0.01, sigma1: 1, sigma2: 0.1 };
          return m.walk(models.generator, x, 30, { prior, stepSize: 0.03 })
            .map((z) => m.look(models.generator, x, z).logLikelihood + m.logPrior(z, prior));
        }""",
        images_of(digits)[3],
    )
    assert (np.diff(heights) > 0).all()


def test_noise_is_standard_normal_and_comes_again_with_its_seed(modules):
    first, again, other = (
        np.array(
            modules.evaluate(
                "(seed) => { const draw = m.normals(seed); return Array.from({ length: 20000 }, draw); }",
                seed,
            )
        )
        for seed in (1, 1, 2)
    )
    assert (first == again).all() and abs(np.corrcoef(first, other)[0, 1]) < 0.04
    assert abs(first.mean()) < 0.03 and abs(first.std() - 1) < 0.03
    assert abs((np.abs(first) < 1).mean() - 0.6827) < 0.015
    assert abs(np.corrcoef(first[:-1], first[1:])[0, 1]) < 0.04


def test_a_walk_with_noise_is_the_recursion(modules, digits):
    """Without a decoder that speaks, an idle latent rests where chapter 9 says it does."""
    spread = modules.evaluate(
        """() => {
          const decoder = [{ inputs: 200, outputs: 784, weight: new Float32Array(200 * 784),
                             bias: new Float32Array(784) }];
          const setting = { prior: { alpha: 1, sigma1: 0.1, sigma2: 0.1 }, stepSize: 0.1 };
          const silent = { decoder, latents: 200, likelihood: "bernoulli" };
          const x = new Float32Array(784).fill(0.5);
          const codes = m.walk(silent, x, 60, setting, m.normals(5)).slice(20);
          const all = codes.flatMap((z) => Array.from(z));
          return Math.sqrt(all.reduce((sum, value) => sum + value ** 2, 0) / all.length);
        }"""
    )
    assert spread == pytest.approx(0.1 * (4 / 3) ** 0.5, rel=0.05)


def test_thirty_steps_take_less_than_150_ms(modules, digits):
    milliseconds = modules.evaluate(
        """(x) => Array.from({ length: 9 }, () => {
          const prior = { alpha: 0.01, sigma1: 1, sigma2: 0.1 };
          const begun = performance.now();
          m.walk(models.generator, x, 30, { prior, stepSize: 0.1 });
          return performance.now() - begun;
        })""",
        images_of(digits)[3],
    )
    sizes = modules.evaluate(
        "models.generator.decoder.map(({ inputs, outputs }) => [inputs, outputs])"
    )
    assert sizes == [[200, 400], [400, 784]]
    assert min(milliseconds) < 150  # the others may have waited for a busy machine


def test_the_generator_comes_nearer_to_an_h_than_the_encoders(modules):
    """What the page says of a letter."""
    found = modules.evaluate(
        """() => {
          const line = (...ends) => ends.map(([x, y]) => ({ x, y }));
          const strokes = [line([0.3, 0.2], [0.3, 0.8]), line([0.7, 0.2], [0.7, 0.8]), line([0.3, 0.5], [0.7, 0.5])];
          const x = m.centred(m.rasterise(strokes, 140, 0.05), 140);
          const { vae, vsc, generator } = models;
          const z = m.walk(generator, x, 30, generator.setting).at(-1);
          const encoded = [vae, vsc].map((model) => m.decode(model, m.encode(model, x).z));
          return [...encoded, m.decode(generator, z)].map((mean) => m.psnr(x, mean));
        }"""
    )
    assert found[2] > max(found[:2]) + 1


# --------------------------------------------------------------------------------- from ink to digit


def test_a_digit_of_mnist_stays_itself(modules, digits):
    """The recipe, applied to what it has made once already."""
    found = modules.evaluate(
        "(images) => images.map((x) => Array.from(m.centred(m.enlarged(x, 140), 140)))",
        images_of(digits),
    )
    error = np.abs(np.array(found) - images_of(digits)).mean(1)
    assert error.max() < 0.02, "nine in ten pixels are black: a shift by one would cost 0.05"


@pytest.mark.parametrize("box", [(3, 7, 40, 12), (80, 90, 20, 50), (0, 0, 140, 140), (70, 5, 2, 2)])
def test_ink_fills_twenty_pixels_about_its_centre_of_mass(modules, box):
    top, left, height, width = box
    grid = np.zeros((140, 140), np.float32)
    grid[top : top + height, left : left + width] = 1
    grid[top : top + height // 2, left : left + width] *= 0.5
    digit = modules.evaluate("(grid) => Array.from(m.centred(grid, 140))", grid.ravel().tolist())
    digit = np.array(digit).reshape(28, 28)
    rows, columns = (np.flatnonzero(digit.max(axis)) for axis in (1, 0))
    sizes = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    longest = max(height, width)
    assert max(sizes) == 20
    assert sizes == tuple(max(1, round(20 * size / longest)) for size in (height, width))
    places = np.arange(28) + 0.5
    centre = (digit.sum(1) @ places / digit.sum(), digit.sum(0) @ places / digit.sum())
    assert all(13.99 <= place < 15.01 for place in centre)


def test_an_empty_grid_is_no_digit(modules):
    assert modules.evaluate("m.centred(new Float32Array(140 * 140), 140)") is None


def test_a_stroke_is_as_wide_as_the_pen(modules):
    grid = modules.evaluate(
        "Array.from(m.rasterise([[{ x: 0.2, y: 0.5 }, { x: 0.8, y: 0.5 }]], 140, 0.05))"
    )
    grid = np.array(grid).reshape(140, 140)
    assert grid[:, 70].sum() == pytest.approx(14, abs=0.6)
    assert grid[70].sum() == pytest.approx(0.6 * 140 + 14, abs=1.5)


def test_white_paper_is_turned_round(modules):
    code = """(paper) => {
      const [width, height] = [40, 60];
      const rgba = new Uint8ClampedArray(4 * width * height);
      for (let at = 0; at < width * height; at++) {
        const [row, column] = [Math.floor(at / width), at % width];
        const inside = row >= 20 && row < 40 && column >= 18 && column < 22;
        const grey = inside ? 255 - paper : paper;
        rgba.set([grey, grey, grey, 255], 4 * at);
      }
      return Array.from(m.inkOfPicture(rgba, width, height) ?? []);
    }"""
    white, black = (np.array(modules.evaluate(code, paper)) for paper in (250, 5))
    assert white.sum() == 80 and (white == black).all()
    transparent = "m.inkOfPicture(new Uint8ClampedArray(4 * 100), 10, 10)"
    assert modules.evaluate(transparent) is None


# ------------------------------------------------------------------------------ the models' file


def test_rounding_moves_no_weight_by_more_than_half_a_level(live_models):
    weight = torch.randn(7, 50, generator=torch.Generator().manual_seed(0))
    weight[3] = 0
    levels, scale = live_models.quantise(weight)
    assert np.abs(levels).max(1).tolist() == [46, 46, 46, 0, 46, 46, 46]
    assert (np.abs(levels * scale[:, None] - weight.numpy()) <= scale[:, None] * 0.5001).all()
    text = live_models.text_of(levels)
    assert (live_models.levels_of(text) == levels.ravel()).all()
    assert json.loads(f'"{text}"') == text, "a character that JSON would escape"


def test_the_file_is_small_and_says_where_its_models_come_from(live_models, written):
    text = live_models.TARGET.read_text("utf-8")
    head, body = text.split("\n", 1)
    body = body.removeprefix(live_models.BEFORE).removesuffix(live_models.AFTER)
    assert len(text) <= live_models.MOST_BYTES
    assert head.endswith(hashlib.sha256(body.encode()).hexdigest())
    for name, model in written["models"].items():
        record = json.loads((REPOSITORY / "results" / f"{model['record']}.json").read_text("utf-8"))
        assert record["sha256"] == model["record_sha256"], name
        found = model["rounding"]
        assert abs(found["psnr"] - found["psnr_rounded"]) < 0.2, name
        assert found["psnr_between"] > 25, name


@pytest.mark.parametrize("name", ["vae", "vsc", "generator"])
def test_reconstructions_are_as_good_as_the_file_says(live_models, written, mnist_root, name):
    images = data.load("mnist", mnist_root).test.images[: live_models.MEASURED_ON]
    model = live_models.read_model(written["models"][name])
    found = metrics.psnr(images, live_models.reconstruction(model, images))
    assert found == pytest.approx(written["models"][name]["rounding"]["psnr_rounded"], abs=0.02)


SPOILT = {
    "not finite": "layer.bias = btoa(String.fromCharCode(0, 0, 192, 127).repeat(layer.outputs))",
    "a character without a level": "layer.weight = layer.weight.replace(/./, '\\u007f')",
    "too few weights": "layer.weight = layer.weight.slice(1)",
    "another shape": "layer.inputs = 7",
    "too few biases": "layer.bias = layer.bias.slice(0, 16)",
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_spoilt_model_is_refused_in_words(modules, how):
    message = modules.evaluate(
        f"""() => {{
          const stored = structuredClone(vsclibDigitModels.models.vsc);
          const layer = stored.decoder[1];
          {SPOILT[how]};
          try {{ m.readModel("vsc", stored); }} catch (error) {{ return error.message; }}
        }}"""
    )
    assert message.startswith("the model vsc cannot be used: ") and "\n" not in message


def test_modules_become_one_script_and_a_name_twice_is_refused(live_page, tmp_path):
    script = live_page.bundle()
    assert "import " not in script.replace("important", "") and "\nexport" not in script
    for path in LIVE.glob("*.js"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with (tmp_path / "pad.js").open("a") as file:
        file.write("\nfunction decode() {}\n")
    with pytest.raises(live_page.ExtensionError, match="both define decode"):
        live_page.bundle(tmp_path)


# ---------------------------------------------------------------------------------------- the page


def workbench(folder: Path, live_page) -> Path:
    (folder / "index.html").write_text(WORKBENCH, "utf-8")
    (folder / "draw.js").write_text(live_page.bundle(), "utf-8")
    for name in ("draw.css", "models.js"):
        (folder / name).write_bytes((LIVE / name).read_bytes())
    return folder


def wait_until_alive(page: Page) -> None:
    page.wait_for_function("document.querySelector('#live-digit').live?.codes.length")


@pytest.fixture
def bench(browser, tmp_path, live_page) -> Iterator[Page]:
    with (
        served(workbench(tmp_path, live_page)) as address,
        visited(browser, address, "index.html") as visit,
    ):
        wait_until_alive(visit.page)
        yield visit.page
        assert visit.errors == [] and visit.foreign == [] and visit.missing == []


def next_frames(page: Page) -> None:
    page.evaluate("new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)))")


def seen(page: Page) -> np.ndarray:
    next_frames(page)
    x = page.evaluate("Array.from(document.querySelector('#live-digit').live.x)")
    return np.array(x).reshape(28, 28)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()
    next_frames(page)


def stroke(page: Page, *points: tuple[float, float]) -> None:
    box = page.locator("canvas.pad").bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()
    next_frames(page)


def status(page: Page) -> str:
    return page.locator(".status").inner_text()


def test_the_page_begins_with_a_sample(bench, digits):
    assert np.abs(seen(bench) - digits[3, 0] / 255).mean() < 0.02
    assert "of 50 latents on" in bench.locator("[data-model=vsc] .numbers").inner_text()
    assert bench.locator("[data-model=generator] .numbers").inner_text().startswith("0 of 200")


def test_a_stroke_is_seen_and_taken_back(bench):
    before = seen(bench)
    press(bench, "Clear")
    stroke(bench, (0.5, 0.2), (0.5, 0.8))
    one = seen(bench)
    rows, columns = (np.flatnonzero(one.max(axis) > 0.5) for axis in (1, 0))
    assert len(rows) >= 18 and len(columns) <= 5
    press(bench, "Undo")
    press(bench, "Undo")
    np.testing.assert_array_equal(seen(bench), before)


def test_a_digit_is_drawn_by_keyboard_alone(bench):
    press(bench, "Clear")
    bench.locator("canvas.pad").focus()
    for key in ["ArrowUp"] * 8 + [" "] + ["ArrowDown"] * 16 + [" "]:
        bench.keyboard.press(key)
    one = seen(bench)
    assert (one.max(1) > 0.5).sum() >= 18 and (one.max(0) > 0.5).sum() <= 5
    bench.keyboard.press("Backspace")
    assert "empty" in status(bench) or seen(bench).max() == 0


def test_an_empty_drawing_is_answered_in_words(bench):
    press(bench, "Clear")
    assert "The drawing is empty" in status(bench)
    press(bench, "Play")
    assert bench.locator("[data-act=play]").inner_text() == "Play"
    press(bench, "Sample 7")
    assert "7" in status(bench) and seen(bench).max() > 0.9


def test_play_walks_to_the_end_and_the_code_becomes_sparse(bench):
    bench.locator("[name=pace]").select_option("60")
    press(bench, "Play")
    bench.wait_for_function("document.querySelector('#live-digit').live.reached === 30")
    next_frames(bench)
    numbers = bench.locator("[data-model=generator] .numbers").inner_text()
    on, quality = int(numbers.split()[0]), float(numbers.split(", ")[1].split()[0])
    assert 5 <= on <= 80 and quality > 14
    assert bench.locator(".joint").inner_text().startswith("Step 30 of 30")
    press(bench, "Back to zero")
    assert bench.locator(".joint").inner_text().startswith("Step 0 of 30")
    press(bench, "Step")
    assert bench.locator(".joint").inner_text().startswith("Step 1 of 30")


def at_the_end(page: Page, **values: float) -> int:
    """Latents on after all steps, with sliders put to values."""
    for name, value in values.items():
        page.locator(f"[name={name}]").evaluate(
            "(s, v) => { s.value = v; s.dispatchEvent(new Event('input', { bubbles: true })); }",
            value,
        )
    next_frames(page)
    steps = page.locator("[name=steps]").input_value()
    page.locator("[name=shown]").evaluate(
        "(s, v) => { s.value = v; s.dispatchEvent(new Event('input', { bubbles: true })); }", steps
    )
    next_frames(page)
    return int(page.locator("[data-model=generator] .numbers").inner_text().split()[0])


def test_controls_change_the_walk_that_is_shown(bench):
    standard = at_the_end(bench)
    assert at_the_end(bench, alpha=0) == 200, "with alpha = 1 every value is the wide one's"
    assert at_the_end(bench, alpha=-3) < standard
    press(bench, "Reset the settings")
    assert at_the_end(bench) == standard
    assert bench.locator(".too-long").is_hidden()
    at_the_end(bench, stepSize=0.3)
    assert bench.locator(".too-long").is_visible()
    press(bench, "Reset the settings")
    bench.get_by_label("Langevin noise").check()
    next_frames(bench)
    near = "document.querySelector('#live-digit').live.codes.at(-1).filter((v) => Math.abs(v) < 0.05).length"
    noisy = bench.evaluate(near)
    bench.get_by_label("Langevin noise").uncheck()
    next_frames(bench)
    assert noisy < bench.evaluate(near) - 20


def test_a_step_is_computed_and_drawn_in_a_thirtieth_of_a_second(bench):
    milliseconds = bench.evaluate(
        """() => {
          const { live } = document.querySelector("#live-digit");
          return Array.from({ length: 30 }, (_, at) => {
            const begun = performance.now();
            live.moveTo(at + 1);
            live.draw();
            return performance.now() - begun;
          });
        }"""
    )
    assert np.quantile(milliseconds, 0.25) < 33  # a busy machine makes some of them wait


def a_png(page: Page, width: int, height: int, paint: str) -> bytes:
    address = page.evaluate(
        f"""() => {{
          const canvas = Object.assign(document.createElement("canvas"), {{ width: {width}, height: {height} }});
          const context = canvas.getContext("2d");
          {paint}
          return canvas.toDataURL("image/png");
        }}"""
    )
    return base64.b64decode(address.split(",")[1])


def upload(page: Page, path: Path, content: bytes) -> None:
    path.write_bytes(content)
    page.locator("input[type=file]").set_input_files(path)
    page.wait_for_function("document.querySelector('.status').textContent !== ''")
    next_frames(page)


def test_a_picture_on_white_paper_is_read(bench, tmp_path):
    bench.evaluate("document.querySelector('#live-digit').live.say('')")
    paint = """context.fillStyle = "#f4f0e8"; context.fillRect(0, 0, 300, 400);
      context.fillStyle = "#224"; context.fillRect(140, 80, 30, 240);"""
    upload(bench, tmp_path / "one.png", a_png(bench, 300, 400, paint))
    bench.wait_for_function("document.querySelector('.status').textContent.includes('loaded')")
    one = seen(bench)
    assert (one.max(1) > 0.5).sum() == 20 and (one.max(0) > 0.5).sum() in (2, 3, 4)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("notes.txt", b"no picture", "is no picture that this browser reads"),
        ("huge.png", bytes(50_000_000), "has 50 MB: choose a picture of at most 10 MB"),
        ("white.png", None, "shows no ink"),
    ],
)
def test_an_upload_that_cannot_be_read_is_answered_in_words(bench, tmp_path, name, content, words):
    before = seen(bench)
    bench.evaluate("document.querySelector('#live-digit').live.say('')")
    if content is None:
        content = a_png(
            bench, 20, 20, "context.fillStyle = 'white'; context.fillRect(0, 0, 20, 20);"
        )
    upload(bench, tmp_path / name, content)
    bench.wait_for_function(f"document.querySelector('.status').textContent.includes({words!r})")
    assert "\n" not in status(bench)
    np.testing.assert_array_equal(seen(bench), before)


def test_the_page_lives_from_a_disk(browser, tmp_path, live_page):
    page = browser.new_page()
    page.goto(f"{workbench(tmp_path, live_page).as_uri()}/index.html")
    wait_until_alive(page)
    page.close()


@pytest.mark.parametrize("fault", ["missing", "not finite", "cut off"])
def test_models_that_do_not_arrive_are_answered_in_words(browser, tmp_path, live_page, fault):
    folder = workbench(tmp_path, live_page)
    path = folder / "models.js"
    if fault == "missing":
        path.unlink()
    elif fault == "not finite":
        text = path.read_text("utf-8")
        at = text.index('"bias":"') + len('"bias":"')
        path.write_text(text[:at] + "AADAfwAA" + text[at + 8 :], "utf-8")
    else:
        path.write_text(path.read_text("utf-8")[:-1000], "utf-8")
    with served(folder) as address, visited(browser, address, "index.html") as visit:
        visit.page.wait_for_function(
            "document.querySelector('#live-digit').textContent.startsWith('This page cannot draw')"
        )


def test_the_books_page_is_alive_and_has_a_picture_without_script(built_book, browser):
    with served(built_book) as address, visited(browser, address, "draw.html", width=390) as visit:
        wait_until_alive(visit.page)
        press(visit.page, "Step")
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert visit.page.evaluate(wide) <= 0
        assert visit.page.locator(".live-still").is_hidden()
        assert visit.errors == [] and visit.foreign == [] and visit.missing == []
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{built_book.as_uri()}/draw.html")
    assert "needs JavaScript" in page.locator("#live-digit").inner_text()
    assert page.locator(".live-still img").is_visible()
    context.close()
