"""A reader's own images: what from_array and from_folder make of them, and what they refuse."""

import os

import numpy as np
import pytest
import torch
from PIL import Image

from vsclib import data, fit, models
from vsclib.data import image_files, image_folder
from vsclib.errors import DataError, VsclibError

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 3, 6, 8), dtype=np.uint8)
NAN = np.full((4, 2, 2), np.nan)


def one_line(error, *parts):
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert str(part) in message, message


def rows_of(split):
    return {image.tobytes() for image in split.images}


# ---- arrays ----


@pytest.mark.parametrize(
    "images",
    [
        PIXELS,
        PIXELS.astype(np.int64),
        PIXELS / 255,
        PIXELS.astype(np.float32) / 255,
        torch.from_numpy(PIXELS),
        data.to_tensor(PIXELS).requires_grad_(),
    ],
)
def test_every_scale_gives_the_same_bytes(images):
    mine = data.from_array(images)
    assert mine.train.images.shape == (16, 3, 6, 8) and mine.test.images.shape == (4, 3, 6, 8)
    assert mine.train.images.dtype == np.uint8
    assert rows_of(mine.train) | rows_of(mine.test) == {image.tobytes() for image in PIXELS}
    assert mine.sha256 == data.from_array(PIXELS).sha256
    assert mine.train.labels is None and mine.train.factors is None and mine.classes == ()


def test_booleans_are_black_and_white_and_the_missing_axis_is_added():
    mine = data.from_array(PIXELS[:, 0] > 127)
    assert mine.train.images.shape == (16, 1, 6, 8) and set(np.unique(mine.train.images)) == {
        0,
        255,
    }


def test_labels_and_factors_go_with_their_images():
    numbers = np.arange(20)
    images = np.full((20, 4, 4), 1, dtype=np.uint8) * (10 * numbers[:, None, None] + 5).astype(
        np.uint8
    )
    names = ["even" if number % 2 == 0 else "odd" for number in numbers]
    mine = data.from_array(images, names, numbers[:, None] / 7, test=0.3, seed=5, name="ladder")
    assert mine.classes == ("even", "odd") and mine.name == "ladder" and len(mine.test.images) == 6
    for split in (mine.train, mine.test):
        index = (split.images[:, 0, 0, 0].astype(int) - 5) // 10
        assert (np.diff(index) > 0).all()  # in the order in which they came
        assert (split.labels == index % 2).all() and split.labels.dtype == np.int64
        assert (split.factors[:, 0] == index / 7).all()


def test_labels_as_positions_keep_their_classes():
    mine = data.from_array(PIXELS, np.full(20, 1), classes=("cat", "dog", "fish"))
    assert mine.classes == ("cat", "dog", "fish") and set(mine.train.labels) == {1}
    by_number = data.from_array(PIXELS, np.arange(20) % 3 * 10)
    assert by_number.classes == ("0", "10", "20") and set(by_number.train.labels) == {0, 1, 2}


def test_the_split_depends_on_the_seed_and_on_nothing_else():
    halves = [rows_of(data.from_array(PIXELS, seed=seed).test) for seed in (0, 0, 1)]
    assert halves[0] == halves[1] != halves[2]
    mask = np.arange(20) % 4 == 0
    assert (data.from_array(PIXELS, test=mask).test.images == PIXELS[mask]).all()
    tiny = data.from_array(PIXELS[:2], test=0.01)
    assert len(tiny.train.images) == len(tiny.test.images) == 1
    assert len(data.from_array(PIXELS[:2], test=0.99).train.images) == 1


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ({"images": [[1, 2]]}, ("images",)),
        ({"images": np.zeros((5, 7))}, ("(5, 7)", "from_values")),
        ({"images": np.zeros((0, 4, 4))}, ("(0, 4, 4)",)),
        ({"images": PIXELS.transpose(0, 2, 3, 1)}, ("(20, 6, 8, 3)", "transpose(0, 3, 1, 2)")),
        ({"images": PIXELS * 1.0}, ("0 to 255", "[0, 1]")),
        ({"images": PIXELS / 255 - 0.1}, ("-0.1", "[0, 1]")),
        ({"images": NAN}, ("nan", "[0, 1]")),
        ({"images": PIXELS.astype(int) - 3}, ("-3", "0..255")),
        ({"images": PIXELS.astype(int) * 2}, ("0..255",)),
        ({"images": PIXELS.astype("U3")}, ("<U3",)),
        ({"images": PIXELS % 2}, ("0 to 1", "255")),
        ({"images": PIXELS[:1]}, ("1 image", "at least 2")),
        ({"labels": np.zeros(19, int)}, ("(19,)", "(20,)")),
        ({"labels": np.zeros(20)}, ("float64", "names")),
        ({"classes": ("a", "b")}, ("no labels",)),
        ({"labels": np.arange(20), "classes": ("a", "b")}, ("0 to 19", "0 to 1")),
        ({"labels": ["a"] * 20, "classes": ("a",)}, ("positions",)),
        ({"factors": np.zeros(20)}, ("(20,)", "(20, F)")),
        ({"factors": np.full((20, 2), np.nan)}, ("NaN",)),
        ({"test": 0}, ("test = 0", "between 0 and 1")),
        ({"test": 1.0}, ("test = 1.0",)),
        ({"test": True}, ("test = True",)),
        ({"test": "0.2"}, ("test",)),
        ({"test": np.ones(20, bool)}, ("bool (20,) with 20 set",)),
        ({"test": np.ones(19, bool)}, ("(19,)",)),
        ({"seed": -1}, ("seed = -1",)),
        ({"seed": 0.5}, ("seed = 0.5",)),
        ({"seed": None}, ("seed = None",)),
    ],
)
def test_what_from_array_refuses(arguments, parts):
    with pytest.raises(VsclibError) as error:
        data.from_array(**({"images": PIXELS} | arguments))
    one_line(error, *parts)


