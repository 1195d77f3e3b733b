"""Connections that last: of clients, and to origins."""

import os
import socket
import threading
import time

import pytest

import netlab
from tests.support.proxying import (
    always,
    answering,
    ask,
    client_of,
    get,
    origin_that,
    read_all,
    read_answer,
    read_head,
    without_names,
)

pytestmark = pytest.mark.network

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


@pytest.fixture
def proxy():
    with netlab.ProxyServer(port=0) as proxy:
        yield proxy


def request(address, method="GET", fields="", version="1.1"):
    return f"{method} http://{address}/ HTTP/{version}\r\nHost: {address}\r\n{fields}\r\n".encode()


def counted(talk):
    """Counts connections."""
    count = []

    def each(sock, seen):
        count.append(1)
        talk(sock, seen)

    return each, count


def test_one_connection_to_the_origin_serves_many_clients(proxy):
    talk, connections = counted(always(OK))
    with origin_that(talk) as (address, seen):
        for _ in range(3):
            assert get(proxy, address).endswith(b"\r\n\r\nhi")
        log = proxy.log
    assert len(connections) == 1 and len(seen) == 3
    assert log["reused"].tolist() == [False, True, True]
    assert log["connect_ms"].isna().tolist() == [False, True, True]
    parts = log[["queue_ms", "dns_ms", "connect_ms", "send_ms", "wait_ms", "receive_ms"]].sum(axis=1)
    assert parts.round(6).tolist() == log["total_ms"].round(6).tolist()
    assert proxy.details(1)["attempt"] == 1 and proxy.details(1)["upstream_ip"] == "127.0.0.1"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi and more than that",
    ],
)
def test_a_connection_that_cannot_last_is_not_used_again(proxy, answer):
    talk, connections = counted(always(answer))
    with origin_that(talk) as (address, _):
        assert get(proxy, address).endswith(b"\r\n\r\nhi")
        assert get(proxy, address).endswith(b"\r\n\r\nhi")
    assert len(connections) == 2


def closes_after_one(sock, seen):
    """Says nothing of closing, and does."""
    seen.append(read_head(sock)[0])
    sock.sendall(OK)


def test_an_idle_connection_that_the_origin_closes_is_not_used_again(proxy):
    with origin_that(closes_after_one) as (address, seen):
        for _ in range(3):
            assert get(proxy, address).endswith(b"hi")
    assert len(seen) == 3 and proxy.log["status"].tolist() == [200, 200, 200]
    assert proxy.log["reused"].tolist() == [False, False, False]


def dies_on_the_second(sock, seen):
    """The race of RFC 9112 section 9.3.1: it closes while the next request is on its way."""
    head, _ = read_head(sock)
    seen.append(head)
    sock.sendall(OK)
    seen.append(read_head(sock)[0])


def test_a_request_that_met_a_stale_connection_is_sent_once_more(proxy):
    with origin_that(dies_on_the_second, always(OK)) as (address, seen):
        assert get(proxy, address).endswith(b"hi")
        assert get(proxy, address).endswith(b"hi")
    assert len(seen) == 3 and seen[1] == seen[2]
    assert [proxy.details(row)["attempt"] for row in (0, 1)] == [1, 2]
    assert proxy.log["reused"].tolist() == [False, False]


def test_it_is_sent_once_more_and_not_twice(proxy):
    def dies(sock, seen):
        seen.append(read_head(sock)[0])

    with origin_that(dies_on_the_second, dies) as (address, seen):
        assert get(proxy, address).endswith(b"hi")
        assert b"error=connection_terminated" in get(proxy, address)
    assert len(seen) == 3


@pytest.mark.parametrize("method", ["POST", "PATCH", "FOO"])
def test_what_is_not_idempotent_is_never_sent_twice(proxy, method):
    with origin_that(dies_on_the_second, always(OK)) as (address, seen):
        assert get(proxy, address).endswith(b"hi")
        assert get(proxy, address, method=method).startswith(b"HTTP/1.1 502 ")
    assert len(seen) == 2


def test_an_answer_that_has_begun_is_never_asked_for_again(proxy):
    def half(sock, seen):
        seen.append(read_head(sock)[0])
        sock.sendall(OK)
        seen.append(read_head(sock)[0])
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-")

    with origin_that(half, always(OK)) as (address, seen):
        assert get(proxy, address).endswith(b"hi")
        assert get(proxy, address).startswith(b"HTTP/1.1 502 ")
    assert len(seen) == 2


