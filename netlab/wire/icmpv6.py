"""ICMPv6: RFC 4443, the Redirect of RFC 4861 section 4.5, and the extensions of RFC 4884.

The messages look like those of ICMPv4 and have the same names, with three differences. The types are other numbers
(errors below 128). The checksum covers a pseudo-header with the addresses (RFC 4443 section 2.3), so both verbs need
them. "Packet too big" is a type of its own, because routers never fragment IPv6.

An error quotes as much of the original datagram as fits into 1280 bytes, the least MTU of IPv6. The length
field counts 64-bit words and is the first byte after the checksum; only `DestinationUnreachable` and `TimeExceeded`
may carry extensions (RFC 4884 section 4.6).

Left out: Neighbour Discovery other than Redirect, and Multicast Listener Discovery; they come as `Unknown`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, ClassVar

from netlab.errors import PacketError, UsageError
from netlab.wire.addresses import to_packed6, to_text
from netlab.wire.checksum import checksum as internet_checksum
from netlab.wire.checksum import ones_complement_sum, pseudo_sum
from netlab.wire.extensions import Extension, join, split
from netlab.wire.ranges import misfit

HEADER = struct.Struct("!BBH")
TWO = struct.Struct("!HH")
HEADER_LENGTH = 8
PROTOCOL = 58
UNIT = 8
"""The length field of an error counts 64-bit words (RFC 4884 section 4.4)."""
MOST_ERROR = 1280
"""Bytes of a whole IPv6 packet that carries an error, at most (RFC 4443 section 2.4)."""

BITS = {
    "type": 8,
    "code": 8,
    "checksum": 16,
    "identifier": 16,
    "sequence": 16,
    "mtu": 32,
    "pointer": 32,
    "length_words": 8,
    "unused": 32,
}

NO_ROUTE, PROHIBITED, BEYOND_SCOPE, ADDRESS_UNREACHABLE, PORT_UNREACHABLE = range(5)
"""Codes of `DestinationUnreachable` (RFC 4443 section 3.1)."""
HOP_LIMIT_EXCEEDED, REASSEMBLY_EXCEEDED = 0, 1
"""Codes of `TimeExceeded` (RFC 4443 section 3.3)."""


def parse(data: bytes, source: str, destination: str, quoted: bool = False) -> Message:
    """The ICMPv6 message in ``data``, which travelled between these two addresses.

    Raises `PacketError` when it is too short for its type. ``quoted``: as in ``icmpv4.parse``.
    """
    if len(data) < 4:
        raise PacketError("ICMPv6", 0, 4, len(data))
    kind, code, found = HEADER.unpack_from(data)
    checksum = found
    if not quoted and ones_complement_sum(data, pseudo_sum(source, destination, PROTOCOL, len(data))) == 0xFFFF:
        checksum = None
    message = KINDS.get(kind)
    if message is None or (quoted and len(data) < message.least):
        return Unknown(kind, code, data[4:], checksum)
    if len(data) < message.least:
        raise PacketError("ICMPv6", 0, message.least, len(data))
    result: Message = message._read(code, data, checksum)
    return result


class _Message:
    """What all messages share: the first four bytes."""

    __slots__ = ()
    least: ClassVar[int] = HEADER_LENGTH
    """Bytes that a message of this type has at least."""

    def to_bytes(self: Any, source: str, destination: str) -> bytes:
        """The message as it goes onto the wire between these two addresses."""
        try:
            body: bytes = self._body()
            checksum = self.checksum
            if checksum is None:
                start = pseudo_sum(source, destination, PROTOCOL, 4 + len(body))
                checksum = internet_checksum(body, start + (self.type << 8 | self.code))
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
    """What ping sends: the receiver returns identifier, sequence and payload unchanged (RFC 4443 section 4.1)."""

    type: ClassVar[int] = 128


@dataclass(frozen=True, slots=True)
class EchoReply(_Echo):
    """The answer to `EchoRequest` (RFC 4443 section 4.2)."""

    type: ClassVar[int] = 129


@dataclass(frozen=True, slots=True)
class DestinationUnreachable(_Message):
    """A router or the host could not deliver (RFC 4443 section 3.1)."""

    type: ClassVar[int] = 1
    code: int
    original: bytes
    extensions: tuple[Extension, ...] = ()
    checksum: int | None = None
    length_words: int | None = None
    """The length field; None: the right one, 0: not told, as by routers older than RFC 4884."""
    unused: int = 0
    """The 32-bit word after the checksum without the length; zero unless someone sets it."""

    def _body(self) -> bytes:
        return _quote(self, self.unused)

    @classmethod
    def _read(cls, code: int, data: bytes, checksum: int | None) -> Any:
        original, extensions, length_words = split(data[8:], data[4], UNIT)
        unused = int.from_bytes(data[5:8], "big")
        return cls(code, original, extensions, checksum, length_words, unused)


@dataclass(frozen=True, slots=True)
class TimeExceeded(_Message):
    """A router took the hop limit to 0 (code 0), or a host gave up waiting for fragments (code 1)."""

    type: ClassVar[int] = 3
    code: int
    original: bytes
    extensions: tuple[Extension, ...] = ()
    checksum: int | None = None
    length_words: int | None = None
    unused: int = 0

    def _body(self) -> bytes:
        return _quote(self, self.unused)

    @classmethod
    def _read(cls, code: int, data: bytes, checksum: int | None) -> Any:
        original, extensions, length_words = split(data[8:], data[4], UNIT)
        unused = int.from_bytes(data[5:8], "big")
        return cls(code, original, extensions, checksum, length_words, unused)


@dataclass(frozen=True, slots=True)
class PacketTooBig(_Message):
    """The next link takes only ``mtu`` bytes (RFC 4443 section 3.2); path MTU discovery (RFC 8201) lives on it."""

    type: ClassVar[int] = 2
    mtu: int
    original: bytes
    checksum: int | None = None
    code: int = 0

    def _body(self) -> bytes:
        return _four(self, self.mtu) + self.original

    @classmethod
    def _read(cls, code: int, data: bytes, checksum: int | None) -> Any:
        return cls(int.from_bytes(data[4:8], "big"), data[8:], checksum, code)


@dataclass(frozen=True, slots=True)
class ParameterProblem(_Message):
    """A header field makes no sense; ``pointer`` is the byte of the original datagram where it stands."""

    type: ClassVar[int] = 4
    code: int
    pointer: int
    original: bytes
    extensions: tuple[Extension, ...] = ()
    """Always empty: RFC 4884 leaves no place for a length field here. (The name is kept for symmetry with ICMPv4.)"""
    checksum: int | None = None

    def _body(self) -> bytes:
        if self.extensions:
            raise UsageError("extensions", self.extensions, "an ICMPv6 one has none (RFC 4884 section 4.6)")
        return _four(self, self.pointer) + self.original

    @classmethod
    def _read(cls, code: int, data: bytes, checksum: int | None) -> Any:
        return cls(code, int.from_bytes(data[4:8], "big"), data[8:], (), checksum)


@dataclass(frozen=True, slots=True)
class Redirect(_Message):
    """A router knows a better first hop, ``target``, for ``destination`` (RFC 4861 section 4.5)."""

    type: ClassVar[int] = 137
    least: ClassVar[int] = 40
    target: str
    destination: str
    options: bytes = b""
    checksum: int | None = None
    code: int = 0
    unused: int = 0

    def _body(self) -> bytes:
        return _four(self, self.unused) + to_packed6(self.target) + to_packed6(self.destination) + self.options

    @classmethod
    def _read(cls, code: int, data: bytes, checksum: int | None) -> Any:
        target, destination = to_text(data[8:24]), to_text(data[24:40])
        return cls(target, destination, data[40:], checksum, code, int.from_bytes(data[4:8], "big"))


@dataclass(frozen=True, slots=True)
class Unknown(_Message):
    """A message of a type that is not in this file; ``body`` is all after the checksum."""

    type: int
    code: int
    body: bytes = b""
    checksum: int | None = None

    def _body(self) -> bytes:
        return self.body


def _quote(message: DestinationUnreachable | TimeExceeded, unused: int) -> bytes:
    length, quote = join(message.original, message.extensions, message.length_words, UNIT)
    if length >> 8 or unused >> 24:
        raise misfit(message, {**BITS, "unused": 24})
    return (length << 24 | unused).to_bytes(4, "big") + quote


def _four(message: _Message, value: int) -> bytes:
    if value >> 32:
        raise misfit(message, BITS)
    return value.to_bytes(4, "big")


Message = (
    EchoRequest
    | EchoReply
    | DestinationUnreachable
    | TimeExceeded
    | PacketTooBig
    | ParameterProblem
    | Redirect
    | Unknown
)
KINDS: dict[int, type[_Message]] = {
    kind.type: kind
    for kind in (
        EchoRequest,
        EchoReply,
        DestinationUnreachable,
        TimeExceeded,
        PacketTooBig,
        ParameterProblem,
        Redirect,
    )
}
