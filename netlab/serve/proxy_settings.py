"""What all connections of a proxy share: where to go, who may, how, and where to note it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from netlab.http.cache import Cache
from netlab.http.forwarding import PSEUDONYM, Filter, end_to_end
from netlab.serve.access import Access
from netlab.serve.bounds import ProxyBounds
from netlab.serve.connection import SECOND
from netlab.serve.known import Known
from netlab.serve.origin import Origins
from netlab.serve.tunnel import Carry

Record = tuple[Any, ...]
Note = Callable[[Record, bytes, bytes, bytes, bytes], None]
"""Takes what `rows_of` makes a row of, and the heads: as the client sent it, as the client got it, as it went to the
origin, as the origin sent it."""


@dataclass(slots=True)
class Proxy:
    """What all connections of a proxy share."""

    note: Note
    wall: Callable[[], int]
    origins: Origins
    access: Access = field(default_factory=Access)
    bounds: ProxyBounds = field(default_factory=ProxyBounds)
    connect_ports: frozenset[int] = frozenset({443})
    pseudonym: bytes = PSEUDONYM
    forwarded: str = "off"
    strict: bool = False
    filter_fields: Filter = end_to_end
    carry: Carry | None = None
    cache: Cache | None = None
    decides: bool = False
    """A function of somebody else decides what the cache does."""
    known: Known = field(default_factory=Known)
    answer_ns: int = field(init=False)
    """`ProxyBounds.answer_time` in ns."""

    def __post_init__(self) -> None:
        self.answer_ns = int(self.bounds.answer_time * SECOND)
