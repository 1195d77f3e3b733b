"""`make lab` in a copy of the checkout, as a newcomer has it: nothing installed, an empty home, a port that is taken.

The copy is made from what git would commit, so that a file forgotten there is missed here. The environment is made once
for all tests of this file; pip may take a minute for it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.tools import missing, need

ROOT = Path(__file__).resolve().parent.parent.parent
ADDRESS = re.compile(r"^\s+(http://\S+)/lab/tree/(\S+)\?token=(\w+)\s*$", re.MULTILINE)
PATIENCE = 90
"""s for JupyterLab to start on a busy machine."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the checkout with its environment made by `make`, in a folder whose name has a space."""
    need("make", "make")
    folder = tmp_path_factory.mktemp("a newcomer") / "netlab"
    for name in committed_files():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    start = time.monotonic()
    run_make(folder, "install", "EXTRAS=", timeout=900)
    print(f"make install took {time.monotonic() - start:.0f} s")
    yield folder
    shutil.rmtree(folder)


def committed_files() -> list[str]:
    """Everything that git has or would take; a copy without .git gives what lies there."""
    if (ROOT / ".git").exists():
        need("git", "git")
        git = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"]
        command = [*git, "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
        return [name for name in listed if name and (ROOT / name).is_file()]
    left_out = {".venv", "__pycache__", "build", "dist", ".hypothesis", ".pytest_cache", ".mypy_cache", ".ruff_cache"}
    files = (file.relative_to(ROOT) for file in ROOT.rglob("*") if file.is_file())
    return [str(file) for file in files if not left_out & set(file.parts) and ".egg-info" not in str(file)]


def surroundings(folder: Path) -> dict[str, str]:
    """The environment of a newcomer: an empty home, no screen, no Jupyter settings; pip stays as it is."""
    home = folder.parent / "home"
    home.mkdir(exist_ok=True)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("JUPYTER", "NETLAB_HEADLESS", "DISPLAY", "WAYLAND", "VIRTUAL_ENV", "MAKE", "MFLAGS"))
    }
    return {**kept, "HOME": str(home), "NETLAB_LAB_ARGS": ""}


def run_make(folder: Path, *arguments: str, timeout: float) -> None:
    done = subprocess.run(
        ["make", *arguments, f"PYTHON={base_python()}"],
        cwd=folder,
        env=surroundings(folder),
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def base_python() -> str:
    """The Python that this test's own environment was made from."""
    return getattr(sys, "_base_executable", sys.executable)


@contextmanager
def lab(folder: Path, *prefix: str, arguments: str = "") -> Iterator[tuple[str, str, str]]:
    """Run `make lab` and give (address, notebook, token) as printed; stop it as CTRL+C would."""
    log = folder.parent / "lab.txt"
    with log.open("w") as output:
        make = subprocess.Popen(
            [*prefix, "make", "lab", f"PYTHON={base_python()}", f"NETLAB_LAB_ARGS=--no-browser {arguments}"],
            cwd=folder,
            env=surroundings(folder),
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        yield wait_for_address(make, log)
    finally:
        # A terminal's CTRL+C reaches the whole foreground group at once.
        if make.poll() is None:
            os.killpg(make.pid, signal.SIGINT)
        try:
            make.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(make.pid, signal.SIGKILL)
            make.wait()
            pytest.fail("make lab did not end within 30 s of CTRL+C:\n" + log.read_text(), pytrace=False)


def wait_for_address(make: subprocess.Popen[bytes], log: Path) -> tuple[str, str, str]:
    deadline = time.monotonic() + PATIENCE
    while not (found := ADDRESS.search(log.read_text())):
        if make.poll() is not None or time.monotonic() > deadline:
            pytest.fail("make lab printed no address:\n" + log.read_text(), pytrace=False)
        time.sleep(0.05)
    return found[1], found[2], found[3]


def contents(address: str, name: str, token: str) -> Any:
    """Ask the server for a notebook, as JupyterLab in the browser does."""
    request = urllib.request.Request(f"{address}/api/contents/{name}", headers={"Authorization": f"token {token}"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as answer:
        return json.load(answer)


def sources(notebook: Any) -> list[str]:
    return ["".join(cell["source"]) for cell in notebook["cells"]]


def test_make_lab_serves_the_first_notebook_at_the_address_it_prints(checkout: Path) -> None:
    with lab(checkout) as (address, notebook, token):
        assert notebook == "00-welcome.ipynb"
        answer = contents(address, notebook, token)
    assert answer["type"] == "notebook"
    in_the_file = json.loads((checkout / "notebooks" / notebook).read_text(encoding="utf-8"))
    assert sources(answer["content"]) == sources(in_the_file)


def test_make_lab_prints_the_port_it_really_has_when_its_first_choice_is_taken(checkout: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        busy = taken.getsockname()[1]
        with lab(checkout, arguments=f"--ServerApp.port={busy}") as (address, notebook, token):
            assert not address.endswith(f":{busy}")
            assert contents(address, notebook, token)["name"] == notebook


def test_make_lab_needs_no_internet_once_it_has_run(checkout: Path) -> None:
    unshare = need("unshare", "util-linux")
    need("ip", "iproute2")
    need("curl", "curl")
    if subprocess.run([unshare, "-rn", "true"], capture_output=True).returncode != 0:
        missing("needs user namespaces for a place without internet")
    # In a namespace with nothing but its own loopback; only a process inside can ask the server there.
    inside = 'ip link set lo up; exec "$@"'
    log = checkout.parent / "lab.txt"
    start = time.monotonic()
    with lab(checkout, unshare, "-rn", "sh", "-c", inside, "sh") as (address, notebook, token):
        assert time.monotonic() - start < PATIENCE
        server = next(pid for pid in jupyter_servers() if token_of(pid) == token)
        enter = [need("nsenter", "util-linux"), "-t", str(server), "--user", "--net", "--preserve-credentials"]
        question = f"{address}/api/contents/{notebook}?content=0&token={token}"
        done = subprocess.run([*enter, "curl", "-sS", "--noproxy", "*", question], capture_output=True, timeout=30)
        assert json.loads(done.stdout)["name"] == notebook, done.stderr
    assert "installing" not in log.read_text()


def jupyter_servers() -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and b"jupyterlab" in (entry / "cmdline").read_bytes():
                yield int(entry.name)
        except OSError:
            continue


def token_of(pid: int) -> str:
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return ""
    return next((line.partition("=")[2] for line in variables if line.startswith("JUPYTER_TOKEN=")), "")


def test_make_lab_runs_without_asking_for_news(checkout: Path) -> None:
    written = checkout / ".venv" / "etc" / "jupyter" / "labconfig" / "default_setting_overrides.json"
    settings = json.loads(written.read_text())["@jupyterlab/apputils-extension:notification"]
    assert settings["fetchNews"] == "false"


def test_a_second_install_is_a_matter_of_a_second(checkout: Path) -> None:
    start = time.monotonic()
    run_make(checkout, "install", "EXTRAS=", timeout=30)
    assert time.monotonic() - start < 5
