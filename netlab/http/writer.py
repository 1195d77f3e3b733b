"""Values → bytes: the one place where a field is written, so that nothing can be put into a message from outside.

A value that holds CR, LF or NUL could end its line early and begin another field, or another response (response
splitting). So every name and value is checked here against the grammar, whoever it comes from.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus

from netlab.errors import LocalProtocolError
from netlab.http import grammar
from netlab.http.events import Field, Version

SHORT = 128
"""Lines up to about this many bytes are remembered: most fields of an answer are those of the answer before."""
RENAMED = {413: b"Content Too Large", 414: b"URI Too Long", 416: b"Range Not Satisfiable"}
"""Phrases of RFC 9110, which Python 3.11 has as RFC 2616 had them."""
REASONS = {int(status): status.phrase.encode("ascii") for status in HTTPStatus} | RENAMED


def response_head(
    status: int, fields: Iterable[Field], version: Version = (1, 1), reason: bytes | None = None
) -> bytes:
    """Give status line and fields of a response, with the empty line behind them.

    Parameters
    ----------
    status
        100 to 599.
    fields
        Names and values, in their order. No blanks around a value.
    version
        (1, 1) or (1, 0).
    reason
        The phrase; None: that of RFC 9110, or an empty one for a status that it does not know.

    Raises
    ------
    LocalProtocolError
        For what cannot be written so that it is read as it was meant: correct the value that the message shows.
    """
    if reason is None:
        reason = REASONS.get(status, b"")
    return status_line(status, reason, version) + field_lines(fields) + b"\r\n"


@lru_cache(128)
def status_line(status: int, reason: bytes, version: Version) -> bytes:
    """Give a status line with its CRLF.

    Raises
    ------
    LocalProtocolError
        For a status that does not exist, or a reason with control characters.
    """
    if not 100 <= status <= 599 or not grammar.STATUS_LINE.fullmatch(b"HTTP/1.1 %d %s" % (status, reason)):
        raise LocalProtocolError(f"status {status} {reason!r} cannot be written", 500)
    return b"HTTP/%d.%d %d %s\r\n" % (*version, status, reason)


def request_head(method: bytes, target: bytes, fields: Iterable[Field], version: Version = (1, 1)) -> bytes:
    """Give request line and fields of a request, with the empty line behind them.

    Parameters
    ----------
    method
        A token, such as ``b"GET"``.
    target
        In one of its four forms (RFC 9112 section 3.2), encoded: no blanks, ASCII only.
    fields, version
        As in `response_head`.

    Raises
    ------
    LocalProtocolError
        As in `response_head`.
    """
    line = b"%s %s HTTP/%d.%d" % (method, target, *version)
    if not grammar.REQUEST_LINE.fullmatch(line):
        raise LocalProtocolError(f"request line {line[:60]!r} cannot be written", 500)
    return b"%s\r\n%s\r\n" % (line, field_lines(fields))


def field_lines(fields: Iterable[Field]) -> bytes:
    """Give field lines, each with its CRLF.

    Raises
    ------
    LocalProtocolError
        As in `field_line`.
    """
    return b"".join(
        [_known_line(name, value) if len(value) < SHORT else field_line(name, value) for name, value in fields]
    )


def field_line(name: bytes, value: bytes) -> bytes:
    """Give one field line with its CRLF.

    Raises
    ------
    LocalProtocolError
        For a name that is no token, and for a value with control characters or with blanks around it.
    """
    if not grammar.FIELD_NAME.fullmatch(name) or not grammar.FIELD_VALUE.fullmatch(value):
        raise LocalProtocolError(f"field {name[:40]!r}: {value[:60]!r} cannot be written", 500)
    return b"%s: %s\r\n" % (name, value)


_known_line = lru_cache(512)(field_line)


def chunk(data: bytes) -> bytes:
    """Give one chunk; ``b""`` gives nothing, because an empty chunk would end the message."""
    return b"%x\r\n%s\r\n" % (len(data), data) if data else b""


def last_chunk(trailers: Iterable[Field] = ()) -> bytes:
    """Give the end of a chunked message.

    Raises
    ------
    LocalProtocolError
        As in `field_line`.
    """
    return b"0\r\n%s\r\n" % field_lines(trailers)
