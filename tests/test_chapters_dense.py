"""Chapters 1 and 2: names of cells, pictures that speak, cells that train, the live widget."""

import re

import nbformat
import pytest
from conftest import REPOSITORY

LARGEST = 2_000_000  # bytes
CHAPTERS = ["01-autoencoder", "02-vae"]
PICTURE = "application/vnd.vsclib.drawing"


@pytest.fixture(params=CHAPTERS)
def chapter(request: pytest.FixtureRequest) -> nbformat.NotebookNode:
    """A chapter as it is stored."""
    return nbformat.read(REPOSITORY / "notebooks" / f"{request.param}.ipynb", as_version=4)


def tags(cell: nbformat.NotebookNode) -> set[str]:
    return set(cell.metadata.get("tags", []))


def text(chapter: nbformat.NotebookNode) -> str:
    return "\n".join(cell.source for cell in chapter.cells if cell.cell_type == "markdown")


def code(chapter: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in chapter.cells if cell.cell_type == "code"]


@pytest.mark.parametrize("name", CHAPTERS)
def test_notebook_is_small(name: str) -> None:
    assert (REPOSITORY / "notebooks" / f"{name}.ipynb").stat().st_size < LARGEST


def test_cells_have_readable_names(chapter: nbformat.NotebookNode) -> None:
    names = [cell.id for cell in chapter.cells]
    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", name)] == []


def test_every_picture_has_a_caption_and_a_description(chapter: nbformat.NotebookNode) -> None:
    shown = [
        (cell, out)
        for cell in code(chapter)
        for out in cell.outputs
        if PICTURE in out.get("data", {})
    ]
    assert len(shown) >= 5
    for cell, output in shown:
        figure = cell.metadata.get("mystnb", {}).get("figure", {})
        assert figure.get("name", "").startswith("fig-"), cell.id
        assert figure["caption"].endswith("."), cell.id
        assert len(output.metadata["image/png"]["alt"]) > 40, cell.id


def test_cells_that_train_do_not_compare_their_numbers(chapter: nbformat.NotebookNode) -> None:
    names = [cell.id for cell in code(chapter) if "fit(" in cell.source]
    assert names
    for cell in code(chapter):
        prints = any(output.output_type == "stream" for output in cell.outputs)
        if cell.id in names and prints:
            assert "nbval-ignore-output" in tags(cell) and "assert " in cell.source, cell.id


def test_labelled_equations_are_used_again(chapter: nbformat.NotebookNode) -> None:
    labels = re.findall(r"^\$\$ \((eq-[a-z-]+)\)$", text(chapter), re.MULTILINE)
    assert len(labels) >= 4 and len(set(labels)) == len(labels)
    assert [label for label in labels if f"{{eq}}`{label}`" not in text(chapter)] == []


def test_widget_is_stored_with_its_state() -> None:
    chapter = nbformat.read(REPOSITORY / "notebooks" / "02-vae.ipynb", as_version=4)
    views = [
        output.data["application/vnd.jupyter.widget-view+json"]["model_id"]
        for cell in code(chapter)
        for output in cell.outputs
        if "application/vnd.jupyter.widget-view+json" in output.get("data", {})
    ]
    state = chapter.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    assert len(views) == 1 and views[0] in state
