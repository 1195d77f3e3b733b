"""JupyterLab in Chromium for the tests of this folder: one server for the session, a new page for each test.

The server has a HOME, a Jupyter configuration and a folder of its own, listens on loopback with a random port and
token, and is ended by its process id. Lab's question whether to fetch news is answered in its settings, since the
box would lie over the page. A page may talk to 127.0.0.1 only: everything else is refused and remembered in
``page.refused``.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.tools import need_browser, need_module

ROOT = Path(__file__).parents[2]
FIRST_LOAD = 60_000
"""ms: Lab's first page takes 7 s on an idle machine."""

OVERRIDES = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}


@dataclass
class Lab:
    """A running JupyterLab."""

    address: str
    token: str
    folder: Path

    def write(self, name: str, *cells: str) -> str:
        """Make a notebook of code cells in the server's folder."""
        notebook = {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": {
                "kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"},
                "language_info": {"name": "python"},
            },
            "cells": [
                {
                    "cell_type": "code",
                    "id": f"cell-{number}",
                    "metadata": {},
                    "execution_count": None,
                    "outputs": [],
                    "source": source,
                }
                for number, source in enumerate(cells)
            ],
        }
        (self.folder / name).write_text(json.dumps(notebook))
        return name

    def copy(self, path: Path) -> str:
        """Put an existing notebook into the server's folder, without its outputs."""
        notebook = json.loads(path.read_text("utf-8"))
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                cell["execution_count"], cell["outputs"] = None, []
        (self.folder / path.name).write_text(json.dumps(notebook), "utf-8")
        if (recorded := path.parent / "recorded").is_dir():  # examples that notebooks read
            shutil.copytree(recorded, self.folder / "recorded", dirs_exist_ok=True)
        return path.name

    def sessions(self) -> list[dict[str, Any]]:
        """The notebooks that have a kernel, as the server lists them."""
        with self._ask("GET", "") as answer:
            return list(json.load(answer))

    def end_kernels(self) -> None:
        for session in self.sessions():
            self._ask("DELETE", f"/{session['id']}").close()

    def _ask(self, method: str, path: str) -> Any:
        request = urllib.request.Request(
            f"{self.address}/api/sessions{path}", headers={"Authorization": f"token {self.token}"}, method=method
        )
        return urllib.request.urlopen(request, timeout=20)


@dataclass
class Browsing:
    """A page on a notebook, and what a test does with it."""

    page: Any
    lab: Lab
    refused: list[str] = field(default_factory=list)

    def open(self, name: str) -> None:
        """Open a notebook and wait until its kernel is ready."""
        self.page.goto(f"{self.lab.address}/lab/tree/{name}?token={self.lab.token}&reset", timeout=FIRST_LOAD)
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=FIRST_LOAD)
        self.wait_until_idle()

    def wait_until_idle(self) -> None:
        """Wait until the page is connected to its kernel and the kernel idle: Lab shows "idle" before it is so."""

        def connected() -> bool:
            return any(
                session["kernel"]["connections"] > 0 and session["kernel"]["execution_state"] == "idle"
                for session in self.lab.sessions()
            )

        assert self._until(connected, FIRST_LOAD / 1000), "no kernel"
        self.page.wait_for_function(
            "() => [...document.querySelectorAll('.jp-Notebook-ExecutionIndicator')]"
            ".some(node => node.dataset.status === 'idle')",
            timeout=FIRST_LOAD,
        )

    def run_cell(self, number: int) -> Any:
        """Run a code cell (counted from 0), wait until it has ended, and give its element."""
        cell = self.page.locator(".jp-Notebook .jp-CodeCell").nth(number)
        prompt = cell.locator(".jp-InputPrompt")
        before = prompt.text_content()
        for _ in range(10):
            # Now and then Lab drops a key: while a kernel connects, or when the output above moves everything.
            prompt.click()
            self.page.keyboard.press("Control+Enter")
            if self._until(lambda: prompt.text_content() != before, 2.0):
                break
        assert self._until(lambda: re.search(r"\d", prompt.text_content() or ""), 60.0), "the cell does not end"
        return cell

    def wait_until_run(self, number: int, seconds: float = 120.0) -> None:
        """Wait until this many code cells have a number in their prompt."""
        prompts = self.page.locator(".jp-Notebook .jp-CodeCell .jp-InputPrompt")

        def done() -> bool:
            return sum(bool(re.search(r"\d", text)) for text in prompts.all_text_contents()) >= number

        assert self._until(done, seconds), f"{prompts.all_text_contents()}"

    def _until(self, holds: Callable[[], Any], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                return False
            self.page.wait_for_timeout(50)
        return True

    def dialogs(self) -> int:
        return int(self.page.locator("dialog:visible, .jp-Dialog, [role=dialog]:visible").count())


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    need_browser()
    need_module("jupyterlab", "test")
    home = tmp_path_factory.mktemp("jupyter")
    folder, settings = home / "notebooks", home / ".jupyter" / "labconfig"
    folder.mkdir()
    settings.mkdir(parents=True)
    (settings / "default_setting_overrides.json").write_text(json.dumps(OVERRIDES))
    port, token = _free_port(), secrets.token_hex(8)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "NETLAB"))}
    environment |= {"HOME": str(home), "JUPYTER_CONFIG_DIR": str(home / ".jupyter"), "PYTHONPATH": str(ROOT)}
    environment |= {"JUPYTER_RUNTIME_DIR": str(home / "run"), "IPYTHONDIR": str(home / "ipython")}
    command = [
        sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
        "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}",
        "--LabApp.news_url=",
    ]  # fmt: skip
    log = (home / "log").open("wb")
    server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
    try:
        _wait_until_up(f"http://127.0.0.1:{port}/api/status?token={token}", server, home / "log")
        yield Lab(f"http://127.0.0.1:{port}", token, folder)
    finally:
        server.terminate()  # ends the kernels, too
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        log.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    path = need_browser()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def browsing(lab: Lab, chromium: Any, request: pytest.FixtureRequest) -> Iterator[Browsing]:
    context = chromium.new_context(viewport={"width": 1280, "height": 1000})
    made = Browsing(context.new_page(), lab)

    def guard(route: Any) -> None:
        if route.request.url.startswith((lab.address, "data:", "blob:")):
            route.continue_()
        else:
            made.refused.append(route.request.url)
            route.abort()

    context.route("**/*", guard)
    yield made
    if folder := os.environ.get("NETLAB_BROWSER_PICTURES"):  # what a test saw last, to find out why it failed
        made.page.screenshot(path=Path(folder, f"{request.node.name}.png"))
    lab.end_kernels()  # a kernel per test would add up
    context.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_up(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text(errors='replace')[-2000:]}", pytrace=False)
