"""What pip gets: every import declared, one version, the library and nothing beside it."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY
from setuptools import find_packages

import vsclib

SETTINGS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
# Reading every installed package takes a second.
PROVIDERS = packages_distributions()
PROJECT, SETUPTOOLS = SETTINGS["project"], SETTINGS["tool"]["setuptools"]


def distribution(requirement: str) -> str:
    """The package that a requirement names, spelled as the index spells it."""
    return re.match(r"[A-Za-z0-9._-]+", requirement)[0].lower().replace("_", "-")


def names_of(requirements: list[str]) -> set[str]:
    """The packages of many requirements; options of pip and remarks left out."""
    return {distribution(line) for line in requirements if re.match(r"[A-Za-z0-9]", line)}


def foreign_imports(code: ast.Module) -> Iterator[tuple[str, bool]]:
    """Every package that a module imports, and whether only inside a function."""
    inside = {
        id(node)
        for function in ast.walk(code)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    for node in ast.walk(code):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found = [node.module]
        else:
            continue
        for name in {full.split(".")[0] for full in found} - sys.stdlib_module_names - {"vsclib"}:
            yield name, id(node) in inside


def undeclared(code: ast.Module, needed: set[str], optional: set[str]) -> list[str]:
    """The imports of a module that no requirement brings."""
    wrong = []
    for name, later in foreign_imports(code):
        brought_by = {distribution(found) for found in PROVIDERS.get(name, [name])}
        if not brought_by & (needed | (optional if later else set())):
            wrong.append(f"{name} (of {', '.join(sorted(brought_by))})")
    return sorted(set(wrong))


NEEDED = names_of(PROJECT["dependencies"])
OPTIONAL = names_of([line for extra in PROJECT["optional-dependencies"].values() for line in extra])


def test_every_import_is_declared() -> None:
    wrong = [
        f"{path.relative_to(REPOSITORY).as_posix()} imports {name}"
        for path in sorted((REPOSITORY / "vsclib").rglob("*.py"))
        for name in undeclared(ast.parse(path.read_text(encoding="utf-8")), NEEDED, OPTIONAL)
    ]
    assert wrong == [], "\n".join(
        [
            *wrong,
            "add it to dependencies in pyproject.toml; to an extra, if only a function imports it",
        ]
    )


@pytest.mark.parametrize(
    "code, wrong",
    [
        ("import torch, os, vsclib.data", []),
        ("import yaml", ["yaml (of pyyaml)"]),
        ("from PIL import Image", ["PIL (of pillow)"]),
        ("import diffusers", ["diffusers (of diffusers)"]),
        ("def f():\n    import diffusers", []),
    ],
)
def test_an_undeclared_import_would_be_found(code: str, wrong: list[str]) -> None:
    assert undeclared(ast.parse(code), {"torch"}, {"diffusers"}) == wrong


def test_every_dependency_is_used() -> None:
    imported = {
        distribution(brought_by)
        for path in (REPOSITORY / "vsclib").rglob("*.py")
        for name, _ in foreign_imports(ast.parse(path.read_text(encoding="utf-8")))
        for brought_by in PROVIDERS.get(name, [name])
    }
    # anywidget draws through it.
    assert NEEDED - imported - {"ipywidgets"} == set(), "remove it from pyproject.toml"


def test_the_version_is_said_once() -> None:
    assert "version" not in PROJECT and PROJECT["dynamic"] == ["version"]
    assert SETUPTOOLS["dynamic"]["version"] == {"attr": "vsclib.__version__"}
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))
    changes = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = next(
        name for name in re.findall(r"^## (\S+)", changes, re.MULTILINE) if name != "Unreleased"
    )
    assert citation["version"] == newest == vsclib.__version__, (
        f"vsclib.__version__ is {vsclib.__version__}, CITATION.cff says {citation['version']} and "
        f"the newest section of CHANGELOG.md is {newest}: make them one"
    )


def test_the_wheel_holds_the_library_and_nothing_beside_it() -> None:
    packages = find_packages(str(REPOSITORY), **SETUPTOOLS["packages"]["find"])
    rooms = {
        path.parent.relative_to(REPOSITORY).as_posix().replace("/", ".")
        for path in (REPOSITORY / "vsclib").rglob("__init__.py")
    }
    assert set(packages) == rooms
    packed = {
        path
        for package, patterns in SETUPTOOLS["package-data"].items()
        for pattern in patterns
        for path in Path(REPOSITORY, *package.split(".")).glob(pattern)
    }
    there = {
        path
        for path in (REPOSITORY / "vsclib").rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert there - packed == set(), "name it under package-data in pyproject.toml"
    assert REPOSITORY / "vsclib" / "py.typed" in packed


def test_lock_holds_every_requirement_at_an_exact_version() -> None:
    lock = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8").splitlines()
    assert [line for line in lock if not re.match(r"[\w.-]+(\[[\w,-]+\])?==\S+", line)] == []
    wanted = (REPOSITORY / "requirements.txt").read_text(encoding="utf-8").splitlines()
    # Snakemake would take older versions of the book's packages: it has an environment and a lock of its own.
    apart = names_of(PROJECT["optional-dependencies"]["sweep"])
    missing = (NEEDED | OPTIONAL | names_of(wanted)) - apart - names_of(lock)
    assert "-e .[refiner]" in wanted and missing == set(), (
        f"{', '.join(sorted(missing))} is not in requirements.lock: make lock"
    )
