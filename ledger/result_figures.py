"""Pictures of results: a number against the number of latents, alpha or the model, seed by seed."""

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np

from ledger.evidence import Trained, chosen, value
from ledger.verdicts import Finding
from vsclib import figures

LOOKS: tuple[dict[str, Any], ...] = (
    {"color": figures.SLAB, "marker": "o", "linestyle": "-"},
    {"color": figures.SCORE, "marker": "s", "linestyle": "--"},
    {"color": figures.RECONSTRUCTION, "marker": "^", "linestyle": "-."},
    {"color": figures.PRIOR, "marker": "D", "linestyle": ":"},
    {"color": figures.SPIKE, "marker": "v", "linestyle": "-"},
    {"color": figures.DATA, "marker": "P", "linestyle": "--"},
    {"color": figures.INK, "marker": "X", "linestyle": "-."},
    {"color": figures.SLAB, "marker": "*", "linestyle": ":"},
)
SETS = {
    "mnist": "MNIST",
    "fashion_mnist": "Fashion-MNIST",
    "smiley": "Smiley",
    "colour_digits": "colour_digits",
    "smiley_colour": "smiley_colour",
    "uci_har": "UCI HAR, features",
    "uci_har_signals": "UCI HAR, signals",
}
HEADINGS = {"latents": "latents", "alpha": "prior rate alpha", "case": ""}
Points = dict[float, list[float]]


def figure(finding: Finding) -> str:
    """The picture of a result as an element of a page, a panel for each data set."""
    wanted = finding.result.figure
    sources = {"sweeps": finding.result.sweeps, "runs": finding.result.runs}
    trained = [one for one in chosen(sources, {}) if _drawn(one, finding, wanted)]
    sets = list(dict.fromkeys(str(one.parameters.get("dataset")) for one in trained))
    sets.sort(key=lambda name: list(SETS).index(name) if name in SETS else len(SETS))
    panels = {
        name: _lines([o for o in trained if o.parameters["dataset"] == name], wanted)
        for name in sets
    }
    if wanted["x"] == "case":
        return _bars(panels, wanted)
    return _curves(panels, wanted)


def _drawn(one: Trained, finding: Finding, wanted: Mapping[str, Any]) -> bool:
    """Whether a training is a point: it has both numbers, and varies what is on the axis."""
    if value(one, wanted["y"]) is None:
        return False
    if wanted["x"] == "alpha":
        return one.parameters["model"] == "vsc" and one.parameters["latents"] == 200
    return True


def _lines(trained: list[Trained], wanted: Mapping[str, Any]) -> dict[str, Points]:
    """For each line its points: the values of all seeds by their place on the axis."""
    found: dict[str, Points] = {}
    for one in trained:
        name = _name(one, trained, wanted["x"])
        place = 0.0 if wanted["x"] == "case" else float(one.parameters[wanted["x"]])
        number = value(one, wanted["y"])
        if number is not None:
            found.setdefault(name, {}).setdefault(place, []).append(number)
    return found


def _name(one: Trained, others: list[Trained], axis: str) -> str:
    """What a line is called: its case, with the number of latents where that differs."""
    if axis == "alpha":
        return "VSC"
    several = len({o.parameters["latents"] for o in others if o.case == one.case}) > 1
    latents = f", {one.parameters['latents']} latents" if axis == "case" and several else ""
    return NAMES.get(one.case, one.case) + latents


NAMES = {"sparse generator": "Sparse, proposed", "short-run generator": "Short-run"}
"""Cases of two sweeps that are one line."""


def _said(panels: Mapping[str, dict[str, Points]], wanted: Mapping[str, Any]) -> str:
    """The picture in words: each line's means."""
    parts = []
    for name, lines in panels.items():
        texts = [
            f"{line} "
            + ", ".join(
                (
                    f"{np.mean(values):.3g}"
                    if wanted["x"] == "case"
                    else f"{np.mean(values):.3g} at {place:g}"
                )
                for place, values in sorted(points.items())
            )
            for line, points in lines.items()
        ]
        parts.append(f"{SETS.get(name, name)}: {'; '.join(texts)}")
    return f"{wanted['heading']} by {HEADINGS.get(wanted['x']) or 'model'}. {'. '.join(parts)}."


def _curves(panels: Mapping[str, dict[str, Points]], wanted: Mapping[str, Any]) -> str:
    names = list(dict.fromkeys(line for lines in panels.values() for line in lines))
    looks = {name: LOOKS[index % len(LOOKS)] for index, name in enumerate(names)}
    with figures.style():
        picture, axes = figures.canvas(
            _said(panels, wanted), columns=len(panels), height=3.4, squeeze=False
        )
        for axis, (name, lines) in zip(axes[0], panels.items(), strict=True):
            for line, points in lines.items():
                places = sorted(points)
                middle = [float(np.mean(points[place])) for place in places]
                axis.plot(places, middle, label=line, markersize=4, **looks[line])
                for place in places:
                    ends = min(points[place]), max(points[place])
                    axis.plot([place, place], ends, color=looks[line]["color"], linewidth=0.8)
            axis.set_title(SETS.get(name, name))
            axis.set_xscale("log")
            ticks = sorted({place for points in lines.values() for place in points})
            axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            axis.minorticks_off()
            axis.set_xlabel(HEADINGS[wanted["x"]])
        axes[0][0].set_ylabel(wanted["heading"])
        handles, labels = [], []
        for axis in axes[0]:
            for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
                if label not in labels:
                    handles.append(handle)
                    labels.append(label)
        if len(labels) > 1:
            picture.legend(handles, labels, loc="outside lower center", ncols=3)
    return element(
        picture, "Means of the seeds; the bar at a point runs from the smallest to the largest."
    )


def _bars(panels: Mapping[str, dict[str, Points]], wanted: Mapping[str, Any]) -> str:
    names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    with figures.style():
        picture, axes = figures.canvas(
            _said(panels, wanted),
            columns=len(panels),
            height=0.32 * len(names) + 0.9,
            squeeze=False,
            sharey=True,
        )
        for axis, (title, lines) in zip(axes[0], panels.items(), strict=True):
            for name, points in lines.items():
                values, row = points[0.0], names.index(name)
                dots = {"color": figures.SLAB, "alpha": 0.6, "markersize": 5}
                axis.plot(values, [row] * len(values), "o", **dots)
                axis.plot([np.mean(values)], [row], "|", color=figures.INK, markersize=12)
            axis.set_yticks(range(len(names)), names)
            axis.set_title(SETS.get(title, title))
            axis.set_xlabel(wanted["heading"])
        axes[0][0].set_ylim(len(names) - 0.5, -0.5)
    return element(picture, "A dot a training; the stroke is their mean.")


def element(picture: figures.Picture, caption: str) -> str:
    """A picture with its caption, as an element of a page."""
    return f"<figure>\n{picture.drawing()}<figcaption>{escape(caption)}</figcaption>\n</figure>"
