"""SVHN, CelebA and UCI HAR, read from small files in the published formats and from real ones."""

import hashlib
import os
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from torchvision import datasets

from vsclib import data
from vsclib.data import celeba, svhn, uci_har
from vsclib.errors import DataError

GENERATOR = np.random.default_rng(0)


def one_line(error, *parts):
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert str(part) in message, message


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("svhn", ("train_32x32.mat", "DATA/SVHN", "name resolution")),
        ("celeba", ("list_attr_celeba.txt", "DATA/celeba", "no download", "Drive refuses")),
        ("celeba_32", ("img_align_celeba.zip",)),
        ("uci_har", ("UCI HAR Dataset", "archive.ics.uci.edu", "DATA/uci_har")),
        ("uci_har_signals", ("UCI HAR Dataset",)),
    ],
)
def test_without_a_copy_one_line_says_where_the_files_belong(alone, monkeypatch, name, parts):
    class DriveError(Exception):
        pass

    def refuse(url, output):
        raise DriveError("Drive refuses:\n  too many readers today")

    monkeypatch.setitem(sys.modules, "gdown", SimpleNamespace(download=refuse))
    with pytest.raises(DataError) as error:
        data.load(name)
    one_line(error, name, "VSCLIB_DATA", *parts)
    assert not any(path.is_file() for path in alone.rglob("*"))


def test_a_missing_gdown_is_named(alone, monkeypatch):
    monkeypatch.setitem(sys.modules, "gdown", None)
    with pytest.raises(DataError) as error:
        data.load("celeba")
    one_line(error, "gdown", "DATA/celeba")


@pytest.mark.parametrize("name", data.names())
def test_every_set_says_what_a_reader_wants_to_know(name):
    about = data.about(name)
    assert about.title and about.licence and "http" in about.source and about.origin
    assert about.preparation
    assert about.train > about.test > 0 and len(about.image_shape) == 3
    assert len(about.sha256) == 64 or about.files
    lengths = {"md5": 32, "sha256": 64}
    for file in about.files:
        algorithm, digest = file.digest.split(":")
        assert len(digest) == lengths[algorithm] and file.url.startswith("http")


# ---- SVHN ----


@pytest.fixture
def street(tmp_path, monkeypatch):
    """Seven and four house numbers as published: (32, 32, 3, N), labels 1..10, 10 for zero."""
    folder = tmp_path / "root" / "SVHN"
    folder.mkdir(parents=True)
    arrays, files = {}, []
    for part, number in (("train", 7), ("test", 4)):
        images = GENERATOR.integers(0, 256, (32, 32, 3, number), dtype=np.uint8)
        labels = np.array([[10], *([i] for i in range(1, number))], dtype=np.uint8)
        path = folder / f"{part}_32x32.mat"
        savemat(path, {"X": images, "y": labels})
        arrays[part] = images
        files.append(data.PublishedFile(path.name, f"md5:{md5(path)}", "http://nowhere.invalid"))
    about = svhn.INFORMATION["svhn"]._replace(train=7, test=4, files=tuple(files))
    monkeypatch.setitem(svhn.INFORMATION, "svhn", about)
    return folder, arrays


def test_svhn_is_read_pixel_by_pixel(street):
    folder, arrays = street
    loaded = data.load("svhn", folder.parent)
    assert loaded.train.images.shape == (7, 3, 32, 32) and loaded.test.images.shape == (
        4,
        3,
        32,
        32,
    )
    assert loaded.train.images[5, 2, 30, 1] == arrays["train"][30, 1, 2, 5]
    assert loaded.test.labels.tolist() == [0, 1, 2, 3] and loaded.test.labels.dtype == np.int64
    assert loaded.train.images.flags.c_contiguous and loaded.train.images.flags.writeable
    assert loaded.name == "svhn" and loaded.classes[0] == "0"


def test_torchvision_reads_the_same_house_numbers(street, monkeypatch):
    folder, _ = street
    loaded = data.load("svhn", folder.parent)
    files = data.about("svhn").files
    split_list = {
        part: [file.url, file.name, file.digest.removeprefix("md5:")]
        for part, file in zip(("train", "test"), files, strict=True)
    }
    monkeypatch.setattr(datasets.SVHN, "split_list", split_list)
    for part, split in (("train", loaded.train), ("test", loaded.test)):
        theirs = datasets.SVHN(folder, split=part)
        assert (split.images == theirs.data).all() and (split.labels == theirs.labels).all()


