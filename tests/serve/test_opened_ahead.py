"""A browser opens connections before it has anything to ask: a request begins when its first byte comes."""

import contextlib
import time

import pytest

import netlab
from tests.support.proxying import always, client_of, origin_that, read_answer

pytestmark = pytest.mark.network

AHEAD = 0.3
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@contextlib.contextmanager
def web(tmp_path):
    (tmp_path / "a.txt").write_text("ok")
    with netlab.WebServer(tmp_path, port=0) as server:
        yield server, b"GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n"


@contextlib.contextmanager
def proxy(tmp_path):
    with origin_that(always(OK)) as (origin, _), netlab.ProxyServer(port=0) as server:
        yield server, f"GET http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\n\r\n".encode()


@pytest.mark.parametrize("kind", [web, proxy])
def test_a_request_begins_with_its_first_byte(kind, tmp_path):
    begun = []
    with kind(tmp_path) as (server, request), client_of(server) as sock:
        for pieces in ((request,), (request[:9], request[9:])):
            time.sleep(AHEAD)  # a connection that is open and says nothing
            begun.append(time.time_ns())
            for piece in pieces:
                sock.sendall(piece)
            assert read_answer(sock)[1] == b"ok"
        log, heads = server.log, [server.details(row)["head_ms"] for row in (0, 1)]
    assert [each.value >= at for each, at in zip(log["started_at"], begun, strict=True)] == [True, True]
    ended = log["started_at"].astype("int64") + log["total_ms"] * 1e6
    assert (ended <= time.time_ns()).all() and log["status"].tolist() == [200, 200]
    assert max(heads) < AHEAD * 1000 and log["queue_ms"].fillna(0).max() < AHEAD * 1000


def test_whoever_says_nothing_has_no_row(tmp_path):
    with netlab.WebServer(tmp_path, port=0, limits={"head_time": 0.2}) as server, client_of(server) as sock:
        assert sock.recv(100) == b""
        assert server.log.empty


def test_the_time_for_a_head_is_counted_from_the_connections_beginning(tmp_path):
    """Or a client that waits before each of its bytes would have it twice."""
    with netlab.WebServer(tmp_path, port=0, limits={"head_time": 0.6}) as server, client_of(server) as sock:
        began = time.monotonic()
        time.sleep(0.3)
        sock.sendall(b"GET / HTT")
        assert sock.recv(100).startswith(b"HTTP/1.1 408 ")
        assert server.log["total_ms"][0] < 1000 * (time.monotonic() - began) - 250
