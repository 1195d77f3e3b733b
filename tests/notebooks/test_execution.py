"""What only shows when the notebooks run: the same everywhere, and IPv6 as well as IPv4.

That they need no network is for `make nbval` to show, which compares each output where no route leads out.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.notebooks.book import NAMES, SOLUTIONS, environment, is_test, nbgrader
from tests.support.tools import need_module
from tools import notebooks

SURROUNDINGS = (
    {"PYTHONHASHSEED": "1", "TZ": "Asia/Kathmandu", "LC_ALL": "C"},
    {"PYTHONHASHSEED": "4242", "TZ": "America/St_Johns", "LC_ALL": "C.UTF-8", "COLUMNS": "40"},
)


def executed(name: str, change: tuple[str, str] = ("", ""), **changes: str) -> Any:
    """Run a solved notebook in a kernel of its own; ``change`` is a line to put in place of another."""
    path = SOLUTIONS / f"{name}.ipynb"
    notebook: Any = nbformat.read(path, as_version=4)
    before, after = change
    for cell in notebook.cells:
        if before:
            cell.source = re.sub(f"^{re.escape(before)}$", after, cell.source, flags=re.M)
    return notebooks.tidied(notebooks.run(notebook, path, **environment(**changes)))


def outputs(notebook: Any) -> dict[str, Any]:
    return {cell.id: cell.get("outputs", []) for cell in notebook.cells}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_outputs_do_not_depend_on_the_surroundings(name: str) -> None:
    """What is committed was made in other surroundings than either of these."""
    committed = outputs(nbformat.read(SOLUTIONS / f"{name}.ipynb", as_version=4))
    made = outputs(executed(name, **SURROUNDINGS[NAMES.index(name) % len(SURROUNDINGS)]))
    for id, output in committed.items():
        assert output == made[id], id


def test_the_measurements_of_notebook_02_hold_in_ipv6_too() -> None:
    notebook = executed("02-measurement", change=("family = 4", "family = 6"))
    source = "\n".join(cell.source for cell in notebook.cells)
    assert "family = 6" in source and source.count("family=family") >= 4
    for cell in notebook.cells:
        if is_test(cell):
            assert float(cell.outputs[-1].data["text/plain"]) == nbgrader(cell)["points"], cell.id
    table = next(cell for cell in notebook.cells if cell.id == "02-run-thousand").outputs[0].data["text/plain"]
    assert re.search(r"^0 +1000 ", table, flags=re.M)


def test_the_tool_says_when_files_are_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    need_module("nbgrader", "teach")
    cell = nbformat.v4.new_code_cell("print(6 * 7)", id="99-sum")
    (tmp_path / "solutions").mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "solutions" / "99-sum.ipynb")
    monkeypatch.setattr(notebooks, "ROOT", tmp_path)
    monkeypatch.setattr(notebooks, "LEARNERS", tmp_path)
    monkeypatch.setattr(notebooks, "SOLUTIONS", tmp_path / "solutions")
    assert notebooks.main(["--check"]) == 1
    assert notebooks.main([]) == 0
    assert notebooks.main(["--check", "99-sum"]) == 0
    assert "99-sum.ipynb: unchanged" in capsys.readouterr().out
    made = nbformat.read(tmp_path / "99-sum.ipynb", as_version=4)
    assert made.metadata.kernelspec == notebooks.KERNELSPEC
    assert [output.text for output in made.cells[0].outputs] == ["42\n"]
