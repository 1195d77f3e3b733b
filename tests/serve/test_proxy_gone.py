"""A client that does not wait for its answer: what the log, and all that is made of it, say about that.

A reset is told at once. A client that closes its side may listen still (half-closed), so the answer is sent all the
same; if nobody was there, its system says so.
"""

import json
import select
import socket
import struct
import threading
import time
from contextlib import contextmanager

import pytest

import netlab
from netlab.serve.hearing import QUIET
from tests.support.proxying import client_of, get, origin_that, read_all, read_answer, read_head

pytestmark = pytest.mark.network

GONE = "the client went away before there was an answer"
RESET = struct.pack("ii", 1, 0)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
SHORT = QUIET / 2e9


def until(holds):
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


@contextmanager
def silent(answer=OK, first=b""):
    """An origin that answers when it is told to. Gives its address, and three events: it has the request; it may
    answer; the proxy has hung up before that."""
    asked, may, closed = threading.Event(), threading.Event(), threading.Event()

    def talk(sock, seen):
        seen.append(read_head(sock)[0])
        sock.sendall(first)
        asked.set()
        while not may.is_set():
            if select.select([sock], [], [], 0.01)[0]:
                closed.set()
                return
        sock.sendall(answer)
        read_all(sock)

    with origin_that(talk) as (address, _):
        yield address, asked, may, closed
        may.set()


def send(sock, address, method="GET", content=b""):
    length = f"Content-Length: {len(content)}\r\n" if content else ""
    sock.sendall(f"{method} http://{address}/ HTTP/1.1\r\nHost: {address}\r\n{length}\r\n".encode() + content)


def leave(sock, reset):
    if reset:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()


def check_gone(proxy, row=0):
    until(lambda: len(proxy.log) > row)
    line = proxy.log.iloc[row]
    assert line["error"] == GONE and line.isna()["status"]
    assert line["upstream_ip"] == "127.0.0.1" and line["response_bytes"] == 0
    details = proxy.details(row)
    assert details["status"] is None and details["response_head"] == b"" and not details["keep_alive"]
    assert json.loads(proxy.to_json())[row]["status"] is None and json.loads(proxy.to_json())[row]["error"] == GONE
    entry = proxy.to_har()["log"]["entries"][row]
    assert entry["response"]["status"] == 0 and entry["comment"] == GONE and entry["response"]["bodySize"] == 0
    assert ' HTTP/1.1" - - "-" "-" ' in proxy.to_clf().splitlines()[row]
    parts = line[["queue_ms", "dns_ms", "connect_ms", "send_ms", "wait_ms", "receive_ms"]].astype(float).sum()
    assert parts == pytest.approx(line["total_ms"])


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_client_that_is_reset_while_the_origin_is_silent(method):
    with silent() as (address, asked, _, closed), netlab.ProxyServer(port=0) as proxy:
        with client_of(proxy) as sock:
            send(sock, address, method, b"content" if method == "POST" else b"")
            assert asked.wait(10)
            leave(sock, reset=True)
        check_gone(proxy)
        assert closed.wait(10), "the origin need not work for nobody"


