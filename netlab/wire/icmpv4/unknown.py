"""Messages of all other types."""

from __future__ import annotations

from dataclasses import dataclass

from netlab.wire.icmpv4.message import Message


@dataclass(frozen=True, slots=True)
class Unknown(Message):
    """A message of a type that has no class here; ``body`` is all after the checksum."""

    type: int
    code: int
    body: bytes = b""
    checksum: int | None = None

    def _body(self) -> bytes:
        return self.body
