"""Pictures of images: reconstructions, samples, grids and strips of decoded codes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from torch import Tensor

from vsclib.data import to_tensor
from vsclib.errors import ConfigurationError, DataError
from vsclib.figures.fitting import floats, require_count
from vsclib.figures.look import DATA, FULL, INK, RECONSTRUCTION
from vsclib.figures.picture import Picture, blank, styled
from vsclib.metrics.codes import Images, as_floats, device_of
from vsclib.models import Model

LINE = 0.32
"""Height of a line of text with its margins, in inches."""
_WIDEST = 0.75
"""Largest width of a tile, in inches."""
Places = Sequence[tuple[float, float]]
"""Row and column of every tile, in tiles."""


@styled
def reconstructions(
    images: Images,
    reconstructed: Images | Mapping[str, Images],
    n: int | None = None,
    alt: str | None = None,
) -> Picture:
    """Images in grey frames, each beside its reconstruction in a green one, 7 in wide.

    Args:
        images: (N, C, H, W), uint8 array or float tensor in [0, 1].
        reconstructed: the same shape; or several by the name of their model, in the order AE, VAE,
            beta-VAE, VSC, generators.
        n: number of images, from the first; None fills the width.
        alt: description; None writes a plain one.

    Raises:
        ConfigurationError: n < 1.
        DataError: the shapes differ, or the images cannot be drawn.
    """
    if n is not None:
        require_count("n", n)
    named = dict(reconstructed) if isinstance(reconstructed, Mapping) else {"": reconstructed}
    if not named:
        raise DataError("there are no reconstructions: give those of one model at least")
    groups = [pixels(images), *(pixels(other) for other in named.values())]
    if len({group.shape for group in groups}) != 1:
        shapes = "images and reconstructions are shaped " + ", ".join(str(g.shape) for g in groups)
        raise DataError(f"{shapes}: all must be the same (N, C, H, W)")
    members = len(groups)
    across = max(1, 10 // members)
    n = min(len(groups[0]), n or 2 * across)
    tiles = np.stack([group[:n] for group in groups], axis=1)  # (n, 1 + models, C, H, W)
    # A third of a column separates the images' groups.
    places = [
        (index // across, index % across * (members + 1 / 3) + member)
        for index in range(n)
        for member in range(members)
    ]
    frames = [DATA, *[RECONSTRUCTION] * (members - 1)] * n
    names = "" if list(named) == [""] else f" by {', '.join(named)}"
    text = f"{n} images, each beside its reconstruction{names}."
    picture = blank(alt or text, *_size(tiles, places, LINE))
    axis = picture.subplots()
    step = _lay(axis, tiles.reshape(-1, *tiles.shape[2:]), places, frames)
    if names:
        for place, name in zip(places, ["data", *named] * min(n, across), strict=False):
            middle = place[1] * step[1] + (tiles.shape[-1] - 1) / 2
            axis.text(middle, -step[2], name.replace(" ", "\n"), ha="center", va="bottom")
    else:
        _frame_legend(picture, {"data": DATA, "reconstruction": RECONSTRUCTION})
    return picture


@styled
def samples(images: Images, columns: int = 10, alt: str | None = None) -> Picture:
    """Images in rows, such as a model's samples, in the decoder's green frames, 7 in wide.

    Args:
        images: (N, C, H, W), uint8 array or float tensor in [0, 1].
        columns: images per row.
        alt: description; None writes a plain one.

    Raises:
        ConfigurationError: fewer than one column.
        DataError: the images cannot be drawn.
    """
    require_count("columns", columns)
    tiles = pixels(images)
    places = [divmod(index, columns) for index in range(len(tiles))]
    width, height = _size(tiles, [*places, (0, columns - 1)])
    picture = blank(alt or f"{len(tiles)} images in rows of {columns}.", width, height)
    axis = picture.subplots()
    _lay(axis, tiles, places, [RECONSTRUCTION] * len(tiles))
    return picture


@styled
@torch.no_grad()
def latent_grid(
    model: Model, limits: tuple[float, float] = (-3.0, 3.0), n: int = 15, alt: str | None = None
) -> Picture:
    """Decoded images of a grid of codes, 5 in wide: latent one grows to the right, two upwards.

    Args:
        model: a model with two latents.
        limits: smallest and largest value of each latent.
        n: images along each side, at least 2.
        alt: description; None writes a plain one.

    Raises:
        ConfigurationError: not two latents, n < 2 or above 100, or limits in the wrong order.
    """
    if model.latents != 2:
        remedy = "create the model with latents=2, or use traversal_strip"
        raise ConfigurationError(f"latents = {model.latents} do not make a plane: {remedy}")
    low, high = limits
    if not (2 <= n <= 100 and low < high and np.isfinite(limits).all()):
        found = f"n = {n!r} and limits = {limits!r} make no grid"
        raise ConfigurationError(f"{found}: choose 2 <= n <= 100 and finite low < high")
    values = torch.linspace(low, high, n)
    # Row 0 is the top, where latent 2 is largest.
    second, first = torch.meshgrid(values.flip(0), values, indexing="ij")
    codes = torch.stack([first.flatten(), second.flatten()], dim=1)  # (n * n, 2)
    tiles = pixels(model.decode(codes.to(device_of(model))).mean)
    height, width = tiles.shape[-2:]
    text = f"A {n} by {n} grid of decoded images; the first latent grows from {low:g} on the left "
    text += f"to {high:g} on the right, the second from the bottom to the top."
    picture = blank(alt or text, 5.0, 5.0 * height / width)
    axis = picture.subplots()
    _lay(axis, tiles, [divmod(index, n) for index in range(n * n)], None, gap=0)
    ticks = np.linspace(0, n - 1, 3)
    labels = [_number(value) for value in np.linspace(low, high, 3)]
    axis.set_axis_on()
    axis.spines[:].set_visible(False)
    axis.set_xticks((ticks + 0.5) * width - 0.5, labels)
    axis.set_yticks((ticks + 0.5) * height - 0.5, labels[::-1])
    axis.set(xlabel="value of the first latent", ylabel="value of the second latent")
    return picture


@styled
@torch.no_grad()
def traversal_strip(
    model: Model,
    image: Images,
    latents: Sequence[int] | None = None,
    values: Sequence[float] | None = None,
    alt: str | None = None,
) -> Picture:
    """An image's code decoded while one latent at a time changes.

    Args:
        model: any model.
        image: (C, H, W) or (1, C, H, W), uint8 array or float tensor in [0, 1].
        latents: latents to change, one per row; None takes the largest that are on, at most five.
        values: values of the latent, one per column; None takes nine values from -3 to 3.
        alt: description; None writes a plain one.

    Returns:
        The picture, 7 in wide: the image, its reconstruction, and a row for each latent.

    Raises:
        ConfigurationError: a latent that the model does not have, or nothing to move.
        DataError: the image does not fit the model.
    """
    image = image[None] if image.ndim == 3 else image
    if image.ndim != 4 or len(image) != 1:
        raise DataError(f"image is shaped {tuple(image.shape)}: give one, (C, H, W)")
    device = device_of(model)
    x = as_floats(image[:1], device)
    code = model.encode(x)
    moved = _largest(code.z[0], code.active[0]) if latents is None else list(latents)
    steps = np.linspace(-3.0, 3.0, 9) if values is None else floats("values", values)
    if not moved or not set(moved) <= set(range(model.latents)):
        found = f"latents = {moved} with {np.size(steps)} values make no strip"
        raise ConfigurationError(f"{found}: choose latents from 0 to {model.latents - 1}")
    if steps.ndim != 1 or not 1 <= len(steps) <= 100 or not np.isfinite(steps).all():
        found = f"values shaped {steps.shape} make no strip"
        raise ConfigurationError(f"{found}: choose 1 to 100 finite numbers")
    z = code.z.repeat(len(moved), len(steps), 1)  # (rows, columns, J)
    for row, latent in enumerate(moved):
        z[row, :, latent] = torch.as_tensor(steps, dtype=z.dtype, device=device)
    decoded = pixels(model.decode(z.flatten(0, 1)).mean)
    pair = np.concatenate([pixels(x), pixels(model.decode(code.z).mean)])
    # The pair is left of the first row, with an empty column between it and the strip.
    strip = [(row, 3 + column) for row in range(len(moved)) for column in range(len(steps))]
    places = [(0, 0), (0, 1), *strip]
    tiles = np.concatenate([pair, decoded])
    frames = [DATA, RECONSTRUCTION, *[None] * len(decoded)]
    text = f"An image, its reconstruction, and its code decoded while each of {len(moved)} latents "
    text += f"takes the values {', '.join(f'{value:g}' for value in steps)}."
    picture = blank(alt or text, *_size(tiles, places, 2 * LINE, squeeze=0.86))
    axis = picture.subplots()
    step = _lay(axis, tiles, places, frames)
    labels = [f"{latent} (here {_number(code.z[0, latent].item(), digits=2)})" for latent in moved]
    _strip_ticks(axis, step, tiles.shape[-2:], labels, [_number(value) for value in steps])
    _frame_legend(picture, {"data": DATA, "reconstruction": RECONSTRUCTION})
    return picture


def _strip_ticks(
    axis: Axes,
    step: tuple[int, int, int],
    tile: Sequence[int],
    rows: Sequence[str],
    columns: Sequence[str],
) -> None:
    axis.set_axis_on()
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)
    axis.yaxis.tick_right()
    axis.yaxis.set_label_position("right")
    height, width = tile
    axis.set_yticks([row * step[0] + (height - 1) / 2 for row in range(len(rows))], rows)
    places = [(3 + column) * step[1] + (width - 1) / 2 for column in range(len(columns))]
    axis.set_xticks(places, columns)
    centre = (3 + len(columns) / 2) / (3 + len(columns))
    axis.set_xlabel("value that the latent takes", x=centre)
    axis.set_ylabel("latent")


def pixels(images: Images | Tensor) -> np.ndarray:
    """Images as float64 (N, C, H, W) in [0, 1]; one or three channels."""
    tensor = to_tensor(images) if isinstance(images, np.ndarray) else images.detach().cpu()
    if tensor.ndim != 4 or tensor.shape[1] not in (1, 3) or len(tensor) == 0:
        shape = f"images shaped {tuple(tensor.shape)}"
        raise DataError(f"{shape} cannot be shown: pass (N, 1, H, W) or (N, 3, H, W)")
    values = tensor.double().numpy()
    low, high = values.min(initial=0.0), values.max(initial=0.0)
    if not (-1.0 <= low and high <= 2.0):
        found = f"images from {low:.3g} to {high:.3g} cannot be shown"
        raise DataError(f"{found}: pass uint8, or floats in [0, 1] (a little beyond is clipped)")
    return values.clip(0.0, 1.0)


def drawable(images: np.ndarray) -> bool:
    """Whether a data set's images (N, C, H, W) can be drawn: bytes, in one or three channels."""
    return images.dtype == np.uint8 and images.ndim == 4 and images.shape[1] in (1, 3)


