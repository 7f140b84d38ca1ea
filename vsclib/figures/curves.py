"""Pictures of curves and numbers: training histories, densities, comparisons with papers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from vsclib.arguments import ArrayLike, explained
from vsclib.errors import DataError
from vsclib.figures.fitting import floats
from vsclib.figures.look import DATA, FULL, INK, PRIOR, RECONSTRUCTION, SCORE, SLAB, SPIKE, casing
from vsclib.figures.picture import Picture, blank, styled
from vsclib.training import History

_FAINT: dict[str, Any] = {"linewidth": 1.2, "path_effects": casing(1.2)}
# Looks of lines by the beginning of their name; the longest match counts.
_LINES: dict[str, dict[str, Any]] = {
    "total": {"color": INK, "linewidth": 2.0},
    "reconstruction": {"color": RECONSTRUCTION},
    "data": {"color": DATA},
    "kl": {"color": SLAB, "linestyle": "--"},
    "kl_slab": {"color": SLAB},
    "slab": {"color": SLAB},
    "posterior": {"color": SLAB},
    "kl_spike": _FAINT | {"color": SPIKE},
    "spike": _FAINT | {"color": SPIKE},
    "sparsity": _FAINT | {"color": SPIKE, "linestyle": "--"},
    "prior": {"color": PRIOR, "linestyle": "--"},
    "score": {"color": SCORE},
    "gradient": {"color": SCORE},
}
_OTHERS = [{"color": INK, "linestyle": style} for style in ("-", "--", ":", "-.")]


@styled
def history(
    history: History, terms: Sequence[str] | None = None, alt: str | None = None
) -> Picture:
    """The terms of the loss while a model trains.

    It is 7 in wide: total and reconstruction on the left, the other terms (KL, sparsity) on the
    right with their own scale. Steps are on a logarithmic scale.

    Args:
        history: the result of ``fit``.
        terms: the terms to draw; None draws all.
        alt: description; None writes a plain one.

    Raises:
        DataError: the history is of a training of no step, or has no such term.
    """
    if not history.steps:
        raise DataError("the history has no point: train for one step or more, then draw it")
    names = list(history.terms) if terms is None else list(terms)
    missing = [name for name in names if name not in history.terms]
    if missing or not names:
        known = ", ".join(history.terms) or "none"
        raise DataError(f"terms {missing} are not in this history: it has {known}")
    for name in names:
        if len(history.terms[name]) != len(history.steps):
            found = f"term {name!r} has {len(history.terms[name])} values"
            raise DataError(f"{found} at {len(history.steps)} steps: give one for each")
    last = ", ".join(f"{name.replace('_', ' ')} {history.terms[name][-1]:.1f}" for name in names)
    text = f"Terms of the loss over {history.steps[-1]} steps; at the end {last} nats per image."
    picture = blank(alt or text, *FULL)
    large = [name for name in names if name in ("total", "reconstruction")]
    groups = [group for group in (large, [name for name in names if name not in large]) if group]
    for axis, group in zip(picture.subplots(1, len(groups), squeeze=False)[0], groups, strict=True):
        for index, name in enumerate(sorted(group, key=lambda name: name != "total")):
            look = _line(name, index) | {"label": name.replace("_", " ")}
            axis.plot(history.steps, history.terms[name], **look)
        axis.set_xscale("log")
        axis.set(xlabel="step", ylabel="nats per image")
        axis.margins(x=0.01)
        axis.legend()
    return picture


@styled
@explained
def density(
    z: ArrayLike,
    curves: Mapping[str, ArrayLike],
    spikes: Mapping[str, float] | None = None,
    xlabel: str = "z",
    ylabel: str = "density",
    alt: str | None = None,
) -> Picture:
    """Densities, scores or other functions of one latent, 7 in wide.

    Args:
        z: points, (M,).
        curves: values of the functions by name, (M,) each. A name that begins with prior,
            posterior, slab, spike, score or gradient takes its colour: ``"prior, alpha = 0.1"``.
        spikes: point masses at zero by name: arrows of that height, on an axis from 0 to 1.
        xlabel, ylabel: name and unit of the axes.
        alt: description; None writes a plain one.

    Raises:
        DataError: a curve is not shaped like ``z``, there is nothing to draw, or a point mass is no
            probability.
    """
    z = floats("z", z)
    curves = {name: floats(f"curve {name!r}", curve) for name, curve in curves.items()}
    if z.ndim != 1 or not len(z) or not np.isfinite(z).all() or not (curves or spikes):
        found = f"z is shaped {z.shape}, with {len(curves)} curves"
        raise DataError(f"{found}: give finite points (M,) and one curve or point mass at least")
    for name, mass in (spikes or {}).items():
        if not 0 <= mass <= 1:
            raise DataError(f"spikes[{name!r}] = {mass!r}: choose a probability from 0 to 1")
    for name, curve in curves.items():
        if np.shape(curve) != z.shape:
            shapes = f"curve {name!r} is shaped {np.shape(curve)}, z {z.shape}"
            raise DataError(f"{shapes}: both must be the same (M,)")
    names = "; ".join([*curves, *(spikes or {})])
    picture = blank(alt or f"{names}: over {xlabel} from {z.min():g} to {z.max():g}.", *FULL)
    axis = picture.subplots()
    handles = [
        axis.plot(z, np.asarray(curve), label=name, **_line(name, index))[0]
        for index, (name, curve) in enumerate(curves.items())
    ]
    axis.set(xlabel=xlabel, ylabel=ylabel)
    axis.margins(x=0)
    if all(np.min(curve) >= 0 for curve in curves.values()):
        axis.set_ylim(bottom=0)
    if spikes:
        handles += _point_masses(axis, spikes, index=len(curves))
    picture.legend(handles=handles, loc="outside right center")
    return picture


def _point_masses(axis: Axes, spikes: Mapping[str, float], index: int) -> list[Line2D]:
    masses = axis.twinx()
    masses.set(ylim=(0, 1.05), ylabel="mass at zero")
    masses.spines["right"].set_visible(True)
    handles = []
    for offset, (name, mass) in enumerate(spikes.items()):
        line = _line(name, index + offset) | {"linestyle": "-"}
        (stem,) = masses.plot([0, 0], [0, mass], label=name, solid_capstyle="butt", **line)
        tip: Any = {"color": stem.get_color(), "markeredgecolor": INK, "markeredgewidth": 0.5}
        masses.plot([0], [mass], "^", **tip)
        handles.append(stem)
    return handles


@styled
@explained
def compare(
    ours: Mapping[str, ArrayLike],
    printed: Mapping[str, float | None],
    quantity: str,
    alt: str | None = None,
) -> Picture:
    """Our numbers beside those that a paper printed, 7 in wide.

    A filled dot is at our mean, on a line from our lowest to our highest seed; a hollow one is at
    the paper's number.

    Args:
        ours: numbers by row, one per seed.
        printed: the paper's number by row; rows without one show ours alone.
        quantity: the quantity with its unit, such as ``"PSNR (dB)"``.
        alt: description; None writes a plain one.

    Raises:
        DataError: there are no rows, or a row has no finite number.
    """
    rows = list(dict.fromkeys([*ours, *printed]))
    found = {row: np.atleast_1d(floats(f"row {row!r}", ours[row])) for row in ours}
    empty = [row for row in rows if not len(found.get(row, ())) and printed.get(row) is None]
    if not rows or empty:
        raise DataError(f"rows {empty} hold no number: give one of ours or a printed one")
    papers = {row: np.atleast_1d(one) for row, one in printed.items() if one is not None}
    for row, numbers in [*found.items(), *papers.items()]:
        if numbers.ndim > 1 or not np.isfinite(numbers).all():
            raise DataError(f"row {row!r} holds {numbers}: give finite numbers, one per seed")
    texts = "; ".join(_row_in_words(row, found, printed) for row in rows)
    picture = blank(alt or f"{quantity}. {texts}.", FULL[0], 0.28 * len(rows) + 0.95)
    axis = picture.subplots()
    hollow: Any = {"markersize": 7, "markerfacecolor": "none", "markeredgecolor": INK}
    for place, row in enumerate(rows):
        values = found.get(row, np.array([]))
        if len(values):
            axis.plot([values.min(), values.max()], [place, place], color=SLAB, linewidth=2.5)
            axis.plot(values.mean(), place, "o", color=SLAB, markersize=6)
        paper = printed.get(row)
        if paper is not None:
            axis.plot(paper, place, "o", **hollow)
    axis.set_yticks(range(len(rows)), rows)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.set_xlabel(quantity)
    axis.grid(axis="x", color=INK, alpha=0.15, linewidth=0.5)
    marks = [
        Line2D([], [], marker="o", color=SLAB, markersize=6, linewidth=2.5),
        Line2D([], [], marker="o", lw=0, **hollow),
    ]
    names = ["ours, lowest to highest seed", "printed in the paper"]
    picture.legend(marks, names, loc="outside lower center", ncols=2)
    return picture


def _row_in_words(row: str, ours: Mapping[str, Any], printed: Mapping[str, float | None]) -> str:
    numbers = {"ours": ours[row].mean() if row in ours else None, "printed": printed.get(row)}
    words = [f"{who} {number:.4g}" for who, number in numbers.items() if number is not None]
    return f"{row}: {' and '.join(words)}"


def _line(name: str, index: int) -> dict[str, Any]:
    # A name followed by a space, a comma or an underscore, or nothing.
    known = [role for role in _LINES if f"{name} ".startswith((f"{role} ", f"{role},", f"{role}_"))]
    return dict(_LINES[max(known, key=len)]) if known else dict(_OTHERS[index % len(_OTHERS)])
