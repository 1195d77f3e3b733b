"""`python -m tools.notebooks`: makes the learners' notebooks from the solved ones, runs both, writes both tidily.

``notebooks/solutions/NN-name.ipynb`` is the source. The learner's form is what nbgrader would release of it, made
with nbgrader's own preprocessors: no solution, no hidden test. Both are run by a fresh kernel in order, so that what is
stored is what a reader gets, and then stripped of everything that differs from run to run.

    python -m tools.notebooks                 all notebooks
    python -m tools.notebooks 01-echo         this one
    python -m tools.notebooks --check         write nothing; say whether the files are what this would write
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).resolve().parent.parent
LEARNERS = ROOT / "notebooks"
SOLUTIONS = LEARNERS / "solutions"

KERNELSPEC = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
LANGUAGE = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}
"""What a kernel says of itself, without the version of Python that happened to run it."""
RANDOM_OUTPUTS = ("application/vnd.jupyter.widget-view+json", "application/vnd.jupyter.widget-state+json")
"""These carry a random number that means nothing without the kernel that made it."""
CELL_SECONDS = 60


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.notebooks", description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="such as 01-echo; default: all")
    parser.add_argument("--check", action="store_true", help="write nothing, say what would change")
    options = parser.parse_args(arguments)
    sources = sorted(SOLUTIONS.glob("*.ipynb"))
    if options.names:
        sources = [path for path in sources if path.stem in options.names]
        if len(sources) != len(options.names):
            parser.error(f"choose from {', '.join(path.stem for path in sorted(SOLUTIONS.glob('*.ipynb')))}")
    stale = 0
    for source in sources:
        for path, made in build(source):
            text = written(made)
            same = path.exists() and path.read_text(encoding="utf-8") == text
            stale += not same
            print(f"{path.relative_to(ROOT)}: {'unchanged' if same else 'differs' if options.check else 'written'}")
            if not same and not options.check:
                path.write_text(text, encoding="utf-8")
    return 1 if options.check and stale else 0


def build(source: Path) -> list[tuple[Path, Any]]:
    """Give both forms of a notebook, run and tidied, and where they belong."""
    solved = nbformat.read(source, as_version=4)
    learners = release(solved)
    path = LEARNERS / source.name
    return [(path, tidied(run(learners, path))), (source, tidied(run(solved, source)))]


def release(solved: Any) -> Any:
    """Give what nbgrader would release: its steps in its order, except those that need its database."""
    try:
        from nbgrader import preprocessors
    except ImportError:
        sys.exit("make notebooks needs nbgrader: pip install nbgrader (it is in the extra teach)")

    notebook: Any = nbformat.reads(nbformat.writes(solved), as_version=4)  # a copy
    resources: dict[str, Any] = {}
    for step in (
        preprocessors.LockCells,
        preprocessors.ClearSolutions,
        preprocessors.ClearOutput,
        preprocessors.CheckCellMetadata,
        preprocessors.ComputeChecksums,
        preprocessors.ClearHiddenTests,
        preprocessors.ClearMarkScheme,
        preprocessors.ComputeChecksums,
        preprocessors.CheckCellMetadata,
    ):
        notebook, resources = step().preprocess(notebook, resources)
    return notebook


def run(notebook: Any, path: Path, **changes: str) -> Any:
    """Run all cells in order in a fresh kernel whose folder is the notebook's; an error in a cell ends it all.

    ``changes`` are environment variables of the kernel.
    """
    kept = {name: value for name, value in os.environ.items() if name != "NETLAB_NETWORK"}
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name=KERNELSPEC["name"],
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str(path.parent)}},
    )
    try:
        client.execute(env={**kept, "NETLAB_HEADLESS": "1", **changes})
    except CellExecutionError as error:
        raise SystemExit(f"{path.name}: a cell raised an exception\n{error}") from None
    return notebook


def tidied(notebook: Any) -> Any:
    """Drop what differs from run to run or says nothing to a reader."""
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNELSPEC, "language_info": LANGUAGE})
    notebook.nbformat, notebook.nbformat_minor = 4, max(5, notebook.nbformat_minor)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = _joined(cell.outputs)
        for output in cell.get("outputs", []):
            for name in RANDOM_OUTPUTS:
                output.get("data", {}).pop(name, None)
    return notebook


def _joined(outputs: list[Any]) -> list[Any]:
    """Put neighbouring pieces of one stream together: where a kernel cuts them is a matter of milliseconds."""
    joined: list[Any] = []
    for output in outputs:
        before = joined[-1] if joined else None
        if before is not None and output.output_type == before.output_type == "stream" and output.name == before.name:
            before.text += output.text
        else:
            joined.append(output)
    return joined


def written(notebook: Any) -> str:
    """Give the file's text, as Jupyter itself writes it."""
    nbformat.validate(notebook)
    return str(nbformat.writes(notebook)).rstrip("\n") + "\n"


if __name__ == "__main__":
    sys.exit(main())
