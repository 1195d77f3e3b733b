"""What a web server does with one connection: requests in, files out (RFC 9110, RFC 9112).

`serve` reads from top to bottom: read a head under a deadline, answer it, drop what is left of the request, and begin
again while both sides want the connection to last. Whatever is wrong with a request is answered with the rule that it
breaks, and a row says so; then the connection is closed in such a way that the other side can still read the answer.
"""

from __future__ import annotations

import hashlib
import os
import traceback
import zlib
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from math import nan
from typing import NamedTuple

from netlab.errors import RemoteProtocolError
from netlab.http import conditional, grammar, ranges
from netlab.http.dates import write_date
from netlab.http.events import Field, Request
from netlab.http.media import COMPRESSIBLE, media_type
from netlab.http.negotiation import content_coding, wants_json
from netlab.http.pages import PAGE_FIELDS, SORTS, error_page, listing_json, listing_page
from netlab.http.paths import Path, map_path
from netlab.http.ranges import Part
from netlab.http.reader import Reader
from netlab.http.writer import chunk, last_chunk, response_head
from netlab.serve.bounds import Bounds
from netlab.serve.connection import SECOND, Connection, Gone, Handler, Late, Send, Wanted
from netlab.serve.exchange import (
    AddRow,
    Exchange,
    ParseHead,
    Steps,
    asked,
    exchanges,
    keeps,
    linger,
    turn_away,
)
from netlab.serve.files import Directory, Entry, Folder, Opened, Refusal
from netlab.serve.log import NONE, WebRow

SMALL = 64 * 1024
"""A file up to this size leaves in one piece with its head: one system call, one segment."""
PIECE = 64 * 1024
"""Bytes that are hashed or compressed before the others have their turn."""
ENTRIES = 500
"""Lines of a listing before the others have their turn."""
METHODS = (b"GET", b"HEAD", b"OPTIONS")
KNOWN = (*METHODS, b"POST", b"PUT", b"DELETE", b"PATCH", b"TRACE", b"CONNECT")
ALLOW: Field = (b"Allow", b", ".join(METHODS))
NO_CACHE: Field = (b"Cache-Control", b"no-cache")
"""Keep it, and ask before using it again: files that somebody edits are never stale."""
NOSNIFF: Field = (b"X-Content-Type-Options", b"nosniff")
RANGES_WELCOME: Field = (b"Accept-Ranges", b"bytes")
VARY: Field = (b"Vary", b"Accept-Encoding")
SERVER: Field = (b"Server", b"netlab")
SIDECARS = ((b"br", ".br"), (b"gzip", ".gz"))
"""Content codings, and the endings of files that hold them; the first is liked best."""
HASHES = 1_000
"""Hashes of files that are remembered."""
CORS_HEADERS = b"Range, If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since, If-Range, Content-Type"
CORS_EXPOSED = b"Accept-Ranges, Content-Encoding, Content-Length, Content-Range, ETag, Last-Modified"


@dataclass(slots=True)
class Site:
    """What all connections of a server share."""

    directory: Directory
    log: AddRow
    wall: Callable[[], int]
    """Wall-clock ns."""
    network: str = "live"
    bounds: Bounds = field(default_factory=Bounds)
    map_path: Callable[[bytes], Path] = map_path
    """A learner's own may stand here, and in the next one."""
    parse_head: ParseHead | None = None
    own_fields: Sequence[Field] = ()
    cors: bytes = b""
    """The origin whose pages may read the answers, ``*`` for all; ``b""``: only our own."""
    tag_from_content: bool = False
    gzip: bool = False
    """Compress what has no compressed copy beside it."""
    scheme: bytes = b"http"
    hashes: dict[tuple[int, int, int], bytes] = field(default_factory=dict)
    own_names: frozenset[bytes] = frozenset()

    def __post_init__(self) -> None:
        self.own_names = frozenset(name.lower() for name, _ in self.own_fields)


class Piece(NamedTuple):
    """A part of a file, and what stands before it."""

    before: bytes
    first: int
    length: int


