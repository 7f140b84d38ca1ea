"""Data sets: what they hold against torchvision and scikit-learn, and what is refused."""

import gzip
import hashlib
import http.server
import os
import struct
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pooch
import pytest
from conftest import load_script, require

from vsclib import data
from vsclib.data import downloads, mnist
from vsclib.data.dataset import assemble
from vsclib.errors import DataError, VsclibError

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def one_line(error, *parts):
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert str(part) in message, message


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """The folder of a set of 12 + 6 images of 5x4 pixels in MNIST's format, which MNIST now is."""
    generator = np.random.default_rng(0)
    root, files = tmp_path / "root", []
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, shape in zip(FILES, [(12, 5, 4), (12,), (6, 5, 4), (6,)], strict=True):
        pixels = generator.integers(0, 10, shape, dtype=np.uint8)
        content = struct.pack(f">{1 + len(shape)}I", 0x800 + len(shape), *shape) + pixels.tobytes()
        (raw / name).write_bytes(content)
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        files.append(data.PublishedFile(name, digest, f"http://nowhere.invalid/{name}.gz"))
    about = mnist.INFORMATION["mnist"]._replace(
        train=12, test=6, image_shape=(1, 5, 4), files=tuple(files)
    )
    monkeypatch.setitem(mnist.INFORMATION, "mnist", about)
    return root


# ---- the register ----


def test_the_sets_that_the_book_and_its_records_name_are_there():
    book = {"digits", "fashion_mnist", "mnist", "smiley", "uci_har"}
    assert book <= set(data.names()) and list(data.names()) == sorted(data.names())


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("fashion-mnist", '"fashion_mnist"'), ("smily", "smiley"), (None, "name")],
)
def test_an_unknown_name_is_refused_with_the_nearest_one(name, remedy):
    for function in (data.load, data.about):
        with pytest.raises(VsclibError) as error:
            function(name)
        one_line(error, name, remedy.strip('"'))


@pytest.mark.parametrize("name", ["digits", "smiley"])
def test_what_about_says_is_what_load_gives(name):
    agree(data.about(name), data.load(name), name)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_what_about_says_is_what_the_files_hold(name):
    agree(data.about(name), data.load(name, real_root(name)), name)


def agree(about, loaded, name):
    assert loaded.name == name and loaded.classes == about.classes and loaded.sha256 == about.sha256
    for split, size in ((loaded.train, about.train), (loaded.test, about.test)):
        assert split.images.shape == (size, *about.image_shape) and split.images.dtype == np.uint8
        assert split.labels.shape == (size,) and split.labels.dtype == np.int64
        assert set(split.labels.tolist()) == set(range(len(about.classes)))
        assert (split.factors is None) == (not about.factors)
    assert about.licence and about.source and about.origin


def real_root(name):
    root = Path(os.environ.get("VSCLIB_DATA", "data"))
    folder = data.about(name).folder
    require((root / folder / FILES[2]).is_file(), f"{folder} is not under VSCLIB_DATA")
    return root


@pytest.mark.slow
def test_importing_the_room_does_not_import_torchvision_or_scikit_learn():
    # Parents are made by hand: what the package itself imports is not this room's affair.
    code = (
        "import sys, types; package = types.ModuleType('vsclib'); "
        f"package.__path__ = [{str(Path(data.__file__).parents[1])!r}]; "
        "sys.modules['vsclib'] = package; import vsclib.data; loaded = set(sys.modules); "
        "rooms = {m for m in loaded if m.startswith('vsclib.') and '.data' not in m}; "
        "assert rooms == {'vsclib.errors'}, rooms; assert not {'torchvision', 'sklearn'} & loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", data._MODULES)
def test_a_module_has_the_sets_of_its_entry_and_refuses_another(name):
    module = getattr(data, name)
    assert sorted(module.INFORMATION) == sorted(data._MODULES[name])
    with pytest.raises(DataError) as error:
        module.load("nothing")
    one_line(error, "'nothing'", *module.INFORMATION)


# ---- a set that is not what its name promises ----