# ---- folders ----


def save(folder, name, pixels, **options):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


@pytest.fixture
def pictures(tmp_path):
    """Twelve grey pictures whose pixel (0, 0) is their number, in two classes, with files that are
    no images.
    """
    for number in range(12):
        image = np.random.default_rng(number).integers(0, 256, (6, 8), dtype=np.uint8)
        image[0, 0] = number
        save(
            tmp_path, f"{'odd' if number % 2 else 'even'}/deep{number % 3}/{number:02d}.PNG", image
        )
    save(tmp_path, ".thumbnails/hidden.png", PIXELS[0, 0])
    (tmp_path / "even" / "README.txt").write_text("no image")
    return tmp_path


def test_a_folder_is_labelled_and_split(pictures):
    mine = data.from_folder(pictures, test=0.25)
    assert mine.name == pictures.name and mine.classes == ("even", "odd")
    assert mine.train.images.shape == (9, 1, 6, 8) and len(mine.test.images) == 3
    for split in (mine.train, mine.test):
        numbers = split.images[:, 0, 0, 0].astype(int)
        assert (split.labels == numbers % 2).all()
        for number, image in zip(numbers, split.images, strict=True):
            expected = np.random.default_rng(number).integers(0, 256, (6, 8), dtype=np.uint8)
            assert (image[0].ravel()[1:] == expected.ravel()[1:]).all()
    assert len({*mine.train.images[:, 0, 0, 0], *mine.test.images[:, 0, 0, 0]}) == 12
    again = data.from_folder(str(pictures), test=0.25)
    assert again.sha256 == mine.sha256 != data.from_folder(pictures, test=0.25, seed=1).sha256


def test_a_flat_folder_has_no_labels(tmp_path):
    for number in range(4):
        save(tmp_path, f"{number}.png", PIXELS[number, 0])
    mine = data.from_folder(tmp_path, name="mine")
    assert mine.train.labels is None and mine.classes == () and mine.name == "mine"


def test_colours_stay_and_grey_joins_them(tmp_path):
    save(tmp_path, "a.png", PIXELS[0].transpose(1, 2, 0))
    save(tmp_path, "b.png", PIXELS[1, 0])
    both = data.from_folder(tmp_path, test=0.5)
    images = np.concatenate([both.train.images, both.test.images])
    assert images.shape == (2, 3, 6, 8)
    assert {image.tobytes() for image in images} == {
        PIXELS[0].tobytes(),
        np.repeat(PIXELS[1, :1], 3, 0).tobytes(),
    }
    grey = data.from_folder(tmp_path, channels=1)
    luma = np.asarray(Image.fromarray(PIXELS[0].transpose(1, 2, 0)).convert("L")).astype(int)
    found = np.concatenate([grey.train.images, grey.test.images]).astype(int)
    assert min(np.abs(image[0] - luma).max() for image in found) <= 1
    assert data.from_folder(tmp_path, channels=3).train.images.shape[1] == 3


