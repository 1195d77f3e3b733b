"""`teach.folder`: a folder from a dict."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

import netlab
from netlab.errors import UsageError
from netlab.teach import site


def test_files_have_the_content_or_the_size_asked_for() -> None:
    made = Path(netlab.teach.folder({"index.html": "<p>é", "a/b.bin": b"\0\1", "c.png": 6000}))
    assert (made / "index.html").read_text(encoding="utf-8") == "<p>é"
    assert (made / "a" / "b.bin").read_bytes() == b"\0\1" and (made / "c.png").stat().st_size == 6000


@pytest.mark.parametrize("files", [{"../x": "a"}, {"/x": "a"}, {"": "a"}, {"x": -1}, {"x": None}, {1: "a"}])
def test_wrong_names_and_contents_are_refused(files: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="files"):
        netlab.teach.folder(files)


def test_nothing_is_left_when_python_ends() -> None:
    code = "import netlab; print(netlab.teach.folder({'a': 1}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() and not os.path.exists(done.stdout.strip())


@pytest.mark.skipif(os.name != "posix", reason="needs a way to ask whether a process is there")
def test_what_a_killed_process_left_is_swept_and_what_a_living_one_needs_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code = "import netlab, os; netlab.teach.folder({'a': 1}); os._exit(0)"
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "TMPDIR": str(tmp_path)})
    (left,) = tmp_path.iterdir()
    ours = Path(netlab.teach.folder({"a": 1}))
    assert left.exists(), "it is not a day old"
    site.sweep(time.time() + 1)
    assert ours.exists() and not left.exists()
