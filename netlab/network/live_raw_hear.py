"""Hearing on raw sockets: everything that is an answer to us, and nothing else.

A raw ICMP socket sees all ICMP of the machine, our own requests on loopback too. The kernel's filter drops the types
that are no answers; then the identifier, or the quoted datagram's source port or identifier, must be one of ours. Not
the address: an answer from a foreign address is something to see. Raw UDP and TCP sockets get a copy of every
segment of the machine; a filter program for our ports drops the others inside the kernel.

IPv6 raw sockets deliver without the IPv6 header, but the kernel tells all of its fields: such a packet is rebuilt, and
exact but for extension headers.
"""

from __future__ import annotations

import socket
import struct
import time
from functools import partial

from netlab import wire
from netlab.network import linux
from netlab.network.base import Arrival
from netlab.network.live_errqueue import ANCILLARY, LONGEST, read_control, stamp_in
from netlab.network.live_hub import Hub, attach, enlarge
from netlab.network.live_rebuild import addresses, header_length
from netlab.network.live_rebuild import packet as ip_packet
from netlab.wire.checksum import checksum, ones_complement_sum, pseudo_header

ICMP_ERRORS = frozenset({3, 4, 5, 11, 12})
"""Unreachable, source quench, redirect, time exceeded, parameter problem: they quote a datagram (RFC 792)."""
ICMP_ANSWERS = ICMP_ERRORS | {0, 14, 43}
"""Echo reply, timestamp reply, extended echo reply (RFC 8335): they repeat the identifier."""
ICMPV6_ERRORS = frozenset({1, 2, 3, 4})
ICMPV6_ANSWERS = ICMPV6_ERRORS | {129, 161}

ICMP_FILTER = struct.pack("=I", sum(1 << kind for kind in range(32) if kind not in ICMP_ANSWERS))
"""One bit per type below 32; types above pass."""
WORDS = [range(first, first + 32) for first in range(0, 256, 32)]
ICMPV6_FILTER = struct.pack(
    "=8I", *(sum(1 << kind % 32 for kind in word if kind not in ICMPV6_ANSWERS) for word in WORDS)
)

STAMPED = (linux.SOL_SOCKET, linux.SO_TIMESTAMPING, linux.STAMP_RECEIVED)
IPV6_FIELDS = [
    (linux.SOL_IPV6, option, 1)
    for option in (linux.IPV6_RECVPKTINFO, linux.IPV6_RECVHOPLIMIT, linux.IPV6_RECVTCLASS, linux.IPV6_FLOWINFO)
]

IPV4_HEADER, IPV6_HEADER, FRAGMENT_HEADER = 20, 40, 44
CHECKSUM_AT = {wire.PROTOCOL_UDP: 6, wire.PROTOCOL_TCP: 16}


class Ours:
    """Which ICMP messages answer something that we sent."""

    def __init__(self, version: int) -> None:
        self._version = version
        self._icmp = wire.PROTOCOL_ICMP if version == 4 else wire.PROTOCOL_ICMPV6
        self._errors = ICMP_ERRORS if version == 4 else ICMPV6_ERRORS
        self._answers = ICMP_ANSWERS if version == 4 else ICMPV6_ANSWERS
        self._own: dict[int, set[int]] = {}

    def add(self, protocol: int, identifier: int) -> bool:
        """An ICMP identifier, source port, or first two bytes of another protocol; False: it was known."""
        own = self._own.setdefault(protocol, set())
        known = identifier in own
        own.add(identifier)
        return not known

    def __contains__(self, item: tuple[int, int]) -> bool:
        protocol, identifier = item
        return identifier in self._own.get(protocol, ())

    def identifiers(self, protocol: int) -> list[int]:
        return sorted(self._own.get(protocol, ()))

    def answered_by(self, data: bytes) -> bool:
        """Whether the ICMP message in ``data`` (IPv4: behind its IP header) is an answer to us."""
        start = (data[0] & 15) * 4 if self._version == 4 and data else 0
        if len(data) < start + 8 or data[start] not in self._answers:
            return False
        if data[start] not in self._errors:
            return (self._icmp, int.from_bytes(data[start + 4 : start + 6], "big")) in self
        quote = start + 8
        if self._version == 4:
            if len(data) < quote + IPV4_HEADER:
                return False
            protocol, inside = data[quote + 9], quote + (data[quote] & 15) * 4
        else:
            inside = quote + IPV6_HEADER
            if len(data) <= inside:
                return False
            protocol = data[quote + 6]
            if protocol == FRAGMENT_HEADER:
                protocol, inside = data[inside], inside + 8
        if protocol == self._icmp:
            inside += 4  # the identifier of an echo request; ports, and what is unknown, are told by the first bytes
        identifier = data[inside : inside + 2]
        return len(identifier) == 2 and int.from_bytes(identifier, "big") in self._own.get(protocol, ())


