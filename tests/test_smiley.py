"""Smiley against the authors' released images, their statistics, and another program's cubic
resize.
"""

import math
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vsclib import data
from vsclib.data import resize, smiley
from vsclib.errors import ConfigurationError, DataError

# 100 images of the released test file with the presence bits and values they were drawn from.
EXAMPLES = Path(__file__).parent / "fixtures" / "smiley_examples.npz"
N = 20_000
COLUMNS = {
    "bowtie": range(0, 4),
    "hat": range(4, 10),
    "eyes": range(10, 13),
    "mouth": range(13, 18),
}


@pytest.fixture(scope="module")
def released():
    with np.load(EXAMPLES) as archive:
        return archive["images"], archive["present"], archive["values"]


@pytest.fixture(scope="module")
def drawn():
    return smiley.sample(N, seed=20190221)


def bits(*attributes):
    present = np.zeros((1, 18), dtype=np.uint8)
    for attribute in attributes:
        present[0, COLUMNS[attribute]] = 1
    return present


# ---- pixels ----


def test_every_pixel_of_the_released_images_is_reproduced(released):
    images, present, values = released
    assert np.count_nonzero(smiley.render(present, values) != images) == 0


def test_the_released_images_cover_every_attribute_and_many_bowtie_sizes(released):
    _, present, values = released
    wearing = present[:, 0].astype(bool)
    sizes = {(math.ceil(5 + 2 * v[3]), math.ceil(12 + 3 * v[2])) for v in values[wearing]}
    assert len(sizes) >= 20
    assert all(0 < present[:, columns[0]].sum() < 100 for columns in COLUMNS.values())


def test_a_bare_face_is_the_disc_of_316_pixels():
    disc = [[(x - 16.5) ** 2 + (y - 16.5) ** 2 <= 100 for x in range(1, 33)] for y in range(1, 33)]
    image = smiley.render(bits(), np.zeros((1, 18)))[0]
    assert image.sum() == 316
    assert (image == np.array(disc)).all()


def recipe(attributes, values):
    """The recipe read line by line, one pixel at a time, for all but the bowtie."""
    v = [None, *values]

    def near(x):
        return int(math.copysign(math.floor(abs(x) + 0.5), x))

    canvas = {
        (y, x): math.hypot(x - 16.5, y - 16.5) <= 10 for y in range(-20, 60) for x in range(-20, 60)
    }
    if "eyes" in attributes:
        for side in (-1, 1):
            for y, x in canvas:
                if math.hypot(x - (16.5 + side * (4 + v[11])), y - (14 + v[12])) <= 2 + v[13]:
                    canvas[y, x] = False
    if "mouth" in attributes:
        lx, ly, px, py = 4 + v[14], 2 + v[15], 16 + 0.5 * v[16], 22 + 0.5 * v[17]
        left, right = near(px - lx / 2), near(px + lx / 2)
        for y in range(near(py - ly / 2), near(py + ly / 2) + 1):
            for x in range(left, right + 1):
                canvas[y, x] = False
        for row, step in ((near(py + v[18]), 1), (near(py + 1.4 * v[18]), 2)):
            canvas[row, left - step] = canvas[row, right + step] = False
    if "hat" in attributes:
        cx, cy, w, h = 16.5 + v[5], 6 + v[6], 15 + 3 * v[7], 2 + 2 * v[8]
        for y in range(near(cy - h / 2), near(cy + h / 2) + 1):
            for x in range(near(cx - w / 2), near(cx + w / 2) + 1):
                canvas[y, x] = True
        brim_top, tw, th = near(cy - h / 2) + 5, 10 + 2 * v[9], 2 + v[10]
        for y in range(max(near(brim_top - th), 1), brim_top + 1):
            for x in range(near(cx - tw / 2), near(cx + tw / 2) + 1):
                canvas[y - 5, x] = True
    return np.array([[canvas[y, x] for x in range(1, 33)] for y in range(1, 33)])


@pytest.mark.parametrize("spread", [0.5, 1.5])
def test_faces_agree_with_the_recipe_read_one_pixel_at_a_time(spread):
    generator = np.random.default_rng(7)
    for _ in range(40):
        attributes = [name for name in ("hat", "eyes", "mouth") if generator.random() < 0.6]
        values = generator.normal(0, spread, 18)
        image = smiley.render(bits(*attributes), values[None])[0]
        assert (image == recipe(attributes, values)).all(), (attributes, values)


