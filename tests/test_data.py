"""Data sets: what they hold against torchvision and scikit-learn, and what happens when something
is wrong.
"""

import gzip
import hashlib
import http.server
import os
import struct
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from conftest import require

from vsclib import data
from vsclib.data import folders, mnist
from vsclib.data.dataset import assemble
from vsclib.errors import DataError

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
def tiny(tmp_path):
    """A set of 12 + 6 images of 5x4 pixels in MNIST's format, and the description that it has to
    match.
    """
    generator = np.random.default_rng(0)
    root, files = tmp_path / "root", []
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, shape in zip(FILES, [(12, 5, 4), (12,), (6, 5, 4), (6,)], strict=True):
        pixels = generator.integers(0, 10, shape, dtype=np.uint8)
        content = struct.pack(f">{1 + len(shape)}I", 0x800 + len(shape), *shape) + pixels.tobytes()
        (raw / name).write_bytes(content)
        files.append(mnist.IdxFile(name, shape, hashlib.sha256(content).hexdigest()))
    return mnist.MNIST._replace(files=tuple(files)), root


# ---- the register ----


def test_names_are_those_of_the_contract():
    first = ("digits", "fashion_mnist", "mnist", "smiley")
    assert data.names() == ("celeba", "celeba_32", *first, "svhn", "uci_har", "uci_har_signals")


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("fashion-mnist", '"fashion_mnist"'), ("smily", "smiley"), (None, "digits")],
)
def test_an_unknown_name_is_refused_with_the_nearest_one(name, remedy):
    for function in (data.load, data.about):
        with pytest.raises(DataError) as error:
            function(name)
        one_line(error, repr(name), remedy.strip('"'))


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
    folder = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}[name]
    require((root / folder / "raw" / FILES[2]).is_file(), f"{folder} is not under VSCLIB_DATA")
    return root


def test_importing_the_room_does_not_import_torchvision_or_scikit_learn():
    # Parents are made by hand: what the package itself imports is not this room's affair.
    code = (
        "import sys, types; package = types.ModuleType('vsclib'); "
        f"package.__path__ = [{str(Path(data.__file__).parents[1])!r}]; sys.modules['vsclib'] = package; "
        "import vsclib.data; rooms = {m for m in sys.modules if m.startswith('vsclib.') and '.data' not in m}; "
        "assert rooms == {'vsclib.errors'}, rooms; assert not {'torchvision', 'sklearn'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


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
    idx_set, root = tiny
    loaded = mnist.load(idx_set, root)
    content = (root / "MNIST" / "raw" / FILES[0]).read_bytes()
    assert loaded.train.images.shape == (12, 1, 5, 4)
    assert loaded.train.images[7, 0, 3, 2] == content[16 + 7 * 20 + 3 * 4 + 2]
    assert loaded.test.labels.tolist() == list((root / "MNIST" / "raw" / FILES[3]).read_bytes()[8:])
    assert loaded.train.images.flags.writeable


def test_vsclib_data_comes_before_the_cache_and_the_cache_before_a_download(
    tiny, alone, monkeypatch
):
    idx_set, root = tiny
    alone.parent.mkdir()
    root.rename(alone)
    from_cache = mnist.load(idx_set)
    assert len(from_cache.train.images) == 12
    empty = alone.parent / "empty"
    empty.mkdir()
    monkeypatch.setenv("VSCLIB_DATA", str(empty))
    assert mnist.load(idx_set).sha256 == from_cache.sha256
    (empty / "MNIST" / "raw").mkdir(parents=True)
    with pytest.raises(
        DataError
    ) as error:  # VSCLIB_DATA has the folder now, so its missing files are reported
        mnist.load(idx_set)
    one_line(error, empty, "missing")


def test_a_root_is_taken_at_its_word(tiny, alone, monkeypatch):
    idx_set, root = tiny
    monkeypatch.setenv("VSCLIB_DATA", str(root))
    elsewhere = root.parent / "elsewhere"
    with pytest.raises(DataError) as error:
        mnist.load(idx_set, elsewhere)
    one_line(error, elsewhere / "MNIST" / "raw" / FILES[0], "missing", "256 bytes", "download")


def test_vsclib_data_that_is_no_folder_is_refused(alone, monkeypatch, tmp_path):
    monkeypatch.setenv("VSCLIB_DATA", str(tmp_path / "typo"))
    with pytest.raises(DataError) as error:
        data.load("mnist")
    one_line(error, tmp_path / "typo", "not a folder")


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(tiny, alone, name):
    idx_set, root = tiny
    path = root / "MNIST" / "raw" / name
    path.unlink()
    with pytest.raises(DataError) as error:
        mnist.load(idx_set, root)
    one_line(error, path, "missing")


def test_a_file_still_packed_is_named_with_its_remedy(tiny, alone):
    idx_set, root = tiny
    path = root / "MNIST" / "raw" / FILES[1]
    path.rename(path.with_name(FILES[1] + ".gz"))
    with pytest.raises(DataError) as error:
        mnist.load(idx_set, root)
    one_line(error, f"unpack {path}.gz")


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_named_with_both_sizes(tiny, alone, name):
    idx_set, root = tiny
    path = root / "MNIST" / "raw" / name
    content = path.read_bytes()
    path.write_bytes(content[:-3])
    with pytest.raises(DataError) as error:
        mnist.load(idx_set, root)
    one_line(error, path, f"{len(content) - 3:,} bytes", f"expected {len(content):,}", "cut short")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("position", "message"), [(-1, "SHA-256"), (2, "begins with"), (7, "begins with")]
)
def test_a_wrong_file_is_named_with_what_was_expected(tiny, alone, name, position, message):
    idx_set, root = tiny
    path = root / "MNIST" / "raw" / name
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        mnist.load(idx_set, root)
    one_line(error, path, message, "expected")