@pytest.mark.parametrize("early", [True, False], ids=["at once", "after a while"])
@pytest.mark.parametrize(
    "answer",
    [
        OK,
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n" + bytes(500_000),
    ],
    ids=["short", "without content", "chunked", "long"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_client_that_has_closed_by_the_time_of_the_answer(method, answer, early):
    with silent(answer) as (address, asked, may, _), netlab.ProxyServer(port=0) as proxy:
        with client_of(proxy) as sock:
            send(sock, address, method, b"content" if method == "POST" else b"")
            assert asked.wait(10)
            if not early:
                time.sleep(3 * SHORT)  # the proxy listens to the client by now
        time.sleep(3 * SHORT)
        assert not len(proxy.log), "it may listen still"
        may.set()
        check_gone(proxy)


def test_a_client_that_leaves_before_a_page_of_the_proxy():
    with silent() as (address, asked, _, _), netlab.ProxyServer(port=0, limits={"answer_time": 0.4}) as proxy:
        with client_of(proxy) as sock:
            send(sock, address)
            assert asked.wait(10)
        check_gone(proxy)
        assert proxy.details(0)["close_reason"] == "the origin has sent no answer within 0.4 seconds"


def test_a_client_that_leaves_on_a_connection_where_everything_is_known_already():
    """The short way of ``again.py``."""
    waits = threading.Event()

    def talk(sock, seen):
        for number in range(3):
            read_head(sock)
            if number == 2:
                waits.wait(10)
            sock.sendall(b"HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 2\r\n\r\nhi")

    with origin_that(talk) as (address, _), netlab.ProxyServer(port=0) as proxy, client_of(proxy) as sock:
        for _ in range(2):
            send(sock, address)
            read_answer(sock)
        send(sock, address)
        time.sleep(3 * SHORT)
        leave(sock, reset=True)
        check_gone(proxy, 2)
        last = proxy.log.iloc[2]
        assert last["reused"] and last["wait_ms"] > 2 * SHORT * 1e3 > last["queue_ms"]
        waits.set()


def test_a_slow_answer_to_what_is_known_already_comes_in_full():
    def talk(sock, seen):
        for number in range(4):
            read_head(sock)
            time.sleep(3 * SHORT if number > 1 else 0)
            sock.sendall(b"HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n")
            time.sleep(3 * SHORT if number > 2 else 0)
            sock.sendall(b"Content-Length: 2\r\n\r\nhi")

    with origin_that(talk) as (address, _), netlab.ProxyServer(port=0) as proxy, client_of(proxy) as sock:
        answers = []
        for _ in range(4):
            send(sock, address)
            answers.append(read_answer(sock))
        log = proxy.log
    assert len({head for head, _, _ in answers}) == 1 and {content for _, content, _ in answers} == {b"hi"}
    assert log["status"].tolist() == [200] * 4 and (log["error"] == "").all()
    assert (log["wait_ms"][2:] > 2 * SHORT * 1e3).all() and (log["queue_ms"] < SHORT * 1e3).all()


@pytest.mark.parametrize("pause", [0, 3 * SHORT], ids=["at once", "after a while"])
def test_a_client_that_only_says_no_more_gets_its_answer(pause):
    with silent() as (address, asked, may, _), netlab.ProxyServer(port=0) as proxy, client_of(proxy) as sock:
        send(sock, address)
        assert asked.wait(10)
        time.sleep(pause)
        sock.shutdown(socket.SHUT_WR)
        time.sleep(3 * SHORT)
        may.set()
        assert read_all(sock).endswith(b"\r\n\r\nhi")
        until(lambda: len(proxy.log))
        assert proxy.log["status"].tolist() == [200] and proxy.log["error"].tolist() == [""]
        assert proxy.details(0)["close_reason"] == "the client closed its side while it waited"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_client_may_ask_for_more_while_it_waits(method):
    with silent() as (address, asked, may, _), netlab.ProxyServer(port=0) as proxy, client_of(proxy) as sock:
        send(sock, address, method, b"content" if method == "POST" else b"")
        assert asked.wait(10)
        time.sleep(3 * SHORT)
        sock.sendall(b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\nOPTIONS * HTTP/1.1\r\nHo")
        time.sleep(SHORT)
        may.set()
        head, content, rest = read_answer(sock)
        assert head.startswith(b"HTTP/1.1 200 ") and content == b"hi"
        head, content, rest = read_answer(sock, rest)
        assert head.startswith(b"HTTP/1.1 204 ")
        sock.sendall(b"st: h\r\n\r\n")
        assert read_answer(sock, rest)[0].startswith(b"HTTP/1.1 204 ")
        assert proxy.log["status"].tolist() == [200, 204, 204] and (proxy.log["error"] == "").all()


def test_an_origin_that_goes_away_while_both_are_listened_to():
    def talk(sock, seen):
        read_head(sock)
        time.sleep(3 * SHORT)

    with origin_that(talk) as (address, _), netlab.ProxyServer(port=0) as proxy, client_of(proxy) as sock:
        send(sock, address)
        assert read_answer(sock)[0].startswith(b"HTTP/1.1 502 ")
        assert proxy.log["error"].tolist() == ["connection_terminated"]


def test_time_for_the_answer_is_as_long_as_it_was():
    with silent() as (address, _, _, _), netlab.ProxyServer(port=0, limits={"answer_time": 0.3}) as proxy:
        began = time.monotonic()
        assert get(proxy, address).startswith(b"HTTP/1.1 504 ")
        assert time.monotonic() - began >= 0.3 and proxy.log["error"].tolist() == ["http_response_timeout"]


def test_a_client_that_goes_in_the_middle_of_its_answer_has_had_one():
    first = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n" + bytes(100_000)
    with silent(bytes(30_000_000), first) as (address, _, may, _), netlab.ProxyServer(port=0) as proxy:
        with client_of(proxy) as sock:
            send(sock, address)
            assert sock.recv(100)
            leave(sock, reset=True)
        may.set()
        until(lambda: len(proxy.log))
        assert proxy.log["error"].tolist() == ["the client went away"] and proxy.log["status"].tolist() == [200]


def test_on_a_virtual_host_a_client_that_gives_up_leaves_a_sign(tmp_path):
    (tmp_path / "a").write_text("hi")
    with (
        netlab.use("campus"),
        netlab.WebServer(tmp_path, host="www", port=80, service_ms=2_000),
        netlab.ProxyServer(host="dns", port=8000) as proxy,
    ):
        netlab.fetch("http://www/a", proxy="http://dns:8000/", timeout=0.5)
        netlab.fetch("http://www/a", proxy="http://dns:8000/")
        rows = [proxy.details(row) for row in range(len(proxy.log))]
    assert [row["status"] for row in rows] in ([None, 200], [200, 200])
    assert "the client" in rows[0]["close_reason"] and rows[1]["close_reason"] == ""