def show_image(axis: Axes, image: np.ndarray, frame: str) -> None:
    """Draw one image (C, H, W) in a frame, in its own axes."""
    _lay(axis, image[None], [(0, 0)], [frame])


def _largest(z: Tensor, active: Tensor, most: int = 5) -> list[int]:
    size = torch.where(active, z.abs(), -1.0)
    order = [int(latent) for latent in size.argsort(descending=True, stable=True) if active[latent]]
    return order[:most]


def _number(value: float, digits: int = 3) -> str:
    """A number as axes write it: a true minus sign, and no minus zero."""
    return f"{value + 0.0:.{digits}g}".replace("-", "\N{MINUS SIGN}")


def _gap(tiles: np.ndarray) -> int:
    return max(1, round(tiles.shape[-1] / 7))


def _size(
    tiles: np.ndarray, places: Places, text: float = 0.0, squeeze: float = 1.0
) -> tuple[float, float]:
    """Width and height in inches; tiles take ``squeeze`` of the width, text ``text`` inches."""
    gap = _gap(tiles)
    rows, columns = (1 + max(place[side] for place in places) for side in (0, 1))
    tile = min(_WIDEST, FULL[0] * squeeze / columns)
    return FULL[0], rows * tile * (tiles.shape[-2] + gap) / (tiles.shape[-1] + gap) + text


