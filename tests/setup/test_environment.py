"""tools/environment.py: what it says when Python cannot make environments, and that it asks pip only when it must."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def small_checkout(folder: Path) -> Path:
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "tools/environment.py", "tools/lab.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder


def python_that(folder: Path, name: str, lines: str) -> Path:
    """A `python3` for the PATH which runs these lines first and then behaves as Python."""
    prelude = folder / "prelude"
    prelude.mkdir()
    (prelude / "sitecustomize.py").write_text(lines)
    script = folder / name
    script.write_text(f'#!/bin/sh\nPYTHONPATH="{prelude}" exec "{sys.executable}" "$@"\n')
    script.chmod(0o755)
    return script


def make(checkout: Path, *arguments: str, first_in_path: str = "") -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([first_in_path, os.environ["PATH"]]) if first_in_path else os.environ["PATH"]
    environment = {**os.environ, "PATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        ["make", *arguments], cwd=checkout, env=environment, capture_output=True, text=True, timeout=60
    )


WITHOUT_ENSUREPIP = """
import importlib.util, sys
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "ensurepip" else real(name, *rest)
"""


def test_the_one_package_to_install_is_named_where_debian_left_venv_out(tmp_path: Path) -> None:
    checkout = small_checkout(tmp_path / "checkout")
    python = python_that(tmp_path, "python3", WITHOUT_ENSUREPIP)
    done = make(checkout, "lab", first_in_path=str(python.parent))
    said = [line for line in done.stderr.splitlines() if line.startswith("netlab:")]
    assert done.returncode != 0
    assert len(said) == 1
    assert f"apt install python3.{sys.version_info.minor}-venv" in said[0]
    assert "Traceback" not in done.stderr
    assert not (checkout / ".venv").exists()


def test_a_missing_python_is_one_sentence(tmp_path: Path) -> None:
    done = make(small_checkout(tmp_path), "lab", "PYTHON=python3.99")
    assert done.returncode != 0
    assert "netlab: there is no python3.99 here; install Python 3.11 or newer." in done.stderr


def test_an_older_python_is_one_sentence(tmp_path: Path) -> None:
    checkout = small_checkout(tmp_path / "checkout")
    python = python_that(tmp_path, "python3", "import sys\nsys.version_info = (3, 10, 2, 'final', 0)\n")
    done = make(checkout, "lab", f"PYTHON={python}")
    said = [line for line in done.stderr.splitlines() if line.startswith("netlab:")]
    assert len(said) == 1 and "3.11 or newer" in said[0] and "3.10" in said[0]
    assert not (checkout / ".venv").exists()


def test_an_unknown_extra_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(small_checkout(tmp_path) / "tools/environment.py"), "tests"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr == "netlab: there is no extra called tests; there are test, bench, teach.\n"


def test_a_failing_pip_is_explained_and_tried_again_next_time(tmp_path: Path) -> None:
    checkout = small_checkout(tmp_path)
    binary = checkout / ".venv" / "bin"
    binary.mkdir(parents=True)
    # A Python whose pip says its version, but cannot install.
    (binary / "python").write_text('#!/bin/sh\n[ "$3" = --version ] && exit 0\necho "no route to host" >&2\nexit 1\n')
    (binary / "python").chmod(0o755)
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, str(checkout / "tools/environment.py")], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 1
        assert "no route to host" in done.stderr
        assert "netlab: pip could not install the packages." in done.stderr
