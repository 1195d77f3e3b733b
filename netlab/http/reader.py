"""Bytes → events: the strict reader of HTTP/1.1 messages, for both directions (RFC 9112).

The strategy:

1. `feed` takes bytes as they come, cut anywhere; `next_event` gives the next event that is complete, or None: more is
   needed. However the bytes are cut, the events are the same (only content may come in other pieces).
2. After an `EndOfMessage` the reader pauses, so that a pipelined request waits until the one before is answered;
   `next_message` goes on.
3. An error is final. Nobody knows where the next message would begin, so nothing is ever resynchronised.
4. Heads and trailers are searched only in what is new, every line and the whole have limits, and so have chunk lines:
   a hostile peer costs no more than `Limits` says, also when each byte comes by itself.

Refused although the RFC would let a lenient reader pass it: bare LF as a line end, folded lines, whitespace before the
colon, control characters. Accepted although rare: empty lines before a request line (section 2.2), any token as a
method, bytes from 0x80 in values, HTTP/1.2 (read as 1.1).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from netlab.errors import RemoteProtocolError
from netlab.http import grammar
from netlab.http.events import Data, EndOfMessage, Event, Field, Request, Response, Target
from netlab.http.framing import NONE, Framing, framing

SHORT, SHORT_HEAD = 128, 1024
"""Lines, and whole heads, shorter than this many bytes are remembered: the next request says mostly the same."""
MOST_SEEN = 256
CRLF, HEAD_END = b"\r\n", b"\r\n\r\n"
TLS_HELLO = 0x16
"""First byte of a TLS handshake record (RFC 8446 section 5.1): somebody speaks https to a plain port."""
SECRET = (b"authorization", b"proxy-authorization", b"cookie", b"set-cookie")
"""Fields whose values no reason of a refusal quotes, for logs keep it."""
USERINFO = re.compile(rb"(?:(?<=://)|\A)[^ \t\r\n/?#]*@")
"""Name and password in a URL, or before a host: not quoted either."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of anything is taken."""

    line: int = 8 * 1024
    """Request line or status line, bytes."""
    head: int = 32 * 1024
    """Start line and fields, bytes; trailers the same."""
    fields: int = 100
    """Field lines of a head, or of trailers. Browsers send about 20."""
    chunk_line: int = 256
    """The line in front of a chunk, bytes: its size, and extensions that hardly anybody sends."""
    extensions: int = 16 * 1024
    """Bytes of chunk extensions in a message, all together."""


