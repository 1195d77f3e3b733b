"""Who speaks plain HTTP to a port that speaks TLS is told so, as nginx does; a handshake that fails has a row."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import netlab

pytestmark = pytest.mark.network
trustme = pytest.importorskip("trustme")

ENOUGH = 10.0
REQUEST = b"%s /index.html HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[netlab.WebServer]:
    (tmp_path / "index.html").write_text("<h1>Hello</h1>")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority = trustme.CA()
    authority.issue_cert("localhost").configure_cert(context)
    with netlab.WebServer(tmp_path, host="localhost", port=0, ssl_context=context) as server:
        server.trusted = ssl.create_default_context()  # type: ignore[attr-defined]
        authority.configure_trust(server.trusted)  # type: ignore[attr-defined]
        yield server


def connected(server: netlab.WebServer) -> socket.socket:
    return socket.create_connection(("localhost", server.port), ENOUGH)


def all_of(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(1 << 16), b""))


def still_serves(server: netlab.WebServer) -> None:
    with server.trusted.wrap_socket(connected(server), server_hostname="localhost") as tls:  # type: ignore[attr-defined]
        tls.sendall(REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") % b"GET")
        assert all_of(tls).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("method", [b"GET", b"POST", b"OPTIONS", b"DELETE", b"CONNECT", b"x"])
def test_plain_http_is_answered_in_plain_http_and_has_a_row(server: netlab.WebServer, method: bytes) -> None:
    with connected(server) as client:
        client.sendall(REQUEST % method)
        answer = all_of(client)  # ends without a reset
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n") and b"\r\nConnection: close\r\n" in answer
    assert b"this is plain HTTP, and the port speaks TLS: use https://" in answer
    assert b"Hello" not in answer, "nothing of what is protected leaves without protection"
    still_serves(server)
    assert server.log["status"].tolist() == [400, 200] and "speaks TLS" in server.log["error"][0]


def test_also_when_it_comes_late_and_is_long(server: netlab.WebServer) -> None:
    with connected(server) as client:
        while not server.connections:  # it waits for a handshake now
            time.sleep(0.01)
        client.sendall(b"P")
        client.sendall(b"UT /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 30000\r\n\r\n" + bytes(30_000))
        assert all_of(client).startswith(b"HTTP/1.1 400 ")
    still_serves(server)


@pytest.mark.parametrize(
    ("data", "rows"),
    [(b"\x16\x03\x01\x00\xff\x00", 0), (b"\x80\x2e\x01", 0), (b"", 0), (b"\x00" * 20, 1), (b"\r\n\r\n\r\n", 1)],
)
def test_a_handshake_that_fails_leaves_nothing_behind_but_its_row(
    server: netlab.WebServer, data: bytes, rows: int
) -> None:
    """Whoever leaves in the middle of it has none: there was no request, and nothing was wrong."""
    before = len(os.listdir("/proc/self/fd"))
    with connected(server) as client:
        with contextlib.suppress(OSError):  # it may be reset at any time
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            assert not all_of(client).startswith(b"HTTP")
    still_serves(server)
    deadline = time.monotonic() + ENOUGH
    while server.connections or len(os.listdir("/proc/self/fd")) > before:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert sorted(server.log["status"]) == [200] + [400] * rows
    for error in server.log["error"][server.log["status"] == 400]:
        assert error.startswith("the TLS handshake failed: ")


def test_a_client_that_does_not_trust_the_certificate_is_a_row_that_says_so(server: netlab.WebServer) -> None:
    with connected(server) as client, pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(client, server_hostname="localhost")
    still_serves(server)
    log = server.log
    assert log["status"].tolist() == [400, 200] and log["response_bytes"].tolist()[0] == 0
    assert "unknown ca" in log["error"][0] and log["rule"][0] == "RFC 8446 4"
    assert server.details(0)["close_reason"] == log["error"][0] and server.statuses == {200: 1, 400: 1}
