"""Happy eyeballs: a race of attempts to connect, over real sockets of this machine."""

import socket
import threading
import time
from contextlib import contextmanager

import pytest

import netlab
from netlab.serve.connection import DialFailed, LookUp
from netlab.serve.dialing import MOST_THREADS, STAGGER, Dialing, LookUps, by_turns, written_out
from tests.support.proxying import always, ask, origin_that

pytestmark = pytest.mark.network

V4, V6 = int(socket.AF_INET), int(socket.AF_INET6)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


@contextmanager
def unanswering():
    """An address where nobody takes a call: its queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
        yield V4, listener.getsockname()
        for sock in waiting:
            sock.close()


@contextmanager
def refusing():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
    yield V4, address


@contextmanager
def answering():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield V4, listener.getsockname()


def race(addresses, at=None, patience=5.0):
    """Drive a race by polling; gives the winner's address and how many attempts there were at most."""
    dialing, most, end = Dialing(addresses, socket.socket.close, socket.socket), 0, time.monotonic() + patience
    while time.monotonic() < end:
        won = dialing.go(time.monotonic_ns() if at is None else at)
        most = max(most, len(dialing.racing))
        if won:
            won[0].close()
            assert not dialing.racing
            return won[1], most
        time.sleep(0.005)
    dialing.close()
    return None, most


def test_families_take_turns_the_preferred_one_first():
    v6 = [(V6, (f"2001:db8::{number}", 1, 0, 0)) for number in range(3)]
    v4 = [(V4, (f"192.0.2.{number}", 1)) for number in range(2)]
    assert by_turns(v6 + v4) == [v6[0], v4[0], v6[1], v4[1], v6[2]]
    assert by_turns(v4 + v6) == [v4[0], v6[0], v4[1], v6[1], v6[2]]
    assert by_turns([]) == []


def test_the_first_that_answers_wins():
    with answering() as good:
        assert race([good])[0] == "127.0.0.1"


def test_one_that_refuses_makes_the_next_one_begin_at_once():
    with refusing() as bad, answering() as good:
        assert race([bad, good], at=0)[0] == "127.0.0.1"


def test_one_that_does_not_answer_is_raced_after_the_stagger():
    with unanswering() as mute, answering() as good:
        dialing = Dialing([mute, good], socket.socket.close, socket.socket)
        assert dialing.go(1_000) is None and len(dialing.racing) == 1
        assert dialing.next_at == 1_000 + STAGGER
        assert dialing.go(999 + STAGGER) is None and len(dialing.racing) == 1
        won = dialing.go(1_000 + STAGGER)
        while won is None:
            won = dialing.go(1_000 + STAGGER)
        assert won[0].getpeername() == good[1] and not dialing.racing
        won[0].close()


def test_when_all_fail_the_last_reason_is_told():
    with refusing() as bad, pytest.raises(DialFailed, match="refused") as failed:
        race([bad, bad])
    assert failed.value.kind == "connection_refused"


def test_no_addresses_are_no_connection():
    with pytest.raises(DialFailed):
        Dialing([], socket.socket.close, socket.socket).go(0)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1", (V4, ("127.0.0.1", 80))), ("::1", (V6, ("::1", 80, 0, 0))), ("127.1", None), ("0x7f000001", None),
        ("a.example", None), ("0:0::1", (V6, ("::1", 80, 0, 0))), ("", None), ("127.0.0.1\0", None),
    ],
)  # fmt: skip
def test_an_address_in_its_usual_form_needs_no_look_up(text, address):
    assert written_out(text, 80) == ([address] if address else [])


def test_a_look_up_that_is_on_its_way_is_shared_and_threads_have_a_limit():
    go, asked, told = threading.Event(), [], []

    def resolve(host, port):
        asked.append(host)
        go.wait(10)
        return [(V4, ("192.0.2.1", port))]

    look_ups = LookUps(resolve)
    for _ in range(3):
        look_ups.ask(LookUp("same", 80), told.append)
    for number in range(MOST_THREADS + 5):
        look_ups.ask(LookUp(f"other{number}", 80), told.append)
    names = [thread.name for thread in threading.enumerate()]
    assert names.count("netlab look-up") == MOST_THREADS
    go.set()
    end = time.monotonic() + 5
    while len(told) < MOST_THREADS + 8 and time.monotonic() < end:
        time.sleep(0.01)
    assert len(told) == MOST_THREADS + 8 and asked.count("same") == 1


def through(address, resolve, **options):
    """Ask for a name through a proxy whose names are ours."""
    with netlab.ProxyServer(port=0, **options) as proxy:
        proxy._place._loop.look_ups._resolve = resolve
        port = address.rpartition(":")[2]
        return ask(proxy, f"GET http://a.test:{port}/ HTTP/1.1\r\nHost: h\r\n\r\n".encode()), proxy.log, proxy


@pytest.mark.skipif(not socket.has_ipv6, reason="needs IPv6")
def test_the_proxy_reaches_a_name_whose_first_address_refuses():
    with origin_that(always(OK)) as (address, _):
        port = int(address.rpartition(":")[2])
        back, log, _ = through(address, lambda host, p: [(V6, ("::1", port, 0, 0)), (V4, ("127.0.0.1", port))])
    assert back.endswith(b"hi") and log["upstream_ip"].tolist() == ["127.0.0.1"]
    assert log["dns_ms"].notna().all() and log["upstream"].tolist() == [f"a.test:{port}"]


def test_a_name_server_that_does_not_answer_is_504():
    go = threading.Event()
    back, log, _ = through("h:80", lambda host, port: go.wait(10) and [], connect_timeout=0.3)
    go.set()
    assert back.startswith(b"HTTP/1.1 504 ") and log["error"].tolist() == ["dns_timeout"]


def test_name_and_connection_have_one_budget_together():
    def slow(host, port):
        time.sleep(0.3)
        return [mute]

    with unanswering() as mute:
        began = time.monotonic()
        back, log, _ = through("h:80", slow, connect_timeout=0.5)
        took = time.monotonic() - began
    assert back.startswith(b"HTTP/1.1 504 ") and log["error"].tolist() == ["connection_timeout"] and took < 3
    assert log["dns_ms"].iloc[0] > 250 and log["total_ms"].iloc[0] < 2000