def test_an_answer_that_nobody_asked_for_ends_the_connection(proxy):
    """Else it would be taken for the answer to the next request, of somebody else."""
    go = threading.Event()

    def early(sock, seen):
        seen.append(read_head(sock)[0])
        sock.sendall(OK)
        go.wait(5)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        try:
            seen.append(sock.recv(100))
        except ConnectionResetError:
            seen.append(b"")

    with origin_that(early, always(OK)) as (address, seen):
        assert get(proxy, address).endswith(b"hi")
        go.set()
        deadline = time.monotonic() + 5
        while len(seen) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert seen[1] == b""
        assert get(proxy, address).endswith(b"hi")


def test_idle_connections_end_and_their_descriptors_with_them():
    limits = {"pool_time": 0.05}
    with origin_that(always(OK)) as (address, _), netlab.ProxyServer(port=0, limits=limits) as proxy:
        get(proxy, address)
        pool = proxy._place._loop.pool
        deadline = time.monotonic() + 5
        while len(pool) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(pool) == 0


@pytest.mark.parametrize(("most", "kept"), [(0, 0), (1, 1), (3, 2)])
def test_so_many_idle_connections_are_kept_to_one_origin(most, kept):
    both_asked = threading.Barrier(2)

    def together(sock, seen):
        read_head(sock)
        both_asked.wait(5)
        sock.sendall(OK)
        read_all(sock)
        seen.append("closed")

    limits = {"pool": most, "pool_time": 60.0}
    with origin_that(together) as (address, seen), netlab.ProxyServer(port=0, limits=limits) as proxy:
        clients = [threading.Thread(target=get, args=(proxy, address)) for _ in range(2)]
        for client in clients:
            client.start()
        for client in clients:
            client.join(10)
        end = time.monotonic() + 5
        while len(seen) < 2 - kept and time.monotonic() < end:
            time.sleep(0.01)
        assert (len(seen), len(proxy._place._loop.pool)) == (2 - kept, kept)


def test_a_client_s_connection_lasts_over_answers_of_all_kinds_of_framing(proxy):
    answers = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    ]  # fmt: skip
    with origin_that(answering(*answers)) as (address, _), client_of(proxy) as sock:
        rest = b""
        for answer in answers:
            sock.sendall(request(address))
            head, rest = read_head(sock, rest)
            assert head.split()[1] == answer.split()[1] and b"Connection: close" not in head
            if answer.endswith(b"hi"):
                while len(rest) < 2:
                    rest += sock.recv(10)
                assert rest == b"hi"
                rest = b""
    assert proxy.log["connection"].nunique() == 1


def test_an_http_1_0_client_keeps_its_connection_if_it_asks(proxy):
    with origin_that(always(OK)) as (address, _), client_of(proxy) as sock:
        for _ in range(2):
            sock.sendall(request(address, fields="Connection: keep-alive\r\n", version="1.0"))
            head, content, rest = read_answer(sock)
            assert b"\r\nConnection: keep-alive\r\n" in head and content == b"hi" and rest == b""
        sock.sendall(request(address, version="1.0"))
        assert b"\r\nConnection: close\r\n" in read_answer(sock)[0] and sock.recv(1) == b""


def test_a_refusal_does_not_end_the_client_s_connection(proxy):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = f"127.0.0.1:{listener.getsockname()[1]}"
    with origin_that(always(OK)) as (address, _), client_of(proxy) as sock:
        for where, status in ((closed, b"502"), (address, b"200"), (closed, b"502")):
            sock.sendall(request(where))
            assert read_answer(sock)[0].split()[1] == status


def test_pipelined_requests_are_answered_in_their_order(proxy):
    with origin_that(always(OK)) as (address, _):
        back = ask(proxy, request(address) * 5)
    assert back.count(b"\r\n\r\nhi") == 5 and proxy.log["request"].tolist() == [1, 2, 3, 4, 5]


def test_descriptors_and_threads_are_back_to_the_start():
    def count():
        return len(os.listdir("/proc/self/fd")), threading.active_count()

    before = count()
    with origin_that(always(OK)) as (address, _), netlab.ProxyServer(port=0) as proxy:
        for _ in range(20):
            get(proxy, address)
        without_names(proxy)
        assert b"error=dns_error" in get(proxy, "no-such-host.invalid")
    deadline = time.monotonic() + 5
    while count() != before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert count() == before


@pytest.mark.parametrize(("pool", "reused"), [(0, [False, False, False]), (8, [False, True, True])])
def test_the_pool_is_the_same_in_a_world(tmp_path, pool, reused):
    (tmp_path / "index.html").write_text("hi")
    with (
        netlab.use("campus"),
        netlab.WebServer(tmp_path, host="www", port=80),
        netlab.ProxyServer(host="dns", port=8000, limits={"pool": pool}) as proxy,
    ):
        for _ in reused:
            netlab.fetch("http://www/", proxy="http://dns:8000/")
        assert proxy.log["reused"].tolist() == reused
