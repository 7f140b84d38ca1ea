"""The pictures: what they draw, what they store in a notebook, and that they can be read in light
and dark.
"""

import io
import re
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from conftest import require
from docutils import nodes
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.pylabtools import select_figure_formats
from IPython.utils.capture import capture_output
from matplotlib import colors, patches, pyplot
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch, Rectangle
from PIL import Image
from torch import nn

from vsclib import data, figures, models
from vsclib.errors import ConfigurationError, DataError
from vsclib.figures.page import PictureOnPage
from vsclib.figures.picture import DRAWING
from vsclib.models import Code
from vsclib.training import History

SVG, XLINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    return data.load("digits").test.images


def made_code(n: int = 4, latents: int = 6) -> Code:
    """Gates open where image + latent is even."""
    grid = np.add.outer(np.arange(n), np.arange(latents))
    gamma = torch.from_numpy(np.where(grid % 2 == 0, 0.8, 0.1))
    mu = torch.from_numpy(np.where(np.arange(latents) % 3 == 0, -1.5, 2.0) * np.ones((n, 1)))
    active = gamma > 0.5
    return Code(mu * active, active, mu, None, gamma)


def made_history() -> History:
    steps = [10, 20, 30]
    terms = {
        "reconstruction": [90.0, 80.0, 70.0],
        "kl_slab": [1.0, 2.0, 3.0],
        "kl_spike": [4.0, 5.0, 6.0],
    }
    return History(steps, terms | {"total": [95.0, 87.0, 79.0]}, 1.0)


class Flat(models.Model):
    """A decoder that paints its images by hand: brightness 0.5 + z0 / 10 + z1 / 100, with a white
    top row.
    """

    latents = 2

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.nothing = nn.Parameter(torch.zeros(1))

    def decode(self, z: torch.Tensor) -> SimpleNamespace:
        image = (0.5 + z[:, 0] / 10 + z[:, 1] / 100)[:, None, None, None].repeat(1, 1, 4, 5)
        image[:, :, 0] = 1.0
        return SimpleNamespace(mean=image)


def every_picture(digits: np.ndarray) -> dict[str, figures.Picture]:
    code, z = made_code(20), np.linspace(-1, 1, 20)
    model = models.create("vsc", image_shape=(1, 8, 8), latents=6, hidden=16, gamma_bias=0.0)
    with figures.style():
        own, axes = figures.canvas("A line of one's own.", width="half")
        axes.plot([0, 1], [0, 1], color="black", label="a line")
    axes.legend(frameon=True)
    return {
        "reconstructions": figures.reconstructions(digits[:12], digits[12:24]),
        "models": figures.reconstructions(digits[:4], {"VAE": digits[4:8], "VSC": digits[8:12]}),
        "samples": figures.samples(digits[:7], columns=5),
        "latent_grid": figures.latent_grid(Flat(), n=3),
        "traversal_strip": figures.traversal_strip(model, digits[0], latents=[0, 3]),
        "code_bars": figures.code_bars(code, n=2, images=digits[:2], reconstructed=digits[2:4]),
        "activation_by_class": figures.activation_by_class(
            code, np.arange(20) % 2, ("even", "odd")
        ),
        "code_statistics": figures.code_statistics(code),
        "history": figures.history(made_history()),
        "density": figures.density(
            z, {"prior": 1 + z**2, "slab": 1 - z**2, "score": z}, {"spike": 0.4}
        ),
        "compare": figures.compare({"VAE": [1.0, 2.0]}, {"VAE": 3.0, "VSC": 4.0}, "PSNR (dB)"),
        "embedding": figures.embedding(
            {"code": np.stack([z, z**2], 1)}, np.arange(20) % 10, "0123456789"
        ),
        "canvas": own,
    }


@pytest.fixture(scope="module")
def pictures(digits) -> dict[str, figures.Picture]:
    return every_picture(digits)


@pytest.fixture(scope="module")
def drawings(pictures) -> dict[str, str]:
    return {name: picture.drawing() for name, picture in pictures.items()}


# ------------------------------------------------------------------------------- all pictures alike


def test_every_public_function_that_draws_is_looked_at_here(pictures):
    drawn = {name for name in figures.__all__ if name[0].islower()} - {
        "casing",
        "contrast",
        "drawable",
        "show",
        "style",
    }
    assert drawn <= set(pictures)