def test_svhn_is_found_under_vsclib_data(street, alone, monkeypatch):
    folder, _ = street
    monkeypatch.setenv("VSCLIB_DATA", str(folder.parent))
    assert len(data.load("svhn").train.images) == 7


@pytest.mark.parametrize("file", ["train_32x32.mat", "test_32x32.mat"])
def test_svhn_names_a_missing_or_damaged_file(street, file):
    folder, _ = street
    path = folder / file
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(DataError) as error:
        data.load("svhn", folder.parent)
    one_line(error, path, "MD5", hashlib.md5(content).hexdigest())
    path.unlink()
    with pytest.raises(DataError) as error:
        data.load("svhn", folder.parent)
    one_line(error, path, "missing")


def test_addresses_and_checksums_are_those_that_torchvision_publishes():
    published = {tuple(datasets.SVHN.split_list[part]) for part in ("train", "test")}
    assert published == {
        (file.url, file.name, file.digest.removeprefix("md5:")) for file in data.about("svhn").files
    }
    published = {
        (file, f"md5:{digest}", number) for number, digest, file in datasets.CelebA.file_list
    }
    assert published >= {
        (file.name, file.digest, file.url.partition("id=")[2])
        for file in data.about("celeba").files
    }
    for name, theirs in (("mnist", datasets.MNIST), ("fashion_mnist", datasets.FashionMNIST)):
        urls = {f"{theirs.mirrors[0]}{file}" for file, _ in theirs.resources}
        assert urls == {file.url for file in data.about(name).files}


# ---- CelebA ----


@pytest.fixture
def faces(tmp_path, monkeypatch):
    """Nine photographs of 218x178 as published: five to train, one valid, three to test."""
    folder = tmp_path / "root" / "celeba"
    (folder / "img_align_celeba").mkdir(parents=True)
    names = [f"{number:06d}.jpg" for number in range(1, 10)]
    attributes = np.where(GENERATOR.random((9, 40)) < 0.5, -1, 1)
    for number, name in enumerate(names):
        # Outside the middle 148 x 148 everything is white, inside a flat colour.
        photograph = np.full((218, 178, 3), 255, dtype=np.uint8)
        photograph[35:183, 15:163] = (20 * number, 100, 40)
        Image.fromarray(photograph).save(
            folder / "img_align_celeba" / name, quality=100, subsampling=0
        )
    parts = [0, 0, 0, 0, 0, 1, 2, 2, 2]
    rows = {
        "list_eval_partition.txt": [
            f"{name} {part}" for name, part in zip(names, parts, strict=True)
        ],
        "list_attr_celeba.txt": [
            "9",
            " ".join(data.about("celeba").factors) + " ",
            *(
                f"{name} {' '.join(f'{v:2d}' for v in row)}"
                for name, row in zip(names, attributes, strict=True)
            ),
        ],
    }
    for file, lines in rows.items():
        (folder / file).write_text("\n".join(lines) + "\n")
    with zipfile.ZipFile(folder / "img_align_celeba.zip", "w") as archive:
        for name in names:
            archive.write(folder / "img_align_celeba" / name, f"img_align_celeba/{name}")
    for name, about in celeba.INFORMATION.items():
        files = tuple(
            file._replace(digest=f"md5:{md5(folder / file.name)}") for file in about.files
        )
        monkeypatch.setitem(celeba.INFORMATION, name, about._replace(train=5, test=3, files=files))
    return folder, attributes