def test_a_damaged_cache_says_which_folder_to_delete(tiny, alone):
    idx_set, root = tiny
    alone.parent.mkdir()
    root.rename(alone)
    (alone / "MNIST" / "raw" / FILES[2]).write_bytes(b"")
    with pytest.raises(DataError) as error:
        mnist.load(idx_set)
    one_line(error, f"delete the folder {alone / 'MNIST'}")


def test_real_files_under_the_wrong_name_are_refused(mnist_root, alone, tmp_path):
    source = mnist_root / "MNIST" / "raw"
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for name in FILES:
        (raw / name).symlink_to((source / name).resolve())
    with pytest.raises(DataError) as error:
        data.load("fashion_mnist", tmp_path)
    one_line(
        error, raw / FILES[0], mnist.FASHION_MNIST.files[0].sha256, mnist.MNIST.files[0].sha256
    )


# ---- download ----


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_without_a_network_one_line_says_where_the_files_belong(alone, name):
    with pytest.raises(DataError) as error:
        data.load(name)
    folder = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}[name]
    one_line(error, name, "name resolution", "VSCLIB_DATA", f"{folder}/raw", *FILES)
    assert list(alone.iterdir()) == []  # nothing half-written
    assert (
        error.value.__cause__ is None and error.value.__suppress_context__
    )  # no second traceback above the line


@pytest.fixture
def server(tiny, alone, tmp_path, monkeypatch):
    """The tiny set as a mirror serves it, with torchvision pointed at that mirror."""
    from torchvision import datasets

    idx_set, root = tiny
    served, resources = tmp_path / "served", []
    served.mkdir()
    for name in FILES:
        packed = gzip.compress((root / "MNIST" / "raw" / name).read_bytes())
        (served / f"{name}.gz").write_bytes(packed)
        resources.append((f"{name}.gz", hashlib.md5(packed).hexdigest()))

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    mirror = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Quiet, directory=str(served))
    )
    threading.Thread(target=mirror.serve_forever, daemon=True).start()
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    monkeypatch.setattr(urllib.request, "urlopen", direct.open)
    monkeypatch.setattr(datasets.MNIST, "mirrors", [f"http://127.0.0.1:{mirror.server_port}/"])
    monkeypatch.setattr(datasets.MNIST, "resources", resources)
    yield idx_set, root
    mirror.shutdown()
    mirror.server_close()


def test_a_download_lands_complete_in_the_cache_and_is_used_again(server, alone, monkeypatch):
    idx_set, root = server
    downloaded = mnist.load(idx_set)
    assert downloaded.sha256 == mnist.load(idx_set, root).sha256
    assert sorted(path.name for path in alone.rglob("*")) == sorted(["MNIST", "raw", *FILES])
    monkeypatch.setattr(urllib.request, "urlopen", None)
    assert mnist.load(idx_set).sha256 == downloaded.sha256


def test_a_download_of_something_else_never_reaches_the_cache(server, alone):
    idx_set, _ = server
    foreign = idx_set.files[3]._replace(sha256="0" * 64)
    with pytest.raises(DataError) as error:
        mnist.load(idx_set._replace(files=(*idx_set.files[:3], foreign)))
    one_line(error, "SHA-256", "0" * 64, "what was downloaded", "VSCLIB_DATA")
    assert list(alone.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_one_line(alone):
    alone.parent.mkdir()
    alone.write_text("a file where the cache's folder should be")
    with pytest.raises(DataError) as error:
        data.load("mnist")
    one_line(error, "mnist", "VSCLIB_DATA")


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"XDG_CACHE_HOME": "/x"}, "/x/vsclib"),
        ("linux", {}, "/home/me/.cache/vsclib"),
        ("darwin", {}, "/home/me/Library/Caches/vsclib"),
        ("win32", {"LOCALAPPDATA": "/l"}, "/l/vsclib"),
    ],
)
def test_the_cache_lies_where_the_platform_keeps_caches(monkeypatch, platform, variables, expected):
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(Path, "home", lambda: Path("/home/me"))
    monkeypatch.setattr(sys, "platform", platform)
    assert folders.cache_folder() == Path(expected)
