"""Wrong calls of every public function: drawn from its type hints, answered by the library alone.

A call may succeed. When it does not, the error is one of the library's own, in one line; anything
else that comes out of NumPy, PyTorch or Python is a failure.
"""

import importlib
import inspect
import itertools
import random
import types
import typing
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import Tensor

import vsclib
from vsclib import data, metrics, models
from vsclib.errors import VsclibError

ROOMS = (
    "vsclib",
    "vsclib.data",
    "vsclib.models",
    "vsclib.networks",
    "vsclib.spike_slab",
    "vsclib.schedules",
    "vsclib.inference",
    "vsclib.metrics",
    "vsclib.linear",
    "vsclib.figures",
    "vsclib.traversal",
    "vsclib.records",
    "vsclib.runs",
    "vsclib.files",
)
CALLS = 40
"""Calls of each function."""
SHAPE = (1, 8, 8)
# What starts programs, notebooks or downloads; their own tests give them wrong input.
APART = {"execute", "write_cell", "frechet_distance"}


def functions() -> Iterator[tuple[str, Callable]]:
    """Every public function, once, by its full name."""
    seen = set()
    for room in ROOMS:
        module = importlib.import_module(room)
        for name in getattr(module, "__all__", None) or sorted(vars(module)):
            found = getattr(module, name)
            own = inspect.isfunction(found) and found.__module__.startswith("vsclib")
            if own and not name.startswith("_") and name not in APART and found not in seen:
                seen.add(found)
                yield f"{room}.{name}", found


FUNCTIONS = dict(functions())
WRONG = object()


def tensors() -> list[Tensor]:
    """Tensors that fit, and tensors that do not."""
    draw = torch.Generator().manual_seed(0)
    return [
        torch.rand(6, 4, generator=draw),
        torch.rand(6, *SHAPE, generator=draw),
        torch.rand(4, generator=draw),
        torch.tensor(0.5),
        torch.zeros(0, 4),
        torch.zeros(6, 0),
        torch.full((6, 4), torch.nan),
        torch.full((6, 4), torch.inf),
        -torch.rand(6, 4, generator=draw),
        torch.rand(5, 3, generator=draw),
        torch.ones(6, 4, dtype=torch.int64),
        torch.ones(6, 4, dtype=torch.bool),
        torch.rand(6, 4, generator=draw).double(),
    ]


def arrays() -> list[np.ndarray]:
    """The same as NumPy arrays, and byte images."""
    bytes_ = np.random.default_rng(0).integers(0, 256, (6, *SHAPE), dtype=np.uint8)
    labels = np.array([0, 1, 0, 1, 2, 2])
    return [tensor.numpy() for tensor in tensors()] + [bytes_, bytes_[:0], labels, labels[:0]]


class Pool:
    """Values for a type hint, good and bad."""

    def __init__(self, folder: Path) -> None:
        images = np.random.default_rng(1).integers(0, 256, (24, *SHAPE), dtype=np.uint8)
        labels, factors = np.arange(24) % 3, np.random.default_rng(2).random((24, 2))
        small = {"image_shape": SHAPE, "latents": 4, "hidden": 8}
        self.folder = folder
        self.models = [models.create(name, **small) for name in ("vae", "vsc", "sparse_generator")]
        self.sets = [data.from_array(images, labels, factors), data.from_array(images)]
        self.codes = [metrics.codes(model, images[:6]) for model in self.models]
        self.trained = [
            vsclib.fit(model, images, steps=2, batch_size=10, progress=False)
            for model in self.models[:2]
        ]

    def of(self, hint: Any) -> list[Any]:
        """Values of a kind, and one of none."""
        return [*self.fitting(hint), WRONG]

    def fitting(self, hint: Any) -> list[Any]:
        origin, inside = typing.get_origin(hint), typing.get_args(hint)
        if origin is typing.Annotated:
            return self.fitting(inside[0])
        if origin is Literal:
            return list(inside)
        if origin in (typing.Union, types.UnionType):
            return list(itertools.chain.from_iterable(self.fitting(one) for one in inside))
        if origin is tuple and inside and inside[-1] is not ...:
            return [tuple(self.fitting(one)[k % 3] for one in inside) for k in range(3)]
        if origin in (list, Sequence, tuple):
            values = self.fitting(inside[0])
            return [[], values[:1], values[:3]] if origin is not tuple else [(), tuple(values[:3])]
        if origin in (dict, Mapping):
            return [{}, {"": None}]
        return self.plain(hint)

    def plain(self, hint: Any) -> list[Any]:
        kinds: dict[Any, list[Any]] = {
            type(None): [None],
            bool: [True, False],
            int: [0, 1, 2, 3, -1, -5],
            float: [0.0, 0.5, 1.0, 2.0, -1.0, float("nan"), float("inf"), 1e-320],
            str: ["", "digits", "vsc", "no such thing", "../outside", "a\nb"],
            Path: [self.folder, self.folder / "none", self.folder / "some.json"],
            Tensor: tensors(),
            np.ndarray: arrays(),
            torch.Generator: [torch.Generator().manual_seed(3)],
            models.Model: self.models,
            models.Trainable: self.models,
            models.Code: self.codes,
            data.DataSet: self.sets,
            data.Split: [self.sets[0].train, self.sets[1].test],
            type(self.trained[0]): self.trained,
        }
        if "ArrayLike" in str(hint) or "_array_like" in str(hint):
            return [*arrays(), [1.0, 2.0], []]
        return kinds.get(hint, [WRONG])


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    return Pool(tmp_path_factory.mktemp("files"))


def wrong_calls(name: str, function: Callable, pool: Pool) -> Iterator[dict[str, Any]]:
    """Arguments of a function, each drawn from the values of its hint."""
    draw = random.Random(name)
    hints = typing.get_type_hints(function, include_extras=True)
    parameters = inspect.signature(function).parameters.values()
    named = [one for one in parameters if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)]
    values = {one.name: pool.of(hints.get(one.name, Any)) for one in named}
    for _ in range(CALLS):
        yield {
            one.name: draw.choice(values[one.name])
            for one in named
            if one.default is one.empty or draw.random() < 0.5
        }


def shown(arguments: dict[str, Any]) -> str:
    """A call's arguments, short enough to read."""
    return ", ".join(f"{name}={str(value)[:60]!r}" for name, value in arguments.items())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_wrong_call_is_refused_by_the_library(name, pool, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    function, unclear = FUNCTIONS[name], []
    for arguments in wrong_calls(name, function, pool):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                function(**arguments)
        except VsclibError as error:
            if "\n" in str(error) or len(str(error)) < 20:
                unclear.append(f"{shown(arguments)}: {error}")
        except Exception as error:
            unclear.append(f"{shown(arguments)}: {type(error).__name__}: {error}")
    assert unclear == []