def bar(height, width):
    """Left quarter black, right quarter black, a white middle; its corners say what was cut."""
    image = np.zeros((height, width), dtype=np.uint8)
    image[:, width // 4 : 3 * width // 4] = 255
    return image


@pytest.mark.parametrize(
    ("fit", "white", "edge"),
    [("crop", 1.0, 255), ("pad", 0.25, 0), ("stretch", 0.5, 0)],
)
def test_another_aspect_ratio_is_cut_padded_or_stretched(tmp_path, fit, white, edge):
    for number in range(2):
        save(tmp_path, f"{number}.png", bar(32, 64))
    image = data.from_folder(tmp_path, size=16, fit=fit).train.images[0, 0]
    assert image.shape == (16, 16)
    assert image.mean() / 255 == pytest.approx(white, abs=0.03)
    assert abs(int(image[8, 0]) - edge) < 25  # the filter looks a pixel beyond the cut
    wide = data.from_folder(tmp_path, size=(8, 16), fit=fit).train.images[0, 0]
    assert wide.shape == (8, 16) and wide.mean() / 255 == pytest.approx(0.5, abs=0.03)


def test_a_checkerboard_becomes_grey_and_no_moire(tmp_path):
    board = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)
    for number in range(2):
        save(tmp_path, f"{number}.png", board)
    assert np.abs(data.from_folder(tmp_path, size=16).train.images.astype(int) - 128).max() < 12


def test_photographs_are_turned_upright(tmp_path):
    sideways = Image.fromarray(bar(8, 8).T.copy())
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    sideways.save(tmp_path / "a.png", exif=exif)
    assert (image_files.read_image(tmp_path / "a.png")[0] == bar(8, 8)).all()


def test_what_is_transparent_is_black_and_deep_grey_keeps_its_upper_bits(tmp_path):
    colours = np.full((4, 4, 4), 200, dtype=np.uint8)
    colours[:2, :, 3], colours[2:, :, 3] = 0, 255
    pixels = image_files.read_image(save(tmp_path, "a.png", colours))
    assert pixels.shape == (3, 4, 4) and (pixels[:, :2] == 0).all() and (pixels[:, 2:] == 200).all()
    deep = np.array([[0, 255, 256, 65535]], dtype=np.uint16)
    assert image_files.read_image(save(tmp_path, "b.png", deep)).tolist() == [[[0, 0, 1, 255]]]
    ink = image_files.read_image(save(tmp_path, "c.png", np.array([[True, False]])))
    assert ink.tolist() == [[[255, 0]]]


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ({"size": 0}, ("size = 0", "from 1 to 10,000")),
        ({"size": 10**15}, ("size = 1000000000000000",)),
        ({"size": (8,)}, ("size = (8,)",)),
        ({"path": None}, ("path",)),
        ({"path": ""}, ("path = ''",)),
        ({"size": 8.0}, ("size = 8.0",)),
        ({"fit": "corp"}, ("'corp'", "'crop'")),
        ({"channels": 4}, ("channels = 4", "1 (grey)")),
        ({"test": 1.5}, ("test = 1.5",)),
        ({"seed": "x"}, ("seed",)),
    ],
)
def test_what_from_folder_refuses(pictures, arguments, parts):
    with pytest.raises(VsclibError) as error:
        data.from_folder(**({"path": pictures} | arguments))
    one_line(error, *parts)


def test_a_path_that_is_no_folder_of_images_is_refused(pictures, tmp_path):
    empty = tmp_path / "nothing"
    empty.mkdir()
    for path, part in (
        (tmp_path / "typo", "missing"),
        (tmp_path / "even" / "README.txt", "a file"),
        (empty, ".png"),
    ):
        with pytest.raises(DataError) as error:
            data.from_folder(path)
        one_line(error, path, part)


def test_a_damaged_file_is_named(pictures):
    path = pictures / "odd" / "deep1" / "07.PNG"
    content = path.read_bytes()
    for broken in (content[:50], b"", b"<html>not found</html>"):
        path.write_bytes(broken)
        with pytest.raises(DataError) as error:
            data.from_folder(pictures)
        one_line(error, path, "cannot be read as an image", "take it out")
        assert error.value.__suppress_context__


def test_two_sizes_are_named_with_the_remedy(pictures):
    path = save(pictures, "odd/wide.png", bar(6, 9))
    with pytest.raises(DataError) as error:
        data.from_folder(pictures)
    one_line(error, path, "6 x 9", "6 x 8", "size=(height, width)")
    assert data.from_folder(pictures, size=6).train.images.shape[1:] == (1, 6, 6)


def test_images_beside_sub_folders_are_refused(pictures):
    path = save(pictures, "stray.png", bar(6, 8))
    with pytest.raises(DataError) as error:
        data.from_folder(pictures)
    one_line(error, path, "sub-folder")


