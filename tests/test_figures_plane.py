"""Codes in the plane: every class can be told without colour, and nothing is left out."""

import numpy as np
import pytest

from vsclib import figures
from vsclib.errors import DataError
from vsclib.figures.look import contrast

RNG = np.random.default_rng(0)
POINTS = RNG.standard_normal((60, 2))


def test_ten_digits_are_written_and_every_code_is_drawn():
    labels = np.arange(60) % 10
    picture = figures.embedding({"code": POINTS, "picture": 2 * POINTS}, labels, "0123456789")
    assert [axis.get_xlabel() for axis in picture.axes] == ["code", "picture"]
    for axis, scale in zip(picture.axes, (1, 2), strict=True):
        assert [line.get_marker() for line in axis.lines] == [f"${k}$" for k in range(10)]
        for k, line in enumerate(axis.lines):
            assert np.allclose(line.get_xydata(), scale * POINTS[labels == k])
            assert contrast(line.get_color(), "white") >= 3 or line.get_color() == figures.PRIOR
    assert "60 codes" in picture.alt and picture.axes[0].get_xticks().size == 0


def test_named_classes_get_shapes_and_a_legend():
    names = [
        "shirt",
        "boot",
        "bag",
        "coat",
        "dress",
        "sandal",
        "top",
        "trousers",
        "pullover",
        "sneaker",
    ]
    picture = figures.embedding({"code": POINTS}, np.arange(60) % 10, names)
    (axis,), (legend,) = picture.axes, picture.legends
    assert len({line.get_marker() for line in axis.lines}) == 10
    assert [text.get_text() for text in legend.get_texts()] == names


def test_five_panels_take_two_rows():
    picture = figures.embedding({f"model {k}": POINTS for k in range(5)}, np.arange(60) % 2, "ab")
    assert len(picture.axes) == 8 and sum(axis.axison for axis in picture.axes) == 5


@pytest.mark.parametrize(
    ("positions", "labels", "classes"),
    [
        ({"code": POINTS[:, :1]}, np.zeros(60, int), "ab"),
        ({"code": POINTS}, np.zeros(59, int), "ab"),
        ({"code": POINTS}, np.full(60, 2), "ab"),
        ({}, np.zeros(60, int), "ab"),
        ({"code": POINTS}, np.zeros(60, int), ["long"] * 11),
    ],
)
def test_what_does_not_fit_is_refused(positions, labels, classes):
    with pytest.raises(DataError, match=r"give"):
        figures.embedding(positions, labels, classes)