def stripes(**changes):
    """The module of a new data set, and what is wrong with what it returns, if anything."""
    about = data.Information(
        title="Stripes",
        train=6,
        test=4,
        image_shape=(1, 4, 3),
        licence="MIT",
        source="this test",
        origin="drawn on the spot",
        preparation="nothing",
        classes=("dark", "bright"),
        factors=("brightness",),
    )

    def load(name, root=None):
        halves = {}
        for half, n in (("train", about.train), ("test", about.test)):
            images = np.arange(n, dtype=np.uint8)[:, None, None, None].repeat(4, 2).repeat(3, 3)
            halves[half] = data.Split(images, np.arange(n) % 2, np.arange(n)[:, None] / 2)
        for place, value in changes.items():
            if "_" in place:
                half, field = place.split("_")
                halves[half] = halves[half]._replace(**{field: value(getattr(halves[half], field))})
        name, classes = changes.get("name", name), changes.get("classes", about.classes)
        return changes.get("found", assemble(name, *halves.values(), classes))

    return SimpleNamespace(INFORMATION={"stripes": about}, load=load)


def test_a_new_set_is_a_module_and_its_entry(monkeypatch):
    module = stripes()
    monkeypatch.setitem(data._SETS, "stripes", module)
    agree(
        data.about("stripes")._replace(sha256=(loaded := data.load("stripes")).sha256),
        loaded,
        "stripes",
    )
    assert "stripes" in data.names() and load_script("book/_extensions/data_sets.py").row(
        "stripes", data.about("stripes")
    )


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"train_images": lambda x: x[..., :2]}, ("train.images", "(6, 1, 4, 2)", "(6, 1, 4, 3)")),
        ({"test_images": lambda x: x[:3]}, ("test.images", "(3, 1, 4, 3)", "(4, 1, 4, 3)")),
        ({"test_images": lambda x: x / 255}, ("test.images", "float64", "uint8")),
        ({"train_labels": lambda x: x.astype(np.int32)}, ("train.labels", "int32", "int64")),
        ({"train_labels": lambda x: x[:5]}, ("train.labels", "(5,)", "(6,)")),
        ({"train_labels": lambda x: None}, ("train.labels", "NoneType", "int64 array (6,)")),
        ({"test_labels": lambda x: x + 1}, ("labels run from 1 to 2", "from 0 to 1")),
        ({"test_factors": lambda x: x[:, 0]}, ("test.factors", "(4,)", "(4, 1)")),
        ({"train_factors": lambda x: None}, ("train.factors", "float64 array (6, 1)")),
        ({"classes": ("dark",)}, ("classes", "('dark',)", "('dark', 'bright')")),
        ({"name": "dots"}, ("name is dots", "expected stripes")),
        ({"found": None}, ("NoneType", "expected a DataSet")),
    ],
)
def test_a_set_that_is_not_what_its_name_promises_is_refused(monkeypatch, changes, parts):
    monkeypatch.setitem(data._SETS, "stripes", stripes(**changes))
    with pytest.raises(DataError) as error:
        data.load("stripes")
    one_line(error, "stripes", "correct its loader", "about('stripes')", *parts)


# ---- the sets ----


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_torchvision_reads_the_same_images(name):
    from torchvision import datasets

    root = real_root(name)
    loaded = data.load(name, root)
    for split, train in ((loaded.train, True), (loaded.test, False)):
        theirs = {"mnist": datasets.MNIST, "fashion_mnist": datasets.FashionMNIST}[name](
            root, train=train
        )
        assert (split.images[:, 0] == theirs.data.numpy()).all()
        assert (split.labels == theirs.targets.numpy()).all()


@pytest.mark.parametrize(
    ("name", "mean", "sd"), [("mnist", 0.13066, 0.30811), ("fashion_mnist", 0.28604, 0.35302)]
)
def test_the_published_mean_and_deviation_come_out(name, mean, sd):
    images = data.load(name, real_root(name)).train.images / np.float32(255)
    assert images.mean(dtype=float) == pytest.approx(mean, abs=1e-5)
    assert images.std(dtype=float) == pytest.approx(sd, abs=1e-5)


def test_digits_are_scikit_learns_and_none_is_lost():
    from sklearn.datasets import load_digits

    loaded, theirs = data.load("digits"), load_digits()
    pairs = [
        (image.tobytes(), int(label))
        for split in (loaded.train, loaded.test)
        for image, label in zip(
            np.round(split.images[:, 0] * (16 / 255)).astype(np.uint8), split.labels, strict=True
        )
    ]
    expected = [
        (image.astype(np.uint8).tobytes(), int(label))
        for image, label in zip(*theirs_arrays(theirs), strict=True)
    ]
    assert sorted(pairs) == sorted(expected)
    assert max(loaded.train.images.max(), loaded.test.images.max()) == 255


def theirs_arrays(digits):
    return digits.images, digits.target


