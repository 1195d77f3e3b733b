"""Preconditions: "only if it changed", "only if it is still what I know" (RFC 9110 section 13).

`evaluate` is section 13.2.2 from top to bottom: which of the If-* fields counts, and in which order. Validators are
compared in two ways (section 8.8.3.2): *strongly*, when the bytes must be the same (If-Match, If-Range), or *weakly*,
when the same meaning is enough (If-None-Match); a tag marked ``W/`` is never the same strongly.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from netlab.http.dates import read_date
from netlab.http.events import Request

GO_ON, NOT_MODIFIED, PRECONDITION_FAILED = 0, 304, 412

# entity-tag = [ "W/" ] DQUOTE *( %x21 / %x23-7E / obs-text ) DQUOTE                         RFC 9110 section 8.8.3
_TAG = rb'(?:W/)?"[!#-~\x80-\xff]*"'
ENTITY_TAG = re.compile(_TAG)
# 1#entity-tag, in which empty elements are to be ignored                                    RFC 9110 section 5.6.1
# Written so that every blank can belong to one place only: otherwise a hostile list takes for ever to be refused.
TAG_LIST = re.compile(
    rb"[ \t,]*" + _TAG + rb"(?:[ \t]*(?:,[ \t]*)+" + _TAG + rb")*[ \t]*(?:,[ \t]*)*",
)


def evaluate(request: Request, tag: bytes, modified: int | None, now: int) -> int:
    """Evaluate the preconditions of a request for a representation that exists.

    Parameters
    ----------
    request
        Its method and its fields count.
    tag
        The entity-tag of the representation; ``b""``: it has none.
    modified
        Unix time of its last modification in seconds; None: not known.
    now
        Unix time; see ``dates.read_date``.

    Returns
    -------
    int
        0: go on; 304 or 412: this is the answer.
    """
    looking = request.method in (b"GET", b"HEAD")
    if_match = request.all(b"if-match")
    if if_match:
        if not matches(if_match, tag, strong=True):
            return PRECONDITION_FAILED
    else:
        since = _date(request, b"if-unmodified-since", now)
        if since is not None and modified is not None and modified > since:  # unknown: to be ignored (section 13.1.4)
            return PRECONDITION_FAILED
    if_none_match = request.all(b"if-none-match")
    if if_none_match:
        if matches(if_none_match, tag, strong=False):
            return NOT_MODIFIED if looking else PRECONDITION_FAILED
    elif looking:
        since = _date(request, b"if-modified-since", now)
        if since is not None and modified is not None and modified <= since:
            return NOT_MODIFIED
    return GO_ON


def range_holds(request: Request, tag: bytes, modified: int | None, now: int) -> bool:
    """Whether the Range of a request counts, as far as If-Range decides that (RFC 9110 section 13.1.5).

    A date must be exactly that of the last modification, and its second must be over: until then the file may change
    again and keep its date. Whether it had changed twice in that second nobody can tell afterwards. A client can, and
    must not send a date unless the answer that it had it from left after that second (section 8.8.2.2): then it has the
    last version of that second. One that has an entity-tag is to send that instead.

    Parameters
    ----------
    request, tag, modified, now
        As in `evaluate`.
    """
    values = request.all(b"if-range")
    if not values:
        return True
    if len(values) > 1:
        return False
    if ENTITY_TAG.fullmatch(values[0]):
        return same(values[0], tag, strong=True)
    at = read_date(values[0], now)
    return at is not None and at == modified and at < now


def matches(values: Sequence[bytes], tag: bytes, strong: bool) -> bool:
    """Whether a list of entity-tags, or ``*``, names the representation; what cannot be read names none."""
    if list(values) == [b"*"]:
        return True
    return any(same(each, tag, strong) for value in values for each in _tags(value))


def same(one: bytes, other: bytes, strong: bool) -> bool:
    """Compare two entity-tags (RFC 9110 section 8.8.3.2)."""
    if not one or not other:
        return False
    if strong:
        return one == other and not one.startswith(b"W/")
    return one.removeprefix(b"W/") == other.removeprefix(b"W/")


def _tags(value: bytes) -> list[bytes]:
    return ENTITY_TAG.findall(value) if TAG_LIST.fullmatch(value) else []


def _date(request: Request, name: bytes, now: int) -> int | None:
    """The time in a field; None when it is not there once, or is no date, and is then to be ignored."""
    values = request.all(name)
    return read_date(values[0], now) if len(values) == 1 else None