def test_every_picture_describes_itself_and_stays_out_of_pyplot(pictures):
    assert pyplot.get_fignums() == []
    for name, picture in pictures.items():
        assert isinstance(picture, figures.Picture), name
        assert len(picture.alt) > 15 and picture.alt.endswith("."), name
        assert not any(axis.get_title() for axis in picture.axes), (
            f"{name}: sentences belong into captions"
        )


def test_units_stand_on_the_axes(pictures):
    def labels(name):
        return [
            text for axis in pictures[name].axes for text in (axis.get_xlabel(), axis.get_ylabel())
        ]

    assert labels("history") == ["step", "nats per image"] * 2
    assert "PSNR (dB)" in labels("compare")
    assert "images with it on (%)" in labels("activation_by_class")
    assert labels("code_statistics")[1::2] == ["images with it on (%)", "images (%)"]


def test_png_has_the_stated_size_and_transparent_ground(pictures):
    for name, picture in pictures.items():
        image = Image.open(io.BytesIO(picture.png()))
        width = {"latent_grid": 5.0, "canvas": 3.4}.get(name, 7.0)
        assert image.size[0] == round(200 * width), name
        assert np.asarray(image.convert("RGBA"))[0, 0, 3] == 0, name


@pytest.mark.slow
def test_same_picture_is_the_same_bytes(digits):
    first, second = (every_picture(digits) for _ in range(2))
    for name in first:
        assert first[name].drawing() == second[name].drawing(), name
    assert first["code_bars"].png() == second["code_bars"].png()


def test_an_empty_description_is_refused(digits):
    with pytest.raises(ConfigurationError, match="alt = ''"):
        figures.canvas("  ")
    with pytest.raises(ConfigurationError, match="alt = ''"):
        figures.show(figures.samples(digits[:2]), alt="")
    with pytest.raises(ConfigurationError, match="width = 'wide'"):
        figures.canvas("A picture.", width="wide")


# --------------------------------------------------------------------------- what a notebook stores


def shown(picture: figures.Picture) -> list:
    """What a notebook cell would store, with matplotlib's own PNG formatter switched on as after
    importing pyplot.
    """
    shell = InteractiveShell.instance()
    select_figure_formats(shell, {"png"})
    try:
        with capture_output() as captured:
            figures.show(picture)
        return captured.outputs
    finally:
        select_figure_formats(shell, set())


def test_a_picture_is_shown_once_with_both_forms(digits):
    picture = figures.samples(digits[:3], alt="Three digits.")
    (output,) = shown(picture)
    assert set(output.data) == {"text/plain", "image/png", DRAWING}
    assert output.data["text/plain"] == "<Picture>"
    assert output.metadata["image/png"] == {"width": 672, "alt": "Three digits."}
    assert output.metadata["needs_background"] == "light"
    assert "Three digits." in repr(picture)


def test_show_takes_a_better_description(digits):
    picture = figures.samples(digits[:3])
    InteractiveShell.instance()
    with capture_output() as captured:
        figures.show(picture, alt="Three\n  digits.")
    assert captured.outputs[0].metadata["image/png"]["alt"] == "Three digits."


# -------------------------------------------------------------------------------- what a page shows


def test_drawings_are_named_images_in_well_formed_markup(pictures, drawings):
    for name, drawing in drawings.items():
        root = ElementTree.fromstring(drawing)
        title = root.find(f"{SVG}title")
        assert root.get("role") == "img" and title is not None, name
        assert title.text == pictures[name].alt and root.get("aria-labelledby") == title.get(
            "id"
        ), name
        assert "\n\n" not in drawing  # a blank line would end the markup on a page


def test_descriptions_may_hold_any_character(digits):
    drawing = figures.samples(digits[:2], alt='Zeros & "ones" < twos.').drawing()
    assert ElementTree.fromstring(drawing).find(f"{SVG}title").text == 'Zeros & "ones" < twos.'


def test_drawings_on_one_page_do_not_share_ids(drawings):
    seen: set[str] = set()
    for name, drawing in drawings.items():
        root = ElementTree.fromstring(drawing)
        own = [element.get("id") for element in root.iter() if element.get("id")]
        used = re.findall(r"url\(#([^)]+)\)", drawing)
        used += [element.get(f"{XLINK}href")[1:] for element in root.iter(f"{SVG}use")]
        assert len(own) == len(set(own)) and not seen & set(own), name
        assert set(used) <= set(own), name
        seen |= set(own)


