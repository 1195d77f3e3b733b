"""The messages that say why a packet did not arrive, with the original datagram and the extensions of RFC 4884."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from netlab.wire.addresses import to_packed4, to_text
from netlab.wire.extensions import Extension, join, split
from netlab.wire.icmpv4.message import BITS, Message
from netlab.wire.ranges import misfit

UNIT = 4
"""The length field of an error counts 32-bit words (RFC 4884 section 4.1)."""


@dataclass(frozen=True, slots=True)
class DestinationUnreachable(Message):
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
class TimeExceeded(Message):
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
class ParameterProblem(Message):
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
class Redirect(Message):
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


def _word(message: Message, unused: int, length: int, mtu: int = 0) -> bytes:
    """The second word of an error: unused bits, length of the quote, next-hop MTU."""
    if length >> 8 or mtu >> 16 or unused >> 32:
        raise misfit(message, BITS)
    return (unused | length << 16 | mtu).to_bytes(4, "big")
