"""A reader's own sets by name: registered, or behind an import path, and held to what they say."""

import sys

import numpy as np
import pytest

from vsclib import data
from vsclib.errors import DataError, VsclibError

MODULE = """
import numpy as np
from vsclib import data

CALLS = []
BUILT = data.from_array(np.arange(40 * 6, dtype=np.uint8).reshape(40, 2, 3), np.arange(40) % 2)


def load():
    CALLS.append(None)
    return BUILT


def rooted(root=None):
    CALLS.append(root)
    return data.from_values(np.eye(9), factors=np.ones((9, 2)), name="another")


def nothing():
    return [1, 2]


def halves():
    short = data.from_values(np.eye(5))
    return BUILT._replace(test=short.test)


def flat():
    images = np.zeros((4, 3, 3), dtype=np.uint8)
    return BUILT._replace(train=data.Split(images, None, None))


constant = 3
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The name of a module of the reader's, made anew for each test."""
    name = f"own_sets_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text(MODULE)
    (tmp_path / f"{name}_broken.py").write_text("import no_such_package\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(data, "_SETS", data._SETS.copy())
    return name


def one_line(error, *parts):
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert str(part) in message, message


def test_an_import_path_loads_and_tells_of_a_set_that_is_loaded_once_to_be_described(module):
    path = f"{module}:load"
    about = data.about(path)
    calls = sys.modules[module].CALLS
    assert data.about(path) == about and len(calls) == 1
    loaded = data.load(path)
    assert len(calls) == 2
    assert loaded.name == path and loaded.sha256 == about.sha256 == sys.modules[module].BUILT.sha256
    assert (loaded.train.images == sys.modules[module].BUILT.train.images).all()
    assert about[1:4] == (32, 8, (1, 2, 3)) and about.classes == ("0", "1")
    assert not about.real_valued and path in about.source.replace(".", ":")
    assert path not in data.names()


def test_a_loader_may_take_the_root_folder(module, tmp_path):
    loaded = data.load(f"{module}:rooted", tmp_path)
    assert sys.modules[module].CALLS == [tmp_path]
    about = data.about(f"{module}:rooted")
    assert about.real_valued and len(about.factors) == 2 == loaded.train.factors.shape[1]
    with pytest.warns(UserWarning, match="root = .* has no effect"):
        data.load(f"{module}:load", tmp_path)


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("no_such_module:load", ("no_such_module cannot be imported", "PYTHONPATH")),
        ("{}_broken:load", ("no_such_package",)),
        ("{}:lead", ("no function lead",)),
        ("{}:constant", ("no function constant",)),
        ("{}:nothing", ("gave a list", "vsclib.data.DataSet")),
        ("{}:halves", ("test.images is float32 array", "expected uint8 array")),
        ("{}:flat", ("train.images is uint8 array (4, 3, 3)", "from_array")),
        ("{}:", ("expected 'package.module:function'",)),
        (":load", ("expected 'package.module:function'",)),
        ("..{}:load", ("expected 'package.module:function'",)),
        ("a:b:c", ("expected 'package.module:function'",)),
    ],
)
def test_a_wrong_path_is_refused_in_one_line(module, path, parts):
    for function in (data.load, data.about):
        with pytest.raises(DataError) as error:
            function(path.format(module))
        one_line(error, path.format(module), *parts)


def test_a_registered_set_is_found_by_name_and_made_when_it_is_asked_for(module):
    made = []

    def load():
        made.append(data.from_values(np.eye(8) - 3))
        return made[-1]

    data.register("corners", load)
    assert not made and "corners" in data.names() and list(data.names()) == sorted(data.names())
    assert data.load("corners").name == "corners" and len(made) == 1
    assert data.about("corners").image_shape == (1, 1, 8) and len(made) == 1
    data.register("corners", lambda: data.from_values(np.eye(4)))
    assert data.about("corners").image_shape == (1, 1, 4)
    assert data.load("corners").train.images.shape == (3, 1, 1, 4)


def test_a_registered_set_is_held_to_what_was_promised(module):
    promised = data.Information("Corners", 6, 2, (1, 1, 8), "MIT", "here", "here", "nothing")
    data.register("corners", lambda: data.from_values(np.eye(8)), promised)
    assert data.about("corners") == promised
    with pytest.raises(DataError) as error:
        data.load("corners")
    one_line(error, "corners", "float32 array (6, 1, 1, 8)", "expected uint8")
    data.register(
        "corners", lambda: data.from_values(np.eye(8)), promised._replace(real_valued=True)
    )
    assert len(data.load("corners").test.images) == 2


@pytest.mark.parametrize("name", ["", "a b", "../up", "x:y", "a/b", "mnist", None, 3])
def test_a_name_that_is_taken_or_none_is_refused(module, name):
    with pytest.raises(VsclibError) as error:
        data.register(name, lambda: data.from_values(np.eye(8)))
    one_line(error, "name = ")
    assert set(data.names()) == {name for name in data.names() if name.islower()}


def test_a_loader_that_is_no_function_is_refused(module):
    with pytest.raises(VsclibError) as error:
        data.register("mine", data.from_values(np.eye(8)))
    one_line(error, "load = ")


def test_a_set_of_black_images_is_refused(module):
    zeros_and_ones = data.Split(np.eye(4, dtype=np.uint8)[None, None].repeat(4, 0), None, None)
    data.register("black", lambda: data.DataSet(zeros_and_ones, zeros_and_ones, (), "x", ""))
    with pytest.raises(DataError) as error:
        data.about("black")
    one_line(error, "black", "0 and 1 only", "multiply")
