"""`stop` while a `stop` is under way: whoever has less patience is heard, and nobody puts off the end."""

import socket
import threading
import time

import pytest

import netlab
from netlab.serve.loop import Loop

pytestmark = pytest.mark.network

LONG = 30.0
"""s: no test waits for so long, unless something is wrong."""


@pytest.fixture
def busy(tmp_path):
    """A server with a client that takes nothing of a large answer."""
    (tmp_path / "big").write_bytes(bytes(50_000_000))
    with netlab.WebServer(tmp_path, port=0) as server, socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        sock.connect((server.host, server.port))
        sock.sendall(b"GET /big HTTP/1.1\r\nHost: h\r\n\r\n")
        assert sock.recv(100).startswith(b"HTTP/1.1 200 ")
        yield server
        server.stop(grace=0)


def stopping(server, grace):
    """Begin to stop, in a thread."""
    thread = threading.Thread(target=server.stop, args=(grace,), daemon=True)
    thread.start()
    end = time.monotonic() + 10
    while time.monotonic() < end:  # until nobody is let in any more
        try:
            with socket.create_connection((server.host, server.port), timeout=5) as late:
                late.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                if not late.recv(1):
                    break
        except OSError:
            break
    return thread


@pytest.mark.parametrize("grace", [0, 0.1])
def test_a_second_stop_shortens_the_first(busy, grace):
    first, began = stopping(busy, LONG), time.monotonic()
    assert busy.connections == 1 and first.is_alive()
    busy.stop(grace=grace)
    first.join(LONG)
    assert time.monotonic() - began < LONG / 2 and not first.is_alive()
    assert busy.connections == 0 and "stopped" in repr(busy)


def test_a_second_stop_does_not_lengthen_the_first(busy):
    first, began = stopping(busy, 0.5), time.monotonic()
    busy.stop(grace=LONG)
    first.join(LONG)
    assert time.monotonic() - began < LONG / 2 and busy.connections == 0


def test_a_stop_that_has_ended_may_be_said_again(busy):
    for grace in (0, LONG, 0):
        began = time.monotonic()
        busy.stop(grace=grace)
        assert time.monotonic() - began < LONG / 2 and "stopped" in repr(busy)


def test_of_several_at_the_same_time_the_shortest_counts():
    """Told before the loop has looked at any of them, in whatever order."""
    for graces in ((LONG, 0.0), (0.0, LONG), (LONG, 0.0, LONG)):
        loop, begun = Loop(), threading.Event()

        def handler(connection, begun=begun):
            begun.set()
            yield from connection.receive()

        with socket.create_server(("127.0.0.1", 0)) as listener:
            loop.listen(listener, handler)
            thread = threading.Thread(target=loop.run, daemon=True)
            thread.start()
            with socket.create_connection(listener.getsockname()):
                assert begun.wait(10)
                began = time.monotonic()
                for grace in graces:
                    loop.stop(grace)
                thread.join(LONG)
                assert not thread.is_alive() and time.monotonic() - began < LONG / 2
