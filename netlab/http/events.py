"""What HTTP bytes mean: a message is a `Request` or `Response`, then `Data` as often as it comes, then `EndOfMessage`.

Fields are a list of pairs in the order of the wire, names as they were sent: a dict would lose the second of two
fields with one name, and that second one is what request smuggling is made of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

Field = tuple[bytes, bytes]
Version = tuple[int, int]


class Target(NamedTuple):
    """A request target, taken apart (RFC 9112 section 3.2)."""

    form: str
    """origin, absolute, authority or asterisk."""
    scheme: bytes
    host: bytes
    """With the brackets of an IPv6 literal; ``b""`` in origin and asterisk form."""
    port: int | None
    path: bytes
    """Absolute path with its query; ``b"*"`` in asterisk form."""


class _Fields:
    """What requests and responses have in common."""

    __slots__ = ()
    fields: Sequence[Field]
    index: dict[bytes, list[bytes]]

    def all(self, name: bytes) -> Sequence[bytes]:
        """All values of a field; ``name`` in lower case."""
        return self.index.get(name, ())

    def get(self, name: bytes) -> bytes | None:
        """The first value of a field, None when there is none."""
        values = self.index.get(name)
        return values[0] if values else None


def _indexed(fields: Sequence[Field]) -> dict[bytes, list[bytes]]:
    index: dict[bytes, list[bytes]] = {}
    for name, value in fields:
        index.setdefault(name.lower(), []).append(value)
    return index


@dataclass(frozen=True, slots=True)
class Request(_Fields):
    """The head of a request."""

    method: bytes
    target: bytes
    """As on the wire."""
    parts: Target
    version: Version
    fields: Sequence[Field]
    index: dict[bytes, list[bytes]] = field(init=False, repr=False, compare=False)
    """By name in lower case: all values, in their order."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", _indexed(self.fields))


@dataclass(frozen=True, slots=True)
class Response(_Fields):
    """The head of a response; 1xx ones come before the final one."""

    status: int
    reason: bytes
    version: Version
    fields: Sequence[Field]
    index: dict[bytes, list[bytes]] = field(init=False, repr=False, compare=False)
    """By name in lower case: all values, in their order."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", _indexed(self.fields))


@dataclass(frozen=True, slots=True)
class Data:
    """A piece of content; the transfer coding is undone."""

    data: bytes


@dataclass(frozen=True, slots=True)
class EndOfMessage:
    """The message is complete."""

    trailers: Sequence[Field] = ()


Event = Request | Response | Data | EndOfMessage
