"""Faults that look like an answer: descriptors that are never given back, ends that come late, bytes of another place
in the file. Each of these tests stands for one that all the others let pass."""

from __future__ import annotations

import gzip
import os
import socket
import ssl
import time
from pathlib import Path

import pytest

import netlab
from netlab.http.events import Request
from netlab.http.reader import request_head
from tests.support.asking import get

pytestmark = pytest.mark.network

ENOUGH = 10.0
GET = b"GET /index.html HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


def connected(server: netlab.WebServer) -> socket.socket:
    return socket.create_connection((server.host, server.port), ENOUGH)


def all_of(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(1 << 16), b""))


# -- descriptors ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [("gzip", "gzip"), ("br", "br"), ("br;q=0.5, gzip", "gzip"), ("identity", None), ("identity, gzip;q=0.5", None)],
)
def test_of_a_file_and_its_compressed_copies_none_stays_open(
    server: netlab.WebServer, site: Path, accepted: str, coding: str | None
) -> None:
    (site / "page.html").write_text("<p>page</p>" * 100)
    (site / "page.html.gz").write_bytes(gzip.compress(b"<p>page</p>" * 100))
    (site / "page.html.br").write_bytes(b"as if it were compressed")
    get(server, "/page.html")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        status, headers, _ = get(server, "/page.html", **{"Accept-Encoding": accepted})
        assert (status, headers["Content-Encoding"]) == (200, coding)
    deadline = time.monotonic() + ENOUGH
    while len(os.listdir("/proc/self/fd")) > before + 10:  # some may be those of connections that just end
        assert time.monotonic() < deadline, "one descriptor is lost with each answer"
        time.sleep(0.01)


# -- ends -----------------------------------------------------------------------------------------------------------


def test_who_is_told_that_the_connection_ends_sees_its_end_at_once(site: Path) -> None:
    """The server goes on reading for a while, but says at once that it sends no more (RFC 9112 section 9.6)."""
    with netlab.WebServer(site, port=0, limits={"linger_time": 8.0}) as server, connected(server) as client:
        client.sendall(LAST)
        began = time.monotonic()
        assert all_of(client).endswith(b"<h1>Hello</h1>")
        assert time.monotonic() - began < 4


def test_an_idle_client_does_not_keep_a_server_from_stopping(site: Path) -> None:
    with netlab.WebServer(site, port=0, limits={"idle_time": 60.0}) as server, connected(server) as idle:
        idle.sendall(GET)
        assert idle.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
        with connected(server) as other:  # when this one is served, the first one has been idle for some time
            other.sendall(LAST)
            all_of(other)
        assert server.connections
        began = time.monotonic()
        server.stop(20)
        assert time.monotonic() - began < 10
        assert idle.recv(1 << 16) == b"", "ended, and not reset"


# -- bytes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("first", "last"), [(0, 2_999_999), (1_000_000, 2_500_000), (65_536, 65_536 * 2 + 1)])
def test_a_long_part_of_a_file_is_the_right_one_over_tls(tmp_path: Path, first: int, last: int) -> None:
    """There is no sendfile with TLS: the file is read and sent a piece at a time."""
    trustme = pytest.importorskip("trustme")
    content = b"".join(b"%07d\n" % place for place in range(0, 3_000_000, 8))
    (tmp_path / "data.bin").write_bytes(content)
    context, trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority = trustme.CA()
    authority.issue_cert("localhost").configure_cert(context)
    authority.configure_trust(trusted)
    with netlab.WebServer(tmp_path, host="localhost", port=0, ssl_context=context) as server:
        plain = socket.create_connection(("localhost", server.port), ENOUGH)
        with trusted.wrap_socket(plain, server_hostname="localhost") as client:
            wanted = b"\r\nRange: bytes=%d-%d\r\nConnection: close\r\n\r\n" % (first, last)
            client.sendall(b"GET /data.bin HTTP/1.1\r\nHost: localhost" + wanted)
            head, _, part = all_of(client).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 206 ") and len(part) == last + 1 - first
    assert part == content[first : last + 1]


# -- a learner's own part -------------------------------------------------------------------------------------------


def test_a_parser_of_ones_own_gets_also_what_another_server_has_read(site: Path) -> None:
    """Heads are remembered by all servers of a process, but only what the project's own parser makes of them."""
    heads = []

    def parse(head: bytes) -> Request:
        heads.append(head)
        return request_head(head)

    for own in (None, parse):
        with netlab.WebServer(site, port=0, parse_head=own) as server:
            for _ in range(2):
                with connected(server) as client:
                    client.sendall(LAST)
                    assert all_of(client).startswith(b"HTTP/1.1 200 ")
    assert heads == [LAST.removesuffix(b"\r\n\r\n")] * 2
