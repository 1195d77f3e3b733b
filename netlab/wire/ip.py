"""Which version of IP a packet has, and the packet as a value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netlab.errors import PacketError
from netlab.wire.ipv4 import IPv4

if TYPE_CHECKING:
    from netlab.wire.ipv6 import IPv6


def parse(data: bytes, quoted: bool = False) -> IPv4 | IPv6:
    """The IP packet in ``data``, IPv4 or IPv6 as its first four bits say; ``quoted``: it may be cut short."""
    if not data:
        raise PacketError("IP", 0, 20, 0)
    version = data[0] >> 4
    if version == 4:
        return IPv4.parse(data, quoted)
    if version == 6:
        from netlab.wire.ipv6 import IPv6  # read when the first such packet is met: ping starts quickly

        return IPv6.parse(data, quoted)
    raise PacketError("IP", 0, 0, 0, f"version is {version}, neither 4 nor 6")