@pytest.mark.parametrize(("name", "size"), [("celeba", 64), ("celeba_32", 32)])
def test_celeba_is_the_middle_of_each_photograph_made_small(faces, name, size):
    folder, attributes = faces
    loaded = data.load(name, folder.parent)
    assert loaded.train.images.shape == (5, 3, size, size) and loaded.test.images.shape == (
        3,
        3,
        size,
        size,
    )
    assert data.about(name).image_shape == (3, size, size)
    for split, numbers in ((loaded.train, range(5)), (loaded.test, range(6, 9))):
        for number, image, factors in zip(
            numbers, split.images.astype(int), split.factors, strict=True
        ):
            colour = np.array((20 * number, 100, 40))[:, None, None]
            # No white from outside the square, but for what JPEG smears over its edge.
            assert (
                np.abs(image[:, 4:-4, 4:-4] - colour).max() <= 4
                and np.abs(image - colour).max() <= 40
            )
            assert (factors == (attributes[number] + 1) // 2).all()
        assert split.labels is None
    assert len(data.about(name).factors) == 40


def test_celeba_is_read_from_its_archive_as_from_its_folder(faces):
    folder, _ = faces
    unpacked = data.load("celeba_32", folder.parent)
    (folder / "img_align_celeba").rename(folder / "elsewhere")
    assert data.load("celeba_32", folder.parent).sha256 == unpacked.sha256
    archive = folder / "img_align_celeba.zip"
    archive.write_bytes(archive.read_bytes()[:-1])
    with pytest.raises(DataError) as error:
        data.load("celeba_32", folder.parent)
    one_line(error, archive, "MD5")


def test_celeba_comes_from_google_drive_into_the_cache(faces, alone, monkeypatch):
    folder, _ = faces
    places = {file.url: folder / file.name for file in data.about("celeba").files}

    def download(url, output):
        Path(output).write_bytes(places[url].read_bytes())

    monkeypatch.setitem(sys.modules, "gdown", SimpleNamespace(download=download))
    assert data.load("celeba").sha256 == data.load("celeba", folder.parent).sha256
    assert {path.name for path in (alone / "celeba").iterdir()} == {
        place.name for place in places.values()
    }


def test_celeba_is_not_cut_further_than_the_square(faces):
    folder, _ = faces
    photograph = np.zeros((218, 178, 3), dtype=np.uint8)
    photograph[35:109, 15:89] = 255  # the upper left quarter of the square
    Image.fromarray(photograph).save(
        folder / "img_align_celeba" / "000001.jpg", quality=100, subsampling=0
    )
    image = data.load("celeba_32", folder.parent).train.images[0, 0]
    assert (image[:15, :15] > 250).all() and (image[17:] < 5).all() and (image[:, 17:] < 5).all()


@pytest.mark.parametrize("file", ["list_eval_partition.txt", "list_attr_celeba.txt"])
def test_celeba_names_a_missing_or_changed_list(faces, file):
    folder, _ = faces
    path = folder / file
    path.write_text(path.read_text() + "\n")
    with pytest.raises(DataError) as error:
        data.load("celeba", folder.parent)
    one_line(error, path, "MD5")
    path.unlink()
    with pytest.raises(DataError) as error:
        data.load("celeba", folder.parent)
    one_line(error, path, "missing")


def test_celeba_names_a_missing_damaged_or_small_photograph(faces):
    folder, _ = faces
    pictures = folder / "img_align_celeba"
    path = pictures / "000008.jpg"
    Image.new("RGB", (100, 218)).save(path)
    with pytest.raises(DataError) as error:
        data.load("celeba", folder.parent)
    one_line(error, path, "218 x 100", "148 x 148")
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError) as error:
        data.load("celeba", folder.parent)
    one_line(error, path, "cannot be read")
    path.unlink()
    with pytest.raises(DataError) as error:
        data.load("celeba", folder.parent)
    one_line(error, path, "missing", "list_eval_partition.txt")
    pictures.rename(folder / "elsewhere")
    (folder / "img_align_celeba.zip").unlink()
    with pytest.raises(DataError) as error:
        data.load("celeba", folder.parent)
    one_line(error, folder / "img_align_celeba.zip", "missing")


# ---- UCI HAR ----


def written(folder, features, signals, activities):
    """The published text files: numbers as `  2.8858451e-001`, one window a line."""

    def table(path, rows):
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = (
            "".join(f" {number: .7e}".replace("e-", "e-0").replace("e+", "e+0") for number in row)
            for row in rows
        )
        path.write_text("\n".join(lines) + "\n")

    for part in ("train", "test"):
        here = folder / "UCI HAR Dataset" / part
        table(here / f"X_{part}.txt", features[part])
        (here / f"y_{part}.txt").write_text(
            "".join(f"{activity}\n" for activity in activities[part])
        )
        for channel, name in enumerate(uci_har.CHANNELS):
            table(here / "Inertial Signals" / f"{name}_{part}.txt", signals[part][:, channel])