def test_drawings_fetch_nothing(drawings):
    for name, drawing in drawings.items():
        links = re.findall(r'href="([^"]{1,20})', drawing)
        assert all(link.startswith(("#", "data:image/png")) for link in links), name


def test_page_renderer_is_registered():
    found = [
        point
        for point in entry_points(group="myst_nb.mime_renderers")
        if point.load() is PictureOnPage
    ]
    require(
        bool(found),
        "the installed vsclib is older than its page renderer: run pip install -e . again",
    )


class Renderer:
    """Stands in for MyST-NB's, which turns an output into an image node."""

    def render_image(self, output):
        return [nodes.image(uri="picture.png")]


@pytest.mark.parametrize(
    ("mime_type", "metadata", "alt"),
    [
        ("image/png", {"image/png": {"alt": "Three digits.", "width": 672}}, "Three digits."),
        ("image/png", {"image/png": {"width": 672}}, None),
        ("image/jpeg", {"image/png": {"alt": "Another output's."}}, None),
        ("text/plain", {}, None),
    ],
)
def test_page_renderer_describes_our_pngs_and_leaves_the_rest(mime_type, metadata, alt):
    output = SimpleNamespace(mime_type=mime_type, content="", output_metadata=metadata)
    found = PictureOnPage.handle_mime(Renderer(), output, inline=False)
    assert found is None if alt is None else found[0]["alt"] == alt


def test_page_renderer_puts_the_drawing_into_html_pages_only(drawings):
    output = SimpleNamespace(mime_type=DRAWING, content=drawings["samples"], output_metadata={})
    (node,) = PictureOnPage.handle_mime(Renderer(), output, inline=False)
    assert (
        isinstance(node, nodes.raw)
        and node["format"] == "html"
        and node.astext() == drawings["samples"]
    )
    assert {builder for builder, *_ in PictureOnPage.mime_priority_overrides} == {
        "html",
        "dirhtml",
        "singlehtml",
    }


# ----------------------------------------------------------------------------------------- contrast


def theme_colours() -> dict[str, tuple[str, str]]:
    """Text and background of the book's theme in both modes, read from the style sheets that it
    ships.
    """
    sheets = [
        "pydata_sphinx_theme/theme/pydata_sphinx_theme/static/styles/pydata-sphinx-theme.css",
        "sphinx_book_theme/theme/sphinx_book_theme/static/styles/sphinx-book-theme.css",
    ]
    found: dict[str, dict[str, str]] = {"light": {}, "dark": {}}
    for sheet in sheets:
        package = find_spec(sheet.split("/")[0])
        require(package is not None, "the book's theme is not installed")
        text = (Path(package.origin).parent.parent / sheet).read_text(encoding="utf-8")
        for mode, body in re.findall(r"html\[data-theme=(light|dark)\]\{([^}]*)\}", text):
            for role, value in re.findall(r"--pst-color-(text-base|background):(#[0-9a-f]+)", body):
                found[mode][role] = value
    return {mode: (roles["text-base"], roles["background"]) for mode, roles in found.items()}


def test_contrast_is_the_published_ratio():
    assert figures.contrast("white", "black") == pytest.approx(21.0)
    assert figures.contrast("#777777", "#ffffff") == pytest.approx(
        4.48, abs=0.005
    )  # the guidelines' own example


def test_no_single_grey_reads_on_both_pages():
    grounds = [background for _, background in theme_colours().values()]
    best = max(
        min(figures.contrast(colors.to_hex((g, g, g)), on) for on in grounds)
        for g in np.linspace(0, 1, 256)
    )
    assert best < 4.5  # the reason why drawings take the page's own text colour


def test_text_and_lines_are_readable_in_both_modes(drawings):
    for mode, (text, background) in theme_colours().items():
        assert figures.contrast(text, background) >= 4.5, mode
        for colour in (
            figures.SLAB,
            figures.RECONSTRUCTION,
            figures.DATA,
            figures.PRIOR,
            figures.SCORE,
        ):
            assert figures.contrast(colour, background) >= 3.0, (mode, colour)
    # The PNG stands on white, which JupyterLab is asked to provide.
    assert figures.contrast(figures.INK, "white") >= 4.5


