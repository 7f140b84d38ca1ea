"""Pictures of codes: bars, units by class, how often units are on."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from vsclib.errors import ConfigurationError, DataError
from vsclib.figures.images import pixels, show_image
from vsclib.figures.look import DATA, FULL, INK, RECONSTRUCTION, SLAB, SPIKE, THIN, fading
from vsclib.figures.picture import Picture, blank, styled
from vsclib.metrics.codes import Images
from vsclib.metrics.usage import ALWAYS, EVER, on
from vsclib.models import Code

MANY = 60
"""More latents than this leave little room for each."""
ROWS = 6
"""Fewer classes than this get taller cells: the label of the colour bar needs their height."""
PALE = 0.5
"""Opacity of the slab of a latent that is off."""


@styled
def codes(
    code: Code,
    n: int = 4,
    images: Images | None = None,
    reconstructed: Images | None = None,
    alt: str | None = None,
) -> Picture:
    """The first codes as bars, a row for each image.

    A blue bar is the slab's mean mu, pale where the latent is off; the black bar inside it is the
    code z after the gate. Where z is exactly zero a thin tick stands on the axis. The orange dot
    sits on the blue bar at the share gamma of its length: at the tip when the latent is surely on,
    at the foot when it is surely off; among more than 60 latents those below a tenth have none.
    Codes without mu or gamma leave these out.

    Args:
        code: codes (N, J).
        n: how many to show.
        images: what was encoded, (N, C, H, W), shown on the left.
        reconstructed: what was decoded, the same shape, shown on the right.
        alt: description; None takes a plain one.

    Returns:
        The picture, 7 in wide.

    Raises:
        ConfigurationError: n is below 1.
    """
    if n < 1:
        raise ConfigurationError(f"n = {n!r} is not allowed: choose n >= 1")
    n = min(n, len(code.z))
    shown = code.active[:n].sum(1).tolist()
    text = f"Codes of {n} images as bars over {code.z.shape[1]} latents; "
    picture = blank(alt or text + f"{_listing(shown)} of them are on.", FULL[0], 0.85 * n + 0.65)
    sides = [images is not None, True, reconstructed is not None]
    widths = [
        width
        for width, wanted in zip([1, 8 - sides[0] - sides[2], 1], sides, strict=True)
        if wanted
    ]
    axes = picture.subplots(n, len(widths), squeeze=False, gridspec_kw={"width_ratios": widths})
    bars = axes[:, int(sides[0])]
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
    latents = np.arange(len(z))
    height = z if code.mu is None else code.mu[row].cpu().double().numpy()
    if code.mu is not None:
        off = ~code.active[row].cpu().numpy()
        axis.add_patch(
            _bars_in_one(latents[off], height[off], 0.9, color=SLAB, alpha=PALE, linewidth=0)
        )
        axis.add_patch(_bars_in_one(latents[~off], height[~off], 0.9, color=SLAB, linewidth=0))
    axis.add_patch(
        _bars_in_one(
            latents[z != 0], z[z != 0], 0.9 if code.mu is None else 0.4, color=INK, linewidth=0
        )
    )
    if code.gamma is not None:
        gamma = code.gamma[row].cpu().double().numpy()
        seen = gamma >= (0.1 if len(z) > MANY else 0.0)
        dot: Any = {
            "markersize": 3.0 if len(z) > MANY else 5.0,
            "markeredgecolor": INK,
            "markeredgewidth": 0.4,
        }
        axis.plot(latents[seen], (gamma * height)[seen], "o", color=SPIKE, **dot)
    zeros = latents[z == 0]
    axis.add_patch(
        _ticks_in_one(zeros, 0.04 * np.ptp(axis.get_ylim()), color=INK, linewidth=THIN / 2)
    )
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
    """All bars as one path: hundreds of patches would make the drawing large and slow."""
    left, right, zero = places - width / 2, places + width / 2, np.zeros(len(places))
    corners = [(left, zero), (left, heights), (right, heights), (right, zero), (left, zero)]
    vertices = np.stack([np.stack(corner, axis=1) for corner in corners], axis=1).reshape(
        -1, 2
    )  # (5 * bars, 2)
    moves = np.tile(
        [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY], len(places)
    )
    # Nothing to clip: the limits hold all bars. A clip path would take an id that differs from run
    # to run.
    return PathPatch(Path(vertices, moves.astype(Path.code_type)), clip_on=False, **look)


def _ticks_in_one(places: np.ndarray, reach: float, **look: Any) -> PathPatch:
    ends = [np.stack([places, np.full(len(places), end)], axis=1) for end in (-reach, reach)]
    moves = np.tile([Path.MOVETO, Path.LINETO], len(places))
    path = Path(np.stack(ends, axis=1).reshape(-1, 2), moves.astype(Path.code_type))
    return PathPatch(path, fill=False, clip_on=False, **look)


def _bar_legend(picture: Picture, code: Code) -> None:
    marks: list = [Patch(color=INK), Line2D([], [], marker="|", color=INK, lw=0)]
    names = ["code z", "exactly zero"]
    if code.gamma is not None:
        marks.insert(
            0,
            Line2D([], [], marker="o", color=SPIKE, lw=0, markeredgecolor=INK, markeredgewidth=0.3),
        )
        names.insert(0, "gamma, as a share of the bar")
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
    r"""For every class and latent, the share of the class's images for which the latent is on.

    .. math:: s_{kj} = \frac{1}{N_k}\sum_{i:\,y_i = k} \mathbf 1[\gamma_{ij} > t]

    Args:
        code: codes (N, J) of a whole set.
        labels: (N,), positions in ``classes``.
        classes: name of each label.
        threshold: t; codes without gamma go by ``active``.
        most: how many latents to show at most. Shown are those on for more than 0.1 % of the
            images, the most used first.
        alt: description; None takes a plain one.

    Returns:
        The picture, 7 in wide; an empty cell is a class for which the latent is never on.

    Raises:
        DataError: the number of labels is not the number of codes.
        ConfigurationError: t lies outside [0, 1).
    """
    open_gates = on(code, threshold).cpu().double().numpy()  # (N, J)
    labels = np.asarray(labels)
    if len(labels) != len(open_gates):
        raise DataError(f"{len(open_gates)} codes with {len(labels)} labels: every code needs one")
    rates = open_gates.mean(0)
    ever = int((rates > EVER).sum())
    used = np.argsort(-rates, kind="stable")[: min(most, ever)]
    present = [k for k in range(len(classes)) if (labels == k).any()]
    share = np.array([open_gates[labels == k][:, used].mean(0) for k in present])  # (K, units)
    # A picture of nothing still has a column.
    share = share if len(used) else np.zeros((len(present), 1))
    text = f"Share of each class's images for which a latent is on, for {len(used)} of {len(rates)} latents, "
    picture = blank(
        alt or text + "the most used first.", FULL[0], 0.17 * max(len(present), ROWS) + 1.1
    )
    axis = picture.subplots()
    image = axis.imshow(
        100 * share, cmap=fading(SPIKE), vmin=0, vmax=100, aspect="auto", interpolation="none"
    )
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
    """How often each latent is on, and how many latents are on for an image.

    Args:
        code: codes (N, J) of a whole set.
        threshold: what gamma must exceed; codes without gamma go by ``active``.
        alt: description; None takes a plain one.

    Returns:
        The picture, 7 in wide: on the left the latents sorted by use, with the lines above which
        one counts as ever and as always on; on the right the images counted by their latents.

    Raises:
        ConfigurationError: the threshold lies outside [0, 1).
    """
    open_gates = on(code, threshold).cpu().double().numpy()  # (N, J)
    rates, counts = np.sort(open_gates.mean(0))[::-1], open_gates.sum(1).astype(int)
    ever, always = int((rates > EVER).sum()), int((rates > ALWAYS).sum())
    text = f"{ever} of {len(rates)} latents are ever on and {always} always; an image has {counts.mean():.1f} on."
    picture = blank(alt or text, *FULL)
    left, right = picture.subplots(1, 2)
    left.stairs(100 * rates, np.arange(len(rates) + 1) + 0.5, fill=True, color=SPIKE)
    left.stairs(100 * rates, np.arange(len(rates) + 1) + 0.5, color=INK, linewidth=THIN)
    for share, name in ((ALWAYS, "always on"), (EVER, "ever on")):
        left.axhline(100 * share, color=INK, linewidth=THIN, linestyle=":")
        left.annotate(f" {name}", (1, 100 * share), xycoords=("axes fraction", "data"), va="center")
    left.set_yscale("symlog", linthresh=0.1, linscale=0.4)
    left.set_yticks([0, 0.1, 1, 10, 100], ["0", "0.1", "1", "10", "100"])
    left.set_ylim(0, 130)
    left.set_xlim(0.5, max(5, min(len(rates), 1.2 * (rates > 0).sum())) + 0.5)
    left.set(
        xlabel=f"latent, most used first ({len(rates)} in all)", ylabel="images with it on (%)"
    )
    edges = np.arange(counts.min(), counts.max() + 2) - 0.5
    right.hist(
        counts,
        bins=edges,
        weights=np.full(len(counts), 100 / len(counts)),
        color=SPIKE,
        ec=INK,
        lw=THIN,
    )
    right.axvline(counts.mean(), color=INK, linewidth=THIN, linestyle="--")
    right.annotate(
        f" mean {counts.mean():.1f}",
        (counts.mean(), 1),
        xycoords=("data", "axes fraction"),
        va="top",
    )
    right.xaxis.set_major_locator(MaxNLocator(integer=True))
    right.set_ylim(top=1.15 * right.get_ylim()[1])
    right.set(xlabel="latents on for an image", ylabel="images (%)")
    return picture


def _listing(numbers: Sequence[int]) -> str:
    words = [str(number) for number in numbers]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
