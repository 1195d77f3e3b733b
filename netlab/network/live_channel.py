"""What a live network asks of a channel, and the packet as every channel wants to see it.

A channel sends one protocol of one IP version in one way (raw, ping socket, UDP socket, TCP connect) and turns what
comes back into whole packets, which it puts into the hub's inbox.
"""

from __future__ import annotations

import struct
from typing import NamedTuple, Protocol

from netlab import wire
from netlab.network.base import Refused, Sent

IPV4 = struct.Struct("!BBHHHBBH4s4s")
"""RFC 791 section 3.1."""
PLAIN_IPV4, IPV4_HEADER = 0x45, 20
"""The first byte of a header without options, and its length."""
DONT_FRAGMENT, FRAGMENT = 0x4000, 0x3FFF
"""In the two bytes of flags and fragment offset; `FRAGMENT`: what is 0 in a whole packet."""


class Outgoing(NamedTuple):
    """A packet that is to leave, and the fields of its IP header that a socket has to be told."""

    packet: bytes
    version: int
    source: str
    destination: str
    protocol: int
    payload: bytes
    """From the transport header on."""
    ttl: int
    tos: int
    flow_label: int
    dont_fragment: bool
    """Refuse it when it is longer than the link's MTU. In IPv6, where only senders fragment, the caller says so."""
    plain: bool
    """No IP options, extension headers or fragment: what a socket of the kernel can send."""

    @classmethod
    def parse(cls, packet: bytes, fragment: bool = True) -> Outgoing:
        """Raises `PacketError` when these bytes are no IP packet. ``fragment``: of IPv6, as in `LiveNetwork.send`."""
        if len(packet) >= IPV4_HEADER and packet[0] == PLAIN_IPV4:
            _, tos, length, _, flags, ttl, protocol, _, source, destination = IPV4.unpack_from(packet)
            if length == len(packet) and not flags & FRAGMENT:  # what measurements send: worth not parsing everything
                ends = wire.to_text(source), wire.to_text(destination)
                return cls(
                    packet, 4, *ends, protocol, packet[IPV4_HEADER:], ttl, tos, 0, flags & DONT_FRAGMENT != 0, True
                )
        ip = wire.parse(packet)
        if isinstance(ip, wire.IPv4):
            plain = not (ip.options or ip.more_fragments or ip.fragment_offset)
            return cls(
                packet,
                4,
                ip.source,
                ip.destination,
                ip.protocol,
                ip.payload,
                ip.ttl,
                ip.tos,
                0,
                ip.dont_fragment,
                plain,
            )
        from netlab.wire.ipv6 import EXTENSION_HEADERS

        plain = ip.next_header not in EXTENSION_HEADERS
        return cls(
            packet,
            6,
            ip.source,
            ip.destination,
            ip.next_header,
            ip.payload,
            ip.hop_limit,
            ip.traffic_class,
            ip.flow_label,
            not fragment,
            plain,
        )


class Channel(Protocol):
    """One way to send and to hear."""

    def identifier(self, protocol: int) -> int:
        """The ICMP identifier or source port to build packets with."""

    def send(self, outgoing: Outgoing) -> Sent | Refused: ...

    def due(self) -> int | None:
        """When `expire` has something to do; None: never."""

    def expire(self, now: int) -> None:
        """End what has had its time. Called after everything that has come in was read."""

    def close(self) -> None: ...