def test_halves_are_rounded_away_from_zero():
    # A mouth 5 wide at 16 spans 13.5..18.5: columns 14..19, where rounding to even would begin at
    # 14 and end at 18.
    values = np.zeros((1, 18))
    values[0, 13] = 1
    image = smiley.render(bits("mouth"), values)[0]
    opening = [
        x + 1 for x in range(8, 24) if image[22, x] == 0
    ]  # row 23: the opening without its corners
    assert opening == [14, 15, 16, 17, 18, 19]


def test_eyes_that_change_sides_are_drawn_where_the_recipe_puts_them():
    values = np.zeros((1, 18))
    values[0, 10] = -6
    assert (smiley.render(bits("eyes"), values)[0] == recipe(["eyes"], values[0])).all()


def test_an_absent_attribute_leaves_no_trace():
    generator = np.random.default_rng(1)
    present = bits("eyes", "hat").repeat(50, axis=0)
    values = generator.normal(0, 0.5, (50, 18))
    other = np.where(present == 1, values, generator.normal(0, 0.5, (50, 18)))
    assert (smiley.render(present, values) == smiley.render(present, other)).all()


def test_a_part_that_leaves_the_canvas_is_cut_off_and_a_vanished_one_is_not_drawn():
    values = np.zeros((3, 18))
    values[0, 1] = 10  # bowtie far below the canvas
    values[1, 3] = -3  # bowtie of negative height
    values[2, 12] = -3  # eyes of negative radius
    present = np.concatenate([bits("bowtie"), bits("bowtie"), bits("eyes")])
    assert (smiley.render(present, values) == smiley.render(present * 0, values)).all()


# ---- the cubic resize ----


def pillow_resize(image, height, width):
    """Pillow's antialiased cubic on a mirrored border; Pillow itself would end the image at its
    edge.
    """
    h, w = image.shape
    padded = Image.fromarray(
        np.pad(image, ((2 * h, 2 * h), (2 * w, 2 * w)), mode="symmetric").astype(np.float32)
    )
    box = (2 * w, 2 * h, 3 * w, 3 * h)
    return np.array(padded.resize((width, height), Image.Resampling.BICUBIC, box=box))


@pytest.mark.parametrize("height", [3, 4, 5, 7, 10, 11, 13, 22])
@pytest.mark.parametrize("width", [4, 9, 12, 16, 17, 19, 34])
def test_resize_agrees_with_pillow_on_a_mirrored_border(height, width):
    image = np.random.default_rng(height * width).random((11, 17))
    assert (
        np.abs(resize.resize(image, height, width) - pillow_resize(image, height, width)).max()
        < 1e-5
    )


def test_resize_keeps_an_image_of_the_same_size_and_a_constant():
    image = np.random.default_rng(0).random((11, 17))
    assert np.abs(resize.resize(image, 11, 17) - image).max() < 1e-14
    assert np.abs(resize.resize(np.full((11, 17), 0.3), 5, 23) - 0.3).max() < 1e-14


def test_growing_reproduces_a_parabola_away_from_the_border():
    # Keys' cubic interpolates quadratics exactly.
    inputs, outputs = np.arange(12) + 0.5, (np.arange(36) + 0.5) / 3
    grown = resize.resize(np.outer(np.ones(5), inputs**2 - 3 * inputs), 5, 36)
    assert np.abs(grown - (outputs**2 - 3 * outputs))[:, 6:-6].max() < 1e-12


def bowtie_recipe(values):
    """The bowtie pasted on a canvas large enough for anything, with Pillow's resize for the
    library's.
    """
    template = np.zeros((11, 17))
    template[4:7] = 1
    for reach, rows in ((3, (1, 9)), (5, (2, 8)), (7, (3, 7))):
        for row in rows:
            template[row, :reach] = template[row, -reach:] = 1
    x, y, w, h = 16.5 + 0.5 * values[0], 29 + values[1], 12 + 3 * values[2], 5 + 2 * values[3]
    pattern = pillow_resize(template, math.ceil(h), math.ceil(w))
    pattern = (pattern - pattern.min()) / np.ptp(pattern) > 0.5
    canvas = np.zeros((132, 132), dtype=bool)
    canvas[50:82, 50:82] = recipe((), [0] * 18)
    left, top = (50 + math.floor(corner + 0.5) - 1 for corner in (x - w / 2, y - h / 2))
    canvas[top : top + pattern.shape[0], left : left + pattern.shape[1]] |= pattern
    return canvas[50:82, 50:82]