def _lay(
    axis: Axes,
    tiles: np.ndarray,
    places: Places,
    frames: Sequence[str | None] | None,
    gap: int | None = None,
) -> tuple[int, int, int]:
    """Draw tiles (N, C, H, W) as one image; height of a row, width of a column, gap in pixels."""
    gap = _gap(tiles) if gap is None else gap
    height, width = tiles.shape[-2:]
    down, right = height + gap, width + gap
    corners = [(round(row * down), round(column * right)) for row, column in places]
    bottom, side = (max(corner) for corner in zip(*corners, strict=True))
    ground = np.zeros((bottom + height, side + width, 4), dtype=np.uint8)  # transparent
    for tile, (top, left) in zip(tiles, corners, strict=True):
        spot = ground[top : top + height, left : left + width]
        spot[..., :3] = np.rint(255 * np.broadcast_to(tile, (3, height, width)).transpose(1, 2, 0))
        spot[..., 3] = 255
    axis.imshow(ground, interpolation="none", aspect="equal")
    axis.set_anchor("W")
    for (top, left), frame in zip(corners, frames or [], strict=False):
        if frame:
            corner = (left - 0.5, top - 0.5)
            look: Any = {"edgecolor": frame, "linewidth": 1.6, "fill": False, "clip_on": False}
            axis.add_patch(Rectangle(corner, width, height, **look))
    axis.set_axis_off()
    return down, right, gap


def _frame_legend(picture: Picture, frames: Mapping[str, str]) -> None:
    square: Any = {"marker": "s", "markersize": 7, "markeredgewidth": 1.6, "linewidth": 0}
    square["markerfacecolor"] = "none"
    marks = [Line2D([], [], markeredgecolor=colour, **square) for colour in frames.values()]
    look: Any = {"ncols": len(frames), "labelcolor": INK, "handletextpad": 0.3}
    picture.legend(marks, list(frames), loc="outside lower left", **look)