def test_a_set_too_large_for_memory_is_refused_before_it_is_read(pictures, monkeypatch):
    monkeypatch.setattr(image_folder, "_MEMORY", 1000)
    with pytest.raises(DataError) as error:
        data.from_folder(pictures)
    one_line(error, "12 images", "6 x 8", "size=64")


@pytest.mark.skipif(
    os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="root may read every file"
)
def test_a_file_that_may_not_be_read_is_named(pictures):
    path = pictures / "odd" / "deep1" / "07.PNG"
    path.chmod(0)
    with pytest.raises(DataError) as error:
        data.from_folder(pictures)
    one_line(error, path)


def test_a_model_trains_on_a_folder(pictures):
    mine = data.from_folder(pictures)
    model = models.create(
        "vsc", image_shape=mine.train.images.shape[1:], latents=4, hidden=16, seed=0
    )
    history = fit(model, mine, steps=3, batch_size=4, progress=False)
    assert np.isfinite(history.terms["total"]).all()


# ---- what was once taken in silence ----


def test_the_first_images_of_a_folder_are_of_all_classes(tmp_path):
    for number in range(60):
        save(tmp_path, f"{'abc'[number // 20]}/{number}.png", PIXELS[number % 20, 0])
    mine = data.from_folder(tmp_path)
    for split in (mine.train, mine.test):
        assert set(split.labels[:12].tolist()) == {0, 1, 2}
    # Mixed are the halves, and which images they are depends on the seed alone.
    paths = sorted(tmp_path.rglob("*.png"))
    images = np.stack([np.asarray(Image.open(path)) for path in paths])
    held_out = np.zeros(60, dtype=bool)
    held_out[np.random.default_rng(0).permutation(60)[:12]] = True
    for split, half in ((mine.train, ~held_out), (mine.test, held_out)):
        expected = [
            (image.tobytes(), "abc".index(path.parts[-2]))
            for image, path, here in zip(images, paths, half, strict=True)
            if here
        ]
        found = [(i.tobytes(), int(k)) for i, k in zip(split.images, split.labels, strict=True)]
        assert sorted(found) == sorted(expected) and found != expected


def test_floats_in_a_file_keep_their_levels_or_are_refused(tmp_path):
    levels = np.array([[0, 0.25, 0.5, 1]], dtype=np.float32)
    pixels = image_files.read_image(save(tmp_path, "a.tiff", levels))
    assert pixels.tolist() == [[[0, 64, 128, 255]]]
    for wrong, part in (
        (levels * 255, "0 to 255"),
        (levels - 1, "-1 to 0"),
        (levels * np.nan, "nan"),
    ):
        path = save(tmp_path, "b.tiff", wrong[:1].astype(np.float32))
        with pytest.raises(DataError) as error:
            image_files.read_image(path)
        one_line(error, path, part, "[0, 1]")


def test_sixteen_bits_that_would_all_be_black_are_refused(tmp_path):
    path = save(tmp_path, "a.png", np.array([[0, 255, 3]], dtype=np.uint16))
    with pytest.raises(DataError) as error:
        image_files.read_image(path)
    one_line(error, path, "up to 255", "8 bits")
    dark = save(tmp_path, "b.png", np.zeros((1, 3), dtype=np.uint16))
    assert image_files.read_image(dark).tolist() == [[[0, 0, 0]]]


def test_an_empty_class_is_said_and_a_link_to_nothing_refused(pictures):
    (pictures / "neither").mkdir()
    with pytest.warns(UserWarning, match="neither in .* holds no images: .* no class") as told:
        assert data.from_folder(pictures).classes == ("even", "odd")
    assert len(told) == 1
    link = pictures / "odd" / "lost.png"
    link.symlink_to(pictures / "nowhere.png")
    with pytest.raises(DataError) as error:
        data.from_folder(pictures)
    one_line(error, link, "a link to nothing")


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_channels_in_the_last_place_are_never_taken_for_columns(channels):
    with pytest.raises(DataError) as error:
        data.from_array(np.zeros((5, 28, 28, channels), dtype=np.uint8))
    one_line(error, f"(5, 28, 28, {channels})", "transpose(0, 3, 1, 2)")


@pytest.mark.parametrize("name", ["digits", "smiley"])
def test_a_folder_has_no_effect_on_a_set_without_files(name, tmp_path):
    with pytest.warns(UserWarning, match="has no effect") as told:
        data.load(name, tmp_path)
    assert len(told) == 1