def test_digits_are_split_alike_in_every_class():
    loaded = data.load("digits")
    train, test = np.bincount(loaded.train.labels), np.bincount(loaded.test.labels)
    assert (np.abs(test / (train + test) - 0.2) < 0.01).all()


def test_the_checksum_is_the_documented_one_and_sees_every_change():
    images, labels = np.arange(24, dtype=np.uint8).reshape(2, 1, 3, 4), np.array([1, 0])
    split = data.Split(images, labels, None)
    by_hand = hashlib.sha256()
    for name in ("train", "test"):
        by_hand.update(f"{name}/images uint8 (2, 1, 3, 4)\n".encode() + images.tobytes())
        by_hand.update(f"{name}/labels int64 (2,)\n".encode() + struct.pack("<2q", 1, 0))
    original = assemble("x", split, split, ("a", "b")).sha256
    assert original == by_hand.hexdigest()
    brighter = images.copy()
    brighter[1, 0, 2, 3] += 1
    others = [
        split._replace(images=brighter),
        split._replace(labels=labels[::-1]),
        split._replace(labels=None),
    ]
    others.append(split._replace(images=images.reshape(2, 1, 4, 3)))
    assert len({original, *(data.checksum(split, other) for other in others)}) == 5
    turned = np.asfortranarray(images)
    assert data.checksum(split._replace(images=turned), split) == original


# ---- files ----


def test_idx_files_are_read_pixel_by_pixel(tiny, alone):
    loaded = data.load("mnist", tiny)
    content = (tiny / "MNIST" / "raw" / FILES[0]).read_bytes()
    assert loaded.train.images.shape == (12, 1, 5, 4)
    assert loaded.train.images[7, 0, 3, 2] == content[16 + 7 * 20 + 3 * 4 + 2]
    assert loaded.test.labels.tolist() == list((tiny / "MNIST" / "raw" / FILES[3]).read_bytes()[8:])
    assert loaded.train.images.flags.writeable


def test_vsclib_data_comes_before_the_cache_and_the_cache_before_a_download(
    tiny, alone, monkeypatch
):
    alone.parent.mkdir()
    tiny.rename(alone)
    from_cache = data.load("mnist")
    assert len(from_cache.train.images) == 12
    empty = alone.parent / "empty"
    empty.mkdir()
    monkeypatch.setenv("VSCLIB_DATA", str(empty))
    assert data.load("mnist").sha256 == from_cache.sha256
    # Once VSCLIB_DATA has the folder, its missing files are reported.
    (empty / "MNIST" / "raw").mkdir(parents=True)
    with pytest.raises(DataError) as error:
        data.load("mnist")
    one_line(error, empty, "missing")


def test_a_root_is_taken_at_its_word(tiny, alone, monkeypatch):
    monkeypatch.setenv("VSCLIB_DATA", str(tiny))
    elsewhere = tiny.parent / "elsewhere"
    with pytest.raises(DataError) as error:
        data.load("mnist", elsewhere)
    one_line(error, elsewhere / "MNIST" / "raw" / FILES[0], "missing", "download")
    assert not elsewhere.exists()


def test_vsclib_data_that_is_no_folder_is_refused(alone, monkeypatch, tmp_path):
    monkeypatch.setenv("VSCLIB_DATA", str(tmp_path / "typo"))
    with pytest.raises(DataError) as error:
        data.load("mnist")
    one_line(error, tmp_path / "typo", "not a folder", alone)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(tiny, alone, name):
    path = tiny / "MNIST" / "raw" / name
    path.unlink()
    with pytest.raises(DataError) as error:
        data.load("mnist", tiny)
    one_line(error, path, "missing", "VSCLIB_DATA")


def test_a_file_still_packed_is_named_with_its_remedy(tiny, alone):
    path = tiny / "MNIST" / "raw" / FILES[1]
    path.rename(path.with_name(FILES[1] + ".gz"))
    with pytest.raises(DataError) as error:
        data.load("mnist", tiny)
    one_line(error, f"unpack {path}.gz")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["cut short", "a bit of the header", "a bit of the last pixel"])
