"""Answers out of a stored response: whole, a part of it, or 304 (RFC 9111 section 4, RFC 9110 sections 13 and 14)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from netlab.http import ranges
from netlab.http.cache_rules import Stored
from netlab.http.conditional import NOT_MODIFIED, evaluate, range_holds
from netlab.http.dates import read_date
from netlab.http.events import Field, Request

OF_A_304 = frozenset({b"date", b"etag", b"cache-control", b"vary", b"content-location", b"expires", b"via"})
"""What a 304 carries of the response it stands for (RFC 9110 section 15.4.5)."""


class Answer(NamedTuple):
    """A response out of the cache. Framing (``length``) and Connection are written by whoever sends it."""

    status: int
    reason: bytes
    fields: list[Field]
    """With Age and Cache-Status."""
    content: Sequence[bytes]
    """In pieces; empty for HEAD."""
    length: int | None
    """The Content-Length; None: an answer that has none (204, 304)."""
    cache_status: bytes
    """The value of that field."""
    outcome: str
    """For the log: hit, validated, or stale (it stands in for an origin that fails)."""


def answer(request: Request, stored: Stored, now: int, cache_status: bytes, outcome: str) -> Answer:
    """Make an answer of a stored response that `can_answer`."""
    response = stored.response
    ours = [(b"Age", b"%d" % stored.age(now)), (b"Cache-Status", cache_status)]
    if _known(request, stored, now):
        wanted = OF_A_304 if stored.tag else OF_A_304 | {b"last-modified"}
        fields = [field for field in response.fields if field[0].lower() in wanted]
        return Answer(304, b"Not Modified", fields + ours, (), None, cache_status, outcome)
    fields = [field for field in response.fields if field[0].lower() != b"content-length"] + ours
    parts = _parts(request, stored, now)
    if parts:
        fields.append(ranges.content_range(parts[0], stored.length))
        return Answer(
            206, b"Partial Content", fields, cut(stored.content, parts[0]), parts[0].length, cache_status, outcome
        )
    content = list(stored.content) if request.method == b"GET" else []
    length = None if response.status == 204 else stored.length
    return Answer(response.status, response.reason, fields, content, length, cache_status, outcome)


def _known(request: Request, stored: Stored, now: int) -> bool:
    """Whether the client knows it already, by its own conditions (RFC 9111 section 4.3.2)."""
    index = request.index
    if b"if-none-match" not in index and b"if-modified-since" not in index:
        return False
    return stored.response.status == 200 and evaluate(request, stored.tag, _modified(stored, now), now) == NOT_MODIFIED


def _modified(stored: Stored, now: int) -> int | None:
    """Last-Modified; Date in its place, as section 4.3.2 says for If-Modified-Since."""
    response = stored.response
    return read_date(response.get(b"last-modified") or response.get(b"date") or b"", now)


def _parts(request: Request, stored: Stored, now: int) -> list[ranges.Part] | None:
    """The parts of the content that are wanted; None: all of it."""
    values = request.index.get(b"range")
    if not values or request.method != b"GET" or stored.response.status != 200:
        return None
    modified = read_date(stored.response.get(b"last-modified") or b"", now)
    return ranges.select(values, stored.length) if range_holds(request, stored.tag, modified, now) else None


def can_answer(request: Request, stored: Stored, now: int) -> bool:
    """Whether the stored response is enough; several parts at once, and none (416), are the origin's business."""
    parts = _parts(request, stored, now)
    return parts is None or len(parts) == 1


def cut(content: Sequence[bytes], part: ranges.Part) -> list[bytes]:
    """Give a part of a content that lies in pieces."""
    wanted, at = [], 0
    for piece in content:
        inside = piece[max(0, part.first - at) : max(0, part.last + 1 - at)]
        if inside:
            wanted.append(inside)
        at += len(piece)
    return wanted
