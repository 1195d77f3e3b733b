"""`LiveNetwork` itself: which way it picks, what it says when none is allowed, and that it leaves nothing open."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from netlab import wire
from netlab.errors import NetworkError, PermissionNeeded, UsageError
from netlab.network import live, live_hub
from netlab.network.base import Network, Refused, Stamp
from netlab.network.live import LiveNetwork
from netlab.network.worlds import load
from tests.network.live_bench import FAMILIES, LAPTOP, collect, echo, ip, one, send
from tests.support.kernelnet import KernelNet, kernel_net

pytestmark = pytest.mark.network

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelNet]:
    with kernel_net(load("line")) as running:
        yield running


@pytest.fixture(scope="module")
def closed() -> Iterator[KernelNet]:
    """Machines on which nobody may open a ping socket."""
    with kernel_net(load("line"), ping_sockets=False) as running:
        yield running


def python(code: str) -> list[str]:
    return [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}"]


# ── what is loaded ───────────────────────────────────────────────────────────────────────────────────────────────


def test_nothing_heavy_is_imported() -> None:
    code = "import netlab.network.live; print(*sys.modules)"
    loaded = set(subprocess.run(python(code), capture_output=True, text=True, check=True).stdout.split())
    assert not loaded & {"asyncio", "ctypes", "matplotlib", "numpy", "pandas", "ssl", "tomllib"}


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_on_other_systems_it_imports_and_says_what_to_do(platform: str) -> None:
    code = (
        f"sys.platform = {platform!r}; import select; del select.epoll; "
        "import netlab.network.live, netlab.network.doctor; from netlab.errors import PermissionNeeded\n"
        "network = netlab.network.live.LiveNetwork()\n"
        "try: network.begin()\n"
        "except PermissionNeeded as error: print(error.remedies[0]); print(error)\n"
        "print(network.resolve('127.0.0.1'))"
    )
    output = subprocess.run(python(code), capture_output=True, text=True, check=True).stdout
    assert output.startswith('netlab.use("campus")')
    assert "needs Linux" in output
    assert output.endswith("['127.0.0.1']\n")


# ── the way that is picked ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("family", FAMILIES)
def test_raw_sockets_are_used_where_they_are_allowed(kernel: KernelNet, family: int) -> None:
    network = LiveNetwork(kernel.factory("laptop"))
    network.begin()
    assert not send(network, echo(family, network.identifier("icmp", family), ttl=1)).rebuilt  # type: ignore[arg-type]
    network.end()


@pytest.mark.parametrize("family", FAMILIES)
def test_ping_sockets_are_used_where_raw_ones_are_not_allowed(kernel: KernelNet, family: int) -> None:
    network = kernel.network(raw=None)
    network.begin()
    assert send(network, echo(family, network.identifier("icmp", family), ttl=1)).rebuilt  # type: ignore[arg-type]
    network.end()


@pytest.mark.parametrize("family", FAMILIES)
def test_when_nothing_is_allowed_the_remedies_are_named(closed: KernelNet, family: int) -> None:
    network = closed.network(raw=None)
    network.begin()
    with pytest.raises(PermissionNeeded) as error:
        network.identifier("icmp", family)  # type: ignore[arg-type]
    network.end()
    assert error.value.what.startswith(f"ICMP over IPv{family} is not allowed here")
    first, *others = error.value.remedies
    assert first.startswith('netlab.use("campus")')
    assert any('sysctl -w net.ipv4.ping_group_range="0 2147483647"' in remedy for remedy in others)
    assert any("setcap cap_net_raw+ep" in remedy for remedy in others)


def test_udp_and_tcp_work_where_icmp_does_not(closed: KernelNet) -> None:
    network = closed.network(raw=None)
    network.begin()
    assert network.identifier("udp", 4)
    assert network.identifier("tcp", 4)
    network.end()


def test_raw_only_names_no_ping_sockets(closed: KernelNet) -> None:
    network = LiveNetwork(closed.factory("laptop", privileged=False), raw=True)
    network.begin()
    with pytest.raises(PermissionNeeded) as error:
        network.identifier("udp", 4)
    network.end()
    assert "ping" not in str(error.value)


def test_a_process_without_capabilities_measures_and_reads_its_own_settings(closed: KernelNet) -> None:
    """Not a borrowed socket, but a whole Python process in there that may not do anything special."""
    code = (
        "from netlab.network.live import LiveNetwork; from netlab.errors import PermissionNeeded\n"
        "network = LiveNetwork(); network.begin(); print(network.identifier('udp', 4) > 0)\n"
        "try: network.identifier('icmp', 4)\n"
        "except PermissionNeeded as error: print(error)"
    )
    first, _, second = closed.run("laptop", python(code), privileged=False).stdout.partition("\n")
    assert first == "True"
    value = closed.run("laptop", ["cat", "/proc/sys/net/ipv4/ping_group_range"]).stdout
    assert f'net.ipv4.ping_group_range is "{" ".join(value.split())}" and l' in second
    closed.sysctl("server", "ipv4/ping_group_range", f"{os.getegid()} {os.getegid()}")
    code = (
        "from netlab.network.live import LiveNetwork; n = LiveNetwork(); n.begin(); print(n.identifier('icmp', 6) > 0)"
    )
    assert closed.run("server", python(code), privileged=False).stdout == "True\n"


def test_an_unknown_protocol_is_a_usage_error(kernel: KernelNet) -> None:
    with pytest.raises(UsageError, match="'icmp', 'udp' or 'tcp'"):
        kernel.network().identifier("sctp", 4)  # type: ignore[arg-type]


def test_any_protocol_can_be_sent_raw_and_none_without(kernel: KernelNet) -> None:
    unknown = ip(4, 253, b"experiment")
    raw, plain = kernel.network(raw=True), kernel.network(raw=None)
    raw.begin()
    assert send(raw, unknown).packet[20:] == b"experiment"
    raw.end()
    plain.begin()
    with pytest.raises(PermissionNeeded, match="only raw sockets can send this protocol"):
        plain.send(unknown)
    plain.end()


def test_a_machine_without_ipv6_says_so(kernel: KernelNet) -> None:
    def no_ipv6(family: int, kind: int, protocol: int) -> socket.socket:
        raise OSError(97, "Address family not supported by protocol")

    network = LiveNetwork(no_ipv6)
    network.begin()
    with pytest.raises(NetworkError, match="cannot open a socket for IPv6 here"):
        network.identifier("icmp", 6)
    network.end()


# ── measurements ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_it_is_a_network_with_a_fixed_repr() -> None:
    assert isinstance(LiveNetwork(), Network)
    assert repr(LiveNetwork()) == "<netlab network: live, real time>"


def test_nothing_is_sent_outside_of_a_measurement() -> None:
    network = LiveNetwork()
    for call in (
        lambda: network.send(ip(4, 1, b"")),
        lambda: network.receive(0),
        lambda: network.identifier("icmp", 4),
    ):
        with pytest.raises(NetworkError, match="call begin"):
            call()


@pytest.mark.parametrize("raw", [True, None], ids=["raw", "unprivileged"])
def test_every_descriptor_is_closed_at_the_end(kernel: KernelNet, raw: bool | None) -> None:
    network = kernel.network(raw=raw)
    before = os.listdir("/proc/self/fd")
    network.begin()
    for family in (4, 6):
        for protocol in ("icmp", "udp", "tcp"):
            network.identifier(protocol, family)  # type: ignore[arg-type]
        send(network, echo(family, network.identifier("icmp", family), 1, bytes(3000)))  # type: ignore[arg-type]
    network.end()
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_a_measurement_of_another_thread_is_waited_for(kernel: KernelNet) -> None:
    network = kernel.network()
    network.begin()
    ending = threading.Timer(0.1, network.end)
    ending.start()
    other = threading.Thread(target=lambda: (network.begin(), network.end()))
    other.start()
    other.join(5)
    assert not other.is_alive()
    ending.join()


def test_a_measurement_that_never_ends_is_not_waited_for_for_ever(
    kernel: KernelNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PATIENCE", 0.01)
    network = kernel.network()
    network.begin()
    failures = []

    def begin() -> None:
        try:
            network.begin()
        except NetworkError as error:
            failures.append(str(error))

    other = threading.Thread(target=begin)
    other.start()
    other.join(5)
    network.end()
    assert "another measurement is running" in failures[0]


def test_a_process_with_very_many_descriptors_can_measure(kernel: KernelNet, monkeypatch: pytest.MonkeyPatch) -> None:
    """``select`` takes no descriptor above 1023; then epoll waits alone."""
    monkeypatch.setattr(live_hub, "SELECT_LIMIT", 0)
    network = kernel.network()
    network.begin()
    send(network, echo(4, network.identifier("icmp", 4)))
    assert one(network)
    began = time.monotonic()
    assert network.receive(network.now() + 30_000_000) is None
    assert 0.03 <= time.monotonic() - began < 0.5
    network.end()


def test_receive_stamps_are_on_from_the_first_packet(kernel: KernelNet) -> None:
    """The kernel switches them on late; the first measurement of a process must not suffer."""
    network = kernel.network(raw=False)
    network.begin()
    send(network, echo(4, network.identifier("icmp", 4)))
    arrivals, _ = collect(network, 1)
    network.end()
    assert arrivals[0].stamp is not None


def test_bytes_that_are_no_packet_are_refused(kernel: KernelNet) -> None:
    network = kernel.network()
    network.begin()
    for junk in (b"", b"\x45", b"\x60" + bytes(10), b"\xff" * 40):
        refused = network.send(junk)
        assert isinstance(refused, Refused)
        assert refused.reason.startswith("invalid argument")
    network.end()


def test_a_thousand_addresses_take_less_than_a_second(kernel: KernelNet) -> None:
    """One echo to each, answers and stamps read as they come; measured: 0.1 s. The limit has room for busy machines."""
    network = kernel.network(raw=True)
    network.begin()
    identifier = network.identifier("icmp", 4)
    began = time.monotonic()
    answers = stamps = 0
    for number in range(1000):
        address = f"127.0.{number >> 8}.{number & 255 or 1}"
        send(network, echo(4, identifier, number, source="127.0.0.1", destination=address))
        while (event := network.receive(network.now())) is not None:
            answers, stamps = (answers, stamps + 1) if isinstance(event, Stamp) else (answers + 1, stamps)
    answers += len(collect(network, 1000 - answers)[0])
    took = time.monotonic() - began
    network.end()
    assert answers == 1000
    assert took < 2


def test_packets_are_kept_up_to_a_limit(kernel: KernelNet, monkeypatch: pytest.MonkeyPatch) -> None:
    network = kernel.network()
    monkeypatch.setattr(network._capture, "_seen", type(network._capture._seen)(maxlen=3))
    network.begin()
    for sequence in range(5):
        send(network, echo(4, network.identifier("icmp", 4), sequence, ttl=1))
    collect(network, 5)
    network.end()
    rows = network.packets()
    assert [row["action"] for row in rows] == ["delivered"] * 3
    assert rows[-1]["at"] == "here"
    assert rows[-1]["source"] == "192.0.2.1"
    assert rows[-1]["destination"] == LAPTOP[4]


def test_a_capture_has_no_nodes_or_links(kernel: KernelNet, tmp_path: Path) -> None:
    network = kernel.network()
    assert network.to_pcap(tmp_path / "all.pcapng", node="here") == 0
    with pytest.raises(UsageError, match="sees this machine's packets"):
        network.to_pcap(tmp_path / "some.pcapng", node="r1")
    with pytest.raises(UsageError, match="does not see links"):
        network.to_pcap(tmp_path / "some.pcapng", link="laptop-r1")
    with pytest.raises(UsageError, match="cannot be written"):
        network.to_pcap(tmp_path / "nowhere" / "some.pcapng")


def test_a_resolver_of_ones_own_is_asked_for_everything() -> None:
    class Resolver:
        def resolve(self, name: str, family: object = None) -> list[str]:
            return ["192.0.2.1"]

        def reverse(self, address: str) -> str:
            return "one"

        def source_for(self, destination: str, source: str | None = None) -> str:
            return "192.0.2.2"

    network = LiveNetwork(resolver=Resolver())
    assert network.resolve("anything") == ["192.0.2.1"]
    assert network.reverse("192.0.2.1") == "one"
    assert network.source_for("192.0.2.1") == "192.0.2.2"


def test_a_summary_can_be_made_of_all_packets_seen(kernel: KernelNet) -> None:
    network = kernel.network(raw=None)
    network.begin()
    send(network, echo(6, network.identifier("icmp", 6), 3))
    collect(network, 1)
    network.end()
    lines = [wire.summary(row["data"]) for row in network.packets()]
    assert [row["summary"] for row in network.packets()] == lines
    assert "echo request" in lines[0]
    assert "echo reply" in lines[1]
