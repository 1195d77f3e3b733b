"""Packets: bytes ⇄ values, without sockets.

Every protocol's header is a frozen dataclass with two verbs, ``parse(bytes)`` and ``to_bytes()``. Unknown numbers are
values; bytes that are not what they claim raise `netlab.errors.PacketError`, and nothing else.

>>> from netlab import wire
>>> ping = wire.icmpv4.EchoRequest(identifier=7, sequence=1, payload=b"hello")
>>> packet = wire.IPv4("192.0.2.10", "203.0.113.80", wire.PROTOCOL_ICMP, ping.to_bytes())
>>> wire.summary(packet.to_bytes())
'192.0.2.10 > 203.0.113.80 ICMP echo request id=7 seq=1 ttl=64'

``wire.checksum`` and ``wire.fields`` are the functions; the modules of the same names are reached by
``from netlab.wire.checksum import update``.
"""

from netlab.wire import extensions, icmpv4, icmpv6, pcapng
from netlab.wire.addresses import family, to_packed, to_text
from netlab.wire.checksum import checksum
from netlab.wire.fields import fields
from netlab.wire.ipv4 import IPv4
from netlab.wire.ipv6 import Fragment, IPv6
from netlab.wire.packet import parse, summary, transport
from netlab.wire.tcp import TCP
from netlab.wire.udp import UDP

PROTOCOL_ICMP, PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_ICMPV6 = 1, 6, 17, 58

__all__ = [
    "PROTOCOL_ICMP",
    "PROTOCOL_ICMPV6",
    "PROTOCOL_TCP",
    "PROTOCOL_UDP",
    "TCP",
    "UDP",
    "Fragment",
    "IPv4",
    "IPv6",
    "checksum",
    "extensions",
    "family",
    "fields",
    "icmpv4",
    "icmpv6",
    "parse",
    "pcapng",
    "summary",
    "to_packed",
    "to_text",
    "transport",
]
