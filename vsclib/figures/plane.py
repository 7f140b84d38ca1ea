"""Codes laid out in the plane, each drawn as its class."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from vsclib.arguments import ArrayLike, explained
from vsclib.errors import DataError
from vsclib.figures.fitting import checked_labels, floats
from vsclib.figures.look import DATA, FULL, INK, PRIOR, RECONSTRUCTION, SCORE, SLAB, SPIKE
from vsclib.figures.picture import Picture, blank, styled

_SHAPES = "os^vDPX*<>"
# Orange is too faint on white for the thin strokes of letters.
_OF_LETTERS = [SLAB, SCORE, INK, RECONSTRUCTION, PRIOR, DATA]
_OF_SHAPES = [SLAB, SPIKE, RECONSTRUCTION, SCORE, PRIOR]
_ACROSS = 4


@styled
@explained
def embedding(
    positions: Mapping[str, ArrayLike],
    labels: ArrayLike,
    classes: Sequence[str],
    alt: str | None = None,
) -> Picture:
    """Positions in the plane, such as those of ``metrics.tsne``: a panel for each set, four a row.

    Classes named by a single character are written as it, so colours need not be told apart;
    others are drawn as shapes, with a legend. There are no ticks: positions have no unit. The whole
    is 7 in wide.

    Args:
        positions: (N, 2) each, by the name below the panel.
        labels: (N,), positions in ``classes``; the same codes in every panel.
        classes: name of each label, at most ten unless they are single characters.
        alt: description; None writes a plain one.

    Raises:
        DataError: no panels, positions that are not (N, 2) finite numbers, too many classes for the
            shapes, or labels that do not fit.
    """
    sets = {name: floats(f"positions {name!r}", each) for name, each in positions.items()}
    if not sets:
        raise DataError("there are no positions: give those of one panel at least")
    y = checked_labels(labels, classes, np.size(labels))
    written = all(len(name) == 1 for name in classes)
    _require_fit(sets, y, classes, written)
    across = min(_ACROSS, len(sets))
    down = -(-len(sets) // across)
    text = f"{len(y)} codes in the plane, each drawn as its class, for {', '.join(sets)}."
    height = down * min(FULL[0] / across, 3.6) + (0.0 if written else 0.3)
    picture = blank(alt or text, FULL[0], height)
    panels = picture.subplots(down, across, squeeze=False).ravel()
    for axis in panels[len(sets) :]:
        axis.set_axis_off()
    for axis, (name, each) in zip(panels, sets.items(), strict=False):
        for k in range(len(classes)):
            _draw(axis, each[y == k], k, classes[k] if written else None)
        axis.set(xticks=[], yticks=[], xlabel=name)
        axis.spines[:].set_visible(True)
        axis.spines[:].set_alpha(0.3)
        axis.set_aspect("equal", adjustable="datalim")
    if not written:
        marks = [Line2D([], [], linewidth=0, **_shape(k)) for k in range(len(classes))]
        picture.legend(marks, list(classes), loc="outside lower center", ncols=min(5, len(classes)))
    return picture


def _require_fit(
    sets: Mapping[str, np.ndarray], y: np.ndarray, classes: Sequence[str], written: bool
) -> None:
    for name, each in sets.items():
        if each.shape != (len(y), 2) or not np.isfinite(each).all():
            shapes = f"positions {name!r} are shaped {each.shape} with {len(y)} labels"
            raise DataError(f"{shapes}: give ({len(y)}, 2) finite numbers")
    if not written and len(classes) > len(_SHAPES):
        names = f"names of one character for more than {len(_SHAPES)}"
        raise DataError(f"{len(classes)} classes have no shape each: give {names}")


def _draw(axis: Axes, points: np.ndarray, k: int, letter: str | None) -> None:
    look = _shape(k)
    if letter is not None:
        look = {"marker": f"${letter}$", "markersize": 4.5, "markeredgewidth": 0.1}
        look["color"] = _OF_LETTERS[k % len(_OF_LETTERS)]
    axis.plot(*points.T, linewidth=0, **look)


def _shape(k: int) -> dict[str, Any]:
    edge = {"markersize": 4, "markeredgecolor": INK, "markeredgewidth": 0.4}
    return {"marker": _SHAPES[k % len(_SHAPES)], "color": _OF_SHAPES[k % len(_OF_SHAPES)], **edge}
