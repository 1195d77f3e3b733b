"""nbgrader's command line, loaded once: each command is a fork of a process that has imported it.

To import nbgrader takes longer than most of its commands. Each still has a process, an environment and a folder of its
own, as from a shell.

    with Grader() as grader:
        status, said = grader.run(["autograde", "00-welcome"], folder, environment)
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

PATIENCE = 300
"""s for one command."""


class Grader:
    def __enter__(self) -> Grader:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()  # at the end of its input it ends

    def run(self, words: list[str], folder: Path, environment: dict[str, str]) -> tuple[int, str]:
        """Give the exit code of ``nbgrader words...``, and what it said; `TimeoutError` when it does not end."""
        assert self._process.stdin is not None and self._process.stdout is not None
        said = folder / "said.txt"
        order = {"words": words, "folder": str(folder), "environment": environment, "said": str(said)}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        if not select.select([self._process.stdout], [], [], PATIENCE)[0]:
            os.killpg(self._process.pid, signal.SIGKILL)
            raise TimeoutError(f"nbgrader {' '.join(words)} takes longer than {PATIENCE} s")
        return int(self._process.stdout.readline()), said.read_text(encoding="utf-8", errors="replace")


def serve() -> None:
    """In the process that forks: an order per line in, an exit code per line out."""
    from nbgrader.apps import nbgraderapp

    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            _obey(order, nbgraderapp.main)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _obey(order: dict[str, Any], nbgrader: Any) -> None:
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    output = os.open(order["said"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for descriptor, target in ((os.open(os.devnull, os.O_RDONLY), 0), (output, 1), (output, 2)):
        os.dup2(descriptor, target)
    sys.argv = ["nbgrader", *order["words"]]
    status = 0
    try:
        nbgrader()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    # Not by way of the loop above, whose next order it would take for its own.
    os._exit(status)


if __name__ == "__main__":
    serve()
