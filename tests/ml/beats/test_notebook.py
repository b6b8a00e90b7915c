"""The demo notebook runs, from its first cell to its last."""

import asyncio
import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.soak
@pytest.mark.may_skip  # it trains: a minute and more, spent in the long run alone
@pytest.mark.skipif(os.environ.get("CHEVET_SOAK") != "1", reason="run by make soak")
@pytest.mark.timeout(600)  # a kernel that imports TensorFlow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Jupyter's own, of its paths and event loops
def test_the_demo_notebook_runs_from_the_first_cell_to_the_last() -> None:
    notebook = nbformat.read(ROOT / "docs/beats.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)

    client = NotebookClient(notebook, timeout=500, resources={"metadata": {"path": str(ROOT)}})
    asyncio.run(client.async_execute())

    pictures = [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) == 3
    assert "This is not a diagnosis." in "".join(
        output.get("text", "") for output in notebook.cells[-1].outputs
    )