class Reader:
    """One direction of one connection.

    Parameters
    ----------
    role
        ``"server"`` reads requests, ``"client"`` responses.
    limits
        See `Limits`.
    parse
        Instead of `request_head`: from the bytes of a head to a `Request`.
    """

    def __init__(
        self,
        role: Literal["server", "client"],
        limits: Limits | None = None,
        parse: Callable[[bytes], Request] | None = None,
    ) -> None:
        self._role, self._limits = role, limits or Limits()
        self._buffer = bytearray()
        self._harmless = min(self._limits.line, self._limits.head)
        """Bytes that break no limit, whatever they are."""
        self._searched = 0
        """Bytes of an incomplete head, or of incomplete trailers, that were looked through already."""
        self._ended = False
        self._state = "head"
        self.framing: Framing = NONE
        """Of the current message."""
        self._left = 0
        self._extensions = 0
        self._request_method = b""
        self._fault: RemoteProtocolError | None = None
        self._parse: Callable[[bytes], tuple[Request | Response, Framing]] = (
            (_own(parse) if parse else _request) if role == "server" else self._response
        )
        self.head_bytes = 0
        """Of the current message."""
        self.head = b""
        """The current message's start line and field lines, without the empty line."""

    # -- in and out -------------------------------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Take what came in; ``b""``: the other side has closed."""
        if data:
            self._buffer += data
        else:
            self._ended = True

    def next_event(self, request_method: bytes = b"") -> Event | None:
        """Give the next event, or None when more bytes are needed, or when the message is complete.

        ``request_method`` is, for a client, what the coming response answers.

        Raises
        ------
        RemoteProtocolError
            For whatever HTTP does not allow; every later call raises it again.
        """
        if self._fault:
            raise self._fault
        self._request_method = request_method or self._request_method
        try:
            return _STATES[self._state](self)
        except RemoteProtocolError as fault:
            self._fault = fault
            raise

    def again(self, data: bytes) -> Request | None:
        """Take what came in, if it is, byte for byte, a whole request that was read before; else None."""
        seen = _SEEN.get(data)
        if seen is None or self._state != "head" or self._buffer or self._parse is not _request:
            return None
        request, head = seen
        if len(data) > self._harmless or len(request.fields) > self._limits.fields:
            return None
        self._state, self.framing, self.head_bytes, self.head = "end", NONE, len(data), head
        return request

    def next_message(self) -> None:
        """Go on behind a complete message, or one without content."""
        if self._state in ("done", "end"):
            self._state, self._searched, self.head_bytes, self._extensions = "head", 0, 0, 0

    @property
    def done(self) -> bool:
        """Whether the current message is complete."""
        return self._state == "done"

    @property
    def fresh(self) -> bool:
        """Whether nothing of a next message has come, but for empty lines."""
        buffer = self._buffer
        return self._state == "head" and (not buffer or (buffer[0] in CRLF and not buffer.strip(CRLF)))

    @property
    def so_far(self) -> bytes:
        """Of a head that was refused, or is not complete, what there is: for people to look at."""
        return self.head if self.head_bytes else bytes(self._buffer[: self._limits.head])

    @property
    def ended(self) -> bool:
        """Whether the other side has closed."""
        return self._ended

    def rest(self) -> bytes:
        """Take what lies unread: the first bytes of a tunnel."""
        data = bytes(self._buffer)
        self._buffer.clear()
        return data

    # -- the head ---------------------------------------------------------------------------------------------------

    def _head(self) -> Event | None:
        buffer = self._buffer
        if self._role == "server" and buffer.startswith(CRLF):
            while buffer.startswith(CRLF):  # RFC 9112 section 2.2: at least one empty line is to be ignored
                del buffer[:2]
                self._searched = 0
        if buffer and buffer[0] <= 0x20 and buffer[:1] != b"\r":
            what = "this looks like TLS, and the port speaks plain HTTP" if buffer[0] == TLS_HELLO else "no start line"
            raise RemoteProtocolError(what, 400, "RFC 9112 2.2")
        end = buffer.find(HEAD_END, max(0, self._searched - 3))
        if not 0 <= end <= self._harmless:
            self._check_size(end)
        if end < 0:
            self._searched = len(buffer)
            if self._ended and buffer:
                raise RemoteProtocolError("the connection ended inside a head", 400, "RFC 9112 8")
            return None
        head = bytes(buffer[:end])
        del buffer[: end + 4]
        self.head_bytes = end + 4
        self.head = head
        if head.count(CRLF) > self._limits.fields:
            raise RemoteProtocolError(f"more than {self._limits.fields} fields", 431, "RFC 6585 5")
        message, self.framing = self._parse(head)
        self._left = self.framing.length
        self._state = _AFTER_HEAD[self.framing.kind]
        if self._state == "end" and self._parse is _request and not buffer and end < SHORT_HEAD:
            if len(_SEEN) >= MOST_SEEN:
                _SEEN.clear()
            _SEEN[head + HEAD_END] = message, head  # type: ignore[assignment]
        return message

    def _response(self, head: bytes) -> tuple[Response, Framing]:
        message = response_head(head)
        return message, framing(message, self._request_method)

    def _check_size(self, end: int) -> None:
        """Refuse what is too long; ``end`` is where the head ends, -1: not yet."""
        limits, buffer = self._limits, self._buffer
        first = limits.line + len(CRLF)
        if self._searched < first <= len(buffer) and buffer.find(CRLF, 0, first) < 0:
            status = 414 if self._role == "server" else 400
            raise RemoteProtocolError(f"the first line is longer than {limits.line} bytes", status, "RFC 9112 3")
        if self._too_long(end):
            raise RemoteProtocolError(f"the head is longer than {limits.head} bytes", 431, "RFC 6585 5")
        if end < 0:
            self._refuse_bare_lf()

    def _too_long(self, end: int) -> bool:
        """Whether a head, or trailers, with this end (-1: not yet) break their limit, wherever the end will be."""
        return end > self._limits.head or (end < 0 and len(self._buffer) >= self._limits.head + len(HEAD_END))

    def _refuse_bare_lf(self) -> None:
        """Of what came since the last search: every LF must have its CR, which may have come before."""
        buffer, since = self._buffer, self._searched
        if buffer.count(b"\n", since) != buffer.count(CRLF, max(0, since - 1)):
            raise RemoteProtocolError("a line ends in a bare LF", 400, "RFC 9112 2.2")

    def _fields(self, lines: Sequence[bytes]) -> list[Field]:
        if len(lines) > self._limits.fields:
            raise RemoteProtocolError(f"more than {self._limits.fields} fields", 431, "RFC 6585 5")
        return field_lines(lines)

    # -- the content ------------------------------------------------------------------------------------------------

    def _length(self) -> Event | None:
        if self._left == 0:
            return self._end()
        return self._data()

    def _data(self) -> Data | None:
        if not self._buffer:
            if self._ended:
                raise RemoteProtocolError("the connection ended inside the content", 400, "RFC 9112 8")
            return None
        piece = bytes(self._buffer[: self._left])
        del self._buffer[: self._left]
        self._left -= len(piece)
        return Data(piece)

    def took(self, count: int) -> None:
        """Say that ``count`` bytes of content went past the reader (splice, sendfile)."""
        self._left -= count

    @property
    def left(self) -> int:
        """Bytes of this content, or of this chunk, that are still to come and not in the buffer."""
        return self._left if not self._buffer else 0

    def _close(self) -> Event | None:
        if self._buffer:
            data = bytes(self._buffer)
            self._buffer.clear()
            return Data(data)
        return self._end() if self._ended else None

    def _size(self) -> Event | None:
        line = self._line(self._limits.chunk_line)
        if line is None:
            return None
        match = grammar.CHUNK_LINE.fullmatch(line)
        if not match:
            raise RemoteProtocolError(f"chunk size {line[:40]!r}", 400, "RFC 9112 7.1")
        self._extensions += len(match[2])
        if self._extensions > self._limits.extensions:
            raise RemoteProtocolError("too many chunk extensions", 400, "RFC 9112 7.1.1")
        self._left = int(match[1], 16)
        self._state, self._searched = "chunk" if self._left else "trailers", 0
        return _STATES[self._state](self)

    def _chunk(self) -> Event | None:
        if self._left:
            return self._data()
        if len(self._buffer) < 2 and not self._ended:
            if self._buffer and self._buffer[:1] != b"\r":
                raise RemoteProtocolError("no CRLF behind a chunk", 400, "RFC 9112 7.1")
            return None
        if self._buffer[:2] != CRLF:
            raise RemoteProtocolError("no CRLF behind a chunk", 400, "RFC 9112 7.1")
        del self._buffer[:2]
        self._state = "size"
        return self._size()

    def _trailers(self) -> Event | None:
        if self._buffer[:2] == CRLF:
            del self._buffer[:2]
            return self._end()
        end = self._buffer.find(HEAD_END, max(0, self._searched - 3))
        if self._too_long(end):
            raise RemoteProtocolError(f"trailers longer than {self._limits.head} bytes", 431, "RFC 6585 5")
        if end < 0:
            if self._ended:
                raise RemoteProtocolError("the connection ended inside the trailers", 400, "RFC 9112 8")
            self._refuse_bare_lf()
            self._searched = len(self._buffer)
            return None
        lines = bytes(self._buffer[:end]).split(CRLF)
        del self._buffer[: end + len(HEAD_END)]
        return self._end(self._fields(lines))

    def _line(self, limit: int) -> bytes | None:
        end = self._buffer.find(CRLF, 0, limit + len(CRLF))
        if end < 0:
            if len(self._buffer) >= limit + len(CRLF):
                raise RemoteProtocolError(f"a chunk line is longer than {limit} bytes", 400, "RFC 9112 7.1.1")
            if self._ended:
                raise RemoteProtocolError("the connection ended inside the content", 400, "RFC 9112 8")
            if b"\n" in self._buffer:
                raise RemoteProtocolError("a line ends in a bare LF", 400, "RFC 9112 2.2")
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    def _end(self, trailers: Sequence[Field] = ()) -> EndOfMessage:
        self._state = "done"
        return EndOfMessage(tuple(trailers)) if trailers else _END

    def _pause(self) -> Event | None:
        return None