def test_a_wrong_file_is_named_with_what_was_expected(tiny, alone, name, damage):
    path = tiny / "MNIST" / "raw" / name
    content = bytearray(path.read_bytes())
    expected = hashlib.sha256(content).hexdigest()
    if damage == "cut short":
        del content[-3:]
    else:
        content[2 if "header" in damage else -1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        data.load("mnist", tiny)
    found = hashlib.sha256(content).hexdigest()
    one_line(error, path, f"{len(content):,} bytes", "cut short", "SHA256", found, expected)


def test_real_files_under_the_wrong_name_are_refused(mnist_root, alone, tmp_path):
    source = mnist_root / "MNIST" / "raw"
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for name in FILES:
        (raw / name).symlink_to((source / name).resolve())
    with pytest.raises(DataError) as error:
        data.load("fashion_mnist", tmp_path)
    digests = [
        about.files[0].digest.removeprefix("sha256:") for about in mnist.INFORMATION.values()
    ]
    one_line(error, raw / FILES[0], *digests)


# ---- download ----


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_without_a_network_one_line_says_where_the_files_belong(alone, name):
    with pytest.raises(DataError) as error:
        data.load(name)
    folder = {"mnist": "MNIST/raw", "fashion_mnist": "FashionMNIST/raw"}[name]
    one_line(error, name, "name resolution", "VSCLIB_DATA", folder, *FILES)
    assert files_in(alone) == []
    # No second traceback above the line.
    assert error.value.__cause__ is None and error.value.__suppress_context__


def files_in(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def server(tiny, alone, tmp_path, monkeypatch):
    """The tiny set as a server offers it; the folder that it serves."""
    served = tmp_path / "served"
    served.mkdir()
    for name in FILES:
        packed = gzip.compress((tiny / "MNIST" / "raw" / name).read_bytes())
        (served / f"{name}.gz").write_bytes(packed)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    mirror = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Quiet, directory=str(served))
    )
    threading.Thread(target=mirror.serve_forever, daemon=True).start()
    about = data.about("mnist")
    here = f"http://127.0.0.1:{mirror.server_port}"
    files = tuple(file._replace(url=f"{here}/{file.name}.gz") for file in about.files)
    monkeypatch.setitem(mnist.INFORMATION, "mnist", about._replace(files=files))
    yield served
    mirror.shutdown()
    mirror.server_close()


def test_a_download_lands_complete_in_the_cache_and_is_used_again(server, tiny, alone, monkeypatch):
    downloaded = data.load("mnist")
    assert downloaded.sha256 == data.load("mnist", tiny).sha256
    assert files_in(alone) == sorted(FILES)
    monkeypatch.setattr(pooch, "HTTPDownloader", None)
    assert data.load("mnist").sha256 == downloaded.sha256


def test_a_damaged_or_missing_file_of_the_cache_is_downloaded_again(server, alone):
    sound = data.load("mnist").sha256
    raw = alone / "MNIST" / "raw"
    (raw / FILES[2]).write_bytes(b"")
    (raw / FILES[0]).unlink()
    assert data.load("mnist").sha256 == sound and files_in(alone) == sorted(FILES)
    (raw / FILES[2]).write_bytes(b"")
    for packed in server.iterdir():
        packed.unlink()
    with pytest.raises(DataError) as error:
        data.load("mnist")
    one_line(error, alone, "404", "DATA/MNIST/raw")


@pytest.mark.parametrize("served", ["something else", "half a file", "a page", "garbled"])
def test_a_download_of_something_else_never_reaches_the_cache(server, alone, served):
    packed = server / f"{FILES[0]}.gz"
    content = packed.read_bytes()
    packed.write_bytes(
        {
            "something else": gzip.compress(b"something else"),
            "half a file": content[:-12],
            "a page": b"<html>not found</html>",
            "garbled": content[:10] + b"\xff" * 40,
        }[served]
    )
    with pytest.raises(DataError) as error:
        data.load("mnist")
    one_line(error, "mnist", "no download", "VSCLIB_DATA")
    assert files_in(alone) == []


def test_an_archive_that_grows_without_end_is_cut(server, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "_LARGEST_UNPACKED", 1000)
    (server / f"{FILES[0]}.gz").write_bytes(gzip.compress(bytes(10**6)))
    output = tmp_path / "output"
    downloads.unpacked(data.about("mnist").files[0].url, str(output), None)
    assert output.stat().st_size == 1000


def test_a_cache_that_cannot_be_written_is_one_line(alone):
    alone.parent.mkdir()
    alone.write_text("a file where the cache's folder should be")
    with pytest.raises(DataError) as error:
        data.load("mnist")
    one_line(error, "mnist", "VSCLIB_DATA")


def test_the_cache_lies_where_xdg_or_the_platform_says(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert downloads.cache_folder() == Path("/x/vsclib")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert downloads.cache_folder() == Path(pooch.os_cache("vsclib"))