def test_drawings_use_the_pages_colour_and_the_palette_only(drawings):
    palette = {
        getattr(figures, name).lower()
        for name in ("SLAB", "SPIKE", "RECONSTRUCTION", "DATA", "PRIOR", "SCORE")
    }
    for name, drawing in drawings.items():
        found = set(re.findall(r"(?:fill|stroke): (#[0-9a-fA-F]+)", drawing))
        assert {colour.lower() for colour in found} <= palette, name
        assert ElementTree.fromstring(drawing).get("fill") == "currentColor", name
        assert "currentColor" in drawing, name


def test_faint_colours_have_an_edge_of_ink(pictures):
    faint = {figures.SPIKE}
    assert figures.contrast(figures.SPIKE, "white") < 3.0
    checked = 0
    for name, picture in pictures.items():
        for line in picture.findobj(Line2D):
            if (
                line.get_linestyle() != "None"
                and line.get_linewidth() > 0
                and line.get_color() in faint
            ):
                assert any(
                    effect._gc.get("foreground") == figures.INK
                    for effect in line.get_path_effects()[:1]
                ), name
                checked += 1
            if line.get_marker() not in ("None", None, "") and line.get_markerfacecolor() in faint:
                assert line.get_markeredgecolor() == figures.INK, name
                checked += 1
    assert checked >= 5


# ---------------------------------------------------------------------------------- single pictures


def laid(picture: figures.Picture) -> np.ndarray:
    """The one image that holds a picture's tiles, RGBA."""
    (image,) = picture.axes[0].get_images()
    return np.asarray(image.get_array())


def frames(picture: figures.Picture) -> list[tuple[str, int, int]]:
    """Colour, column and row (in pixels) of each frame."""
    boxes = [box for box in picture.axes[0].patches if isinstance(box, Rectangle)]
    return [
        (colors.to_hex(b.get_edgecolor()).upper(), round(b.get_x() + 0.5), round(b.get_y() + 0.5))
        for b in boxes
    ]


def test_reconstructions_stand_right_of_their_images(digits):
    picture = figures.reconstructions(digits[:3], digits[3:6])
    tiles, found = laid(picture), frames(picture)
    assert [colour for colour, *_ in found] == [figures.DATA, figures.RECONSTRUCTION] * 3
    for index in range(3):
        (_, left, top), (_, right, below) = found[2 * index : 2 * index + 2]
        assert left < right and top == below
        assert np.array_equal(tiles[top : top + 8, left : left + 8, 0], digits[index, 0])
        assert np.array_equal(tiles[top : top + 8, right : right + 8, 0], digits[3 + index, 0])
    assert tiles[:, :, 3].min() == 0  # the page shows between the tiles


def test_reconstructions_of_several_models_keep_their_order(digits):
    picture = figures.reconstructions(digits[:2], {"VAE": digits[2:4], "VSC": digits[4:6]})
    assert [text.get_text() for text in picture.axes[0].texts] == ["data", "VAE", "VSC"] * 2
    assert "by VAE, VSC" in picture.alt
    tiles, found = laid(picture), frames(picture)
    _, left, top = found[5]
    assert np.array_equal(tiles[top : top + 8, left : left + 8, 0], digits[5, 0])


def test_colour_images_keep_their_colours():
    image = torch.zeros(1, 3, 4, 4)
    image[:, 0] = 1.0
    assert laid(figures.samples(image))[0, 0].tolist() == [255, 0, 0, 255]


def test_images_that_do_not_fit_are_refused(digits):
    with pytest.raises(DataError, match="all must be the same"):
        figures.reconstructions(digits[:3], digits[:2])
    with pytest.raises(DataError, match="cannot be shown"):
        figures.samples(torch.zeros(2, 2, 4, 4))
    with pytest.raises(ConfigurationError, match="columns = 0"):
        figures.samples(digits[:3], columns=0)


def test_latent_grid_is_the_right_way_up():
    tiles = laid(figures.latent_grid(Flat(), limits=(-2.0, 2.0), n=3))[:, :, 0].astype(int)
    assert tiles.shape == (12, 15)
    assert (tiles[::4] == 255).all()  # each image's own top row is on top
    first, second = np.meshgrid([-2, 0, 2], [2, 0, -2])  # the second latent grows upwards
    assert np.abs(tiles[1::4, ::5] - 255 * (0.5 + first / 10 + second / 100)).max() < 0.6


