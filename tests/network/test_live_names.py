"""The names and routes of this machine, through `LiveNetwork`."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from netlab.errors import NameNotFound, NoRoute, PermissionNeeded, UsageError
from netlab.network import live_names
from netlab.network.live import LiveNetwork
from netlab.network.worlds import load
from tests.support.kernelnet import KernelNet, kernel_net

pytestmark = pytest.mark.network


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelNet]:
    with kernel_net(load("line")) as running:
        yield running


@pytest.mark.parametrize(
    ("name", "family", "addresses"),
    [
        ("127.0.0.1", None, ["127.0.0.1"]),
        ("192.0.2.1", 4, ["192.0.2.1"]),
        ("::1", 6, ["::1"]),
        ("2001:DB8:0:0::1", None, ["2001:db8::1"]),
        ("fe80::1%lo", 6, ["fe80::1%lo"]),
        ("localhost", 4, ["127.0.0.1"]),
    ],
)
def test_names_and_addresses_resolve(name: str, family: int | None, addresses: list[str]) -> None:
    assert LiveNetwork().resolve(name, family) == addresses  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name", ["", "\0", "x" * 64 + ".example", "a..b", "ñ" * 70 + ".example", "fe80::1%nosuchinterface", "1.2.3.4.5"]
)
def test_what_is_no_name_is_not_found(name: str) -> None:
    with pytest.raises(NameNotFound):
        LiveNetwork().resolve(name)


def test_an_address_of_the_other_version_says_so() -> None:
    with pytest.raises(NameNotFound, match="that is an IPv4 address, and IPv6 was asked for"):
        LiveNetwork().resolve("192.0.2.1", 6)


def test_a_name_server_that_does_not_answer_is_named_as_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def unanswered(*_: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", unanswered)
    with pytest.raises(NameNotFound, match="no name server answers"):
        LiveNetwork().resolve("www.example")


def test_addresses_are_given_once_and_in_the_systems_order(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(0, 0, 0, "", (address, 0)) for address in ("192.0.2.2", "192.0.2.1", "192.0.2.2")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: found)
    assert LiveNetwork().resolve("www.example") == ["192.0.2.2", "192.0.2.1"]


def test_a_loopback_address_has_a_name() -> None:
    assert LiveNetwork().reverse("127.0.0.1") == socket.getnameinfo(("127.0.0.1", 0), 0)[0]


def test_what_has_no_name_gives_an_empty_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "gethostbyaddr", unknown)
    assert LiveNetwork().reverse("192.0.2.1") == ""


def test_loopback_is_reached_from_loopback() -> None:
    assert LiveNetwork().source_for("127.0.0.1") == "127.0.0.1"
    assert LiveNetwork().source_for("127.0.0.1", "127.0.0.9") == "127.0.0.9"


def test_a_source_that_is_not_ours_has_no_route(kernel: KernelNet) -> None:
    with pytest.raises(NoRoute, match="not an address of this machine"):
        kernel.network().source_for("203.0.113.80", "203.0.113.99")


def test_a_source_of_the_other_version_has_no_route(kernel: KernelNet) -> None:
    with pytest.raises(NoRoute, match="must be an IPv4 address"):
        kernel.network().source_for("203.0.113.80", "2001:db8:1::10")


def test_a_destination_that_is_no_address_is_a_usage_error() -> None:
    with pytest.raises(UsageError):
        LiveNetwork().source_for("www.example")


@pytest.mark.parametrize("via", ["unreachable", "prohibit", "blackhole"])
def test_a_route_that_leads_nowhere_is_no_route(kernel: KernelNet, via: str) -> None:
    kernel.route("laptop", "203.0.113.128/25", via)
    with pytest.raises(NoRoute) as error:
        kernel.network().source_for("203.0.113.200")
    assert error.value.destination == "203.0.113.200"


def test_multicast_and_broadcast_are_refused(kernel: KernelNet) -> None:
    for group in ("224.0.0.1", "255.255.255.255", "ff02::1", "192.0.2.255"):
        with pytest.raises(PermissionNeeded, match="many machines would answer"):
            kernel.network().source_for(group)


def test_a_link_local_address_needs_its_interface(kernel: KernelNet) -> None:
    with pytest.raises(NoRoute, match="fe80::1%eth0"):
        kernel.network().source_for("fe80::1")
    with pytest.raises(NoRoute, match="nosuchinterface"):
        kernel.network().source_for("fe80::1%nosuchinterface")


def test_a_zone_is_a_name_or_a_number() -> None:
    assert live_names.zone_of("fe80::1%7") == 7
    assert live_names.zone_of("fe80::1%lo") == socket.if_nametoindex("lo")
    assert live_names.zone_of("2001:db8::1") == 0
