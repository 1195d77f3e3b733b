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

The names are loaded on first use: a program that only pings over IPv4 does not wait for TCP.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

# Submodules with the name of the function they are known for; imported here, so that the name means the function.
from netlab.wire.checksum import checksum
from netlab.wire.fields import fields

if TYPE_CHECKING:
    from netlab.wire import extensions, icmpv4, icmpv6, pcapng
    from netlab.wire.addresses import family, to_packed, to_text
    from netlab.wire.checksum import pseudo_header
    from netlab.wire.ip import parse
    from netlab.wire.ipv4 import IPv4
    from netlab.wire.ipv6 import Fragment, IPv6, upper_layer
    from netlab.wire.packet import summary, transport
    from netlab.wire.tcp import TCP
    from netlab.wire.udp import UDP

PROTOCOL_ICMP, PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_ICMPV6 = 1, 6, 17, 58

_HOMES = {
    "Fragment": "ipv6",
    "IPv4": "ipv4",
    "IPv6": "ipv6",
    "TCP": "tcp",
    "UDP": "udp",
    "family": "addresses",
    "parse": "ip",
    "pseudo_header": "checksum",
    "summary": "packet",
    "to_packed": "addresses",
    "to_text": "addresses",
    "transport": "packet",
    "upper_layer": "ipv6",
}
_MODULES = {"extensions", "icmpv4", "icmpv6", "pcapng"}

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
    "pseudo_header",
    "summary",
    "to_packed",
    "to_text",
    "transport",
    "upper_layer",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"netlab.wire.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'netlab.wire' has no attribute {name!r}")
    value = getattr(import_module(f"netlab.wire.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