@pytest.fixture
def belt(tmp_path, monkeypatch):
    """Five and three windows as published and as packed files: both roots and the arrays."""
    sizes = {"train": 5, "test": 3}
    features = {
        part: GENERATOR.uniform(-1, 1, (n, 561)).astype(np.float32) for part, n in sizes.items()
    }
    # What eight decimal digits say exactly.
    features = {part: np.rint(values * 256) / np.float32(256) for part, values in features.items()}
    limits = np.repeat((1.5, 6.0, 2.2), 3)[:, None]
    signals = {part: GENERATOR.uniform(-1, 1, (n, 9, 128)) * limits for part, n in sizes.items()}
    signals = {part: np.rint(values * 4096 * 0.99) / 4096 for part, values in signals.items()}
    activities = {part: np.arange(n, dtype=np.uint8) + 1 for part, n in sizes.items()}
    text, packed = tmp_path / "text", tmp_path / "packed"
    written(text / "uci_har", features, signals, activities)
    (packed / "uci_har").mkdir(parents=True)
    halves = ("train", "test")
    np.savez(
        packed / "uci_har" / "uci_har_features.npz",
        **{f"{p}_x": features[p] for p in halves},
        **{f"{p}_y": activities[p] for p in halves},
    )
    np.savez(
        packed / "uci_har" / "uci_har_inertial.npz",
        **{f"X_{p}": signals[p].astype(np.float32) for p in halves},
        **{f"y_{p}": activities[p] for p in halves},
    )
    joined = activities["train"].tobytes() + activities["test"].tobytes()
    monkeypatch.setattr(uci_har, "_LABELS_SHA256", hashlib.sha256(joined).hexdigest())
    for name, values in (
        ("uci_har", features),
        ("uci_har_real", features),
        ("uci_har_signals", signals),
    ):
        train, test = (
            data.Split(
                values[p].reshape(-1, 1, 1, 561)
                if "real" in name
                else uci_har.to_images(values[p]),
                activities[p].astype(np.int64) - 1,
                None,
            )
            for p in halves
        )
        about = uci_har.INFORMATION[name]._replace(**sizes, sha256=data.checksum(train, test))
        monkeypatch.setitem(uci_har.INFORMATION, name, about)
    return text, packed, features, signals


@pytest.mark.parametrize("form", [0, 1])
def test_windows_become_images_one_step_of_a_byte_away(belt, form):
    features, signals = belt[2:]
    loaded = data.load("uci_har", belt[form])
    assert loaded.train.images.shape == (5, 1, 1, 561) and loaded.test.labels.tolist() == [0, 1, 2]
    back = 2 * data.to_tensor(loaded.train.images).numpy()[:, 0, 0] - 1
    assert np.abs(back - features["train"]).max() <= 1 / 255 + 1e-6
    loaded = data.load("uci_har_signals", belt[form])
    assert loaded.test.images.shape == (3, 1, 9, 128)
    scaled = loaded.test.images[:, 0] / 127.5 - 1
    for rows, limit in ((slice(0, 3), 1.5), (slice(3, 6), 6.0), (slice(6, 9), 2.2)):
        assert (
            np.abs(scaled[:, rows] * limit - signals["test"][:, rows]).max() <= limit / 255 + 1e-6
        )
    inverse = uci_har.from_images(loaded.test.images / 255)
    assert np.abs(inverse - signals["test"]).max() <= 6 / 255 + 1e-6


def test_published_and_packed_files_give_the_same_bytes(belt):
    for name in ("uci_har", "uci_har_signals"):
        assert data.load(name, belt[0]).sha256 == data.load(name, belt[1]).sha256


def test_the_inverse_is_exact_on_the_levels_of_a_byte():
    levels = np.broadcast_to(np.arange(561) % 256, (2, 1, 1, 561)).astype(np.uint8)
    assert (uci_har.to_images(uci_har.from_images(levels / 255)) == levels).all()
    rows = np.broadcast_to(2 * np.arange(128), (2, 1, 9, 128)).astype(np.uint8)
    assert (uci_har.to_images(uci_har.from_images(rows / 255)) == rows).all()


