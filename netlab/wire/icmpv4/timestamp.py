"""Timestamp request and reply (RFC 792): what time is it where you are?"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, ClassVar

from netlab.wire.icmpv4.message import Message

TIMES = struct.Struct("!HHIII")


@dataclass(frozen=True, slots=True)
class _Timestamp(Message):
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


class TimestampRequest(_Timestamp):
    """Asks for the receiver's clock; times are milliseconds since midnight UT."""

    __slots__ = ()
    type: ClassVar[int] = 13


class TimestampReply(_Timestamp):
    """The answer to `TimestampRequest`, with the times at which it came in and the answer left."""

    __slots__ = ()
    type: ClassVar[int] = 14
