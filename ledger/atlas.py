"""The atlas of sparse codes: a row a training, and two pictures over the units that are on.

A Sphinx extension. ``% atlas`` becomes the pictures and the table of the sweep of that name.
"""

import math
import re
from html import escape
from typing import Any

from sphinx.application import Sphinx

from ledger.evidence import RESULTS, Trained, sweep
from ledger.result_figures import LOOKS, SETS, element
from ledger.result_pages import html_table, number, raw
from vsclib import figures

MARKER = re.compile(r"^% atlas$", re.MULTILINE)
KNOBS = ("latents", "alpha", "k", "l0", "l1", "rate_start")
"""What a case turns, in the order in which it is looked for."""
COLUMNS = (
    *("code", "knob", "units on", "always on", "rate, nats", "rate, bits"),
    *("distortion, nats", "bound", "importance bound", "PSNR, dB", "accuracy"),
)


def knob(one: Trained, others: tuple[Trained, ...]) -> str:
    """The option that differs within the case, and its value."""
    mine = [other for other in others if other.case == one.case]
    for name in KNOBS:
        if len({str(other.parameters.get(name)) for other in mine}) > 1:
            return f"{name} = {one.parameters[name]:g}"
    return ""


def units(one: Trained) -> float:
    """Units on for an image; all latents of a dense code."""
    found = one.metrics.get("on_per_image")
    return float(one.parameters["latents"] if found is None else found)


def row(one: Trained, others: tuple[Trained, ...]) -> list[str]:
    """A training in the table."""
    rate, likelihood = one.metrics.get("kl"), one.metrics.get("likelihood")
    paid = one.metrics.get("elbo_paid")
    if paid is not None and likelihood is not None:
        rate = likelihood - paid
    return [
        escape(one.case),
        escape(knob(one, others)),
        number(units(one)),
        number(one.metrics.get("always_on")),
        number(rate),
        number(None if rate is None else rate / math.log(2.0)),
        number(None if likelihood is None else -likelihood),
        number(one.metrics.get("elbo") if paid is None else paid),
        number(one.metrics.get("importance_bound")),
        number(one.metrics.get("psnr")),
        number(one.metrics.get("accuracy")),
    ]


def picture(trained: tuple[Trained, ...], measure: str, heading: str) -> str:
    """A measure against the units that are on, a panel for each data set."""
    cases = list(dict.fromkeys(one.case for one in trained))
    sets = list(dict.fromkeys(str(one.parameters["dataset"]) for one in trained))
    said = f"{heading} against units on for an image, for {', '.join(cases)}; the table has all."
    with figures.style():
        drawn, axes = figures.canvas(said, columns=len(sets), height=4.4, squeeze=False)
        for axis, name in zip(axes[0], sets, strict=True):
            for index, case in enumerate(cases):
                mine = [o for o in trained if o.case == case and o.parameters["dataset"] == name]
                points = sorted(
                    (max(units(one), 0.3), found)
                    for one in mine
                    if (found := one.metrics.get(measure)) is not None
                )
                look = LOOKS[index % len(LOOKS)] | {"fillstyle": "none" if index > 7 else "full"}
                if points:
                    axis.plot(*zip(*points, strict=True), label=case, markersize=5, **look)
            axis.set_xscale("log")
            axis.set_xticks(
                [1, 2, 5, 10, 20, 40, 80, 200], ["1", "2", "5", "10", "20", "40", "80", "200"]
            )
            axis.minorticks_off()
            axis.set_xlabel("units on for an image")
            axis.set_title(SETS.get(name, name))
        axes[0][0].set_ylabel(heading)
        drawn.legend(*axes[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return element(drawn, "One training a point; lines join the settings of one knob.")


def text() -> str:
    """Pictures and tables; what to run where the sweep has no record yet."""
    if not (RESULTS / "sweeps" / "atlas.json").is_file():
        return "*Not run yet: `make sweep SWEEP=atlas SIZE=laptop` does.*\n"
    trained = sweep("atlas")
    parts = [
        raw(picture(trained, "psnr", "PSNR in dB")),
        raw(picture(trained, "accuracy", "accuracy")),
    ]
    for name in dict.fromkeys(str(one.parameters["dataset"]) for one in trained):
        mine = tuple(one for one in trained if one.parameters["dataset"] == name)
        rows = [row(one, mine) for one in sorted(mine, key=lambda one: (one.case, units(one)))]
        parts += [f"## {SETS.get(name, name)}\n", raw(html_table(COLUMNS, rows, "atlas"))]
    return "\n".join(parts)


def insert_atlas(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put the atlas where a page asks for it."""
    source[0] = MARKER.sub(lambda match: text(), source[0])


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("source-read", insert_atlas)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