class Hearing:
    """The receiving sockets of one IP version."""

    def __init__(self, hub: Hub, version: int) -> None:
        self._hub, self._version = hub, version
        self._icmp = wire.PROTOCOL_ICMP if version == 4 else wire.PROTOCOL_ICMPV6
        self._ours = Ours(version)
        self._sockets: dict[int, socket.socket] = {}
        self._open(self._icmp)

    def hears(self, protocol: int, identifier: int) -> bool:
        return (protocol, identifier) in self._ours

    def hear(self, protocol: int, identifier: int) -> None:
        """From now on, answers to this identifier or source port are ours."""
        if self._ours.add(protocol, identifier) and protocol in (wire.PROTOCOL_UDP, wire.PROTOCOL_TCP):
            sock = self._sockets.get(protocol) or self._open(protocol)
            attach(sock, linux.only_ports(self._ours.identifiers(protocol), from_ip_header=self._version == 4))

    def _open(self, protocol: int) -> socket.socket:
        family = socket.AF_INET if self._version == 4 else socket.AF_INET6
        options = [STAMPED] if self._version == 4 else [STAMPED, *IPV6_FIELDS]
        opened = self._hub.open(family, socket.SOCK_RAW, protocol, options)
        if protocol == self._icmp:
            if self._version == 4:
                opened.setsockopt(linux.SOL_RAW, linux.ICMP_FILTER, ICMP_FILTER)
            else:
                opened.setsockopt(linux.SOL_ICMPV6, linux.ICMPV6_FILTER, ICMPV6_FILTER)
        else:
            attach(opened, linux.NOTHING)  # until the ports are known
        enlarge(opened)
        self._hub.watch(opened, partial(self._ready, protocol))
        self._sockets[protocol] = opened
        return opened

    def _ready(self, protocol: int, sock: socket.socket, events: int) -> None:
        """Take everything that has come in."""
        check = protocol == self._icmp
        inbox, whole = self._hub.inbox, self._version == 4
        while True:
            try:
                data, control, _, name = sock.recvmsg(LONGEST, ANCILLARY, linux.MSG_DONTWAIT)
            except BlockingIOError:
                return
            at = time.monotonic_ns()
            if check and not self._ours.answered_by(data):
                continue
            if not whole:
                told = read_control(control)
                source = name[0].partition("%")[0]
                data = ip_packet(source, told.local, protocol, data, told.ttl, told.tos, told.flow_label)
            finished = data if check else with_offloaded_checksum(data, protocol)
            inbox.append(Arrival(finished, at, stamp_in(control), rebuilt=not whole or finished is not data))

    def close(self) -> None:
        for sock in self._sockets.values():
            self._hub.forget(sock)


def with_offloaded_checksum(packet: bytes, protocol: int) -> bytes:
    """The packet with the checksum that its sender left to the network device.

    What comes from this machine (loopback, a container) has never met a device: in place of the checksum stands the
    sum over the pseudo-header alone, which the device would have gone on from. It is no fault of the network.
    """
    source, destination = addresses(packet)
    start = header_length(packet)
    place = start + CHECKSUM_AT[protocol]
    segment = packet[start:]
    begun = ones_complement_sum(pseudo_header(source, destination, protocol, len(segment)))
    if len(packet) < place + 2 or packet[place : place + 2] != begun.to_bytes(2, "big"):
        return packet
    right = checksum(segment)  # of the field as it is, so with the pseudo-header in it
    return packet[:place] + (right or 0xFFFF).to_bytes(2, "big") + packet[place + 2 :]
