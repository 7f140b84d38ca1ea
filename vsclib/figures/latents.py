"""Pictures of codes: bars, latents by class, how often latents are on."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator

from vsclib.arguments import ArrayLike
from vsclib.errors import DataError
from vsclib.figures.fitting import checked_labels, require_code, require_count
from vsclib.figures.images import pixels, show_image
from vsclib.figures.look import DATA, FULL, INK, RECONSTRUCTION, SLAB, SPIKE, THIN, fading
from vsclib.figures.picture import Picture, blank, styled
from vsclib.metrics.codes import Images
from vsclib.metrics.usage import ALWAYS, EVER, on
from vsclib.models import Code

MANY = 60
"""More latents than this leave little room for each."""
ROWS = 6
"""Height in classes that the label of the colour bar needs."""
PALE = 0.5
"""Opacity of the slab of a latent that is off."""


@styled
def code_bars(
    code: Code,
    n: int = 4,
    images: Images | None = None,
    reconstructed: Images | None = None,
    alt: str | None = None,
) -> Picture:
    """The first codes as bars, a row for each image, 7 in wide.

    A blue bar is the slab's mean mu, pale where the latent is off; the black bar inside it is the
    code z after the gate. A thin tick marks a z of exactly zero. The orange dot is at the share
    gamma of the blue bar: at the tip for gamma = 1, at the foot for gamma = 0. With more than 60
    latents, dots below a tenth are left out. Codes may lack mu or gamma.

    Args:
        code: codes (N, J).
        n: number of codes to show.
        images, reconstructed: encoded and decoded images, (N, C, H, W), on the left and right.
        alt: description; None writes a plain one.

    Raises:
        ConfigurationError: n < 1.
        DataError: codes that are no numbers (N, J), or fewer images than codes to show.
    """
    require_count("n", n)
    require_code(code)
    n = min(n, len(code.z))
    for name, given in (("images", images), ("reconstructed", reconstructed)):
        if given is not None and len(given) < n:
            raise DataError(f"{len(given)} {name} for {n} codes: give one for each, or a smaller n")
    shown = code.active[:n].sum(1).tolist()
    text = f"Codes of {n} images as bars over {code.z.shape[1]} latents; "
    picture = blank(alt or text + f"{_listing(shown)} of them are on.", FULL[0], 0.85 * n + 0.65)
    left, right = int(images is not None), int(reconstructed is not None)
    widths = [1] * left + [8 - left - right] + [1] * right
    axes = picture.subplots(n, len(widths), squeeze=False, gridspec_kw={"width_ratios": widths})
    bars = axes[:, left]
    for row, axis in enumerate(bars):
        axis.set_ylim(_limits(code, n))
        _bars(axis, code, row)
        axis.tick_params(bottom=row == n - 1, labelbottom=row == n - 1)
    for group, column, frame in ((images, 0, DATA), (reconstructed, -1, RECONSTRUCTION)):
        if group is not None:
            for axis, image in zip(axes[:, column], pixels(group[:n]), strict=True):
                show_image(axis, image, frame)
    bars[n // 2].set_ylabel("value")
    bars[-1].set_xlabel("latent")
    _bar_legend(picture, code)
    return picture


def _bars(axis: Axes, code: Code, row: int) -> None:
    z = code.z[row].cpu().double().numpy()
    latents, on_axis = np.arange(len(z)), z == 0
    height, width = z, 0.9
    if code.mu is not None:
        height, width = code.mu[row].cpu().double().numpy(), 0.4
        off = ~code.active[row].cpu().numpy()
        axis.add_patch(_bars_in_one(latents[off], height[off], 0.9, color=SLAB, alpha=PALE))
        axis.add_patch(_bars_in_one(latents[~off], height[~off], 0.9, color=SLAB))
    axis.add_patch(_bars_in_one(latents[~on_axis], z[~on_axis], width, color=INK))
    if code.gamma is not None:
        gamma = code.gamma[row].cpu().double().numpy()
        least, size = (0.1, 3.0) if len(z) > MANY else (0.0, 5.0)
        seen = gamma >= least
        dot: Any = {"markersize": size, "markeredgecolor": INK, "markeredgewidth": 0.4}
        axis.plot(latents[seen], (gamma * height)[seen], "o", color=SPIKE, **dot)
    reach = 0.04 * np.ptp(axis.get_ylim())
    axis.add_patch(_ticks_in_one(latents[on_axis], reach, color=INK, linewidth=THIN / 2))
    axis.axhline(0.0, color=INK, linewidth=THIN / 2)
    axis.spines["bottom"].set_visible(False)
    axis.set_xlim(-0.9, len(z) - 0.1)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.yaxis.set_major_locator(MaxNLocator(3, integer=True))


def _limits(code: Code, n: int) -> tuple[float, float]:
    shown = code.z[:n] if code.mu is None else code.mu[:n]
    low, high = min(0.0, shown.min().item()), max(0.0, shown.max().item())
    margin = 0.08 * ((high - low) or 1.0)
    return low - margin, high + margin


def _bars_in_one(places: np.ndarray, heights: np.ndarray, width: float, **look: Any) -> PathPatch:
    """All bars as one path: hundreds of patches make a drawing large and slow."""
    left, right, zero = places - width / 2, places + width / 2, np.zeros(len(places))
    corners = [(left, zero), (left, heights), (right, heights), (right, zero), (left, zero)]
    vertices = np.stack([np.stack(corner, axis=1) for corner in corners], axis=1)
    around = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
    moves = np.tile(around, len(places)).astype(Path.code_type)
    path = Path(vertices.reshape(-1, 2), moves)  # (5 * bars, 2)
    # All bars are inside the limits; the id of a clip path would differ from run to run.
    return PathPatch(path, clip_on=False, linewidth=0, **look)


def _ticks_in_one(places: np.ndarray, reach: float, **look: Any) -> PathPatch:
    ends = [np.stack([places, np.full(len(places), end)], axis=1) for end in (-reach, reach)]
    moves = np.tile([Path.MOVETO, Path.LINETO], len(places))
    path = Path(np.stack(ends, axis=1).reshape(-1, 2), moves.astype(Path.code_type))
    return PathPatch(path, fill=False, clip_on=False, **look)


def _bar_legend(picture: Picture, code: Code) -> None:
    marks: list = [Patch(color=INK), Line2D([], [], marker="|", color=INK, lw=0)]
    names = ["code z", "exactly zero"]
    if code.gamma is not None:
        edge: Any = {"markeredgecolor": INK, "markeredgewidth": 0.3}
        marks.insert(0, Line2D([], [], marker="o", color=SPIKE, lw=0, **edge))
        # Without a slab the family draws no gate: gamma is then the chance of the wide part.
        chance = "gamma" if code.mu is not None else "p(on | z)"
        names.insert(0, f"{chance}, as a share of the bar")
    if code.mu is not None:
        marks.insert(0, Patch(color=SLAB))
        names.insert(0, "slab mean mu")
    if not bool((code.z == 0).any()):
        marks.pop(), names.pop()
    picture.legend(marks, names, loc="outside upper center", ncols=len(names))


@styled
def activation_by_class(
    code: Code,
    labels: ArrayLike,
    classes: Sequence[str],
    threshold: float = 0.5,
    most: int = MANY,
    alt: str | None = None,
) -> Picture:
    r"""The share of images for which a latent is on, for every class and latent.

    .. math:: s_{kj} = \frac{1}{N_k}\sum_{i:\,y_i = k} \mathbf 1[\gamma_{ij} > t]

    Args:
        code: codes (N, J) of a whole set.
        labels: (N,), positions in ``classes``.
        classes: name of each label.
        threshold: t; codes without gamma go by ``active``.
        most: largest number of latents to show: those on for more than 0.1 %, most used first.
        alt: description; None writes a plain one.

    Returns:
        The picture, 7 in wide; an empty cell is a class for which the latent is never on.

    Raises:
        DataError: the numbers of labels and codes differ, or a label has no class.
        ConfigurationError: t lies outside [0, 1), or most < 1.
    """
    require_count("most", most)
    require_code(code)
    open_gates = on(code, threshold).cpu().double().numpy()  # (N, J)
    labels = checked_labels(labels, classes, len(open_gates))
    rates = open_gates.mean(0)
    ever = int((rates > EVER).sum())
    used = np.argsort(-rates, kind="stable")[: min(most, ever)]
    present = [k for k in range(len(classes)) if (labels == k).any()]
    share = np.array([open_gates[labels == k][:, used].mean(0) for k in present])  # (K, units)
    # Without a latent that is on, the picture still has a column.
    share = share if len(used) else np.zeros((len(present), 1))
    text = "Share of each class's images for which a latent is on, "
    text += f"for {len(used)} of {len(rates)} latents, the most used first."
    picture = blank(alt or text, FULL[0], 0.17 * max(len(present), ROWS) + 1.1)
    axis = picture.subplots()
    look: Any = {"vmin": 0, "vmax": 100, "aspect": "auto", "interpolation": "none"}
    image = axis.imshow(100 * share, cmap=fading(SPIKE), **look)
    axis.set_yticks(range(len(present)), [classes[k] for k in present])
    step = max(1, round(len(used) / 30))
    labels = [str(latent) for latent in used[::step]]
    axis.set_xticks(range(0, len(used), step), labels, rotation=90 if len(used) > 12 else 0)
    shown = "" if len(used) == ever else f"the first {len(used)} of "
    axis.set_xlabel(f"latent, most used first ({shown}{ever} ever on, {len(rates)} in all)")
    axis.spines[:].set_visible(True)
    bar = picture.colorbar(image, ax=axis, pad=0.01, aspect=15)
    bar.set_label("images with it on (%)")
    return picture


@styled
def code_statistics(code: Code, threshold: float = 0.5, alt: str | None = None) -> Picture:
    """How often each latent is on, and how many latents are on for an image, 7 in wide.

    The latents are on the left, sorted by use, with the limits of *ever on* and *always on*.

    Args:
        code: codes (N, J) of a whole set.
        threshold: gamma of a latent that is on is above it; codes without gamma go by ``active``.
        alt: description; None writes a plain one.

    Raises:
        ConfigurationError: the threshold lies outside [0, 1).
        DataError: codes that are no numbers (N, J).
    """
    require_code(code)
    open_gates = on(code, threshold).cpu().double().numpy()  # (N, J)
    rates, counts = np.sort(open_gates.mean(0))[::-1], open_gates.sum(1).astype(int)
    ever, always = int((rates > EVER).sum()), int((rates > ALWAYS).sum())
    text = f"{ever} of {len(rates)} latents are ever on and {always} always"
    picture = blank(alt or f"{text}; an image has {counts.mean():.1f} on.", *FULL)
    left, right = picture.subplots(1, 2)
    _usage(left, rates)
    _histogram(right, counts)
    return picture


def _usage(left: Axes, rates: np.ndarray) -> None:
    left.stairs(100 * rates, np.arange(len(rates) + 1) + 0.5, fill=True, color=SPIKE)
    left.stairs(100 * rates, np.arange(len(rates) + 1) + 0.5, color=INK, linewidth=THIN)
    for share, name in ((ALWAYS, "always on"), (EVER, "ever on")):
        left.axhline(100 * share, color=INK, linewidth=THIN, linestyle=":")
        left.annotate(f" {name}", (1, 100 * share), xycoords=("axes fraction", "data"), va="center")
    left.set_yscale("symlog", linthresh=0.1, linscale=0.4)
    left.set_yticks([0, 0.1, 1, 10, 100], ["0", "0.1", "1", "10", "100"])
    left.set_ylim(0, 130)
    left.set_xlim(0.5, max(5, min(len(rates), 1.2 * (rates > 0).sum())) + 0.5)
    xlabel = f"latent, most used first ({len(rates)} in all)"
    left.set(xlabel=xlabel, ylabel="images with it on (%)")


def _histogram(right: Axes, counts: np.ndarray) -> None:
    edges = (np.arange(counts.min(), counts.max() + 2) - 0.5).tolist()
    mean, percent = counts.mean(), np.full(len(counts), 100 / len(counts))
    right.hist(counts, bins=edges, weights=percent, color=SPIKE, ec=INK, lw=THIN)
    right.axvline(mean, color=INK, linewidth=THIN, linestyle="--")
    place: Any = {"xycoords": ("data", "axes fraction"), "va": "top"}
    right.annotate(f" mean {mean:.1f}", (mean, 1), **place)
    right.xaxis.set_major_locator(MaxNLocator(integer=True))
    right.set_ylim(top=1.15 * right.get_ylim()[1])
    right.set(xlabel="latents on for an image", ylabel="images (%)")


def _listing(numbers: Sequence[int]) -> str:
    words = [str(number) for number in numbers]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
