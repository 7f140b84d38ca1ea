"""The front door and the house rules: what README promises works, code is linted and typed."""

import inspect
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import papermill
import pytest
import yaml
from conftest import REPOSITORY, require
from nbval.plugin import get_sanitize_patterns

from vsclib import models

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """README's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def run(*command: str, cwd: Path = REPOSITORY) -> subprocess.CompletedProcess:
    """A command's outcome, output captured."""
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


# ------------------------------------------------------------------------------------------- README


@pytest.mark.slow
def test_readme_example_is_ten_lines_and_runs(tmp_path: Path) -> None:
    example = blocks("python")[0]
    assert len([line for line in example.splitlines() if line.strip()]) <= 10
    outcome = run(sys.executable, "-c", example, cwd=tmp_path)
    assert outcome.returncode == 0, outcome.stderr
    on, zeros = re.search(r"([\d.]+) of 50 units on, (\d+)% exact zeros", outcome.stdout).groups()
    assert 1 <= float(on) <= 10 and int(zeros) >= 80
    assert (tmp_path / "smiley.safetensors").is_file()


@pytest.mark.slow
def test_readme_holds_a_formula_against_its_definition() -> None:
    *setting, last = blocks("python")[1].rstrip().splitlines()
    outcome = run(sys.executable, "-c", "\n".join([*setting, f"print({last})"]))
    assert outcome.returncode == 0 and outcome.stdout.strip().endswith("passed"), outcome.stderr


def test_make_knows_every_target_that_the_texts_name() -> None:
    targets = set(
        re.findall(
            r"^([a-z]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
        )
    )
    named: set[str] = set()
    for path in [
        REPOSITORY / "README.md",
        REPOSITORY / "CONTRIBUTING.md",
        *(REPOSITORY / "book").glob("*.md"),
        *(REPOSITORY / "book/runs").glob("*.md"),
    ]:
        named |= set(
            re.findall(
                r"(?:^|`)(?:\w+=\S+ )*make ([a-z]+)", path.read_text(encoding="utf-8"), re.MULTILINE
            )
        )
    assert {"book", "test", "train"} <= named <= targets


@pytest.mark.parametrize(
    "target", ["book", "lint", "quick", "test", "hooks", "train", "clean", "help", "pages"]
)
def test_make_can_plan_its_targets(target: str) -> None:
    require(shutil.which("make") is not None, "make is not installed")
    outcome = run("make", "--dry-run", target)
    assert outcome.returncode == 0, outcome.stderr


def test_make_refuses_an_old_python(tmp_path: Path) -> None:
    require(shutil.which("make") is not None, "make is not installed")
    old = tmp_path / "python"
    pretend = "import sys; sys.version_info = (3, 10, 4); $1"
    old.write_text(f'#!/bin/sh\nshift\nexec {sys.executable} -c "{pretend}"\n')
    old.chmod(0o755)
    outcome = run("make", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}", "test")
    assert outcome.returncode != 0
    assert "Python 3.11 or newer is needed" in outcome.stderr and "is 3.10" in outcome.stderr
    assert not (tmp_path / "venv").exists()


def test_papermill_commands_name_parameters_that_the_notebook_takes() -> None:
    texts = README + (REPOSITORY / "book" / "runs" / "index.md").read_text(encoding="utf-8")
    commands = re.findall(r"papermill (?:.*\\\n)*.*", texts)
    commands = [command for command in commands if "train.ipynb" in command]
    named = {name for command in commands for name in re.findall(r"-p (\w+) ", command)}
    notebook = REPOSITORY / "notebooks" / "experiments" / "train.ipynb"
    assert {"model", "dataset"} <= named <= set(papermill.inspect_notebook(str(notebook)))


def test_readme_restores_links_that_arrived_as_text(tmp_path: Path) -> None:
    require(
        (REPOSITORY / ".git").exists() and shutil.which("git") is not None, "this is no git clone"
    )
    (command,) = [block for block in blocks("bash") if "core.symlinks" in block]
    clone = tmp_path / "clone"
    assert (
        run(
            "git", "clone", "-q", "-c", "core.symlinks=false", str(REPOSITORY), str(clone)
        ).returncode
        == 0
    )
    links = [clone / "book" / name for name in ("_config.yml", "_toc.yml", "notebooks")]
    assert not any(link.is_symlink() for link in links)
    assert run(*command.split(), cwd=clone).returncode == 0
    assert all(link.is_symlink() and link.exists() for link in links)


def test_files_that_readme_links_to_exist() -> None:
    for address in re.findall(r"\]\(([^)#]+)\)", README):
        if "://" not in address:
            assert (REPOSITORY / address).exists(), address


def test_citation_file_is_complete_and_agrees_with_the_package() -> None:
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {"cff-version", "message", "title", "authors", "version", "license"} <= set(citation)
    assert citation["cff-version"] == "1.2.0"
    assert all(
        "name" in author or {"family-names", "given-names"} <= set(author)
        for author in citation["authors"]
    )
    assert citation["license"] == project["license"]


# -------------------------------------------------------------------------------------- house rules


def test_models_are_small() -> None:
    """A family is its class and the options that it adds; what it inherits is another's."""
    classes = {
        base
        for name in models.names()
        for base in models.family(name).__mro__
        if issubclass(base, models.Model)
    }
    lengths = {}
    for family in classes:
        own = [family, *([family.Config] if family.Config.__module__ == family.__module__ else [])]
        lengths[family.__name__] = sum(len(inspect.getsource(part).splitlines()) for part in own)
    assert {"Model", "VSC", "ShortRun", "Generator"} <= set(lengths)
    assert {name: length for name, length in lengths.items() if length > 160} == {}


def test_lint() -> None:
    outcome = run(sys.executable, "-m", "ruff", "check", ".")
    assert outcome.returncode == 0, outcome.stdout


def test_format() -> None:
    outcome = run(sys.executable, "-m", "ruff", "format", "--check", ".")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.mark.slow
def test_types() -> None:
    outcome = run(sys.executable, "-m", "mypy")
    assert outcome.returncode == 0, outcome.stdout


def test_examples_in_docstrings_are_collected() -> None:
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
        "pytest"
    ]["ini_options"]
    assert "--doctest-modules" in settings["addopts"] and "vsclib" in settings["testpaths"]


@pytest.mark.parametrize("script", [".ci/run"])
def test_shell_scripts_parse(script: str) -> None:
    require(shutil.which("bash") is not None, "bash is not installed")
    assert run("bash", "-n", script).returncode == 0


@pytest.mark.parametrize(
    "first, second, same",
    [
        ("<svg a>\n<path d='1'/></svg>", "<svg b>\n</svg>", True),
        ("took 29 s, 1,024 images/s", "took 3.1 s, 998 images/s", True),
        ("  0%|    | 0/300", " 10%|#   | 30/300", True),
        ("<object at 0x7f00>", "<object at 0x8a11>", True),
        ("ELBO -135.2 nats", "ELBO -131.9 nats", False),
        ("3 of 50 units", "4 of 50 units", False),
        ("Picture: three faces", "Picture: two faces", False),
    ],
)
def test_comparison_of_chapters_ignores_times_and_keeps_results(
    first: str, second: str, same: bool
) -> None:
    patterns = get_sanitize_patterns((REPOSITORY / "sanitize.cfg").read_text(encoding="utf-8"))
    for pattern, replacement in patterns:
        first, second = (re.sub(pattern, replacement, text) for text in (first, second))
    assert (first == second) is same
