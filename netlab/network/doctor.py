"""What this machine allows: `capabilities`, the rows behind ``netlab.doctor()``.

Nothing is guessed from settings: every way of probing is tried, with one packet to this machine's own loopback address;
the settings only explain a refusal. No packet leaves the machine, and nothing stays open. A row says what was tried,
whether it works (yes, no, partly), what was seen, and what would help.
"""

from __future__ import annotations

import importlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from netlab import wire
from netlab.errors import NetlabError, NetworkError, PermissionNeeded
from netlab.network import linux
from netlab.network.base import Arrival, Family, ProtocolName, Sent, Stamp
from netlab.network.lab_causes import TUN, explain
from netlab.network.live import LiveNetwork
from netlab.network.live_remedies import allow_raw_sockets, open_ping_sockets, ping_sockets_refused

Row = dict[str, str]

LOOPBACK: dict[Family, str] = {4: "127.0.0.1", 6: "::1"}
PATIENCE = 500_000_000
"""ns to wait for an answer from loopback, which takes 0.1 ms."""
AFTERWARDS = 5_000_000
"""ns to wait for a stamp that comes after the answer."""

SOMEWHERE = "2001:db8::1"
"""An address to ask the routing table for (documentation space); nothing is sent there."""

TOOLS = {
    "ping": "iputils-ping",
    "traceroute": "traceroute",
    "mtr": "mtr-tiny",
    "tcpdump": "tcpdump",
    "curl": "curl",
}
"""Programs that the notebooks compare netlab with, and the Debian packages that have them."""

SBIN = ("/usr/sbin", "/sbin")
"""A normal user's PATH on Debian has them not, but some programs live there."""

TRY_NAMESPACE = (
    "import ctypes; c = ctypes.CDLL(None, use_errno=True); c.unshare(0x10000000) and exit(ctypes.get_errno())"
)
"""CLONE_NEWUSER, in a process of its own: the one that does it cannot go back."""


def capabilities() -> list[Row]:
    """Rows of CAPABILITIES: capability, works (yes, no, partly), evidence, remedy (``""``: nothing to do)."""
    rows = [row("virtual internet", "yes", "runs inside Python, without sockets or permissions, on every system")]
    if not sys.platform.startswith("linux"):
        rows.append(row("live network", "no", "needs Linux", 'netlab.use("campus") measures on the virtual internet'))
        return rows + _tools()
    families: list[Family] = [4, 6]
    rows += [_raw(family) for family in families]
    rows += [_ping_socket(family) for family in families]
    rows += [_udp(), _tcp(), *_stamps(), _ipv6(), _tun(), _user_namespaces(), *_lab()]
    return rows + _tools()


def row(capability: str, works: str, evidence: str, remedy: str = "") -> Row:
    return {"capability": capability, "works": works, "evidence": evidence, "remedy": remedy}


# ── ways of probing ──────────────────────────────────────────────────────────────────────────────────────────────


class Trip:
    """One probe to loopback and what came of it."""

    def __init__(self, raw: bool, protocol: ProtocolName, family: Family) -> None:
        network = LiveNetwork(raw=raw)
        network.begin()
        try:
            identifier = network.identifier(protocol, family)
            address = LOOPBACK[family]
            sent = network.send(_probe(protocol, family, address, identifier))
            if not isinstance(sent, Sent):
                raise NetworkError(f"a packet to {address} was not sent: {sent.reason}")
            self.address, self.user_ms = address, 0.0
            self.left: int | None = None
            self.came: int | None = None
            answer = self._wait(network, sent.at + PATIENCE)
            if answer is None:
                raise NetworkError(f"{address} did not answer")
            self.user_ms, self.came = (answer.at - sent.at) / 1e6, answer.stamp
            if self.left is None:
                self._wait(network, network.now() + AFTERWARDS)
        finally:
            network.end()

    def _wait(self, network: LiveNetwork, until: int) -> Arrival | None:
        while True:
            event = network.receive(until)
            if isinstance(event, Stamp):
                self.left = event.at
            else:
                return event

    def __str__(self) -> str:
        return f"{self.address} answered in {self.user_ms:.3f} ms"


def _probe(protocol: ProtocolName, family: Family, address: str, identifier: int) -> bytes:
    """An echo request, or a datagram or SYN to a port that is closed."""
    if protocol == "udp":
        number, body = wire.PROTOCOL_UDP, wire.UDP(identifier, _closed_port(), b"netlab").to_bytes(address, address)
    elif protocol == "tcp":
        number, body = wire.PROTOCOL_TCP, wire.TCP(identifier, _closed_port()).to_bytes(address, address)
    elif family == 4:
        number, body = wire.PROTOCOL_ICMP, wire.icmpv4.EchoRequest(identifier, 1, b"netlab").to_bytes()
    else:
        request = wire.icmpv6.EchoRequest(identifier, 1, b"netlab")
        number, body = wire.PROTOCOL_ICMPV6, request.to_bytes(address, address)
    if family == 4:
        return wire.IPv4(address, address, number, body).to_bytes()
    return wire.IPv6(address, address, number, body).to_bytes()