@pytest.mark.parametrize(
    ("function", "values", "parts"),
    [
        (uci_har.to_images, np.zeros((2, 560)), ("(2, 560)", "(N, 561)")),
        (uci_har.to_images, np.full((2, 561), 1.5), ("1.5 times",)),
        (uci_har.to_images, np.full((2, 9, 128), 1.6), ("1.07 times",)),
        (uci_har.to_images, np.full((2, 561), np.nan), ("nan",)),
        (uci_har.from_images, np.zeros((2, 1, 28, 28)), ("(2, 1, 28, 28)", "(N, 1, 9, 128)")),
    ],
)
def test_windows_that_do_not_fit_are_refused(function, values, parts):
    with pytest.raises(DataError) as error:
        function(values)
    one_line(error, *parts)


def test_a_missing_short_or_foreign_text_file_is_named(belt):
    root = belt[0]
    path = root / "uci_har" / "UCI HAR Dataset" / "test" / "X_test.txt"
    content = path.read_text()
    wrong = {
        "(2, 561)": content[: content.rindex("\n ") + 1],
        "cannot be read": content[:100] + "x" + content[100:],
        "holds other values": content.replace("e-001", "e-002", 1),
    }
    for message, text in wrong.items():
        path.write_text(text)
        with pytest.raises(DataError) as error:
            data.load("uci_har", root)
        one_line(error, message, "archive.ics.uci.edu")
    path.unlink()
    with pytest.raises(DataError) as error:
        data.load("uci_har", root)
    one_line(error, path, "missing")


def test_other_activities_and_a_damaged_packed_file_are_refused(belt):
    text, packed = belt[:2]
    activities = text / "uci_har" / "UCI HAR Dataset" / "train" / "y_train.txt"
    activities.write_text("1\n1\n3\n4\n5\n")
    with pytest.raises(DataError) as error:
        data.load("uci_har_signals", text)
    one_line(error, "activities", "SHA-256")
    file = packed / "uci_har" / "uci_har_inertial.npz"
    for content in (file.read_bytes()[:300], b"", b"nonsense"):
        file.write_bytes(content)
        with pytest.raises(DataError) as error:
            data.load("uci_har_signals", packed)
        one_line(error, file, "cannot be read")
    np.savez(file, X_train=np.zeros(3))
    with pytest.raises(DataError) as error:
        data.load("uci_har_signals", packed)
    one_line(error, file)


@pytest.mark.parametrize("form", [0, 1])
def test_real_features_are_those_of_the_files_to_the_last_bit(belt, form):
    loaded = data.load("uci_har_real", belt[form])
    for split, part in ((loaded.train, "train"), (loaded.test, "test")):
        assert split.images.dtype == np.float32
        assert (split.images[:, 0, 0] == belt[2][part]).all()


@pytest.mark.parametrize("name", ["uci_har", "uci_har_real", "uci_har_signals"])
def test_the_real_windows_are_the_documented_ones(name):
    root = Path(os.environ.get("VSCLIB_DATA", "data"))
    if not (root / "uci_har").is_dir():
        # Nobody serves it in this form, so that no machine must have it.
        pytest.skip("UCI HAR is not under VSCLIB_DATA")
    loaded, about = data.load(name, root), data.about(name)
    assert loaded.sha256 == about.sha256 and loaded.classes == about.classes
    for split, size in ((loaded.train, about.train), (loaded.test, about.test)):
        assert split.images.shape == (size, *about.image_shape)
    packed = root / "uci_har" / "uci_har_features.npz"
    if name == "uci_har_real" and packed.is_file():
        with np.load(packed) as raw:
            for part, split in (("train", loaded.train), ("test", loaded.test)):
                assert (split.images.reshape(-1, 561) == raw[f"{part}_x"]).all()
    activities = np.bincount(loaded.train.labels) + np.bincount(loaded.test.labels)
    assert activities.tolist() == [1722, 1544, 1406, 1777, 1906, 1944]
