"""Parts of a file: Range, Content-Range, multipart/byteranges (RFC 9110 section 14).

A range request is a wish: whatever cannot be understood is ignored and the whole file is sent. Only when every part
asked for lies outside the file is the answer 416. Parts that overlap or touch are joined in one pass, and neither their
number nor their sum can grow beyond what one answer may cost.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from netlab.http import grammar
from netlab.http.events import Field

MOST_PARTS = 16
"""More parts than this get the whole file."""

# ranges-specifier = range-unit "=" range-set ; range-unit = token                           RFC 9110 section 14.2
SPECIFIER = re.compile(rb"(" + grammar.TOKEN + rb")=(.*)", re.DOTALL)
# int-range = first-pos "-" [ last-pos ] ; suffix-range = "-" suffix-length                  RFC 9110 section 14.1.1
# A position may lie far behind the end; one with more digits than this is nobody's, and costs time to read.
PART = re.compile(rb"(?:([0-9]{1,1000})-([0-9]{1,1000})?|-([0-9]{1,1000}))")


class Part(NamedTuple):
    """Bytes ``first`` to ``last``, both included, counted from 0."""

    first: int
    last: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1


def select(values: Sequence[bytes], size: int) -> list[Part] | None:
    """Give the parts of a file of ``size`` bytes that the Range fields of a request ask for.

    Returns
    -------
    list of Part, or None
        None: send the whole file; an empty list: 416, no part lies inside. One part after joining is a plain 206.
    """
    match = SPECIFIER.fullmatch(values[0]) if len(values) == 1 else None
    if not match or match[1].lower() != b"bytes":
        return None
    wanted: list[Part] = []
    elements = [element.strip(b" \t") for element in match[2].split(b",", MOST_PARTS)]
    elements = [element for element in elements if element]
    if not elements or len(elements) > MOST_PARTS:
        return None
    for element in elements:
        found = PART.fullmatch(element)
        if not found:
            return None
        first, last, suffix = (int(digits) if digits else None for digits in found.groups())
        if first is not None and last is not None and last < first:
            return None
        part = _clipped(first, last, suffix, size)
        if part:
            wanted.append(part)
    return _joined(wanted)


def _clipped(first: int | None, last: int | None, suffix: int | None, size: int) -> Part | None:
    """What of a part lies in the file."""
    if first is None:
        assert suffix is not None
        return Part(max(0, size - suffix), size - 1) if suffix and size else None
    if first >= size:
        return None
    return Part(first, size - 1 if last is None else min(last, size - 1))


def _joined(parts: list[Part]) -> list[Part]:
    """Join what overlaps or touches; what is left keeps the order in which it was asked for."""
    joined: list[tuple[int, Part]] = []
    for place, part in sorted(enumerate(parts), key=lambda each: each[1]):
        if joined and part.first <= joined[-1][1].last + 1:
            before, last = joined[-1]
            joined[-1] = min(before, place), Part(last.first, max(last.last, part.last))
        else:
            joined.append((place, part))
    return [part for _, part in sorted(joined)]


def content_range(part: Part | None, size: int) -> Field:
    """Give the Content-Range of a part, or of an answer 416 (None)."""
    where = b"%d-%d" % part if part else b"*"
    return b"Content-Range", b"bytes %s/%d" % (where, size)


class Multipart(NamedTuple):
    """The content of an answer with several parts: what stands before each part, and what ends it."""

    heads: list[bytes]
    end: bytes
    length: int
    """Of everything, the parts included: the Content-Length."""


def multipart(parts: Sequence[Part], size: int, media_type: bytes, boundary: bytes) -> Multipart:
    """Frame several parts (RFC 2046 section 5.1.1, RFC 9110 section 14.6)."""
    heads = [
        b"\r\n--%s\r\nContent-Type: %s\r\n%s: %s\r\n\r\n" % (boundary, media_type, *content_range(part, size))
        for part in parts
    ]
    heads[0] = heads[0].removeprefix(b"\r\n")
    end = b"\r\n--%s--\r\n" % boundary
    return Multipart(heads, end, sum(map(len, heads)) + sum(part.length for part in parts) + len(end))
