"""What a review of the web server found: functions that give what no log can show, answers that take their time, lines
with nothing on them, and who waits for a server that has ended."""

import dataclasses
import threading
import time

import pytest

import netlab
from netlab.http.reader import request_head
from netlab.serve.orders import Orders
from tests.support.proxying import client_of, read_answer, read_head

pytestmark = pytest.mark.network

GET = b"GET %s HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"version": (1, 2)}, "ValueError: parse_head gave a Request of version (1, 2): give (1, 0) or (1, 1)"),
        (
            {"method": "GET"},
            "TypeError: parse_head gave a Request with 'GET' in it: method, target and fields are bytes",
        ),
        ({"target": "/x"}, "with '/x' in it"),
        ({"fields": [(b"Host", b"h"), (b"User-Agent", "me")]}, "with 'me' in it"),
    ],
)
def test_a_request_that_no_log_could_show_is_the_fault_of_whoever_made_it(site, wrong, told):
    """Once it was answered, and the log could not be read from then on."""

    def parse(head):
        request = request_head(head)
        return dataclasses.replace(request, **wrong) if request.target == b"/wrong" else request

    with netlab.WebServer(site, port=0, parse_head=parse) as server:
        for target in (b"/wrong", b"/index.html"):
            with client_of(server) as sock:
                sock.sendall(GET % target)
                read_answer(sock)
        assert server.log["status"].tolist() == [500, 200] and told in server.log["error"][0]


@pytest.mark.parametrize("target", [b"/large.bin", b"/many/"])
def test_an_answer_may_take_longer_than_its_head(site, target):
    """Hashing a file, or listing a folder: the time for the head is over when the head is there."""
    (site / "large.bin").write_bytes(bytes(60_000_000))
    (site / "many").mkdir()
    for number in range(8_000):
        (site / "many" / f"{number}.txt").touch()
    with (
        netlab.WebServer(site, port=0, etag="content", limits={"head_time": 0.01}) as server,
        client_of(server) as sock,
    ):
        sock.sendall((GET % target).replace(b"GET", b"HEAD"))
        assert read_head(sock)[0].startswith(b"HTTP/1.1 200 ")
        assert server.log["wait_ms"][0] > 10, "or this shows nothing"


def test_an_empty_line_behind_a_request_is_nothing(site):
    """RFC 9112 section 2.2: the connection is as idle as without it."""
    with netlab.WebServer(site, port=0, limits={"head_time": 0.2}) as server, client_of(server) as sock:
        sock.sendall(GET % b"/index.html" + b"\r\n")
        head, _, rest = read_answer(sock)
        assert head.startswith(b"HTTP/1.1 200 ") and rest == b""
        sock.sendall(b"\r\n\r")
        sock.settimeout(0.6)
        with pytest.raises(TimeoutError):  # no 408
            sock.recv(1)
        sock.settimeout(10)
        sock.sendall(b"\n" + GET % b"/sub/")
        assert read_answer(sock)[0].startswith(b"HTTP/1.1 200 ")
        sock.sendall(b"\r\n")
        assert server.log["status"].tolist() == [200, 200]
        began = time.monotonic()
        server.stop(8)
        assert time.monotonic() - began < 4, "an idle connection is not waited for"
        assert sock.recv(1) == b""


def test_somebody_with_nothing_to_say_makes_room(site):
    with netlab.WebServer(site, port=0, limits={"connections": 1}) as server, client_of(server) as first:
        first.sendall(GET % b"/index.html" + b"\r\n")
        read_answer(first)
        first.sendall(b"\r\n")
        with client_of(server) as second:
            second.sendall(GET % b"/index.html")
            assert read_answer(second)[0].startswith(b"HTTP/1.1 200 ")


def test_no_content_is_nothing_to_wait_for(site):
    with netlab.WebServer(site, port=0) as server, client_of(server) as sock:
        for _ in range(2):
            sock.sendall(b"GET /index.html HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n")
            head = read_answer(sock)[0]
            assert head.startswith(b"HTTP/1.1 200 ") and b"Connection: close" not in head


def test_whoever_waits_for_a_loop_that_ends_is_told():
    orders = Orders()
    waiting = threading.Event()
    orders.settling.append(waiting)  # behind the loop's last round
    orders.close()
    assert waiting.is_set()
    began = time.monotonic()
    orders.settle(30)
    assert time.monotonic() - began < 15, "a loop that has ended is not waited for"


def test_an_exception_that_a_handler_lets_out_is_told(site, monkeypatch):
    with netlab.WebServer(site, port=0) as server:

        def broken(*_):
            raise ZeroDivisionError("in the log")

        monkeypatch.setattr(server._log, "_note", broken)
        with pytest.warns(RuntimeWarning, match="was cut by a fault in its handler: ZeroDivisionError: in the log"):
            with client_of(server) as sock:
                sock.sendall(GET % b"/index.html")
                read_answer(sock)
                assert sock.recv(1) == b""
            server.stop()
