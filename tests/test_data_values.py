"""A reader's own real values: kept to the last bit, refused in one line where no number helps."""

import hashlib

import numpy as np
import pytest
import torch

from vsclib import data
from vsclib.data.dataset import check_promise
from vsclib.errors import ConfigurationError, DataError, VsclibError

VECTORS = np.random.default_rng(0).normal(30, 500, (20, 7))
SIGNALS = np.random.default_rng(1).normal(size=(20, 3, 11)).astype(np.float32)
MAPS = np.random.default_rng(2).normal(size=(20, 2, 4, 5)).astype(np.float32)


def one_line(error, *parts):
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert str(part) in message, message


@pytest.mark.parametrize(
    ("values", "shape"),
    [(VECTORS, (1, 1, 7)), (SIGNALS, (3, 1, 11)), (MAPS, (2, 4, 5)), (VECTORS > 0, (1, 1, 7))],
)
def test_values_are_kept_as_float32_whatever_their_range(values, shape):
    held_out = np.arange(20) % 4 == 0
    mine = data.from_values(values, test=held_out)
    for split, half in ((mine.train, ~held_out), (mine.test, held_out)):
        assert split.images.dtype == np.float32 and split.images.shape[1:] == shape
        kept = split.images.reshape(split.images.shape[0], -1)
        assert (kept == values[half].astype(np.float32).reshape(len(kept), -1)).all()
        assert torch.equal(data.to_tensor(split.images), torch.from_numpy(split.images))
        data.check_images(data.to_tensor(split.images), shape, real=True)


def test_labels_factors_and_split_are_those_of_an_array_of_images():
    labels, factors = np.arange(20) % 3, np.arange(20)[:, None] / 7
    named = {"classes": ("a", "b", "c"), "test": 0.3, "seed": 4, "name": "mine"}
    mine = data.from_values(VECTORS, torch.from_numpy(labels), torch.from_numpy(factors), **named)
    theirs = data.from_array(MAPS > 0, labels, factors.tolist(), **named)
    for ours, other in zip(mine[:2], theirs[:2], strict=True):
        assert (ours.labels == other.labels).all()
        assert np.abs(ours.factors - other.factors).max() < 1e-6
    assert mine[2:4] == theirs[2:4] == (("a", "b", "c"), "mine")


def test_a_tensor_of_any_precision_is_taken():
    x = torch.from_numpy(VECTORS).bfloat16().requires_grad_()
    mine = data.from_values(x, test=0.5)
    found = np.concatenate([mine.train.images, mine.test.images]).reshape(20, 7)
    assert sorted(map(tuple, found)) == sorted(map(tuple, x.detach().float().numpy()))


def test_the_checksum_is_of_the_floats():
    mine = data.from_values(VECTORS, test=0.5)
    digest = hashlib.sha256()
    for name, split in (("train", mine.train), ("test", mine.test)):
        line = f"{name}/images float32 {split.images.shape}\n"
        digest.update(line.encode() + split.images.astype("<f4").tobytes())
    assert mine.sha256 == digest.hexdigest()
    moved = VECTORS + np.where(np.indices(VECTORS.shape).sum(0) == 3, 0.01, 0)
    assert data.from_values(moved, test=0.5).sha256 != mine.sha256


def hole(value):
    values = VECTORS.copy()
    values[3, 2] = value
    return values


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ({"values": VECTORS[:, 0]}, ("(20,)", "vectors (N, D)")),
        ({"values": np.zeros((0, 3))}, ("(0, 3)",)),
        ({"values": np.zeros((20, 1, 1, 1, 3))}, ("(20, 1, 1, 1, 3)",)),
        ({"values": hole(np.nan)}, ("nan at [3, 2]", "finite float32")),
        ({"values": hole(-np.inf)}, ("-inf at [3, 2]",)),
        ({"values": hole(1e39)}, ("1e+39 at [3, 2]",)),
        ({"values": VECTORS.astype(str)}, ("<U", "real numbers")),
        ({"values": VECTORS + 1j}, ("complex128",)),
        ({"values": VECTORS[:1]}, ("1 image", "at least 2")),
        ({"values": VECTORS.tolist()}, ("values",)),
        ({"labels": np.zeros(19, int)}, ("(19,)", "(20,)")),
        ({"labels": [[1], [2, 3]]}, ("labels is a ragged list",)),
        ({"factors": [[1], [2, 3]]}, ("factors is a ragged list",)),
        ({"labels": ["a"] * 20, "classes": "ab"}, ("'ab'", "a name for each class")),
        ({"labels": [0] * 20, "classes": ("a", "a")}, ("('a', 'a')", "none twice")),
        ({"test": 0.0}, ("test = 0.0",)),
        ({"seed": -1}, ("seed = -1",)),
    ],
)
def test_what_from_values_refuses(arguments, parts):
    with pytest.raises(VsclibError) as error:
        data.from_values(**({"values": VECTORS} | arguments))
    one_line(error, *parts)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_reach_no_model(value):
    images = np.zeros((3, 1, 4, 5), dtype=np.float32)
    images[1, 0, 2, 2] = value
    with pytest.raises(DataError) as error:
        data.to_tensor(images)
    one_line(error, "NaN or an infinity")
    with pytest.raises(DataError) as error:
        data.check_images(torch.from_numpy(images), (1, 4, 5), real=True)
    one_line(error, "float32 (B, 1, 4, 5) of finite numbers", "clean")


def test_a_real_valued_set_keeps_its_promise_only_as_finite_float32():
    mine = data.from_values(VECTORS)
    about = data.Information("x", 16, 4, (1, 1, 7), "MIT", "here", "here", "none", real_valued=True)
    check_promise(mine, "values", about)
    broken = mine.train.images.copy()
    broken[5] = np.nan
    for images, part in ((broken, "NaN"), (broken.astype(np.float64), "expected float32")):
        with pytest.raises(DataError) as error:
            check_promise(mine._replace(train=data.Split(images, None, None)), "values", about)
        one_line(error, "values", part)
    with pytest.raises(DataError, match="expected uint8"):
        check_promise(mine, "values", about._replace(real_valued=False))


@pytest.mark.parametrize("device", ["cuda:99", "gpu"])
def test_an_absent_device_is_named(device):
    with pytest.raises(ConfigurationError) as error:
        data.to_tensor(np.zeros((2, 1, 3, 3), dtype=np.uint8), device)
    one_line(error, repr(device), "choose 'cpu'")


def test_a_model_behind_the_check_can_be_exported():
    class Doubled(torch.nn.Module):
        def forward(self, x):
            data.check_images(x, (1, 4, 5))
            return 2 * x

    x = torch.rand(3, 1, 4, 5)
    exported = torch.export.export(Doubled(), (x,)).module()
    assert torch.equal(exported(x), 2 * x)