def test_bowties_agree_with_the_recipe_drawn_with_pillow():
    values = np.random.default_rng(11).normal(0, 0.5, (60, 18))
    values[0, :4] = -9.8, 0, 10, 0  # leaves the canvas on the left
    values[1, :4] = 9.8, 0, 10, 0  # on the right
    for image, v in zip(
        smiley.render(bits("bowtie").repeat(60, axis=0), values), values, strict=True
    ):
        assert (image == bowtie_recipe(v)).all(), v[:4]


# ---- statistics of the released 20,000 images ----


def within(name, values, listed, errors=4):
    """The mean of the sample equals the listed one within so many standard errors of their
    difference.
    """
    values = np.asarray(values, dtype=float)
    combined = np.sqrt(2) * values.std(ddof=1) / np.sqrt(len(values))
    assert abs(values.mean() - listed) <= errors * combined, (
        f"{name}: {values.mean():.5f} against {listed}"
    )


def spread_within(name, values, listed, errors=4):
    values = np.asarray(values, dtype=float)
    deviation = (values - values.mean()) ** 2
    combined = (
        np.sqrt(2) * deviation.std() / np.sqrt(len(values)) / (2 * values.std())
    )  # delta method
    assert abs(values.std() - listed) <= errors * combined, (
        f"sd of {name}: {values.std():.5f} against {listed}"
    )


def test_attributes_come_at_the_released_rates(drawn):
    present = drawn.present
    for name, listed in (("bowtie", 0.5008), ("hat", 0.5014), ("eyes", 0.5028), ("mouth", 0.5070)):
        within(name, present[:, COLUMNS[name][0]], listed)
    within("factor activity", present.mean(axis=1), 0.5030)
    attributes = present[:, [columns[0] for columns in COLUMNS.values()]].astype(int)
    within("active attributes", attributes.sum(axis=1), 2.012)
    for count, listed in enumerate((1208, 4937, 7522, 5074, 1259)):
        within(f"{count} attributes", attributes.sum(axis=1) == count, listed / N)
    patterns = np.bincount(attributes @ [8, 4, 2, 1], minlength=16)
    assert (np.abs(patterns - N / 16) < 4 * np.sqrt(N * 15 / 256)).all()


def test_the_factors_of_one_attribute_come_and_go_together(drawn):
    for columns in COLUMNS.values():
        assert (drawn.present[:, columns] == drawn.present[:, [columns[0]]]).all()


def test_values_have_the_released_spread(drawn):
    for factor in range(18):
        within(f"mean of factor {factor}", drawn.values[:, factor], 0)
        # Listed between .4966 and .5056; the standard error of an sd is .5 / sqrt(2 n).
        assert abs(drawn.values[:, factor].std() - 0.5) < 4 * 0.5 / np.sqrt(2 * N)
    codes = drawn.present * drawn.values
    within("var(S V)", (codes**2).mean(axis=1), 0.1253)
    within("zero share", (codes == 0).mean(axis=1), 0.497)


def test_pixels_have_the_released_statistics(drawn):
    images = drawn.images.reshape(N, -1)
    on = images.sum(axis=1, dtype=int)
    within("mean pixel", on / 1024, 0.33557)
    within("on-pixels", on, 343.62)
    spread_within("on-pixels", on, 43.20)
    within("L2 norm", np.sqrt(on), 18.50)
    deviation = ((images - images.mean(axis=0)) ** 2).sum(axis=1)
    within("total variance", deviation, 46.85)


@pytest.mark.parametrize(
    ("attributes", "mean", "sd"),
    [
        ((), 316, 0),
        (("bowtie",), 354.12, 8.33),
        (("hat",), 378.00, 15.55),
        (("eyes",), 289.68, 12.90),
        (("mouth",), 296.96, 3.29),
        (("bowtie", "hat", "eyes", "mouth"), 371.37, 22.42),
    ],
)
def test_each_attribute_alone_covers_the_released_number_of_pixels(drawn, attributes, mean, sd):
    on = drawn.images[(drawn.present == bits(*attributes)).all(axis=1)].sum(axis=(1, 2), dtype=int)
    if sd == 0:
        assert (on == mean).all()
        return
    within(str(attributes), on, mean)
    spread_within(str(attributes), on, sd)


def test_presence_sets_the_rate_of_every_attribute():
    assert not smiley.sample(50, 0, presence=0.0).present.any()
    assert smiley.sample(50, 0, presence=1.0).present.all()
    rates = smiley.sample(4000, 0, presence=0.2).present.mean(axis=0)
    assert (np.abs(rates - 0.2) < 4 * np.sqrt(0.16 / 4000)).all()


