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
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, ClassVar

from netlab.errors import PacketError
from netlab.wire.addresses import to_packed4, to_text
from netlab.wire.checksum import checksum as internet_checksum
from netlab.wire.checksum import ones_complement_sum
from netlab.wire.extensions import Extension, join, split
from netlab.wire.ranges import misfit

HEADER = struct.Struct("!BBH")
TWO = struct.Struct("!HH")
TIMES = struct.Struct("!HHIII")
HEADER_LENGTH = 8
PROTOCOL = 1
UNIT = 4
"""The length field of an error counts 32-bit words (RFC 4884 section 4.1)."""

BITS = {
    "type": 8,
    "code": 8,
    "checksum": 16,
    "identifier": 16,
    "sequence": 16,
    "mtu": 16,
    "pointer": 8,
    "length_words": 8,
    "originate": 32,
    "receive": 32,
    "transmit": 32,
    "unused": 32,
}

NET_UNREACHABLE, HOST_UNREACHABLE, PROTOCOL_UNREACHABLE, PORT_UNREACHABLE, FRAGMENTATION_NEEDED = range(5)
NET_PROHIBITED, HOST_PROHIBITED, PROHIBITED = 9, 10, 13
"""Codes of `DestinationUnreachable` (RFC 792; 9 and 10: RFC 1122 section 3.2.2.1; 13: RFC 1812 section 5.2.7.1)."""
TTL_EXCEEDED, REASSEMBLY_EXCEEDED = 0, 1
"""Codes of `TimeExceeded`."""


def parse(data: bytes, quoted: bool = False) -> Message:
    """The ICMP message in ``data``; raises `PacketError` when it is too short for its type."""
    if len(data) < 4:
        raise PacketError("ICMP", 0, 4, len(data))
    kind, code, found = HEADER.unpack_from(data)
    checksum = None if not quoted and ones_complement_sum(data) == 0xFFFF else found
    message = KINDS.get(kind)
    if message is None or (quoted and len(data) < message.least):
        return Unknown(kind, code, data[4:], checksum)
    if len(data) < message.least:
        raise PacketError("ICMP", 0, message.least, len(data))
    result: Message = message._read(code, data, checksum)
    return result


class _Message:
    """What all messages share: the first four bytes."""

    __slots__ = ()
    least: ClassVar[int] = HEADER_LENGTH
    """Bytes that a message of this type has at least."""

    def to_bytes(self: Any) -> bytes:
        """The message as it goes onto the wire."""
        try:
            body: bytes = self._body()
            checksum = self.checksum
            if checksum is None:
                checksum = internet_checksum(body, self.type << 8 | self.code)
            return HEADER.pack(self.type, self.code, checksum) + body
        except struct.error:
            raise misfit(self, BITS) from None

    def _body(self) -> bytes:
        """All after the checksum."""
        raise NotImplementedError

    @classmethod
    def _read(cls, code: int, data: bytes, checksum: int | None) -> Any:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class _Echo(_Message):
    identifier: int
    sequence: int
    payload: bytes = b""
    checksum: int | None = None
    code: int = 0

    def _body(self) -> bytes:
        return TWO.pack(self.identifier, self.sequence) + self.payload

    @classmethod
    def _read(cls, code: int, data: bytes, checksum: int | None) -> Any:
        identifier, sequence = TWO.unpack_from(data, 4)
        return cls(identifier, sequence, data[8:], checksum, code)


@dataclass(frozen=True, slots=True)
class EchoRequest(_Echo):
    """What ping sends: the receiver returns identifier, sequence and payload unchanged."""

    type: ClassVar[int] = 8


@dataclass(frozen=True, slots=True)
class EchoReply(_Echo):
    """The answer to `EchoRequest`."""

    type: ClassVar[int] = 0


@dataclass(frozen=True, slots=True)
class DestinationUnreachable(_Message):
    """A router or the host could not deliver; ``mtu`` belongs to code 4, fragmentation needed (RFC 1191 section 4)."""

    type: ClassVar[int] = 3
    code: int
    original: bytes
    mtu: int = 0
    extensions: tuple[Extension, ...] = ()
    checksum: int | None = None
    length_words: int | None = None
    """The length field; None: the right one, 0: not told, as by routers older than RFC 4884."""
    unused: int = 0
    """The 32-bit word after the checksum without length and mtu; zero unless someone sets it."""

    def _body(self) -> bytes:
        length, quote = join(self.original, self.extensions, self.length_words, UNIT)
        return _word(self, self.unused, length, self.mtu) + quote

    @classmethod
    def _read(cls, code: int, data: bytes, checksum: int | None) -> Any:
        original, extensions, length_words = split(data[8:], data[5], UNIT)
        word = int.from_bytes(data[4:8], "big")
        return cls(code, original, word & 0xFFFF, extensions, checksum, length_words, word & 0xFF000000)


