"""After everything hostile: the web server is idle, has given everything back, and answers."""

import gc
import os
import random
import socket
import struct
import threading
import time

import pytest

import netlab
from tests.support.asking import get
from tests.support.idle import processor_ms

pytestmark = pytest.mark.network

GET, POST = b"GET / HTTP/1.1\r\nHost: h\r\n", b"POST / HTTP/1.1\r\nHost: h\r\n"
CHUNKED, ZERO = b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n"
HOSTILE = [
    # Framing that two readers could understand in two ways
    POST + b"Content-Length: 3\r\n" + CHUNKED + b"\r\n" + ZERO, POST + 2 * b"Content-Length: 3\r\n" + b"\r\nabc",
    POST + b"Content-Length: 3, 3\r\n\r\nabc", POST + b"Content-Length: +3\r\n\r\nabc",
    POST + b"Content-Length: " + b"9" * 400 + b"\r\n\r\n", POST + b"Transfer-Encoding: chunked,\r\n\r\n" + ZERO,
    POST + b"Transfer-Encoding: xchunked\r\n\r\n" + ZERO, POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + ZERO,
    POST + 2 * CHUNKED + b"\r\n" + ZERO, POST + CHUNKED + b"\r\n0x3\r\nabc\r\n" + ZERO,
    POST + CHUNKED + b"\r\nffffffffffffffff\r\n", POST + CHUNKED + b"\r\n3;" + b"a" * 70_000 + b"\r\nabc\r\n" + ZERO,
    POST + CHUNKED + b"\r\n" + b"1;e=1\r\na\r\n" * 9_000 + ZERO,
    POST + CHUNKED + b"\r\n0\r\n" + b"a: b\r\n" * 9_000 + b"\r\n",
    # Lines and names
    b"GET / HTTP/1.1\nHost: h\n\n", GET + b"A : b\r\n\r\n", GET + b"A: b\r\n c\r\n\r\n", GET + b"A: \0\r\n\r\n",
    GET + b"A: b\rc\r\n\r\n", GET + GET, b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: h\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    # Too much of it
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n", GET + b"A: " + b"b" * 100_000, GET + b"A: b\r\n" * 5_000 + b"\r\n",
    b"\r\n" * 50_000, GET + b"Range: bytes=" + b"0-0," * 1_900 + b"0-0\r\n\r\n",
    GET + b"If-None-Match: " + b'"a",' * 1_900 + b"\r\n\r\n",
    GET + b"Accept-Encoding: " + b"br;q=0.1," * 800 + b"\r\n\r\n", GET + b"Connection: " + b"a," * 3_000 + b"\r\n\r\n",
    POST + b"Content-Length: 10000000\r\n\r\n" + b"x" * 300_000, (GET + b"\r\n") * 500,
    # Out of the folder, and to what is no file
    *(b"GET %s HTTP/1.1\r\nHost: h\r\n\r\n" % path for path in (
        b"/../../etc/passwd", b"/%2e%2e/%2e%2e/etc/passwd", b"/..%2f..%2fetc/passwd", b"/%c0%ae%c0%ae/", b"/%00",
        b"/%5c..%5c", b"//etc/passwd", b"/pipe", b"/" + b"a/" * 4_000, b"/" + b"%ff" * 2_000,
        b"/link.txt", b"/.secret", b"/index.html/",
    )),
    b"CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n\x16\x03\x01",
    GET + b"Upgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    POST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", GET + b"Expect: everything\r\n\r\n",
]  # fmt: skip


def speak(server, data, how, dice):
    """Send bytes in one of several unfriendly ways; give what came back."""
    back = b""
    with socket.create_connection((server.host, server.port), timeout=5) as sock:
        try:
            if how == "cut":
                for at in range(0, min(len(data), 400), 40):
                    sock.sendall(data[at : at + 40])
                sock.sendall(data[400:])
            else:
                sock.sendall(data[: dice.randrange(len(data) + 1)] if how == "torn" else data)
            if how == "reset":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return b""
            sock.shutdown(socket.SHUT_WR)
            while piece := sock.recv(65_536):
                back += piece
        except OSError:
            pass  # it would not take any more of that
    return back


def held(server):
    """Threads, and descriptors when the last connection has ended."""
    end = time.monotonic() + 10
    while server.connections and time.monotonic() < end:
        time.sleep(0.05)
    server.log  # noqa: B018  (waits for the loop to have closed them)
    return threading.active_count(), len(os.listdir("/proc/self/fd"))


def test_after_everything_hostile_it_is_idle_has_given_all_back_and_answers(site):
    os.mkfifo(site / "pipe")
    for hidden in (site / ".secret", site.parent / "outside.txt"):
        hidden.write_text("treasure")
    dice = random.Random(4)
    noise = [dice.randbytes(dice.randrange(1, 3_000)) for _ in range(60)]
    gc.collect()
    with netlab.WebServer(site, port=0, limits={"head_time": 1.0, "body_time": 1.0, "linger_time": 0.2}) as server:
        before = held(server)
        for data in [*HOSTILE, *noise]:
            for how in ("whole", "cut", "torn", "reset"):
                back = speak(server, data, how, dice)
                assert not back or back.startswith(b"HTTP/1.1 "), (data[:60], how)
                assert b"treasure" not in back and b"root:" not in back, (data[:60], how)
        assert get(server, "/index.html")[0] == 200
        assert held(server) == before
        assert processor_ms(server, 0.5) < 100
        log = server.log
    assert not (log["status"] == 500).any(), log.loc[log["status"] == 500, "error"].tolist()
    refused = log[(log["status"] >= 400) & ~log["status"].isin([403, 404])]
    assert len(refused) > 100 and (refused["rule"] != "").all() and (refused["error"] != "").all()


def test_one_address_that_takes_all_it_may_keeps_nobody_else_out(site):
    with netlab.WebServer(site, port=0, limits={"per_client": 5}) as server:
        taken = [socket.create_connection((server.host, server.port)) for _ in range(5)]
        for sock in taken:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n")  # and never the rest
        try:
            began = time.monotonic()
            while server.connections < 5 and time.monotonic() - began < 5:
                time.sleep(0.01)
            assert get(server, "/index.html")[0] == 503
            other = socket.create_connection((server.host, server.port), source_address=("127.0.0.2", 0), timeout=5)
            with other:
                other.sendall(b"GET /index.html HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                assert other.recv(15) == b"HTTP/1.1 200 OK"
        finally:
            for sock in taken:
                sock.close()
