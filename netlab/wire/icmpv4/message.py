"""What all ICMP messages share: type, code and checksum, and how they are read and written."""

from __future__ import annotations

import struct
from typing import Any, ClassVar

from netlab.wire.checksum import checksum as internet_checksum
from netlab.wire.ranges import misfit

HEADER = struct.Struct("!BBH")
TWO = struct.Struct("!HH")
HEADER_LENGTH = 8

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


class Message:
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