def _closed_port() -> int:
    """A port that nobody had a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _try(capability: str, trip: Callable[[], Trip], evidence: str = "", remedy: str = "") -> Row:
    """A row for a trip: ``evidence`` goes behind what was seen, ``remedy`` is for the case that it is not allowed."""
    try:
        seen = str(trip())
    except PermissionNeeded as error:
        return row(capability, "no", error.what.partition(": ")[2] or error.what, remedy)
    except NetlabError as error:
        return row(capability, "no", str(error))
    return row(capability, "yes", f"{seen}; {evidence}" if evidence else seen)


def _raw(family: Family) -> Row:
    return _try(f"raw ICMP, IPv{family}", lambda: Trip(True, "icmp", family), remedy=allow_raw_sockets())


def _ping_socket(family: Family) -> Row:
    found = _try(f"ping socket, IPv{family}", lambda: Trip(False, "icmp", family))
    values = f'net.ipv4.ping_group_range is "{linux.ping_groups()}", this process has group {os.getegid()}'
    if found["works"] == "yes":
        found["evidence"] += f"; {values}"
    elif found["evidence"] == ping_sockets_refused():
        found["evidence"], found["remedy"] = f"refused: {values}", open_ping_sockets()
    return found


def _udp() -> Row:
    evidence = "its port unreachable came on the error queue of a plain socket"
    return _try("UDP error queue", lambda: Trip(False, "udp", 4), evidence)


def _tcp() -> Row:
    return _try("TCP connect", lambda: Trip(False, "tcp", 4), "a closed port reset the connection")


def _stamps() -> list[Row]:
    """Kernel stamps of a packet to loopback; the second trip counts, because the first switches them on."""
    names = ("kernel send stamps", "kernel receive stamps")
    try:
        trips = [Trip(False, "udp", 4) for _ in range(2)]
    except NetlabError as error:
        return [row(name, "no", str(error)) for name in names]
    trip = trips[-1]
    without = "round trips are measured by this process's own clock, and are some 0.04 ms longer"
    rows = [row(name, "yes", "") if at else row(name, "no", without) for name, at in zip(names, (trip.left, trip.came))]
    if trip.left and trip.came:
        both = f"{(trip.came - trip.left) / 1e6:.3f} ms to loopback and back by the kernel, {trip.user_ms:.3f} ms by us"
        for each in rows:
            each["evidence"] = both
    return rows


def _ipv6() -> Row:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as own:
            own.bind((LOOPBACK[6], 0))
    except OSError as error:
        remedy = "sudo sysctl -w net.ipv6.conf.all.disable_ipv6=0"
        return row("IPv6", "no", f"{LOOPBACK[6]} cannot be used: {(error.strerror or str(error)).lower()}", remedy)
    try:
        source = LiveNetwork().source_for(SOMEWHERE)
    except NetlabError:
        evidence = "this machine has no route into the IPv6 internet, only its own addresses"
        return row("IPv6", "partly", evidence, "a network that offers IPv6; the virtual internet has it always")
    return row("IPv6", "yes", f"there is a route, and packets leave from {source}")


# ── the lab ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _tun() -> Row:
    try:
        os.close(os.open(TUN, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        reason, remedies = explain("open tun", error.errno or 0)
        return row(TUN, "no", reason, remedies[0])
    return row(TUN, "yes", "it can be opened")


def _user_namespaces() -> Row:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", TRY_NAMESPACE], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode:
        reason, remedies = explain("unshare user", done.returncode)
        return row("user namespaces", "no", reason, remedies[0])
    return row("user namespaces", "yes", "a process entered a new one")


def _lab() -> list[Row]:
    try:
        probe = importlib.import_module("netlab.network.lab").probe
    except (ImportError, AttributeError):
        return [row("lab", "no", "this netlab has no lab")]
    return [row(**found) for found in probe()]


# ── programs ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _tools() -> list[Row]:
    return [_tool(name, package) for name, package in TOOLS.items()]


def _tool(name: str, package: str) -> Row:
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", os.defpath), *SBIN]))
    if found is None:
        return row(name, "no", "not found", f"sudo apt install {package}")
    return row(name, "yes", str(Path(found)))
