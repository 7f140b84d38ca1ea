"""Every model and every preset goes through the notebook for all runs, on embedded data, in
seconds.

That each of them learns, trained by ``fit``, test_training.py and test_presets.py say.
"""

import math
import re
from collections.abc import Iterator
from pathlib import Path

import jupyter_client
import nbformat
import papermill
import pytest
from nbclient import NotebookClient
from papermill.parameterize import parameterize_notebook

import vsclib
from vsclib import metrics, models, records
from vsclib.runs import Experiment

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "experiments" / "train.ipynb"
SMALL = {
    "dataset": "digits",
    "steps": 3,
    "batch_size": 50,
    "latents": 2,
    "hidden": 16,
    "device": "cpu",
}
PICTURE = "application/vnd.vsclib.drawing"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def kernel() -> Iterator[jupyter_client.KernelManager]:
    """One kernel for all runs: starting it and importing PyTorch takes longer than a run."""
    manager = jupyter_client.KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(NOTEBOOK.parent))
    yield manager
    manager.shutdown_kernel(now=True)


def executed(kernel: jupyter_client.KernelManager, **parameters: object) -> nbformat.NotebookNode:
    """The notebook with parameters as papermill fills them in, run in a kernel that forgets the run
    before.
    """
    page = parameterize_notebook(papermill.iorw.load_notebook_node(str(NOTEBOOK)), parameters)
    page.cells.insert(0, nbformat.v4.new_code_cell("%reset -f"))
    NotebookClient(page, km=kernel, timeout=600).execute()
    return page


@pytest.mark.parametrize("name", [*models.names(), *models.presets()])
def test_every_system_runs_through_the_notebook(name, kernel, tmp_path):
    page = executed(kernel, model=name, folder=str(tmp_path), **SMALL)
    outputs = [output for cell in page.cells if cell.cell_type == "code" for output in cell.outputs]
    assert [output for output in outputs if output.output_type == "error"] == []
    assert sum(PICTURE in output.get("data", {}) for output in outputs) >= 4
    record = records.load(tmp_path / "record.json")
    assert record["not_measured"] == {} and (tmp_path / "done.json").is_file()
    assert set(record["metrics"]) == set(record["definitions"]) == set(metrics.DEFINITIONS)
    asked = Experiment.of(model=name, **SMALL)
    assert record["name"] == asked.title and record["experiment"]["options"] == asked.options
    assert record["training"]["steps"] == 3 and math.isfinite(record["metrics"]["psnr"])
    loaded = vsclib.load(tmp_path / "model.safetensors")
    assert loaded.name == asked.model and loaded.latents == 2


def test_the_stored_page_shows_a_living_sparse_code():
    """Run with nothing given, the notebook is for looking: a model with nothing on, or all of it,
    would show nothing.
    """
    shown = "".join(
        "".join(output.get("data", {}).get("text/markdown", ""))
        for cell in nbformat.read(NOTEBOOK, 4).cells
        for output in cell.get("outputs", [])
    )
    numbers = {
        name: float(value)
        for name, value in re.findall(r"^\| `(\w+)` \| (-?[\d.]+) \|", shown, re.MULTILINE)
    }
    assert 1 < numbers["on_per_image"] < numbers["ever_on"] and numbers["always_on"] == 0
