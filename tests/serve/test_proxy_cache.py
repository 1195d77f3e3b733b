"""The cache at work in the proxy; what may be kept is tested in tests/http/test_cache*.py."""

import os
import socket
import time

import pytest

import netlab
from netlab.errors import UsageError
from netlab.http.cache import Cache
from netlab.serve.access import Access
from netlab.serve.guard import Guard
from netlab.serve.origin import Origins
from netlab.serve.proxy import Proxy, forward
from tests.support.playbook import Play, Script
from tests.support.proxying import always, answering, client_of, get, origin_that, read_all, read_answer, read_head

pytestmark = pytest.mark.network

FRESH = b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nCache-Control: max-age=60\r\nETag: "1"\r\n\r\nhello'
STALE = b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nCache-Control: max-age=0\r\nETag: "1"\r\n\r\nhello'


@pytest.fixture
def proxy():
    with netlab.ProxyServer(port=0, cache=True) as proxy:
        yield proxy


def test_a_fresh_answer_is_used_again(proxy):
    with origin_that(always(FRESH)) as (address, seen):
        first, second = get(proxy, address), get(proxy, address)
    assert len(seen) == 1 and first.endswith(b"\r\n\r\nhello") and second.endswith(b"\r\n\r\nhello")
    assert b"\r\nCache-Status: netlab; fwd=uri-miss; stored\r\n" in first
    assert b"\r\nCache-Status: netlab; hit; ttl=" in second and b"\r\nAge: " in second
    log = proxy.log
    assert log["cache"].tolist() == ["stored", "hit"] and log["connect_ms"].isna().tolist() == [False, True]
    assert log["upstream"].tolist() == [address, ""]
    parts = log[["queue_ms", "dns_ms", "connect_ms", "send_ms", "wait_ms", "receive_ms"]].sum(axis=1)
    assert parts.round(6).tolist() == log["total_ms"].round(6).tolist()


