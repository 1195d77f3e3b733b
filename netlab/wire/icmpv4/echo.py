"""Echo request and reply (RFC 792 "Echo or Echo Reply Message"): what ping sends and gets back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from netlab.wire.icmpv4.message import TWO, Message


@dataclass(frozen=True, slots=True)
class _Echo(Message):
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


class EchoRequest(_Echo):
    """What ping sends: the receiver returns identifier, sequence and payload unchanged."""

    __slots__ = ()
    type: ClassVar[int] = 8


class EchoReply(_Echo):
    """The answer to `EchoRequest`."""

    __slots__ = ()
    type: ClassVar[int] = 0