def test_latent_grid_names_its_values():
    (axis,) = figures.latent_grid(Flat(), limits=(-2.0, 2.0), n=3).axes
    assert [text.get_text() for text in axis.get_xticklabels()] == ["\N{MINUS SIGN}2", "0", "2"]
    low, _, high = axis.get_yticks()
    assert [text.get_text() for text in axis.get_yticklabels()] == [
        "2",
        "0",
        "\N{MINUS SIGN}2",
    ] and low < high
    assert axis.yaxis_inverted()  # so the 2 is above


def test_latent_grid_needs_two_latents_and_an_interval():
    with pytest.raises(ConfigurationError, match="latents = 6 do not make a plane"):
        figures.latent_grid(models.create("ae", image_shape=(1, 8, 8), latents=6, hidden=16))
    with pytest.raises(ConfigurationError, match="make no grid"):
        figures.latent_grid(Flat(), limits=(2.0, -2.0))


def test_traversal_strip_moves_one_latent_a_row(digits):
    model = models.create("vae", image_shape=(1, 8, 8), latents=6, hidden=16)
    picture = figures.traversal_strip(model, digits[5], latents=[4, 1], values=[-2.0, 0.0, 2.0])
    tiles, x = laid(picture)[:, :, 0], data.to_tensor(digits[5:6])
    z = model.encode(x).z.detach()
    assert np.array_equal(tiles[:8, :8], digits[5, 0])
    step = 8 + 1
    for row, latent in enumerate([4, 1]):
        for column, value in enumerate([-2.0, 0.0, 2.0]):
            moved = z.clone()
            moved[0, latent] = value
            wanted = np.rint(255 * model.decode(moved).mean[0, 0].detach().double().numpy())
            top, left = row * step, (3 + column) * step
            assert np.abs(tiles[top : top + 8, left : left + 8] - wanted).max() <= 1
    assert [text.get_text().split()[0] for text in picture.axes[0].get_yticklabels()] == ["4", "1"]
    assert [colour for colour, *_ in frames(picture)] == [figures.DATA, figures.RECONSTRUCTION]


def test_traversal_strip_takes_the_largest_latents_that_are_on(digits):
    model = models.create("vsc", image_shape=(1, 8, 8), latents=6, hidden=16, gamma_bias=0.0)
    code = model.encode(data.to_tensor(digits[:1]))
    picture = figures.traversal_strip(model, digits[:1])
    rows = [int(text.get_text().split()[0]) for text in picture.axes[0].get_yticklabels()]
    on = [latent for latent in range(6) if code.active[0, latent]]
    assert rows == sorted(on, key=lambda latent: -abs(code.z[0, latent].item()))[:5]
    with pytest.raises(ConfigurationError, match="from 0 to 5"):
        figures.traversal_strip(model, digits[0], latents=[6])


def bars(axis, colour: str) -> list[tuple[float, float]]:
    """Place and height of every bar of a colour."""
    found = []
    for patch in axis.patches:
        if (
            isinstance(patch, PathPatch)
            and patch.get_fill()
            and colors.same_color(patch.get_facecolor()[:3], colour)
        ):
            for corners in patch.get_path().vertices.reshape(-1, 5, 2):
                found.append((corners[:, 0].mean().round(6), corners[1, 1]))
    return sorted(found)


def test_codes_draw_slab_gate_and_code():
    code = made_code(3)
    picture = figures.code_bars(code, n=2)
    assert len(picture.axes) == 2
    for row, axis in enumerate(picture.axes):
        z, mu, gamma = (part[row].numpy() for part in (code.z, code.mu, code.gamma))
        assert [height for _, height in bars(axis, figures.SLAB)] == list(mu)
        assert [height for _, height in bars(axis, figures.INK)] == list(z[z != 0])
        (dots,) = (line for line in axis.lines if line.get_color() == figures.SPIKE)
        assert np.allclose(dots.get_ydata(), gamma * mu)
        (ticks,) = (patch for patch in axis.patches if not patch.get_fill())
        places = ticks.get_path().vertices[::2, 0]
        assert places.tolist() == np.flatnonzero(z == 0).tolist()
    assert "3 and 3 of them are on" in picture.alt


