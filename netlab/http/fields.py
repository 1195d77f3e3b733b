"""The field map of HTTP messages, behind ``netlab.explain``: what every byte of a connection's one direction says.

The bytes are cut leniently, line by line, so that something can be said of any of them. What is *right* is never
decided here: each line and each message is put before the strict reader, and where that refuses, the row says why, with
the section of the RFC. Behind a fault nothing is explained: nobody knows where a next message would begin.

Rows are those of FIELDS, as in ``wire.fields``: ``offset`` is the byte in which a field begins, ``bits`` its first and
last bit counted from there. The CRLF behind a line belongs to its last field. Content is bytes, everything else text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from netlab.errors import RemoteProtocolError
from netlab.http import grammar
from netlab.http.events import Data, EndOfMessage, Request, Response
from netlab.http.field_meanings import MEANINGS
from netlab.http.framing import Framing
from netlab.http.reader import CRLF, HEAD_END, Reader, field_line, request_line, response
from netlab.http.writer import REASONS

Row = dict[str, Any]
STATUS_CLASSES = (
    "",
    "interim: another answer follows",
    "success",
    "redirection",
    "the client's fault",
    "the server's fault",
)
UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f]")
BARE_LF = RemoteProtocolError("a line ends in a bare LF", 400, "RFC 9112 2.2")
BEGINS = re.compile(rb"(?:\r\n)*(?:HTTP/\d|" + grammar.TOKEN + rb" \S+ HTTP/\d)")


def is_http(data: bytes) -> bool:
    """Whether bytes begin as a request or a response does."""
    return BEGINS.match(data) is not None


def fields(data: bytes, request_methods: Sequence[bytes] = (), ended: bool = True) -> list[Row]:
    """Rows of FIELDS for one direction of a connection, in the order of the bytes.

    ``request_methods`` are, for responses, what they answer: a response to HEAD has no content whatever it says.
    ``ended``: the sender has closed, so what is incomplete stays incomplete.
    """
    walk = _Walk(data, ended)
    methods = list(request_methods)
    while walk.at < len(data) and not walk.refused:
        walk.message(methods)
    return walk.rows


class _Walk:
    def __init__(self, data: bytes, ended: bool) -> None:
        self.data, self.ended = data, ended
        self.at = 0
        self.rows: list[Row] = []
        self.refused = False
        self._layer = ""
        self._messages = 0

    def add(self, length: int, field: str, value: object, meaning: str = "", section: str = "") -> None:
        """The next ``length`` bytes are one field."""
        self.rows.append(
            {
                "layer": self._layer,
                "offset": self.at,
                "bits": f"0-{8 * length - 1}",
                "field": field,
                "value": value,
                "meaning": meaning,
                "defined_in": section,
            }
        )
        self.at += length

    def blame(self, fault: RemoteProtocolError) -> None:
        """The last row is where the reader refused."""
        self.rows[-1]["meaning"] = f"refused ({fault.status_hint}): {fault}"
        self.rows[-1]["defined_in"] = fault.rule
        self.refused = True

    def message(self, methods: list[bytes]) -> None:
        """One message, from its start line to its end."""
        data = self.data
        begin = self.at
        while data.startswith(CRLF, begin):
            begin += 2
        is_response = data.startswith(b"HTTP/", begin)
        self._messages += 1
        number = f" {self._messages}" if self._messages > 1 else ""
        self._layer = f"HTTP {'response' if is_response else 'request'}{number}"
        if begin > self.at:
            self.add(begin - self.at, "empty line", _text(CRLF), "ignored before a start line", "RFC 9112 2.2")
        if begin == len(data):
            return
        reader = Reader("client" if is_response else "server")
        reader.feed(data[begin:])
        if self.ended:
            reader.feed(b"")
        head, fault = None, None
        try:
            head = reader.next_event(methods[0] if methods else b"GET")
        except RemoteProtocolError as refusal:
            fault = refusal
        self._head(begin, is_response)
        if self.refused:
            pass
        elif fault is not None:
            self.blame(fault)  # of the message as a whole, or of its end
        elif isinstance(head, Request | Response):
            if methods and isinstance(head, Response) and head.status >= 200:
                methods.pop(0)
            self._content(reader)
        if self.refused and self.at < len(data):
            self.add(
                len(data) - self.at, "not read", data[self.at :], "nothing is known behind a fault", "RFC 9112 9.3"
            )

    # -- the head ---------------------------------------------------------------------------------------------------

    def _head(self, begin: int, is_response: bool) -> None:
        """Start line and field lines up to the empty line, or to the first one that is refused."""
        found = self.data.find(HEAD_END, begin)
        end = found + 4 if found >= 0 else len(self.data)
        first = True
        while self.at < end and not self.refused:
            stop = self.data.find(CRLF, self.at, end)
            whole = stop >= 0
            line = self.data[self.at : stop if whole else end]
            length = len(line) + 2 * whole
            if not line:
                self.add(length, "end of head", _text(CRLF), "the empty line: what follows is content", "RFC 9112 2.1")
                break
            if first:
                self._start(line, length, is_response)
                self._check(whole, _status_line if is_response else request_line, line)
            else:
                name, _, value = line.partition(b":")
                meaning, section = MEANINGS.get(name.strip().lower(), ("", ""))
                self.add(length, _text(name.strip()) or "field line", _text(value.strip(b" \t")), meaning, section)
                self._check(whole, field_line, line)
            first = False

    def _check(self, whole: bool, read: Callable[[bytes], object], line: bytes) -> None:
        """Let the strict reader look at a line; one whose end has not come is not judged, unless it is a bare LF."""
        if not whole and b"\n" not in line:
            self.rows[-1]["meaning"] = "the end of this line has not come"
            return
        try:
            read(line)
        except RemoteProtocolError as fault:
            self.blame(BARE_LF if b"\n" in line else fault)

    def _start(self, line: bytes, length: int, is_response: bool) -> None:
        parts = line.split(b" ", 2) if is_response else line.split(b" ")
        if len(parts) != 3 or not all(parts[:2]):
            self.add(length, "status line" if is_response else "request line", _text(line))
            return
        rest = length - len(parts[0]) - len(parts[1]) - 2
        if is_response:
            self.add(len(parts[0]) + 1, "version", _text(parts[0]), "", "RFC 9112 2.3")
            self.add(len(parts[1]) + 1, "status code", _text(parts[1]), _status(parts[1]), "RFC 9110 15")
            self.add(rest, "reason phrase", _text(parts[2]), "for people only", "RFC 9112 4")
        else:
            self.add(len(parts[0]) + 1, "method", _text(parts[0]), METHODS.get(parts[0], ""), "RFC 9110 9")
            self.add(len(parts[1]) + 1, "target", _text(parts[1]), _form(parts[0], parts[1]), "RFC 9112 3.2")
            self.add(rest, "version", _text(parts[2]), "", "RFC 9112 2.3")

    # -- the content ------------------------------------------------------------------------------------------------

    def _content(self, reader: Reader) -> None:
        framing = reader.framing
        left = len(self.data) - self.at
        if framing.kind == "length" and framing.length:
            self._sized(framing, left)
        elif framing.kind == "chunked":
            self._chunks(reader)
        elif framing.kind == "close" and left:
            self.add(left, "content", self.data[self.at :], "ends where the connection does", "RFC 9112 6.3")
        elif framing.kind == "tunnel" and left:
            self.add(left, "tunnel", self.data[self.at :], "no HTTP any more", "RFC 9110 9.3.6")

    def _sized(self, framing: Framing, left: int) -> None:
        length = min(framing.length, left)
        missing = framing.length - length
        meaning = f"{framing.length} bytes, as Content-Length says"
        meaning += f"; {missing} of them have not come" if missing else ""
        if length:
            self.add(length, "content", self.data[self.at : self.at + length], meaning, "RFC 9112 6.2")

    def _chunks(self, reader: Reader) -> None:
        """Size lines and chunks, then the trailers; the reader has the last word."""
        data = self.data
        while True:
            end = data.find(CRLF, self.at)
            match = grammar.CHUNK_LINE.fullmatch(data[self.at : end]) if end >= 0 else None
            if match is None:
                break
            size = int(match[1], 16)
            self.add(
                end + 2 - self.at, "chunk size", _text(data[self.at : end]), f"{size} bytes follow", "RFC 9112 7.1"
            )
            if not size:
                self._trailers()
                break
            piece = data[self.at : self.at + size]
            if piece:
                whole = data.startswith(CRLF, self.at + size)
                self.add(len(piece) + 2 * whole, "chunk", piece, "", "RFC 9112 7.1")
            if not data.startswith(CRLF, self.at - 2):
                break
        try:
            while isinstance(event := reader.next_event(), Data):
                pass
        except RemoteProtocolError as fault:
            self.blame(fault)
            return
        if not isinstance(event, EndOfMessage) and self.at < len(data):
            self.add(len(data) - self.at, "chunk size", data[self.at :], "the rest has not come", "RFC 9112 7.1")

    def _trailers(self) -> None:
        while (end := self.data.find(CRLF, self.at)) >= 0:
            line = self.data[self.at : end]
            if not line:
                self.add(2, "end of message", _text(CRLF), "the empty line behind the last chunk", "RFC 9112 7.1")
                return
            name, _, value = line.partition(b":")
            self.add(len(line) + 2, f"trailer {_text(name)}", _text(value.strip(b" \t")), "", "RFC 9110 6.5")


METHODS = {
    b"GET": "give me this", b"HEAD": "as GET, but without the content", b"POST": "do something with this content",
    b"PUT": "keep this content here", b"DELETE": "remove this", b"OPTIONS": "what can be done with this?",
    b"TRACE": "send me back what you got", b"CONNECT": "open a tunnel to this host and port",
    b"PATCH": "change this",
}  # fmt: skip


def _status_line(line: bytes) -> Response:
    return response(line, [])


def _status(code: bytes) -> str:
    if not re.fullmatch(rb"[1-5][0-9][0-9]", code):
        return ""
    reason = REASONS.get(int(code), b"")
    words = reason.decode() if isinstance(reason, bytes) else str(reason)
    return f"{words}: {STATUS_CLASSES[code[0] - 48]}" if words else STATUS_CLASSES[code[0] - 48]


def _form(method: bytes, target: bytes) -> str:
    """Which of the four forms it has, whether or not this method may have it."""
    if target == b"*":
        return "asterisk form: the server as a whole"
    if target.startswith(b"/"):
        return "origin form: path and query"
    if method == b"CONNECT":
        return "authority form: host and port"
    return "absolute form: a whole URL, for a proxy" if b"://" in target else ""


def _text(line: bytes) -> str:
    """As text; what cannot be seen is written as Python writes it."""
    return UNSEEN.sub(lambda found: repr(found[0])[1:-1], line.decode("latin-1"))
