"""What notebooks store of the live widget, and that a changed script executes nothing again."""

import copy
import json
import subprocess
from pathlib import Path

import nbformat
import papermill
import pytest
from conftest import load_script
from ipywidgets.embed import dependency_state
from nbclient import NotebookClient
from published_page import REPOSITORY
from test_traversal import a_model, random_images, sparse_widget

from vsclib.traversal import Traversal
from vsclib.traversal.script import MODULE, STUB, STYLE
from vsclib.traversal.stored import REFERENCE, STATE, WIDGET, keep_data_only, main

NOTEBOOKS = sorted(
    path
    for path in subprocess.run(
        ["git", "ls-files", "*.ipynb"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    if (REPOSITORY / path).is_file()
)


def notebook_of(*widgets: Traversal) -> dict:
    """A notebook as a kernel leaves it: a cell for each widget, and the state of all."""
    cells, states = [], {}
    for widget in widgets:
        data, metadata = widget._repr_mimebundle_()
        output = nbformat.v4.new_output("display_data", data, metadata=metadata)
        # To execute it would leave a trace.
        cells.append(nbformat.v4.new_code_cell("open('executed', 'w')", outputs=[output]))
        states |= dependency_state(widget, drop_defaults=False)
    notebook = nbformat.v4.new_notebook(cells=cells)
    version = {"version_major": 2, "version_minor": 0}
    notebook.metadata["widgets"] = {STATE: {"state": states, **version}}
    return json.loads(nbformat.writes(notebook))


def models(notebook: dict) -> dict:
    return notebook["metadata"].get("widgets", {}).get(STATE, {}).get("state", {})


def traversals(notebook: dict) -> list[dict]:
    states = [model["state"] for model in models(notebook).values()]
    return [state for state in states if state.get("_anywidget_id") == WIDGET]


def decoder_of(notebook: dict, state: dict) -> dict:
    return models(notebook)[state["decoder"].removeprefix(REFERENCE)]["state"]


def old_form(notebook: dict) -> dict:
    """The notebook as it was stored before a decoder was a model: script and weights inside."""
    old = copy.deepcopy(notebook)
    for state in traversals(old):
        decoder = decoder_of(notebook, state)
        models(old).pop(state.pop("decoder").removeprefix(REFERENCE), None)
        state |= {name: decoder[name] for name in ("layers", "weights")}
        assert state["_esm"] == MODULE and state["_css"] == STYLE
    return old


@pytest.mark.parametrize("as_before", [False, True])
def test_what_is_stored_is_every_trait_but_script_and_style(as_before):
    widget = Traversal(a_model(), random_images())
    kept = old_form(notebook_of(widget)) if as_before else notebook_of(widget)
    keep_data_only(kept)
    (state,) = traversals(kept)
    decoder = decoder_of(kept, state)
    assert decoder["layers"] == widget.decoder.layers
    assert decoder["weights"] == widget.decoder.weights
    expected = json.loads(json.dumps(widget.get_state()))
    own = {name: expected.pop(name) for name in ("_esm", "_css", "decoder")}
    assert {name: value for name, value in state.items() if name not in own} == expected
    assert state["_esm"] == STUB and len(STUB) < 160 and "_css" not in state


def test_widgets_of_one_model_store_its_weights_once_and_those_of_two_models_each():
    model, images = a_model(), random_images()
    widgets = [Traversal(model, images), Traversal(model, images[:2]), sparse_widget()]
    new, old = notebook_of(*widgets), old_form(notebook_of(*widgets))
    for notebook in (new, old):
        keep_data_only(notebook)
        text = json.dumps(notebook)
        assert [text.count(widget.decoder.weights) for widget in widgets] == [1, 1, 1]
        for widget in widgets:
            state = models(notebook)[widget.model_id]["state"]
            assert decoder_of(notebook, state)["weights"] == widget.decoder.weights


def test_a_second_pass_changes_nothing_and_other_notebooks_keep_their_bytes(tmp_path, capsys):
    widget, plain = tmp_path / "widget.ipynb", tmp_path / "plain.ipynb"
    widget.write_text(json.dumps(old_form(notebook_of(sparse_widget()))), "utf-8")
    plain.write_text(json.dumps(notebook_of()), "utf-8")  # on one line
    before = plain.read_bytes()
    main([str(widget), str(plain)])
    once = widget.read_bytes()
    assert once.startswith(b'{\n "cells": [\n') and once.endswith(b"\n}\n")
    main([str(widget), str(plain)])
    assert widget.read_bytes() == once and plain.read_bytes() == before
    assert capsys.readouterr().out.count("\n") == 1


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_stored_notebooks_hold_no_script_and_no_data_twice(path):
    notebook = json.loads((REPOSITORY / path).read_text("utf-8"))
    remedy = f"run python -m vsclib.traversal.stored {path}"
    for state in traversals(notebook):
        assert len(state["_esm"]) < 160 and not state.get("_css"), remedy
    long = [
        value
        for model in models(notebook).values()
        for value in model["state"].values()
        if isinstance(value, str) and len(value) > 2_000
    ]
    assert len(long) == len(set(long)), remedy
    assert "createElement" not in json.dumps(models(notebook)), remedy
    again = copy.deepcopy(notebook)
    keep_data_only(again)
    assert again == notebook, remedy


def test_an_executed_chapter_is_stored_without_script(tmp_path, monkeypatch):
    def execute_notebook(chapter: str, executed: str, **options: object) -> None:
        notebook = notebook_of(sparse_widget())
        notebook["metadata"]["papermill"] = {}
        Path(executed).write_text(json.dumps(notebook), "utf-8")

    monkeypatch.setattr(papermill, "execute_notebook", execute_notebook)
    load_script("notebooks/execute.py").execute(tmp_path / "chapter.ipynb")
    stored = json.loads((tmp_path / "chapter.ipynb").read_text("utf-8"))
    assert [state["_esm"] for state in traversals(stored)] == [STUB]


@pytest.mark.slow
def test_a_kernel_sends_the_script_and_one_decoder_for_two_widgets(tmp_path):
    cell = (
        f"import sys; sys.path.insert(0, {str(REPOSITORY / 'tests')!r})\n"
        "from test_traversal import Traversal, a_model, random_images\n"
        "model, images = a_model(), random_images()\n"
        "display(Traversal(model, images), Traversal(model, images))"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    sent = traversals(notebook)
    assert [(state["_esm"], state["_css"]) for state in sent] == [(MODULE, STYLE)] * 2
    assert sent[0]["decoder"] == sent[1]["decoder"]
    assert decoder_of(notebook, sent[0])["weights"]


def test_the_decoder_of_a_second_model_is_stored_once_and_found_again():
    model, other, images = a_model(), a_model("vsc"), random_images()
    widget = Traversal(model, images, beside=other)
    notebook = notebook_of(widget, Traversal(other, images))
    keep_data_only(notebook)
    first, second = (models(notebook)[w.model_id]["state"] for w in (widget, widget.beside))
    assert decoder_of(notebook, first)["weights"] == widget.decoder.weights
    assert decoder_of(notebook, second)["weights"] == widget.beside.decoder.weights
    assert json.dumps(notebook).count(widget.beside.decoder.weights) == 1
    again = copy.deepcopy(notebook)
    keep_data_only(again)
    assert again == notebook
