"""No packet is lost on the way into a socket, and every send stamp finds its packet."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator

import pytest

from netlab.network import linux
from netlab.network.base import Arrival, Refused, Sent, Stamp
from netlab.network.live_errqueue import QueuedError
from netlab.network.live_hub import Hub
from netlab.network.live_sender import STAMPED, TRIES, Sender
from netlab.network.worlds import load
from tests.network.live_bench import FAMILIES, SECOND, collect, echo, send, udp
from tests.support.kernelnet import KernelNet, kernel_net

pytestmark = pytest.mark.network


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelNet]:
    with kernel_net(load("line")) as running:
        yield running


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub(socket.socket)
    yield hub
    hub.close()


def refused(number: int) -> OSError:
    return OSError(number, os.strerror(number))


# ── the pending-error trap ───────────────────────────────────────────────────────────────────────────────────────


def test_a_plain_socket_falls_into_the_trap(kernel: KernelNet) -> None:
    """What the next test would see without the remedy: sends that fail for an error of an earlier packet."""
    with kernel.socket("laptop", socket.AF_INET, socket.SOCK_DGRAM, privileged=False) as plain:
        plain.setsockopt(linux.SOL_IP, linux.IP_RECVERR, 1)
        lost = 0
        for number in range(40):
            try:
                plain.sendto(b"probe", ("203.0.113.80", 34_000 + number))
            except ConnectionRefusedError:
                lost += 1
    assert lost > 10


@pytest.mark.parametrize("family", FAMILIES)
def test_errors_of_earlier_packets_do_not_swallow_a_udp_probe(kernel: KernelNet, family: int) -> None:
    network = kernel.network(raw=False)
    network.begin()
    port = network.identifier("udp", family)  # type: ignore[arg-type]
    for number in range(40):  # nothing is read in between, so every answer stands in the way of the next packet
        send(network, udp(family, port, 34_000 + number, b"%d" % number))
    arrivals, stamps = collect(network, 40)
    network.end()
    assert len(arrivals) == 40
    assert len(stamps) == 40


@pytest.mark.parametrize("family", FAMILIES)
def test_errors_of_earlier_packets_do_not_swallow_an_echo(kernel: KernelNet, family: int) -> None:
    network = kernel.network(raw=False)
    network.begin()
    identifier = network.identifier("icmp", family)  # type: ignore[arg-type]
    for sequence in range(1, 41):
        send(network, echo(family, identifier, sequence, ttl=1 + sequence % 3))
    arrivals, stamps = collect(network, 40)
    network.end()
    assert len(arrivals) == 40
    assert len(stamps) == 40


def test_a_send_that_never_succeeds_ends(hub: Hub) -> None:
    def attempt() -> None:
        calls.append(1)
        raise refused(errno.EHOSTUNREACH)

    calls: list[int] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
        result = Sender(hub, plain, lambda _: None).send(b"", attempt, False)
    assert result == Refused("host unreachable")
    assert len(calls) < TRIES


# ── stamps ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "unprivileged"])
@pytest.mark.parametrize("family", FAMILIES)
def test_kernel_stamps_lie_within_our_own(kernel: KernelNet, family: int, raw: bool) -> None:
    network = kernel.network(raw=raw)
    network.begin()
    identifier = network.identifier("icmp", family)  # type: ignore[arg-type]
    sent: dict[int, Sent] = {}
    for sequence in range(1, 21):
        one = send(network, echo(family, identifier, sequence))
        sent[sequence] = one
    arrivals, stamps = collect(network, 20)
    network.end()
    for arrival in arrivals:
        sequence = int.from_bytes(arrival.packet[-58:-56], "big")
        probe = sent[sequence]
        assert arrival.stamp is not None
        kernel_rtt, user_rtt = arrival.stamp - stamps[probe.number], arrival.at - probe.at
        assert 0 < kernel_rtt < user_rtt + 1_000_000


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "unprivileged"])
def test_a_refused_packet_takes_no_number(kernel: KernelNet, raw: bool) -> None:
    """Else every later stamp would be credited to the packet before."""
    network = kernel.network(raw=raw)
    network.begin()
    identifier = network.identifier("icmp", 4)
    numbers = []
    for sequence in range(1, 11):
        too_long = network.send(echo(4, identifier, sequence, bytes(2000), dont_fragment=True))
        assert too_long == Refused("message too long", 1500)
        numbers.append(send(network, echo(4, identifier, sequence)))
    arrivals, stamps = collect(network, 10)
    network.end()
    assert len(arrivals) == 10
    assert list(stamps) == [one.number for one in numbers]
    for one in numbers:
        assert abs(stamps[one.number] - network.epoch - one.at) < SECOND / 10


def test_after_a_refusal_that_may_have_been_counted_the_count_starts_again(hub: Hub) -> None:
    """A local firewall refuses with EPERM, after the kernel has given the packet its number."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as to,
    ):
        to.bind(("127.0.0.1", 0))
        plain.setsockopt(*STAMPED)
        sender = Sender(hub, plain, lambda _: None)

        def counted_but_refused() -> None:
            plain.sendto(b"", to.getsockname())
            raise refused(errno.EPERM)

        first = sender.send(b"", lambda: plain.sendto(b"", to.getsockname()), False)
        sender.drain()
        assert isinstance(sender.send(b"", counted_but_refused, False), Refused)
        sender.drain()
        hub.inbox.clear()
        second = sender.send(b"", lambda: plain.sendto(b"", to.getsockname()), False)
        sender.drain()
    assert isinstance(first, Sent)
    assert isinstance(second, Sent)
    assert [event.number for event in hub.inbox if isinstance(event, Stamp)] == [second.number]


def test_a_socket_with_an_error_but_no_entry_does_not_wake_us_for_ever(hub: Hub) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as to,
    ):
        to.bind(("127.0.0.1", 0))
        plain.connect(to.getsockname())
        to.close()
        errors: list[QueuedError] = []
        sender = Sender(hub, plain, errors.append)
        plain.send(b"")  # refused: connected, but without IP_RECVERR
        sender.ready(plain, 0xFF)
        assert errors == []
        assert plain.getsockopt(linux.SOL_SOCKET, linux.SO_ERROR) == 0


def test_errors_are_given_as_they_came(hub: Hub) -> None:
    errors: list[QueuedError] = []
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as to,
    ):
        to.bind(("127.0.0.1", 0))
        port = to.getsockname()[1]
        to.close()
        for option in (linux.IP_RECVERR, linux.IP_RECVTTL):
            plain.setsockopt(linux.SOL_IP, option, 1)
        plain.sendto(b"quoted", ("127.0.0.1", port))
        Sender(hub, plain, errors.append).drain()
    (error,) = errors
    assert (error.type, error.code, error.errno) == (3, 3, errno.ECONNREFUSED)
    assert (error.offender, error.destination, error.port) == ("127.0.0.1", "127.0.0.1", port)
    assert (error.payload, error.ttl) == (b"quoted", 64)
    assert not any(isinstance(event, Arrival) for event in hub.inbox)
