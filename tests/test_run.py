"""The loop: interrupts end a measurement in good order, and time only moves in receive."""

import signal
import threading

import pytest

from netlab import run
from netlab.probing import PingOptions, run_ping
from tests.support.fakenet import FakeNetwork


@pytest.fixture(autouse=True)
def no_interrupt_before(monkeypatch):
    monkeypatch.setattr(run, "_last_interrupt", -1000.0)


def interrupt_at(network, calls):
    count = iter(range(1, 1_000_000))

    def hook():
        if next(count) in calls:
            signal.raise_signal(signal.SIGINT)

    network.on_receive = hook


def test_the_first_interrupt_ends_the_measurement_and_keeps_its_rows():
    network, told = FakeNetwork(), []
    interrupt_at(network, {6})
    rows = list(run_ping("www", PingOptions(count=100), network, on_interrupt=lambda: told.append("interrupted")))
    assert 1 <= len(rows) < 100 and told == ["interrupted"]
    assert {row["outcome"] for row in rows} <= {"reply", "pending"}
    assert network.events == ["begin", "end"]


def test_a_second_interrupt_within_a_second_raises():
    network = FakeNetwork()
    interrupt_at(network, {4})
    list(run_ping("www", PingOptions(count=100), network))
    interrupt_at(network, {2})
    with pytest.raises(KeyboardInterrupt):
        for row in run_ping(
            "www", PingOptions(count=100), network, on_interrupt=lambda: pytest.fail("no end in good order")
        ):
            assert row


def test_the_handler_of_before_comes_back():
    before = signal.getsignal(signal.SIGINT)
    list(run_ping("www", PingOptions(count=1), FakeNetwork()))
    assert signal.getsignal(signal.SIGINT) is before


def test_stop_ends_it_from_another_thread():
    network, rows = FakeNetwork(), []
    answers = iter([False] * 5 + [True] * 100)
    worker = threading.Thread(
        target=lambda: rows.extend(run_ping("www", PingOptions(count=100), network, stop=lambda: next(answers)))
    )
    worker.start()
    worker.join(10)
    assert not worker.is_alive() and 1 <= len(rows) < 100
    assert network.events == ["begin", "end"]


def test_what_has_come_in_when_it_is_ended_is_an_answer():
    """The one answer that is there is not read before the end: each look at the network is cut off by the clock."""
    network = FakeNetwork(delay=0)
    receive, ended = network.receive, []

    def cut_off(until):
        return receive(until) if ended else None

    def stop():
        ended.append(True)
        return True

    network.receive = cut_off
    (row,) = run_ping("www", PingOptions(count=1, interval=1.0), network, stop=stop)
    assert row["outcome"] == "reply"


def test_closing_the_iterator_ends_the_network():
    network = FakeNetwork()
    rows = run_ping("www", PingOptions(count=100), network)
    next(rows)
    rows.close()
    assert network.events == ["begin", "end"]


def test_a_refused_packet_becomes_a_row():
    from netlab.network.base import Refused

    network = FakeNetwork()
    network.send = lambda packet: Refused("message too long", 1500)
    (row,) = run_ping("www", PingOptions(count=1), network)
    assert (row["outcome"], row["detail"], row["mtu"]) == ("not-sent", "message too long", 1500)
