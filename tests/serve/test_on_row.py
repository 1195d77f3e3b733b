"""A fault in the function that is told of every row: somebody is told, and the client does not feel it."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import netlab

GET = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"
LAST = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


def divides(row: dict[str, Any]) -> None:
    _ = 1 / 0


def ends(row: dict[str, Any]) -> None:
    sys.exit("bye")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "x").write_text("hello")
    return tmp_path


@pytest.mark.network
@pytest.mark.parametrize(
    ("on_row", "told"), [(divides, "ZeroDivisionError: division by zero"), (ends, "SystemExit: bye")]
)
def test_the_connection_goes_on(folder: Path, on_row: Callable[[dict[str, Any]], None], told: str) -> None:
    with (
        pytest.warns(RuntimeWarning, match=re.escape(f"on_row raised {told}; the server goes on, and so do the rows")),
        netlab.WebServer(folder, port=0, on_row=on_row) as server,
    ):
        with socket.create_connection(("127.0.0.1", server.port), 10) as client:
            client.sendall(GET + GET + LAST)
            got = b"".join(iter(lambda: client.recv(1 << 16), b""))
        assert got.count(b"HTTP/1.1 200 OK") == 3
        assert server.log["status"].tolist() == [200, 200, 200] and set(server.log["error"]) == {""}


@pytest.mark.network
def test_through_a_proxy_too(folder: Path) -> None:
    with netlab.WebServer(folder, port=0) as origin, pytest.warns(RuntimeWarning, match="on_row raised ZeroDivision"):
        with netlab.ProxyServer(port=0, allow_targets=["127.0.0.1"], on_row=divides) as proxy:
            with socket.create_connection(("127.0.0.1", proxy.port), 10) as client:
                to = b"GET http://127.0.0.1:%d/x" % origin.port
                client.sendall((GET + LAST).replace(b"GET /x", to))
                got = b"".join(iter(lambda: client.recv(1 << 16), b""))
            assert got.count(b"HTTP/1.1 200 OK") == 2 and len(proxy.log) == 2


def test_on_a_host_of_a_world_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netlab.api._current", None)
    with netlab.use("line"), pytest.warns(RuntimeWarning, match="on_row raised ZeroDivisionError"):
        with netlab.WebServer(folder, host="server", port=80, on_row=divides) as server:
            page = netlab.fetch_page(f"{server.url}x", connections=1)
            netlab.fetch(f"{server.url}x")
            assert server.log["status"].tolist() == [200, 200] and set(server.log["error"]) == {""}
    assert len(page)
