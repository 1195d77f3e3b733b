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
from functools import lru_cache
from math import nan
from typing import Any, NamedTuple

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
from netlab.http.writer import chunk, head_of_groups, last_chunk
from netlab.serve.bounds import Bounds
from netlab.serve.connection import SECOND, Connection, Gone, Handler, Late, Send, SendFile, Turn, Wanted
from netlab.serve.exchange import (
    AddRow,
    Asked,
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
from netlab.serve.log import NONE

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
CONDITIONAL = frozenset(
    (b"range", b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since", b"if-range")
)
"""A request with none of these gets the file as it is."""
LAST = "the last answer of this connection"
NOTHING_ASKED = Asked()
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

    def with_own(self, fields: Sequence[Field]) -> tuple[Field, ...]:
        """Add what the owner of the server wants in every answer."""
        added = list(fields)
        if self.cors:
            added.append((b"Access-Control-Allow-Origin", self.cors))
            added.append((b"Access-Control-Expose-Headers", CORS_EXPOSED))
            if self.cors != b"*":
                added.append((b"Vary", b"Origin"))
        if b"server" in self.own_names or b"date" in self.own_names:
            added.insert(0, SERVER)
        return (*(each for each in added if each[0].lower() not in self.own_names), *self.own_fields)


class Piece(NamedTuple):
    """A part of a file, and what stands before it."""

    before: bytes
    first: int
    length: int


@dataclass(slots=True)
class Answer:
    """A response as decided, before it is sent."""

    status: int
    fields: Sequence[Field]
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
        keep = request is not None and not answer.close and keeps(request) and not connection.stopping
        if answer.deflated and request is not None and request.version < (1, 1):
            keep = False  # the end of the connection is the end of the answer
        self.answered = connection.now()
        try:
            if keep and self.reader.framing.kind == "none":
                self.reader.next_event()
            elif keep:
                keep = yield from self._drop()
                self.answered = connection.now()
            connection.deadline = self.answered + self.bounds.write_ns
            whole = self._whole(answer, keep)
            if whole is not None:
                yield Send(whole)
                self.sent = len(whole)
            else:
                yield from self._send_pieces(answer)
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

    def _drop(self) -> Generator[Wanted, Any, bool]:
        """Read what is left of the request, if it is sure to come; gives whether the connection can go on."""
        if self.expects_more():
            return False  # it may now send its content, or not: nobody can tell what the next bytes are
        try:
            return (yield from self.drop_content())
        except (RemoteProtocolError, Late):
            return False

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
        kind, coding, deflated = media_type(found.name), b"", False
        if kind in COMPRESSIBLE and b"accept-encoding" in request.index:
            found, coding, deflated = self._coded(found, request.all(b"accept-encoding"))
        tag, fields = _of_file(kind, coding, deflated, found.modified_ns, found.size, found.inode, hashed)
        answer = Answer(200, fields, file=found, deflated=deflated)
        if not CONDITIONAL.isdisjoint(request.index):
            seconds, now = found.modified_ns // SECOND, self.site.wall() // SECOND
            known = conditional.evaluate(request, tag, seconds, now)
            if known:
                os.close(found.descriptor)
                return _known_already(known, tag, fields)
            if request.method == b"GET" and not deflated:
                parts = None
                if conditional.range_holds(request, tag, seconds if tag else None, now):
                    parts = ranges.select(request.all(b"range"), found.size)
                if parts is not None:
                    return _in_parts(answer, found, parts, kind)
        answer.parts = (Piece(b"", 0, found.size),)
        return answer

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

    def _whole(self, answer: Answer, keep: bool) -> bytes | None:
        """Give the whole answer, if it is small enough to leave at once; its head is in `head` in any case."""
        request, file = self.request, answer.file
        self.head = head = self._head(answer, keep)
        self.sent = len(head)
        if (request is not None and request.method == b"HEAD") or answer.status in (204, 304):
            return head
        if file is None:
            return head + answer.content
        if answer.deflated or len(answer.parts) > 1 or answer.parts[0].length > SMALL:
            return None
        piece = answer.parts[0]
        data = os.pread(file.descriptor, piece.length, piece.first)
        return head + data if len(data) == piece.length else None

    def _head(self, answer: Answer, keep: bool) -> bytes:
        site, request = self.site, self.request
        old = request is not None and request.version < (1, 1)
        framing: list[Field] = []
        if answer.deflated and not old:
            framing.append((b"Transfer-Encoding", b"chunked"))
        elif not answer.deflated and answer.status not in (204, 304):
            framing.append((b"Content-Length", b"%d" % answer.length))
        if not keep:
            framing.append((b"Connection", b"close"))
        elif old:
            framing.append((b"Connection", b"keep-alive"))
        date = (b"Date", write_date(site.wall() // SECOND))
        fields = tuple(answer.fields)
        if site.own_fields or site.cors:
            fields = site.with_own(fields)
            if b"date" in site.own_names or b"server" in site.own_names:
                return head_of_groups(answer.status, (date,), fields, tuple(framing))
        return head_of_groups(answer.status, (date, SERVER), fields, tuple(framing))

    def _send_pieces(self, answer: Answer) -> Steps:
        """Send a large file, several parts of one, or one that is compressed on its way."""
        assert answer.file is not None
        if answer.deflated:
            yield from self._send_deflated(answer.file)
            return
        data, descriptor = self.head, answer.file.descriptor
        for before, first, length in answer.parts:
            data += before
            self.sent += len(before)
            if len(data) + length <= SMALL:
                piece = os.pread(descriptor, length, first)
                data += piece
                sent = len(piece)
            else:
                yield Send(data, more=True)
                data = b""
                sent = yield SendFile(descriptor, first, length)
            self.sent += sent
            if sent < length:
                if data:
                    yield Send(data)
                raise Gone("the file became shorter while it was sent")  # the promised length cannot be kept
        if data or answer.content:
            yield Send(data + answer.content)
        self.sent += len(answer.content)

    def _send_deflated(self, file: Opened) -> Steps:
        """Compress piece by piece (RFC 1952), as far as the file was long when it was opened."""
        packer, offset = zlib.compressobj(6, zlib.DEFLATED, 31), 0
        chunked = self.request is not None and self.request.version >= (1, 1)
        yield Send(self.head, more=True)
        while offset < file.size:
            data = os.pread(file.descriptor, min(PIECE, file.size - offset), offset)
            if not data:
                break
            offset += len(data)
            packed = packer.compress(data)
            if packed:
                out = chunk(packed) if chunked else packed
                yield Send(out)
                self.sent += len(out)
            yield Turn()
        packed = packer.flush()
        out = chunk(packed) + last_chunk() if chunked else packed
        yield Send(out)
        self.sent += len(out)

    # -- the row ----------------------------------------------------------------------------------------------------

    def _log(self, answer: Answer, error: str, keep: bool) -> None:
        """Add a row: a plain tuple in the order of `WebRow`, since this happens with every request."""
        request, reader, connection, started = self.request, self.reader, self.connection, self.started
        method, target, version, referer, user_agent, wanted = asked(request) if request else NOTHING_ASKED
        wait, receive = self.answered - started, connection.now() - self.answered
        row = (
            *(self.started_at, connection.client, method, target, version, answer.status, self.received, self.sent),
            *(wait / 1e6, receive / 1e6, error, answer.rule, connection.number, self.number),
            *(referer, user_agent, wanted, reader.head_bytes if request else NONE, len(self.head)),
            *(_framing_word(answer, request), answer.condition, keep, "" if keep else error or LAST),
            (self.head_at - started) / 1e6 if self.head_at else nan,
        )
        self.site.log(row, reader.head if request else b"", self.head)


def _log_refusal(connection: Connection, site: Site, started_at: int, head: bytes, content: int) -> None:
    """A row for somebody who was turned away."""
    row = (
        *(started_at, connection.client, "", "", "", 503, 0, len(head) + content, 0.0, 0.0, "too many connections", ""),
        *(connection.number, 1, "", "", "", NONE, len(head), "length", "", 0, "the server is full", nan),
    )
    site.log(row, b"", head)


@lru_cache(1024)
def _of_file(
    kind: bytes, coding: bytes, deflated: bool, modified_ns: int, size: int, inode: int, hashed: bytes
) -> tuple[bytes, tuple[Field, ...]]:
    """Give tag and fields of a file. They follow from what its descriptor says, so remembering them is never stale.

    The tag is a strong validator (RFC 9110 section 8.8.3), one per coding; there is none when the time of the file is 0
    or 1, as containers and Nix set it: that tells nothing.
    """
    ending, seconds = b"-" + coding if coding else b"", modified_ns // SECOND
    tag = b""
    if hashed:
        tag = b'"%s%s"' % (hashed, ending)
    elif seconds > 1:
        tag = b'"%x-%x-%x%s"' % (modified_ns, size, inode, ending)
    fields = [NO_CACHE]
    if kind in COMPRESSIBLE:
        fields.append(VARY)
    if tag:
        fields.append((b"ETag", tag))
    fields += [(b"Last-Modified", write_date(seconds)), (b"Content-Type", kind), NOSNIFF]
    if coding:
        fields.append((b"Content-Encoding", coding))
    if not deflated:
        fields.append(RANGES_WELCOME)
    return tag, tuple(fields)


def _known_already(status: int, tag: bytes, fields: Sequence[Field]) -> Answer:
    """Give 412, or 304 with what RFC 9110 section 15.4.5 wants to be repeated and no more."""
    if status == 412:
        answer = _refused(412, "the file is not what the request takes it for", "RFC 9110 13", close=False)
        answer.condition = "failed"
        return answer
    repeated = (b"Cache-Control", b"Vary", b"ETag") if tag else (b"Cache-Control", b"Vary", b"Last-Modified")
    return Answer(304, [each for each in fields if each[0] in repeated], condition="not modified")


def _in_parts(answer: Answer, file: Opened, parts: list[Part], kind: bytes) -> Answer:
    """Give a part of a file, several, or 416 (RFC 9110 sections 14 and 15.3.7)."""
    if not parts:
        os.close(file.descriptor)
        text = f"the file has {file.size} bytes, and the request asks for none of them"
        outside = [ranges.content_range(None, file.size), RANGES_WELCOME]
        return _refused(416, text, "RFC 9110 15.5.17", outside, close=False)
    answer.status = 206
    if len(parts) == 1:
        answer.fields = (*answer.fields, ranges.content_range(parts[0], file.size))
        answer.parts = (Piece(b"", parts[0].first, parts[0].length),)
        return answer
    boundary = b"%016x" % (hash((file.inode, file.modified_ns, *parts)) & 0xFFFF_FFFF_FFFF_FFFF)
    several = ranges.multipart(parts, file.size, kind, boundary)
    several_kinds = (b"Content-Type", b"multipart/byteranges; boundary=" + boundary)
    answer.fields = [*(each for each in answer.fields if each[0] != b"Content-Type"), several_kinds]
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