@dataclass(slots=True)
class Answer:
    """A response as decided, before it is sent."""

    status: int
    fields: list[Field]
    content: bytes = b""
    file: Opened | None = None
    parts: Sequence[Piece] = ()
    """What to send of the file; behind the last piece comes ``content``."""
    deflated: bool = False
    """The file is compressed on its way out, so nobody knows its length before."""
    close: bool = False
    rule: str = ""
    error: str = ""
    condition: str = ""

    @property
    def length(self) -> int:
        if not self.parts:
            return len(self.content)
        return sum([len(piece.before) + piece.length for piece in self.parts]) + len(self.content)


def serve(connection: Connection, site: Site) -> Handler:
    """Serve one connection."""
    if connection.full:
        return turn_away(connection, site.bounds, site.wall, lambda *said: _log_refusal(connection, site, *said))
    return exchanges(
        connection, site.bounds, lambda reader, number: _Exchange(connection, site, reader, number), site.parse_head
    )


class _Exchange(Exchange):
    """One request and its answer."""

    __slots__ = ("answered", "head", "site")

    def __init__(self, connection: Connection, site: Site, reader: Reader, number: int) -> None:
        super().__init__(connection, reader, number, site.wall, site.bounds)
        self.site = site
        self.head = b""
        self.answered = 0
        """When the answer began to leave."""

    def run(self) -> Steps:
        """Read, answer, log; gives whether the connection goes on."""
        answer: Answer
        try:
            request = yield from self.read_head()
            if request is None:
                return False
            self.request = request
            found = self._find(request)
            if isinstance(found, Opened):
                hashed = (yield from self._hash(found)) if self.site.tag_from_content else b""
                answer = self._file(request, found, hashed)
            elif isinstance(found, Folder):
                answer = yield from self._listing(request, found)
            else:
                answer = found
        except Late:
            if not self.received:
                return False  # it was only idle
            answer = _refused(408, "the head did not arrive within its time", "RFC 9110 15.5.9")
        except RemoteProtocolError as fault:
            answer = _refused(fault.status_hint, str(fault), fault.rule)
        except Gone:
            raise
        except Exception as fault:  # ours, or a learner's: the others must not feel it
            answer = self._fault(fault)
        return (yield from self._respond(answer))

    def _respond(self, answer: Answer) -> Steps:
        """Send the answer, and see to what is left of the request."""
        connection, request = self.connection, self.request
        keep = not answer.close and request is not None and keeps(request) and not connection.stopping
        if keep and self.expects_more():
            keep = False  # it may now send its content, or not: nobody can tell what the next bytes are
        self.answered = connection.now()
        try:
            if keep:
                try:
                    keep = yield from self.drop_content()
                except (RemoteProtocolError, Late):
                    keep = False
            self.answered = connection.now()
            connection.within(self.bounds.write_time)
            yield from self._send(answer, keep)
        except (Late, Gone) as gone:
            late = isinstance(gone, Late)
            why = "the client took nothing of it for too long" if late else str(gone) or "the client went away"
            self._log(answer, why, False)
            return False
        finally:
            if answer.file:
                os.close(answer.file.descriptor)
        self._log(answer, answer.error, keep)
        if not keep:
            yield from linger(connection, self.bounds)
        self.reader.next_message()
        return keep

    # -- what to answer ---------------------------------------------------------------------------------------------

    def _find(self, request: Request) -> Opened | Folder | Answer:
        """Find what a request means, or why it gets nothing."""
        if request.method != b"GET" or request.parts.form != "origin":
            answer = self._not_for_us(request)
            if answer:
                return answer
        expected = request.all(b"expect")
        if expected and request.version >= (1, 1) and grammar.tokens(expected) != [b"100-continue"]:
            return _refused(417, "only 100-continue can be expected", "RFC 9110 10.1.1", close=False)
        try:
            path = self.site.map_path(request.parts.path)
            found = self.site.directory.open(path.names, path.folder)
        except Refusal as refusal:
            return _refused(refusal.status, refusal.reason, close=False)
        except RemoteProtocolError as fault:
            return _refused(fault.status_hint, str(fault), fault.rule, close=False)
        if found is None:
            raw, _, query = request.parts.path.partition(b"?")
            where = b"/" + raw.lstrip(b"/") + b"/" + (b"?" + query if query else b"")
            return Answer(301, [NO_CACHE, (b"Location", where)])
        return found

    def _not_for_us(self, request: Request) -> Answer | None:
        if request.parts.form == "absolute" and request.parts.scheme != self.site.scheme:
            text = f"this server speaks {self.site.scheme.decode()} here"
            return _refused(421, text, "RFC 9110 7.4", close=False)
        if request.method not in METHODS:
            if request.method in KNOWN:
                return _refused(405, "files can only be looked at here", "RFC 9110 15.5.6", [ALLOW], close=False)
            text = f"the method {request.method.decode()} is not known here"
            return _refused(501, text, "RFC 9110 15.6.2", close=False)
        if request.method != b"OPTIONS":
            return None
        fields = [ALLOW]
        if self.site.cors:
            fields += [(b"Access-Control-Allow-Methods", ALLOW[1]), (b"Access-Control-Allow-Headers", CORS_HEADERS)]
        return Answer(204, fields)

    def _listing(self, request: Request, folder: Folder) -> Generator[Wanted, object, Answer]:
        entries: list[Entry] = []
        try:
            for entry in folder.entries():
                entries.append(entry)
                if len(entries) % ENTRIES == 0:
                    yield from self.connection.turn()
        except Refusal as refusal:
            return _refused(refusal.status, refusal.reason, close=False)
        path = self.site.map_path(request.parts.path)
        key, backwards = SORTS.get(path.query, SORTS[b""])
        entries.sort(key=key, reverse=backwards)
        fields = [NO_CACHE, (b"Vary", b"Accept")]
        if wants_json(request.all(b"accept")):
            return Answer(200, [(b"Content-Type", b"application/json"), NOSNIFF, *fields], listing_json(entries))
        return Answer(200, [*PAGE_FIELDS, *fields], listing_page(path, entries))

    def _file(self, request: Request, found: Opened, hashed: bytes) -> Answer:
        """Decide what of a file to send; `found` is closed with the answer, or here."""
        kind, fields, coding, deflated = media_type(found.name), [NO_CACHE], b"", False
        if kind in COMPRESSIBLE:
            fields.append(VARY)
            accepted = request.all(b"accept-encoding")
            if accepted:
                found, coding, deflated = self._coded(found, accepted)
        answer = Answer(200, fields, file=found)
        seconds = found.modified_ns // SECOND
        tag = _tag(found, hashed, b"-" + coding if coding else b"")
        if tag:
            fields.append((b"ETag", tag))
        now = self.site.wall() // SECOND
        known = conditional.evaluate(request, tag, seconds, now) if len(request.fields) > 1 else 0
        if known:
            os.close(found.descriptor)
            if known == 412:
                answer = _refused(412, "the file is not what the request takes it for", "RFC 9110 13", close=False)
                answer.condition = "failed"
                return answer
            if not tag:
                fields.append((b"Last-Modified", write_date(seconds)))
            return Answer(304, fields, condition="not modified")
        fields += [(b"Last-Modified", write_date(seconds)), (b"Content-Type", kind), NOSNIFF]
        if coding:
            fields.append((b"Content-Encoding", coding))
        if deflated:
            answer.deflated = True
            return answer
        fields.append(RANGES_WELCOME)
        wanted = request.all(b"range") if request.method == b"GET" else ()
        parts = None
        if wanted and conditional.range_holds(request, tag, seconds if tag else None, now):
            parts = ranges.select(wanted, found.size)
        if parts is None:
            answer.parts = (Piece(b"", 0, found.size),)
            return answer
        return _in_parts(answer, found, parts, kind)

    def _coded(self, found: Opened, accepted: Sequence[bytes]) -> tuple[Opened, bytes, bool]:
        """Choose among the file, its compressed copies, and compressing it now: what to send, its coding, and
        whether it is still to be done."""
        copies: dict[bytes, Opened] = {}
        for coding, suffix in SIDECARS:
            beside = self.site.directory.sidecar(found, suffix)
            if beside:
                copies[coding] = beside
        available = [*copies, *([b"gzip"] if self.site.gzip and b"gzip" not in copies else [])]
        coding = content_coding(accepted, available)
        chosen = copies.pop(coding, None)
        for copy in copies.values():
            os.close(copy.descriptor)
        if chosen is None:
            return found, coding, bool(coding)
        os.close(found.descriptor)
        return chosen, coding, False

    def _hash(self, file: Opened) -> Generator[Wanted, object, bytes]:
        """Give the hash of a file's content, piece by piece; it is remembered as long as time, size and inode stay."""
        known, key = self.site.hashes, (file.inode, file.size, file.modified_ns)
        if key not in known:
            hashed, offset = hashlib.sha256(), 0
            while data := os.pread(file.descriptor, PIECE, offset):
                hashed.update(data)
                offset += len(data)
                yield from self.connection.turn()
            while len(known) >= HASHES:
                del known[next(iter(known))]
            known[key] = hashed.hexdigest()[:32].encode()
        return known[key]

    def _fault(self, fault: Exception) -> Answer:
        """An exception in here: the client learns a number, the log what happened."""
        where = traceback.extract_tb(fault.__traceback__)[-1]
        number = f"{self.connection.number}.{self.number}"
        answer = _refused(500, f"This is fault {number}; the server's log says more.", "RFC 9110 15.6.1")
        what = f"fault {number}: {type(fault).__name__}: {fault}"
        answer.error = f"{what} ({os.path.basename(where.filename)}, line {where.lineno})"
        return answer

    # -- sending ----------------------------------------------------------------------------------------------------

    def _send(self, answer: Answer, keep: bool) -> Steps:
        request = self.request
        chunked = answer.deflated and request is not None and request.version >= (1, 1)
        if answer.deflated and not chunked:
            keep = False
        self.head = head = response_head(answer.status, self._fields(answer, keep, chunked))
        self.sent = len(head)
        if (request is not None and request.method == b"HEAD") or answer.status in (204, 304):
            yield Send(head)
            return
        if not answer.file:
            yield Send(head + answer.content)
            self.sent += len(answer.content)
        elif answer.deflated:
            yield from self._send_deflated(head, answer.file, chunked)
        else:
            yield from self._send_parts(head, answer, answer.file)

    def _fields(self, answer: Answer, keep: bool, chunked: bool) -> list[Field]:
        site = self.site
        fields = [(b"Date", write_date(site.wall() // SECOND)), SERVER, *answer.fields]
        if site.cors:
            fields.append((b"Access-Control-Allow-Origin", site.cors))
            fields.append((b"Access-Control-Expose-Headers", CORS_EXPOSED))
            if site.cors != b"*":
                fields.append((b"Vary", b"Origin"))
        if site.own_fields:
            fields = [each for each in fields if each[0].lower() not in site.own_names]
            fields += site.own_fields
        if answer.deflated:
            if chunked:
                fields.append((b"Transfer-Encoding", b"chunked"))
        elif answer.status not in (204, 304):
            fields.append((b"Content-Length", b"%d" % answer.length))
        if not keep:
            fields.append((b"Connection", b"close"))
        elif self.request is not None and self.request.version < (1, 1):
            fields.append((b"Connection", b"keep-alive"))
        return fields

    def _send_parts(self, head: bytes, answer: Answer, file: Opened) -> Steps:
        connection, data = self.connection, head
        for before, first, length in answer.parts:
            data += before
            self.sent += len(before)
            if len(data) + length <= SMALL:
                piece = os.pread(file.descriptor, length, first)
                data += piece
                sent = len(piece)
            else:
                yield Send(data, more=True)
                data = b""
                sent = yield from connection.send_file(file.descriptor, first, length)
            self.sent += sent
            if sent < length:
                if data:
                    yield Send(data)
                raise Gone("the file became shorter while it was sent")  # the promised length cannot be kept
        if data or answer.content:
            yield Send(data + answer.content)
        self.sent += len(answer.content)

    def _send_deflated(self, head: bytes, file: Opened, chunked: bool) -> Steps:
        """Compress piece by piece (RFC 1952), as far as the file was long when it was opened."""
        connection, packer, offset = self.connection, zlib.compressobj(6, zlib.DEFLATED, 31), 0
        out = head
        while offset < file.size:
            data = os.pread(file.descriptor, min(PIECE, file.size - offset), offset)
            if not data:
                break
            offset += len(data)
            packed = packer.compress(data)
            out += chunk(packed) if chunked else packed
            yield Send(out)
            self.sent += len(out)
            out = b""
            yield from connection.turn()
        packed = packer.flush()
        out += chunk(packed) + last_chunk() if chunked else packed
        yield Send(out)
        self.sent += len(out) - (len(head) if file.size == 0 else 0)

    # -- the row ----------------------------------------------------------------------------------------------------

    def _log(self, answer: Answer, error: str, keep: bool) -> None:
        request, started = self.request, self.started
        method, target, version, referer, user_agent, wanted = asked(request)
        row = WebRow(
            started_at=self.started_at,
            client=self.connection.client,
            method=method,
            target=target,
            version=version,
            status=answer.status,
            request_bytes=self.received,
            response_bytes=self.sent,
            wait_ms=(self.answered - started) / 1e6,
            receive_ms=(self.connection.now() - self.answered) / 1e6,
            error=error,
            rule=answer.rule,
            connection=self.connection.number,
            request=self.number,
            referer=referer,
            user_agent=user_agent,
            range=wanted,
            request_head_bytes=self.reader.head_bytes if request else NONE,
            response_head_bytes=len(self.head),
            framing=_framing_word(answer, request),
            conditional_result=answer.condition,
            keep_alive=keep,
            close_reason="" if keep else error or "the last answer of this connection",
            head_ms=(self.head_at - started) / 1e6 if self.head_at else nan,
        )
        self.site.log(row, self.reader.head if request else b"", self.head)


def _log_refusal(connection: Connection, site: Site, started_at: int, head: bytes, content: int) -> None:
    """A row for somebody who was turned away."""
    row = WebRow(
        *(started_at, connection.client, "", "", "", 503, 0, len(head) + content, 0.0, 0.0, "too many connections", ""),
        *(connection.number, 1, "", "", "", NONE, len(head), "length", "", 0, "the server is full", nan),
    )
    site.log(row, b"", head)


def _tag(file: Opened, hashed: bytes, ending: bytes) -> bytes:
    """Give a strong validator (RFC 9110 section 8.8.3), one per coding; none when the time of the file is 0 or 1, as
    containers and Nix set it: that tells nothing."""
    if hashed:
        return b'"%s%s"' % (hashed, ending)
    if file.modified_ns < 2 * SECOND:
        return b""
    return b'"%x-%x-%x%s"' % (file.modified_ns, file.size, file.inode, ending)


def _in_parts(answer: Answer, file: Opened, parts: list[Part], kind: bytes) -> Answer:
    """Give a part of a file, several, or 416 (RFC 9110 sections 14 and 15.3.7)."""
    if not parts:
        os.close(file.descriptor)
        text = f"the file has {file.size} bytes, and the request asks for none of them"
        outside = [ranges.content_range(None, file.size), RANGES_WELCOME]
        return _refused(416, text, "RFC 9110 15.5.17", outside, close=False)
    answer.status = 206
    if len(parts) == 1:
        answer.fields.append(ranges.content_range(parts[0], file.size))
        answer.parts = (Piece(b"", parts[0].first, parts[0].length),)
        return answer
    boundary = b"%016x" % (hash((file.inode, file.modified_ns, *parts)) & 0xFFFF_FFFF_FFFF_FFFF)
    several = ranges.multipart(parts, file.size, kind, boundary)
    answer.fields = [each for each in answer.fields if each[0] != b"Content-Type"]
    answer.fields.append((b"Content-Type", b"multipart/byteranges; boundary=" + boundary))
    answer.content = several.end
    answer.parts = [Piece(before, part.first, part.length) for before, part in zip(several.heads, parts, strict=True)]
    return answer


def _framing_word(answer: Answer, request: Request | None) -> str:
    if answer.status in (204, 304) or (request is not None and request.method == b"HEAD"):
        return "none"
    if answer.deflated:
        return "chunked" if request is not None and request.version >= (1, 1) else "close"
    return "length"


def _refused(status: int, reason: str, rule: str = "", fields: list[Field] | None = None, close: bool = True) -> Answer:
    page = error_page(status, reason, rule)
    return Answer(status, [*PAGE_FIELDS, NO_CACHE, *(fields or [])], page, close=close, rule=rule, error=reason)