def test_hits_keep_the_client_s_connection_and_head_has_no_content(proxy):
    with origin_that(always(FRESH)) as (address, _), client_of(proxy) as sock:
        for _ in range(3):
            sock.sendall(f"GET http://{address}/ HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
            assert read_answer(sock)[1:] == (b"hello", b"")
        sock.sendall(f"HEAD http://{address}/ HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
        head, rest = read_head(sock)
        assert b"\r\nContent-Length: 5\r\n" in head and rest == b""
        sock.sendall(f"GET http://{address}/ HTTP/1.1\r\nHost: {address}\r\nRange: bytes=1-2\r\n\r\n".encode())
        head, content, _ = read_answer(sock)
        assert head.startswith(b"HTTP/1.1 206 ") and content == b"el"


def test_a_stale_answer_is_asked_about(proxy):
    with origin_that(answering(STALE, b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\nX-New: 1\r\n\r\n')) as (
        address,
        seen,
    ):
        get(proxy, address)
        back = get(proxy, address)
    assert b'\r\nIf-None-Match: "1"\r\n' in seen[1] and b"If-None-Match" not in seen[0]
    assert back.startswith(b"HTTP/1.1 200 ") and back.endswith(b"hello") and b"X-New: 1" in back
    assert proxy.log["cache"].tolist() == ["stored", "validated"]
    assert proxy.details(1)["origin_head"].startswith(b"HTTP/1.1 304")


def test_a_content_that_breaks_off_is_not_kept(proxy):
    with origin_that(answering(FRESH[:-2]), always(FRESH)) as (address, seen):
        assert get(proxy, address).endswith(b"hel")
        assert get(proxy, address).endswith(b"hello")
    assert len(seen) == 2 and proxy.log["cache"].tolist() == ["stored", "stored"]


def test_an_unsafe_method_makes_it_forget(proxy):
    with origin_that(always(FRESH)) as (address, seen):
        for method in ("GET", "DELETE", "GET"):
            get(proxy, address, method=method)
    assert len(seen) == 3


def test_a_dead_origin_s_stale_answer_may_stand_in(proxy):
    answer = STALE.replace(b"max-age=0", b"max-age=0, stale-if-error=60")
    with origin_that(answering(answer)) as (address, _):
        get(proxy, address)
    back = get(proxy, address)
    assert back.startswith(b"HTTP/1.1 200 ") and back.endswith(b"hello") and proxy.log["cache"].iloc[-1] == "stale"


def test_only_if_cached_is_504_when_it_is_not(proxy):
    with origin_that(always(FRESH)) as (address, seen):
        back = get(proxy, address, fields="Cache-Control: only-if-cached\r\n")
    assert back.startswith(b"HTTP/1.1 504 ") and b"\r\nCache-Status: netlab; " in back
    assert b"only-if-cached" in back.split(b"Cache-Status: ")[1].split(b"\r\n")[0]
    assert seen == [] and proxy.log["error"].tolist() == ["cache_miss"]


def test_a_large_chunked_answer_is_kept_whole(proxy):
    data = os.urandom(1_000_000)
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nCache-Control: max-age=60\r\n\r\n"

    def talk(sock, seen):
        seen.append(read_head(sock)[0])
        sock.sendall(head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data))
        read_all(sock)

    with origin_that(talk) as (address, seen):
        get(proxy, address)
        back = get(proxy, address)
    assert len(seen) == 1 and back.partition(b"\r\n\r\n")[2] == data


def test_without_it_nothing_is_kept_and_nothing_said():
    with origin_that(always(FRESH)) as (address, seen), netlab.ProxyServer(port=0) as proxy:
        assert b"Cache-Status" not in get(proxy, address) + get(proxy, address)
        assert len(seen) == 2 and proxy.log["cache"].tolist() == ["", ""]


def test_a_decision_of_one_s_own():
    with origin_that(always(STALE)) as (address, seen):
        with netlab.ProxyServer(port=0, cache=True, cache_decision=lambda request, stored, now: "hit") as proxy:
            get(proxy, address)
            assert get(proxy, address).endswith(b"hello") and len(seen) == 1
        with netlab.ProxyServer(port=0, cache=True, cache_decision=lambda request, stored, now: "perhaps") as proxy:
            get(proxy, address)
            assert get(proxy, address).startswith(b"HTTP/1.1 500 ")
            assert "it must be 'hit', 'validate' or 'miss'" in proxy.log["error"].iloc[-1]


def test_a_shared_cache_keeps_nothing_private():
    private = FRESH.replace(b"max-age", b"private, max-age")
    with origin_that(always(private)) as (address, seen):
        with netlab.ProxyServer(port=0, cache=True) as alone:
            get(alone, address)
            get(alone, address)
        assert len(seen) == 1
        with netlab.ProxyServer(port=0, cache=True, allow_clients=["192.0.2.0/24"]) as shared:
            get(shared, address)
            get(shared, address)
        assert len(seen) == 3
        for users, asked in (({"ada": "l"}, 4), ({"ada": "l", "bob": "m"}, 6)):
            with netlab.ProxyServer(port=0, cache=True, users=users) as proxy:
                for _ in range(2):
                    get(proxy, address, fields="Proxy-Authorization: Basic YWRhOmw=\r\n")
            assert len(seen) == asked  # one user is nobody's neighbour


@pytest.mark.parametrize(
    "options",
    [{"cache": 0}, {"cache": -1}, {"cache": "much"}, {"cache_decision": print}, {"cache": True, "cache_decision": 5}],
)
def test_caches_that_cannot_be(options):
    with pytest.raises(UsageError, match="cache"):
        netlab.ProxyServer(port=0, **options)


def test_nobody_waits_for_the_cache_to_be_filled_by_somebody_else(proxy):
    """A slow answer on its way into the cache holds nobody up."""
    with socket.create_server(("127.0.0.1", 0)) as listener, client_of(proxy) as slow, client_of(proxy) as quick:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        request = f"GET http://{address}/ HTTP/1.1\r\nHost: {address}\r\n\r\n".encode()
        slow.sendall(request)
        first, _ = listener.accept()
        quick.sendall(request)
        second, _ = listener.accept()
        second.sendall(FRESH)
        assert read_answer(quick)[1] == b"hello"
        first.sendall(FRESH)
        assert read_answer(slow)[1] == b"hello"
        for sock in (first, second):
            sock.close()


def test_the_same_request_again_and_again_sees_every_change_of_what_is_stored(proxy):
    """Repeated bytes take a shorter way through the proxy; it must not lead past the cache."""
    first, second = FRESH, FRESH.replace(b"hello", b"world").replace(b'"1"', b'"2"')
    with origin_that(answering(first, first, second, second)) as (address, seen), client_of(proxy) as sock:
        request = f"GET http://{address}/ HTTP/1.1\r\nHost: {address}\r\n\r\n".encode()

        def contents(count):
            found = set()
            for _ in range(count):
                sock.sendall(request)
                head, content, _ = read_answer(sock)
                found.add(content)
            return found, head

        assert contents(5)[0] == {b"hello"} and len(seen) == 1
        sock.sendall(request.replace(b"GET", b"POST"))
        read_answer(sock)
        found, head = contents(5)
        assert found == {b"world"} and len(seen) == 3 and b"hit; ttl=" in head
        sock.sendall(request.replace(b"\r\n\r\n", b"\r\nCache-Control: no-cache\r\n\r\n"))
        assert read_answer(sock)[1] == b"world" and len(seen) == 4
    rows = proxy.log
    assert rows["cache"].tolist() == ["stored"] + ["hit"] * 4 + ["miss"] + ["stored"] + ["hit"] * 4 + ["stored"]
    assert rows["status"].tolist() == [200] * 12 and rows["request"].tolist() == list(range(1, 13))
    parts = rows[["queue_ms", "dns_ms", "connect_ms", "send_ms", "wait_ms", "receive_ms"]].sum(axis=1)
    assert parts.round(6).tolist() == rows["total_ms"].round(6).tolist()


def test_a_repeated_hit_grows_older(proxy):
    with origin_that(always(FRESH)) as (address, _), client_of(proxy) as sock:
        request = f"GET http://{address}/ HTTP/1.1\r\nHost: {address}\r\n\r\n".encode()
        ages = []
        for later in (0, 0, 0, 7, 7, 61):
            proxy._proxy.wall = lambda later=later: time.time_ns() + later * 1_000_000_000
            sock.sendall(request)
            head, content, _ = read_answer(sock)
            assert content == b"hello"
            ages.append(int(head.partition(b"Age: ")[2].partition(b"\r")[0] or 0))
    assert ages[2] <= 1 and 7 <= ages[3] <= 8 and 7 <= ages[4] <= 8 and ages[5] == 0


NEAR, FAR = {}, {"client": "198.51.100.7:5", "server": "192.0.2.9:8000"}
"""A client on the proxy's machine; one from elsewhere, who may use it."""


@pytest.mark.parametrize("targets", [[], ["a.test"]])
def test_a_hit_hands_nobody_what_he_may_not_reach(targets):
    access, origins = Access(["198.51.100.0/24"]), Origins(Guard(targets), 5.0)
    proxy = Proxy(lambda *_: None, lambda: 0, origins, access, cache=Cache(shared=True))
    answers = []
    for where in (NEAR, NEAR, FAR, FAR, NEAR):
        play = Play({"a.test": ["10.0.0.1"]}, [Script(FRESH)], **where)
        asks = [b"GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n"] * 3
        back = play.run(lambda connection: forward(connection, proxy), *asks)
        answers.append((back.count(b"HTTP/1.1 200 "), back.count(b"HTTP/1.1 403 "), len(play.dialled)))
    if targets:  # they may reach it: what they get is kept for them
        assert answers == [(3, 0, 1), (3, 0, 0), (3, 0, 1), (3, 0, 0), (3, 0, 0)]
    else:
        assert answers == [(3, 0, 1), (3, 0, 0), (0, 3, 0), (0, 3, 0), (3, 0, 0)]