_END = EndOfMessage()
_AFTER_HEAD = {"none": "end", "length": "length", "chunked": "size", "close": "close", "tunnel": "tunnel"}
_STATES = {
    "head": Reader._head,
    "end": Reader._end,
    "length": Reader._length,
    "size": Reader._size,
    "chunk": Reader._chunk,
    "trailers": Reader._trailers,
    "close": Reader._close,
    "tunnel": Reader._pause,
    "done": Reader._pause,
}


# -- heads and lines ------------------------------------------------------------------------------------------------


def request_head(head: bytes) -> Request:
    """Read start line and field lines of a request, and check what every request must have."""
    start, *lines = head.split(CRLF)
    made = Request(*request_line(start), fields=tuple(field_lines(lines)))
    _check_host(made)
    return made


def _request(head: bytes) -> tuple[Request, Framing]:
    message = request_head(head)
    return message, framing(message)


def _own(parse: Callable[[bytes], Request]) -> Callable[[bytes], tuple[Request, Framing]]:
    def framed(head: bytes) -> tuple[Request, Framing]:
        message = parse(head)
        return message, framing(message)

    return framed


def response_head(head: bytes) -> Response:
    """Read status line and field lines of a response."""
    start, *lines = head.split(CRLF)
    return response(start, field_lines(lines))