def test_codes_fade_the_slab_of_closed_gates():
    (axis,) = figures.code_bars(made_code(1), n=1).axes
    blue = [
        patch
        for patch in axis.patches
        if colors.same_color(patch.get_facecolor()[:3], figures.SLAB)
    ]
    assert sorted(patch.get_alpha() or 1.0 for patch in blue) == [0.5, 1.0]


def test_codes_order_data_code_reconstruction(digits):
    picture = figures.code_bars(made_code(2), n=2, images=digits[:2], reconstructed=digits[2:4])
    picture.draw_without_rendering()
    places = [axis.get_position().x0 for axis in picture.axes[:3]]
    assert places == sorted(places)
    edges = [
        colors.to_hex(axis.patches[0].get_edgecolor()).upper()
        for axis in (picture.axes[0], picture.axes[2])
    ]
    assert edges == [figures.DATA, figures.RECONSTRUCTION]


def test_dense_codes_have_neither_slab_nor_gate():
    z = torch.tensor([[0.5, -1.0]])
    picture = figures.code_bars(Code(z, torch.ones_like(z, dtype=torch.bool)), n=3)
    (axis,) = picture.axes
    assert bars(axis, figures.SLAB) == [] and [height for _, height in bars(axis, figures.INK)] == [
        0.5,
        -1.0,
    ]
    assert [text.get_text() for text in picture.legends[0].get_texts()] == ["code z"]
    with pytest.raises(ConfigurationError, match="n = 0"):
        figures.code_bars(made_code(), n=0)


def test_a_legend_says_gamma_only_of_a_model_with_a_slab():
    """The sparse generator has no gate: its gamma is the probability of the wide part."""
    code = made_code()
    without = figures.code_bars(Code(code.mu, code.active, gamma=code.gamma), n=2)
    for picture, name in ((figures.code_bars(code, n=2), "gamma"), (without, "p(on | z)")):
        names = [text.get_text() for text in picture.legends[0].get_texts()]
        assert f"{name}, as a share of the bar" in names


def test_activation_by_class_counts_and_orders():
    active = torch.tensor(
        [[1, 0, 1, 0], [1, 0, 0, 0], [1, 0, 1, 1], [0, 0, 1, 0]], dtype=torch.bool
    )
    active[3, 2] = active[0, 2]
    code = Code(active.double(), active)  # on: latent 0 three times, 2 three times, 3 once, 1 never
    picture = figures.activation_by_class(code, [0, 0, 2, 2], ("zero", "one", "two"))
    axis = picture.axes[0]
    share = np.asarray(axis.get_images()[0].get_array())
    assert [text.get_text() for text in axis.get_xticklabels()] == ["0", "2", "3"]
    assert [text.get_text() for text in axis.get_yticklabels()] == [
        "zero",
        "two",
    ]  # nobody showed a one
    assert share.tolist() == [[100.0, 50.0, 0.0], [50.0, 100.0, 50.0]]
    assert axis.get_xlabel() == "latent, most used first (3 ever on, 4 in all)"
    assert axis.get_images()[0].get_clim() == (0, 100)
    with pytest.raises(DataError, match="every code needs one"):
        figures.activation_by_class(code, [0, 1], ("zero", "one"))


@pytest.mark.filterwarnings("error")
def test_activation_by_class_of_a_code_with_nothing_on_is_empty(digits):
    nothing = Code(z=torch.zeros(20, 5), active=torch.zeros(20, 5, dtype=torch.bool))
    picture = figures.activation_by_class(nothing, np.arange(20) % 2, ("even", "odd"))
    (image,) = picture.axes[0].images
    assert image.get_array().max() == 0 and "0 ever on" in picture.axes[0].get_xlabel()


@pytest.mark.parametrize(("classes", "latents"), [(1, 3), (2, 30), (3, 200), (10, 200)])
def test_activation_by_class_has_room_for_its_labels(classes, latents):
    """Few classes make a flat picture, and numbers of three digits stand on end below it."""
    names = tuple(f"class {number}" for number in range(classes))
    everything = torch.ones(60, latents, dtype=torch.bool)
    picture = figures.activation_by_class(
        Code(everything.float(), everything), np.arange(60) % classes, names
    )
    picture.draw_without_rendering()
    page, labels = (
        picture.bbox,
        [text for axis in picture.axes for text in (axis.xaxis.label, axis.yaxis.label)],
    )
    boxes = {label.get_text(): label.get_window_extent() for label in labels if label.get_text()}
    assert len(boxes) == 2
    for name, box in boxes.items():
        assert (
            page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1
        ), name


