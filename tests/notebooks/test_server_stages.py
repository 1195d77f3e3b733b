"""Notebook 09: its three stages of a server serve over real sockets, and a silent client blocks only the first."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import netlab
from tests.notebooks.book import SOLUTIONS, cells, source

STAGES = ("09-stages-one", "09-stages-two", "09-stages-three")
GET = b"GET /%s HTTP/1.1\r\nHost: www\r\n\r\n"
PATIENCE = 5.0


@pytest.fixture
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, int]]:
    """Run a stage; gives its port."""
    (tmp_path / "index.html").write_bytes(b"<p>Hello")
    (tmp_path / "large.bin").write_bytes(bytes(3_000_000))
    names: dict[str, Any] = {"site": str(tmp_path), "netlab": netlab}
    code = {cell["id"]: source(cell) for cell in cells(SOLUTIONS / "09-server.ipynb", "code")}
    for id in STAGES:
        exec(code[id], names)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=names[request.param], args=(listener,), daemon=True)
    thread.start()
    yield request.param, int(listener.getsockname()[1])
    listener.shutdown(socket.SHUT_RDWR)
    thread.join(PATIENCE)
    listener.close()
    assert not thread.is_alive(), "it does not end when its listener is shut down"


every_stage = pytest.mark.parametrize("stage", ["one_at_a_time", "a_thread_each", "one_loop"], indirect=True)


def connect(port: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port))
    client.settimeout(PATIENCE)
    return client


def everything(client: socket.socket) -> bytes:
    found = b""
    while piece := client.recv(65_536):
        found += piece
    return found


@every_stage
def test_it_serves_a_page_whatever_the_pieces_are(stage: tuple[str, int]) -> None:
    for pieces in ([GET % b""], [b"GET / HT", b"TP/1.1\r\nHost: www\r\n\r", b"\n"]):
        with connect(stage[1]) as client:
            for piece in pieces:
                client.sendall(piece)
            answer = everything(client)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and answer.endswith(b"Content-Length: 8\r\n\r\n<p>Hello")


@every_stage
def test_it_sends_more_than_fits_into_a_buffer(stage: tuple[str, int]) -> None:
    with connect(stage[1]) as client:
        client.sendall(GET % b"large.bin")
        assert len(everything(client).partition(b"\r\n\r\n")[2]) == 3_000_000


@every_stage
def test_it_answers_head_and_404(stage: tuple[str, int]) -> None:
    with connect(stage[1]) as client:
        client.sendall(GET.replace(b"GET", b"HEAD") % b"")
        assert everything(client).endswith(b"Content-Length: 8\r\n\r\n")
    with connect(stage[1]) as client:
        client.sendall(GET % b"nothing")
        assert everything(client).startswith(b"HTTP/1.1 404 ")


@every_stage
def test_only_the_first_stage_lets_a_silent_client_block_the_others(stage: tuple[str, int]) -> None:
    name, port = stage
    with connect(port) as silent, connect(port) as quick:
        quick.sendall(GET % b"")
        if name == "one_at_a_time":
            quick.settimeout(0.3)
            with pytest.raises(TimeoutError):
                quick.recv(10)
            quick.settimeout(PATIENCE)
            silent.close()
        assert everything(quick).startswith(b"HTTP/1.1 200 ")


@every_stage
def test_a_reset_hurts_nobody(stage: tuple[str, int]) -> None:
    client = connect(stage[1])
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close sends a RST
    client.sendall(b"GET / HT")
    client.close()
    with connect(stage[1]) as client:
        client.sendall(GET % b"")
        assert everything(client).startswith(b"HTTP/1.1 200 ")


@every_stage
def test_somebody_who_leaves_early_hurts_nobody(stage: tuple[str, int]) -> None:
    connect(stage[1]).close()
    with connect(stage[1]) as client:
        client.sendall(b"GET / HT")
    with connect(stage[1]) as client:
        client.sendall(GET % b"")
        assert everything(client).startswith(b"HTTP/1.1 200 ")


def test_no_stage_leaves_a_descriptor_behind() -> None:
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("needs /proc to count descriptors")
    before = len(os.listdir("/proc/self/fd"))
    names: dict[str, Any] = {"site": ".", "netlab": netlab}
    for cell in cells(SOLUTIONS / "09-server.ipynb", "code"):
        if cell["id"] in STAGES:
            exec(source(cell), names)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=names["one_at_a_time"], args=(listener,), daemon=True)
        thread.start()
        with connect(listener.getsockname()[1]) as client:
            client.sendall(GET % b"nothing")
            everything(client)
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(PATIENCE)
    assert len(os.listdir("/proc/self/fd")) <= before