def field_lines(lines: Sequence[bytes]) -> list[Field]:
    """Read field lines."""
    return [_known_line(line) if len(line) < SHORT else field_line(line) for line in lines]


def request_line(line: bytes) -> tuple[bytes, bytes, Target, tuple[int, int]]:
    """Read a request line: method, target, its parts, version."""
    match = grammar.REQUEST_LINE.fullmatch(line)
    if not match:
        raise RemoteProtocolError(f"request line {_told(line)!r}", 400, "RFC 9112 3")
    method, target = match[1], match[2]
    version = http_version(match[3])
    return method, target, request_target(method, target), version


def response(line: bytes, fields: list[Field]) -> Response:
    """Read a status line."""
    match = grammar.STATUS_LINE.fullmatch(line)
    if not match:
        raise RemoteProtocolError(f"status line {line[:60]!r}", 502, "RFC 9112 4")
    return Response(int(match[2]), match[3] or b"", http_version(match[1]), fields)


def http_version(text: bytes) -> tuple[int, int]:
    """Read a version; a minor one that we do not know is the highest that we know (RFC 9110 section 2.5)."""
    match = grammar.VERSION.fullmatch(text)
    if not match or match[1] != b"1":
        raise RemoteProtocolError(f"version {text[:20]!r}: this is HTTP/1.1", 505, "RFC 9110 15.6.6")
    return (1, min(1, int(match[2])))


def request_target(method: bytes, target: bytes) -> Target:
    """Tell which of the four forms a target has, and take it apart (RFC 9112 section 3.2)."""
    if method == b"CONNECT":
        match = grammar.AUTHORITY_FORM.fullmatch(target)
        if not match:
            raise RemoteProtocolError(f"CONNECT wants host:port, not {_told(target)!r}", 400, "RFC 9112 3.2.3")
        return Target("authority", b"", match[1], _port(match[2]), b"")
    if target == b"*":
        if method != b"OPTIONS":
            raise RemoteProtocolError("the target * goes with OPTIONS only", 400, "RFC 9112 3.2.4")
        return Target("asterisk", b"", b"", None, b"*")
    if grammar.ORIGIN_FORM.fullmatch(target):
        return Target("origin", b"", b"", None, target)
    match = grammar.ABSOLUTE_FORM.fullmatch(target)
    if not match:
        raise RemoteProtocolError(f"target {_told(target)!r} has none of the four forms", 400, "RFC 9112 3.2")
    authority = grammar.AUTHORITY.fullmatch(match[2])
    if not authority:
        raise RemoteProtocolError(f"{_told(match[2])!r} is no host", 400, "RFC 9110 4.2")
    path = match[3] or b"/"
    path = b"/" + path if path[:1] == b"?" else path
    return Target("absolute", match[1].lower(), authority[1].lower(), _port(authority[2]), path)


def _port(digits: bytes | None) -> int | None:
    if not digits:
        return None
    port = int(digits)
    if not 0 < port < 65_536:
        raise RemoteProtocolError(f"there is no port {port}", 400, "RFC 9110 4.2")
    return port


def _check_host(message: Request) -> None:
    hosts = message.all(b"host")
    if len(hosts) > 1 or (not hosts and message.version >= (1, 1)):
        raise RemoteProtocolError("a request has exactly one Host field", 400, "RFC 9112 3.2")
    if hosts and hosts[0] and not grammar.AUTHORITY.fullmatch(hosts[0]):
        raise RemoteProtocolError(f"Host {_told(hosts[0])!r} is no host", 400, "RFC 9112 3.2")


def field_line(line: bytes) -> Field:
    """Read one field line."""
    match = grammar.FIELD_LINE.fullmatch(line)
    if match:
        return match[1], match[2]
    if line[:1] in (b" ", b"\t"):
        raise RemoteProtocolError("a folded field line", 400, "RFC 9112 5.2")
    if b"\n" in line or b"\r" in line:
        raise RemoteProtocolError("a bare CR or LF in a field", 400, "RFC 9112 2.2")
    name = line.partition(b":")[0]
    if name != name.rstrip(b" \t"):
        raise RemoteProtocolError("whitespace before the colon of a field", 400, "RFC 9112 5.1")
    told = line[:60] if name.lower() not in SECRET else name + b": (left out)"
    raise RemoteProtocolError(f"field line {told!r}", 400, "RFC 9112 5")


def _told(data: bytes) -> bytes:
    """What the reason of a refusal quotes of a start line, a target or a host."""
    return USERINFO.sub(b"(left out)@", data)[:60]


_known_line = lru_cache(1024)(field_line)
_SEEN: dict[bytes, tuple[Request, bytes]] = {}
"""What these bytes mean does not depend on anything else, so it can be remembered."""
