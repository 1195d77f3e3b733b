"""What the guard tests read: the notebooks as plain JSON, in both forms."""

from __future__ import annotations

import ast
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
LEARNERS = ROOT / "notebooks"
SOLUTIONS = LEARNERS / "solutions"
NAMES = sorted(path.stem for path in SOLUTIONS.glob("*.ipynb"))
FORMS = sorted(LEARNERS.glob("*.ipynb")) + sorted(SOLUTIONS.glob("*.ipynb"))
"""All notebooks: those that learners open, then their solved sources."""

REAL_NETWORK = {"nbval-skip", "skip-execution"}
"""A cell that needs a real network or the lab carries both tags: nbval heeds the first, nbclient the second."""

Cell = dict[str, Any]


def label(path: Path) -> str:
    """The name of a notebook in the list of tests."""
    return f"{path.stem} (solved)" if path.parent == SOLUTIONS else path.stem


def read(path: Path) -> dict[str, Any]:
    notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return notebook


def cells(path: Path, kind: str = "") -> list[Cell]:
    return [cell for cell in read(path)["cells"] if kind in ("", cell["cell_type"])]


def source(cell: Cell) -> str:
    return text(cell["source"])


def text(lines: str | list[str]) -> str:
    """Jupyter writes a text as one string or as a list of lines."""
    return lines if isinstance(lines, str) else "".join(lines)


def tags(cell: Cell) -> set[str]:
    return set(cell["metadata"].get("tags", []))


def skipped(cell: Cell) -> bool:
    return tags(cell) >= REAL_NETWORK


def tree(cell: Cell) -> ast.Module:
    return ast.parse(source(cell))


def nbgrader(cell: Cell) -> dict[str, Any]:
    found: dict[str, Any] = cell["metadata"].get("nbgrader", {})
    return found


def is_answer(cell: Cell) -> bool:
    return bool(nbgrader(cell).get("solution"))


def is_test(cell: Cell) -> bool:
    return bool(nbgrader(cell).get("grade")) and not is_answer(cell)


def outputs(path: Path) -> Iterator[tuple[str, str, str]]:
    """Every stored text: (cell id, kind, text); the kind is a stream's name, a MIME type or ``error``."""
    for cell in cells(path, "code"):
        for output in cell["outputs"]:
            if output["output_type"] == "stream":
                yield cell["id"], output["name"], text(output["text"])
            elif output["output_type"] == "error":
                yield cell["id"], "error", "\n".join(output["traceback"])
            else:
                for kind, data in output["data"].items():
                    yield cell["id"], kind, text(data) if isinstance(data, str | list) else json.dumps(data)


def environment(**changes: str) -> dict[str, str]:
    """The environment of a kernel that runs notebooks of this checkout, whatever is installed."""
    kept = {name: value for name, value in os.environ.items() if name != "NETLAB_NETWORK"}
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    # The test's Python first: a kernel is started as "python".
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**kept, "PYTHONPATH": path, "PATH": programs, "NETLAB_HEADLESS": "1", **changes}