def test_activation_by_class_says_when_it_leaves_latents_out():
    picture = figures.activation_by_class(made_code(10), np.zeros(10, int), ("all",), most=2)
    assert "the first 2 of 6 ever on" in picture.axes[0].get_xlabel()


def test_code_statistics_count_latents_and_images():
    gamma = torch.zeros(100, 3)
    gamma[:50, 1] = 1.0
    gamma[:, 2] = 1.0
    picture = figures.code_statistics(Code(gamma, gamma > 0.5, gamma, None, gamma))
    left, right = picture.axes
    steps = [patch for patch in left.patches if isinstance(patch, patches.StepPatch)]
    assert steps[0].get_data().values.tolist() == [100.0, 50.0, 0.0]
    assert [bar.get_height() for bar in right.patches] == pytest.approx([50.0, 50.0])
    assert picture.alt == "2 of 3 latents are ever on and 1 always; an image has 1.5 on."


def test_history_draws_its_own_numbers():
    history = made_history()
    picture = figures.history(history)
    lines = {line.get_label(): line for axis in picture.axes for line in axis.lines}
    assert set(lines) == {"total", "reconstruction", "kl slab", "kl spike"}
    for label, line in lines.items():
        assert line.get_xdata().tolist() == history.steps
        assert line.get_ydata().tolist() == history.terms[label.replace(" ", "_")]
    assert (
        lines["kl slab"].get_color() == figures.SLAB
        and lines["kl spike"].get_color() == figures.SPIKE
    )
    assert lines["reconstruction"].get_color() == figures.RECONSTRUCTION
    assert len(figures.history(history, terms=["total"]).axes) == 1
    with pytest.raises(
        DataError, match=r"\['k'\] .* it has reconstruction, kl_slab, kl_spike, total"
    ):
        figures.history(history, terms=["k"])


def test_density_colours_by_name_and_raises_point_masses():
    z = np.linspace(-1, 1, 5)
    picture = figures.density(
        z, {"prior, wide": z**2, "posterior": 1 - z**2, "mine": z**2}, {"prior, spike": 0.7}
    )
    axis, masses = picture.axes
    prior, posterior, mine = axis.lines
    assert (prior.get_color(), prior.get_linestyle()) == (figures.PRIOR, "--")
    assert (posterior.get_color(), mine.get_color()) == (figures.SLAB, figures.INK)
    assert masses.lines[0].get_ydata().tolist() == [0, 0.7]
    assert axis.get_ylim()[0] == masses.get_ylim()[0] == 0
    assert figures.density(z, {"score": -z}).axes[0].lines[0].get_color() == figures.SCORE
    with pytest.raises(DataError, match="curve 'slab'"):
        figures.density(z, {"slab": z[:2]})


def test_compare_fills_ours_and_leaves_the_printed_hollow():
    picture = figures.compare(
        {"VAE": [20.0, 22.0, 24.0], "VSC": 16.0}, {"VAE": 38.0, "ABP": 30.0}, "PSNR (dB)"
    )
    (axis,) = picture.axes
    assert [text.get_text() for text in axis.get_yticklabels()] == ["VAE", "VSC", "ABP"]
    dots = [line for line in axis.lines if line.get_marker() == "o"]
    hollow = [line.get_xdata()[0] for line in dots if line.get_markerfacecolor() == "none"]
    filled = [line.get_xdata()[0] for line in dots if line.get_markerfacecolor() != "none"]
    assert hollow == [38.0, 30.0] and filled == [22.0, 16.0]
    assert [20.0, 24.0] in [
        list(line.get_xdata()) for line in axis.lines if line.get_marker() == "None"
    ]
    assert "VAE: ours 22 and printed 38; VSC: ours 16; ABP: printed 30" in picture.alt
    with pytest.raises(DataError, match="hold no number"):
        figures.compare({"VAE": []}, {"VAE": None}, "PSNR (dB)")