# ---- the draw and the data set ----


def test_a_seed_gives_the_same_faces_and_another_seed_others():
    first, again, other = (
        smiley.sample(30, 3),
        smiley.sample(30, np.random.default_rng(3)),
        smiley.sample(30, 4),
    )
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert (first.values != other.values).all()


def test_sample_gives_arrays_in_the_form_of_the_released_file(drawn):
    assert drawn.images.shape == (N, 32, 32) and drawn.images.dtype == np.uint8
    assert set(np.unique(drawn.images)) == {0, 1}
    assert drawn.present.shape == drawn.values.shape == (N, 18) and drawn.present.dtype == bool


@pytest.mark.slow
def test_the_data_set_is_what_its_factors_and_labels_say():
    smile = data.load("smiley")
    for split, size in ((smile.train, 10_000), (smile.test, 2_000)):
        assert split.images.shape == (size, 1, 32, 32) and split.images.dtype == np.uint8
        assert set(np.unique(split.images)) == {0, 255}
        assert split.labels.dtype == np.int64 and split.factors.shape == (size, 18)
        redrawn = smiley.render(split.factors != 0, split.factors)
        assert (redrawn[:, None] * 255 == split.images).all()
        for label, face in zip(split.labels[:200], split.factors[:200], strict=True):
            worn = [name for name, columns in COLUMNS.items() if face[columns[0]] != 0]
            assert smile.classes[label] == ("+".join(worn) or "none")
    assert len(set(smile.classes)) == 16 and len(smiley.FACTORS) == 18
    assert not {row.tobytes() for row in smile.train.factors} & {
        row.tobytes() for row in smile.test.factors
    }


def test_smiley_comes_in_any_size():
    small = smiley.load(train=30, test=20, seed=5)
    assert len(small.train.images) == 30 and len(small.test.images) == 20
    assert small.sha256 != smiley.load(train=30, test=20, seed=6).sha256


@pytest.mark.slow
def test_the_released_size_is_drawn_within_20_seconds():
    started = time.process_time()
    smiley.sample(60_000, seed=0)
    assert time.process_time() - started < 20


# ---- bad input ----


@pytest.mark.parametrize("n", [0, -1, 2.5, True, "many", None, 10**12])
def test_a_sample_of_no_or_too_many_images_is_refused(n):
    with pytest.raises(ConfigurationError, match=r"n = .*(at least 1|int)"):
        smiley.sample(n, 0)


@pytest.mark.parametrize("seed", [-1, 1.5, None, True])
def test_a_seed_that_gives_no_sample_twice_is_refused(seed):
    for function in (lambda: smiley.sample(3, seed), lambda: smiley.load(train=3, seed=seed)):
        with pytest.raises(ConfigurationError, match="seed = ") as error:
            function()
        assert "\n" not in str(error.value)


def test_whole_numbers_of_numpy_are_taken():
    ours, theirs = smiley.sample(np.int64(3), np.int32(5)), smiley.sample(3, 5)
    assert (ours.images == theirs.images).all()


@pytest.mark.parametrize("presence", [-0.1, 1.1, float("nan")])
def test_a_presence_that_is_no_probability_is_refused(presence):
    with pytest.raises(ConfigurationError, match=r"presence = .*\[0, 1\]"):
        smiley.sample(3, 0, presence=presence)


def broken(array, column, value):
    array = array.astype(float)
    array[0, column] = value
    return array


@pytest.mark.parametrize(
    ("present", "values", "message"),
    [
        (np.ones((2, 17)), np.ones((2, 17)), r"\(N, 18\)"),
        (np.ones((2, 18)), np.ones((3, 18)), r"\(N, 18\)"),
        (np.ones(18), np.ones(18), r"\(N, 18\)"),
        (broken(bits("hat"), 4, 2), np.zeros((1, 18)), "other than 0 and 1"),
        (broken(bits("hat"), 5, 0), np.zeros((1, 18)), "disagree"),
        (bits("hat"), broken(np.zeros((1, 18)), 2, np.nan), "values hold nan"),
        (bits("hat"), broken(np.zeros((1, 18)), 2, -1e6), r"values hold -1e\+06"),
    ],
)
def test_factors_that_no_face_has_are_refused(present, values, message):
    with pytest.raises(DataError, match=message) as error:
        smiley.render(present, values)
    assert "\n" not in str(error.value)
