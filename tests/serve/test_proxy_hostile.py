"""After everything hostile: the proxy is idle, has given everything back, and answers."""

import contextlib
import os
import random
import socket
import struct
import threading
import time

import pytest

import netlab
from netlab.serve.guard import Guard
from tests.support.proxying import always, answering, client_of, get, origin_that, read_all, read_head

pytestmark = pytest.mark.network

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
LIMITS = {
    "head_time": 0.5,
    "idle_time": 0.5,
    "body_time": 0.5,
    "answer_time": 0.5,
    "write_time": 0.5,
    "tunnel_time": 0.5,
    "linger_time": 0.1,
}


def resources():
    return len(os.listdir("/proc/self/fd")), threading.active_count()


class OnlyLoopback(Guard):
    """A mutated address must not lead out of this machine."""

    def why_not(self, host, address, port, local, server=""):
        return "" if address.startswith("127.") or address == "::1" else "not in this test"


def no_names(host, port):
    raise OSError("no mutated name is asked for")


@pytest.fixture
def watched():
    """A proxy that must be back to the start at the end of the test."""
    with netlab.ProxyServer(port=0, limits=LIMITS) as proxy:
        proxy._proxy.origins._guard = OnlyLoopback()
        proxy._place._loop.look_ups._resolve = no_names
        before = resources()
        yield proxy
        end = time.monotonic() + 10
        proxy._place._loop.pool._idle_time = 0
        while (proxy.connections or resources() != before) and time.monotonic() < end:
            time.sleep(0.02)
        assert (proxy.connections, *resources()) == (0, *before)
        with origin_that(always(OK)) as (address, _):
            assert get(proxy, address).endswith(b"hi")
        began, wall = time.process_time(), time.monotonic()
        time.sleep(0.3)
        assert (time.process_time() - began) / (time.monotonic() - wall) < 0.5  # it does not spin


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def mutated(data, luck):
    data = bytearray(data)
    for _ in range(luck.randint(1, 4)):
        at = luck.randrange(len(data))
        what = luck.randrange(4)
        if what == 0:
            data[at] = luck.randrange(256)
        elif what == 1:
            data.insert(at, luck.choice(b"\r\n \t\0:;,0aZ\xff"))
        elif what == 2:
            del data[at]
        else:
            data[at:at] = data[luck.randrange(len(data)) :][:20]
    return bytes(data)


def test_mutated_requests_get_a_status_or_a_close(watched):
    luck = random.Random(5)
    with origin_that(always(OK)) as (address, _):
        whole = f"POST http://{address}/a HTTP/1.1\r\nHost: {address}\r\nTransfer-Encoding: chunked\r\nX: 1\r\n\r\n"
        whole += "2\r\nhi\r\n0\r\n\r\n"
        for _ in range(150):
            with client_of(watched) as sock:
                sock.sendall(mutated(whole.encode(), luck))
                sock.shutdown(socket.SHUT_WR)
                back = read_all(sock)
                assert back == b"" or back.startswith(b"HTTP/1.1 ")
        statuses = set(watched.log["status"].dropna())
    assert 400 in statuses


def test_mutated_answers_become_whole_answers_or_502_or_break_off(watched):
    luck = random.Random(6)
    whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: 1\r\n\r\n2\r\nhi\r\n0\r\n\r\n"

    def talk(sock, seen):
        read_head(sock)
        sock.sendall(mutated(whole, luck))
        sock.shutdown(socket.SHUT_WR)
        read_all(sock)

    with origin_that(talk) as (address, _):
        for _ in range(150):
            back = get(watched, address)
            assert back.startswith(b"HTTP/1.1 ")
            assert b"\0" not in back.partition(b"\r\n\r\n")[0]
    assert 502 in set(watched.log["status"])


def test_clients_that_come_and_go_at_every_point(watched):
    def slow(sock, seen):
        read_head(sock)
        sock.sendall(OK[:30])
        time.sleep(0.05)
        sock.sendall(OK[30:])

    with origin_that(slow) as (address, _):
        request = f"GET http://{address}/ HTTP/1.1\r\nHost: {address}\r\n\r\n".encode()
        for cut in [0, 1, 5, 20, len(request) - 1, len(request)] * 3:
            sock = socket.create_connection((watched.host, watched.port))
            sock.sendall(request[:cut])
            reset(sock)
        with contextlib.ExitStack() as stack:  # silent ones are cut off by their deadlines
            silent = [stack.enter_context(client_of(watched)) for _ in range(3)]
            for sock, cut in zip(silent, (0, 1, 30), strict=True):
                sock.sendall(request[:cut])
            assert [read_all(sock)[:13] for sock in silent] == [b"", b"HTTP/1.1 408 ", b"HTTP/1.1 408 "]


def test_tunnels_that_are_cut_in_every_way():
    def talk(sock, seen):
        data = sock.recv(10)
        if data == b"reset":
            reset(sock)
        elif data == b"close":
            sock.sendall(b"bye")
        else:
            read_all(sock)

    with origin_that(talk) as (address, _):
        ports = [int(address.rpartition(":")[2])]
        with netlab.ProxyServer(port=0, connect_ports=ports, limits=LIMITS) as proxy:
            before = resources()[0]
            for word in (b"reset", b"close", b"stay", b"") * 5:
                sock = socket.create_connection((proxy.host, proxy.port))
                sock.sendall(f"CONNECT {address} HTTP/1.1\r\nHost: h\r\n\r\n".encode() + word)
                read_head(sock)
                if word == b"stay":
                    reset(sock)
                else:
                    sock.close()
            end = time.monotonic() + 10
            while (proxy.connections or resources()[0] > before) and time.monotonic() < end:
                time.sleep(0.02)
            assert proxy.connections == 0 and len(proxy.log) == 20
            pipes = len(proxy._place._loop.pipes._free) * 2
            assert resources()[0] - pipes <= before + 40  # the origin's threads may still hold theirs


def test_origins_that_lie_trickle_and_die(watched):
    def trickle(sock, seen):
        read_head(sock)
        for byte in OK:
            sock.send(bytes([byte]))
            time.sleep(0.002)

    def endless(sock, seen):
        read_head(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            sock.sendall(b"X: " + b"y" * 1000 + b"\r\n")

    def dies(sock, seen):
        read_head(sock)
        reset(sock)

    def silent(sock, seen):
        read_all(sock)

    more = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nhi, and HTTP/1.1 200 OK\r\n\r\n"
    cases = [
        (trickle, 200),
        (endless, 502),
        (dies, 502),
        (silent, 504),
        (answering(more), 200),
        (answering(b"\0" * 70_000), 502),
    ]
    for talk, status in cases:
        with origin_that(talk) as (address, _):
            back = get(watched, address)
            assert back.startswith(b"HTTP/1.1 %d " % status)
    assert watched.log["status"].tolist() == [status for _, status in cases]


def test_more_connections_than_there_may_be_get_503_and_a_row():
    with (
        origin_that(always(OK)) as (address, _),
        netlab.ProxyServer(port=0, limits={"connections": 16, **LIMITS}) as proxy,
    ):
        with contextlib.ExitStack() as stack:
            for _ in range(16):
                stack.enter_context(client_of(proxy)).sendall(b"GET ")
            proxy.log  # noqa: B018 - waits until they are in
            back = get(proxy, address)
    assert back.startswith(b"HTTP/1.1 503 ") and b"\r\nRetry-After: 1\r\n" in back
    assert b"Proxy-Status: netlab; error=connection_limit_reached" in back
    assert "connection_limit_reached" in proxy.log["error"].tolist()