@dataclass(frozen=True, slots=True)
class TimeExceeded(_Message):
    """A router took the TTL to 0 (code 0), or a host gave up waiting for fragments (code 1)."""

    type: ClassVar[int] = 11
    code: int
    original: bytes
    extensions: tuple[Extension, ...] = ()
    checksum: int | None = None
    length_words: int | None = None
    unused: int = 0

    def _body(self) -> bytes:
        length, quote = join(self.original, self.extensions, self.length_words, UNIT)
        return _word(self, self.unused, length) + quote

    @classmethod
    def _read(cls, code: int, data: bytes, checksum: int | None) -> Any:
        original, extensions, length_words = split(data[8:], data[5], UNIT)
        word = int.from_bytes(data[4:8], "big")
        return cls(code, original, extensions, checksum, length_words, word & 0xFF00FFFF)


@dataclass(frozen=True, slots=True)
class ParameterProblem(_Message):
    """A header field makes no sense; ``pointer`` is the byte of the original datagram where it stands (code 0)."""

    type: ClassVar[int] = 12
    code: int
    pointer: int
    original: bytes
    extensions: tuple[Extension, ...] = ()
    checksum: int | None = None
    length_words: int | None = None
    unused: int = 0

    def _body(self) -> bytes:
        length, quote = join(self.original, self.extensions, self.length_words, UNIT)
        if self.pointer >> 8:
            raise misfit(self, BITS)
        return _word(self, self.unused | self.pointer << 24, length) + quote

    @classmethod
    def _read(cls, code: int, data: bytes, checksum: int | None) -> Any:
        original, extensions, length_words = split(data[8:], data[5], UNIT)
        word = int.from_bytes(data[4:8], "big")
        return cls(code, data[4], original, extensions, checksum, length_words, word & 0xFFFF)


@dataclass(frozen=True, slots=True)
class Redirect(_Message):
    """A router knows a better first hop: ``gateway``, on the same network as the sender."""

    type: ClassVar[int] = 5
    code: int
    gateway: str
    original: bytes
    checksum: int | None = None

    def _body(self) -> bytes:
        return to_packed4(self.gateway) + self.original

    @classmethod
    def _read(cls, code: int, data: bytes, checksum: int | None) -> Any:
        return cls(code, to_text(data[4:8]), data[8:], checksum)


@dataclass(frozen=True, slots=True)
class _Timestamp(_Message):
    least: ClassVar[int] = 20
    identifier: int
    sequence: int
    originate: int = 0
    receive: int = 0
    transmit: int = 0
    checksum: int | None = None
    code: int = 0
    payload: bytes = b""
    """Bytes after the three times; RFC 792 knows none."""

    def _body(self) -> bytes:
        times = TIMES.pack(self.identifier, self.sequence, self.originate, self.receive, self.transmit)
        return times + self.payload

    @classmethod
    def _read(cls, code: int, data: bytes, checksum: int | None) -> Any:
        identifier, sequence, originate, receive, transmit = TIMES.unpack_from(data, 4)
        return cls(identifier, sequence, originate, receive, transmit, checksum, code, data[20:])


@dataclass(frozen=True, slots=True)
class TimestampRequest(_Timestamp):
    """Asks for the receiver's clock; times are milliseconds since midnight UT."""

    type: ClassVar[int] = 13


@dataclass(frozen=True, slots=True)
class TimestampReply(_Timestamp):
    """The answer to `TimestampRequest`, with the times at which it came in and the answer left."""

    type: ClassVar[int] = 14


@dataclass(frozen=True, slots=True)
class Unknown(_Message):
    """A message of a type that is not in this file; ``body`` is all after the checksum."""

    type: int
    code: int
    body: bytes = b""
    checksum: int | None = None

    def _body(self) -> bytes:
        return self.body


def _word(message: _Message, unused: int, length: int, mtu: int = 0) -> bytes:
    """The second word of an error: unused bits, length of the quote, next-hop MTU."""
    if length >> 8 or mtu >> 16 or unused >> 32:
        raise misfit(message, BITS)
    return (unused | length << 16 | mtu).to_bytes(4, "big")


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
KINDS: dict[int, type[_Message]] = {
    kind.type: kind
    for kind in (
        EchoRequest,
        EchoReply,
        DestinationUnreachable,
        TimeExceeded,
        ParameterProblem,
        Redirect,
        TimestampRequest,
        TimestampReply,
    )
}
