"""`messages`: which byte of a stream belongs to which HTTP message, and to which part of it (notebook 09).

The stream is cut as a reader has to do it: up to the empty line, then as much content as the fields say. Who says where
the content ends can be the learner's own function; wrong lengths then show as heads that begin in the wrong place.

Source: RFC 9112 section 2.1 (the parts of a message), section 6.3 (its length), section 7.1 (chunks).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from netlab.errors import HTTPError, UsageError
from netlab.http.events import Request, Response
from netlab.http.framing import framing as usual_framing
from netlab.http.reader import field_lines, request_line, response

if TYPE_CHECKING:
    from pandas import DataFrame

CRLF = b"\r\n"
PARTS = ("start line", "fields", "empty line", "content", "chunk size", "unreadable", "missing")
COLUMNS = ["message", "part", "first", "bytes", "text"]
"""The columns of the table."""

Framed = Callable[[Sequence[tuple[bytes, bytes]], int | None, bytes], int | str]


def messages(data: bytes, *, methods: Sequence[str] | None = None, framing: Framed | None = None) -> DataFrame:
    r"""Cut a stream into HTTP messages and their parts.

    Parameters
    ----------
    data
        What came in one direction of a connection, up to its close.
    methods
        Of the requests that these are the answers to, such as ``["GET", "HEAD"]``; None: these are requests.
    framing
        Your own function: from (fields, status, method) to a number of bytes, ``"chunked"`` or ``"close"``; None: ours.

    Returns
    -------
    DataFrame
        ``message`` (1, 2 …), ``part`` (start line, fields, empty line, content, chunk size; ``unreadable``: what cannot
        be the beginning of a message; ``missing``: promised and not there), ``first`` (place of its first byte,
        counted from 0), ``bytes``, ``text`` (the bytes).

    Examples
    --------
    >>> import netlab
    >>> stream = b"GET /a HTTP/1.1\r\nHost: www\r\n\r\nGET /b HTTP/1.1\r\nHost: www\r\n\r\n"
    >>> netlab.teach.messages(stream)[["message", "part", "first", "bytes"]]
       message        part  first  bytes
    0        1  start line      0     17
    1        1      fields     17     11
    2        1  empty line     28      2
    3        2  start line     30     17
    4        2      fields     47     11
    5        2  empty line     58      2
    """
    import pandas as pd

    if not isinstance(data, bytes):
        raise UsageError("data", data, "must be bytes")
    cut = _Cut(data, None if methods is None else [method.encode() for method in methods], framing)
    cut.all()
    return pd.DataFrame(cut.rows, columns=COLUMNS)


class _Cut:
    """A stream on the block."""

    def __init__(self, data: bytes, methods: list[bytes] | None, framing: Framed | None) -> None:
        self.data, self.methods, self.framing = data, methods, framing
        self.place, self.message = 0, 0
        self.rows: list[dict[str, Any]] = []

    def all(self) -> None:
        while self.place < len(self.data):
            self.message += 1
            if not self._one():
                self._take("unreadable", len(self.data) - self.place)

    def _take(self, part: str, size: int) -> bytes:
        text = self.data[self.place : self.place + size]
        if text:
            self.rows.append(
                {"message": self.message, "part": part, "first": self.place, "bytes": len(text), "text": text}
            )
        self.place += len(text)
        if len(text) < size:
            lacking = size - len(text)
            self.rows.append(
                {"message": self.message, "part": "missing", "first": self.place, "bytes": lacking, "text": b""}
            )
        return text

    def _one(self) -> bool:
        """One message; False: it cannot be read."""
        end = self.data.find(CRLF * 2, self.place)
        if end < 0:
            return False
        first, *lines = self.data[self.place : end].split(CRLF)
        try:
            size = self._framed(first, lines)
        except HTTPError:
            return False
        self._take("start line", len(first) + 2)
        self._take("fields", end + 2 - self.place)
        self._take("empty line", 2)
        if size == "chunked":
            return self._chunks()
        if size == "close":
            self._take("content", len(self.data) - self.place)
        elif size:
            self._take("content", int(size))
        return True

    def _framed(self, first: bytes, lines: list[bytes]) -> int | str:
        fields, method, status = field_lines(lines), b"GET", None
        head: Request | Response
        if self.methods is None:
            head = Request(*request_line(first), fields=fields)
            method = head.method
        else:
            head = response(first, fields)
            method, status = self.methods[min(self.message, len(self.methods)) - 1], head.status
        if self.framing is not None:
            return self.framing(fields, status, method)
        kind, length = usual_framing(head, method)
        return {"length": length, "none": 0}.get(kind, kind)

    def _chunks(self) -> bool:
        while True:
            end = self.data.find(CRLF, self.place)
            try:
                size = int(self.data[self.place : end].partition(b";")[0], 16) if end >= 0 else -1
            except ValueError:
                size = -1
            if size < 0:
                return False
            self._take("chunk size", end + 2 - self.place)
            if size == 0:
                self._take("chunk size", 2)
                return True
            self._take("content", size)
            self._take("chunk size", 2)
