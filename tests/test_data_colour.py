"""The two sets in colour that stand in for others: what they promise, and how they are made."""

import numpy as np
import pytest

from vsclib import data
from vsclib.data import colour_digits, smiley, smiley_colour
from vsclib.errors import DataError


@pytest.fixture(scope="module")
def faces() -> data.DataSet:
    return data.load("smiley_colour")


def same_as_promised(name: str, loaded: data.DataSet) -> None:
    about = data.about(name)
    assert loaded.sha256 == about.sha256 == data.checksum(loaded.train, loaded.test)
    for split, number in ((loaded.train, about.train), (loaded.test, about.test)):
        assert split.images.shape == (number, 3, 32, 32) and split.images.dtype == np.uint8
        assert set(split.labels.tolist()) == set(range(len(about.classes)))
    assert "stand-in" in about.title and "no data set of a paper" in about.source


def test_the_faces_are_those_of_the_checksum(faces):
    same_as_promised("smiley_colour", faces)


def test_faces_in_one_colour_are_smiley(faces):
    split = faces.test
    shapes, levels = split.factors[:, :18], split.factors[:, 18:].reshape(-1, 4, 3, 1, 1) * 255
    bits = (split.labels[:, None] >> np.arange(4) & 1)[:, smiley.ATTRIBUTE_OF_FACTOR]
    drawn = smiley.render(bits, shapes)[:, None].astype(bool)  # (N, 1, 32, 32)
    ground, *others = (
        (np.rint(levels[:, k]) == split.images).all(1, keepdims=True) for k in range(4)
    )
    black = (split.images == 0).all(1, keepdims=True)
    assert (np.logical_or.reduce(others) | ~drawn).all()
    assert (ground | black | drawn).all()
    # Eyes and mouth are black before the face, which is all of a face without them.
    bare = split.labels & 12 == 0
    assert not black[bare].any() and black[~bare].any()


def test_an_absent_part_has_no_colour_and_a_present_one_shows_its_own(faces):
    colours = faces.train.factors[:, 18:].reshape(-1, 4, 3)
    for part, attribute in ((2, 0), (3, 1)):
        worn = (faces.train.labels >> attribute & 1).astype(bool)
        assert not colours[~worn, part].any() and colours[worn, part].all()
    assert colours.min() == 0 and colours.max() == 1
    low = [bounds / 255 for bounds in smiley_colour._LOWEST]
    assert colours[:, 1].min() >= low[1] > colours[:, 0].max()
    # Colours know nothing of shapes.
    both = np.corrcoef(np.hstack([faces.train.factors[:, :4], colours[:, 1]]).T)
    assert np.abs(both[:4, 4:]).max() < 0.05


def test_a_folder_has_no_effect_on_the_faces(faces, tmp_path):
    with pytest.warns(UserWarning, match="root = .* has no effect: smiley_colour comes without"):
        assert data.load("smiley_colour", tmp_path).sha256 == faces.sha256


def test_the_digits_are_those_of_the_checksum(mnist_root):
    loaded = data.load("colour_digits", mnist_root)
    same_as_promised("colour_digits", loaded)
    labels = data.load("mnist", mnist_root).train.labels
    assert (loaded.train.labels == labels[::3]).all()


def test_digits_need_the_files_of_mnist(tmp_path):
    with pytest.raises(DataError, match=r"MNIST.raw"):
        data.load("colour_digits", tmp_path)


@pytest.mark.parametrize(("grey", "low"), [(40, 128), (200, 0)])
def test_a_digit_lies_whole_before_the_photograph_and_stands_out(grey, low):
    digits = np.random.default_rng(0).integers(1, 256, (50, 28, 28))
    digits[:, 14, 14] = 255
    photograph = np.full((40, 60, 3), grey)
    found = colour_digits._before(digits, [photograph], np.random.default_rng(1))
    places = set()
    for image, digit in zip(found.astype(int), digits, strict=True):
        inked = np.argwhere((image != grey).any(0))
        down, right = inked.min(0)
        places.add((down, right))
        inside = image[:, down : down + 28, right : right + 28]
        colour = inside[:, 14, 14]
        assert (low <= colour).all() and (colour < low + 128).all()
        exact = grey + (colour[:, None, None] - grey) * digit / 255
        assert np.abs(inside - exact).max() <= 0.51
        outside = image.copy()
        outside[:, down : down + 28, right : right + 28] = grey
        assert (outside == grey).all()
    assert len(places) > 15 and max(max(place) for place in places) == 4


def test_crops_to_train_and_to_test_share_no_pixel(monkeypatch):
    import sklearn.datasets

    photograph = np.zeros((427, 640, 3), dtype=np.uint8)
    photograph[:, 0::2], photograph[:, 1::2] = 10, 13
    photograph[:, 426:] = 99

    class Both:
        images = (photograph, photograph)

    monkeypatch.setattr(sklearn.datasets, "load_sample_images", lambda: Both)
    left, right = colour_digits._photographs()
    assert [part.shape for part in left] == [(213, 213, 3)] * 2
    assert [part.shape for part in right] == [(213, 107, 3)] * 2
    # Means of 10 and 13, halves rounded up.
    assert (left[0] == 12).all() and (right[0] == 99).all()
