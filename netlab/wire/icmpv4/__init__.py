"""ICMP for IPv4: RFC 792, with the next-hop MTU of RFC 1191 and the extensions of RFC 4884.

::

    +---------------+---------------+-------------------------------+
    |     Type      |     Code      |           Checksum            |
    +---------------+---------------+-------------------------------+
    |              Rest of the header, depends on Type              |
    +---------------------------------------------------------------+
    |        Payload, or the original datagram of an error          |

Each kind of message is a class of its own, with ``type`` and ``code``; what is not known is `Unknown`. An error quotes
the original datagram: its IP header and at least 8 bytes of its payload (RFC 792), as much as fits into 576 bytes
from modern systems (RFC 1812 section 4.3.2.3).

``parse(data, quoted=True)`` reads a message that is itself quoted in an error and may be cut short: its checksum is
always kept as the number found, for it can rarely be checked and is often what the sender wants to know.

One kind of message, one short file; each is read when the first such message is met, so that ping starts quickly.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from netlab.errors import PacketError
from netlab.wire.checksum import ones_complement_sum
from netlab.wire.icmpv4.message import HEADER, HEADER_LENGTH

if TYPE_CHECKING:
    from netlab.wire.icmpv4.echo import EchoReply, EchoRequest
    from netlab.wire.icmpv4.errors import DestinationUnreachable, ParameterProblem, Redirect, TimeExceeded
    from netlab.wire.icmpv4.timestamp import TimestampReply, TimestampRequest
    from netlab.wire.icmpv4.unknown import Unknown

    Message = (
        EchoRequest
        | EchoReply
        | DestinationUnreachable
        | TimeExceeded
        | ParameterProblem
        | Redirect
        | TimestampRequest
        | TimestampReply
        | Unknown
    )

PROTOCOL = 1

NET_UNREACHABLE, HOST_UNREACHABLE, PROTOCOL_UNREACHABLE, PORT_UNREACHABLE, FRAGMENTATION_NEEDED = range(5)
NET_PROHIBITED, HOST_PROHIBITED, PROHIBITED = 9, 10, 13
"""Codes of `DestinationUnreachable` (RFC 792; 9 and 10: RFC 1122 section 3.2.2.1; 13: RFC 1812 section 5.2.7.1)."""
TTL_EXCEEDED, REASSEMBLY_EXCEEDED = 0, 1
"""Codes of `TimeExceeded`."""

KINDS = {
    0: "EchoReply",
    3: "DestinationUnreachable",
    5: "Redirect",
    8: "EchoRequest",
    11: "TimeExceeded",
    12: "ParameterProblem",
    13: "TimestampRequest",
    14: "TimestampReply",
}
"""Type → name of its class."""

_HOMES = {
    "EchoRequest": "echo",
    "EchoReply": "echo",
    "DestinationUnreachable": "errors",
    "TimeExceeded": "errors",
    "ParameterProblem": "errors",
    "Redirect": "errors",
    "TimestampRequest": "timestamp",
    "TimestampReply": "timestamp",
    "Unknown": "unknown",
}

__all__ = [
    "HEADER_LENGTH",
    "KINDS",
    "PROTOCOL",
    "DestinationUnreachable",
    "EchoReply",
    "EchoRequest",
    "Message",
    "ParameterProblem",
    "Redirect",
    "TimeExceeded",
    "TimestampReply",
    "TimestampRequest",
    "Unknown",
    "kind",
    "parse",
]


def parse(data: bytes, quoted: bool = False) -> Message:
    """The ICMP message in ``data``; raises `PacketError` when it is too short for its type."""
    if len(data) < 4:
        raise PacketError("ICMP", 0, 4, len(data))
    number, code, found = HEADER.unpack_from(data)
    checksum = None if not quoted and ones_complement_sum(data) == 0xFFFF else found
    message = kind(number)
    if message is None or (quoted and len(data) < message.least):
        return __getattr__("Unknown")(number, code, data[4:], checksum)  # type: ignore[no-any-return]
    if len(data) < message.least:
        raise PacketError("ICMP", 0, message.least, len(data))
    result: Message = message._read(code, data, checksum)
    return result


def kind(number: int) -> Any:
    """The class of the messages of this type, None where there is none."""
    name = KINDS.get(number)
    return None if name is None else globals().get(name) or __getattr__(name)


def __getattr__(name: str) -> Any:
    if name == "Message":
        from functools import reduce
        from operator import or_

        value = reduce(or_, (__getattr__(each) for each in _HOMES))
    elif name in _HOMES:
        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value
