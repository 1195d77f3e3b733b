"""What a web server answers: from a request and a folder to a status, fields, and what to send.

Nothing here waits, but for listings and hashes, which are made a piece at a time. An `Answer` says nothing of a moment,
so one that was made from the same facts before is used again: the facts of a file are what its open descriptor says, so
that is never stale.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from heapq import merge
from typing import Any, NamedTuple

from netlab.errors import RemoteProtocolError
from netlab.http import conditional, grammar, ranges
from netlab.http.dates import write_date
from netlab.http.events import Field, Request
from netlab.http.media import COMPRESSIBLE, media_type
from netlab.http.negotiation import content_coding, wants_json
from netlab.http.pages import LINES, PAGE_FIELDS, SORTS, error_page, listing_json, listing_page
from netlab.http.paths import Path, map_path
from netlab.http.ranges import Part
from netlab.http.writer import response_head
from netlab.serve.bounds import Bounds
from netlab.serve.connection import SECOND, Turn, Wanted
from netlab.serve.exchange import RETRY, AddRow, ParseHead
from netlab.serve.files import Directory, Entry, Folder, Opened, Refusal

PIECE = 64 * 1024
"""Bytes that are hashed before the others have their turn."""
METHODS = (b"GET", b"HEAD", b"OPTIONS")
KNOWN = (*METHODS, b"POST", b"PUT", b"DELETE", b"PATCH", b"TRACE", b"CONNECT")
ALLOW: Field = (b"Allow", b", ".join(METHODS))
NO_CACHE: Field = (b"Cache-Control", b"no-cache")
"""Keep it, and ask before using it again: files that somebody edits are never stale."""
NO_STORE: Field = (b"Cache-Control", b"no-store")
"""For what has no validator, and is made anew each time."""
NOSNIFF: Field = (b"X-Content-Type-Options", b"nosniff")
RANGES_WELCOME: Field = (b"Accept-Ranges", b"bytes")
VARY: Field = (b"Vary", b"Accept-Encoding")
VARY_ACCEPT: Field = (b"Vary", b"Accept")
SIDECARS = ((b"br", ".br"), (b"gzip", ".gz"))
"""Content codings, and the endings of files that hold them; the first is liked best."""
HEADS = 512
"""Heads of answers that are remembered."""
HASHES = 1_000
"""Hashes of files that are remembered."""
CONDITIONAL = frozenset(
    (b"range", b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since", b"if-range")
)
"""A request with none of these gets the file as it is."""
CORS_HEADERS = b"Range, If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since, If-Range, Content-Type"
CORS_EXPOSED = b"Accept-Ranges, Content-Encoding, Content-Length, Content-Range, ETag, Last-Modified"


@dataclass(slots=True, eq=False)
class Site:
    """What all connections of a server share."""

    directory: Directory
    log: AddRow
    wall: Callable[[], int]
    """Wall-clock ns."""
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
    modified_ns: int | None = None
    """When all files say that they were changed, so that answers are alike on every machine; None: as they are."""
    hashes: dict[tuple[int, int, int], bytes] = field(default_factory=dict)
    heads: dict[tuple[Answer, int, bytes, bool], bytes] = field(default_factory=dict)

    def with_own(self, fields: list[Field]) -> list[Field]:
        """Add what the owner of the server wants in every answer; it replaces what has the same name."""
        if self.cors:
            fields = [*fields, (b"Access-Control-Allow-Origin", self.cors)]
            fields.append((b"Access-Control-Expose-Headers", CORS_EXPOSED))
            if self.cors != b"*":
                fields.append((b"Vary", b"Origin"))
        own = {name.lower() for name, _ in self.own_fields}
        return [*(each for each in fields if each[0].lower() not in own), *self.own_fields]


class Piece(NamedTuple):
    """A part of a file, and what stands before it."""

    before: bytes
    first: int
    length: int


@dataclass(slots=True, eq=False)
class Answer:
    """A response as decided; a file, if it has one, goes beside it."""

    status: int
    fields: Sequence[Field]
    content: bytes = b""
    """Behind the file's pieces, if there are any."""
    length: int = -1
    """Of everything behind the head; -1: of ``content``."""
    parts: Sequence[Piece] = ()
    """What to send of the file, if not all."""
    deflated: bool = False
    """The file is compressed on its way out, so nobody knows its length before."""
    close: bool = False
    rule: str = ""
    error: str = ""
    condition: str = ""
    """What the request's preconditions led to."""

    def __post_init__(self) -> None:
        if self.length < 0:
            self.length = len(self.content)

    @property
    def empty(self) -> bool:
        """Whether the status excludes content (RFC 9110 section 6.4.1)."""
        return self.status in (204, 304)


def head(site: Site, answer: Answer, second: int, connection: bytes, chunked: bool) -> bytes:
    """Give the head of an answer; ``connection`` is the option to send, ``b""`` for none.

    It is the same for all who get this answer in this second. That of a page that is made anew each time is not
    remembered, for the page would be kept with it.
    """
    key = answer, second, connection, chunked
    made = site.heads.get(key)
    if made is None:
        made = _head(site, answer, second, connection, chunked)
        if len(site.heads) >= HEADS:
            site.heads.clear()
        if answer.status != 200 or not answer.content:
            site.heads[key] = made
    return made


def _head(site: Site, answer: Answer, second: int, connection: bytes, chunked: bool) -> bytes:
    fields: list[Field] = [(b"Date", write_date(second)), (b"Server", b"netlab"), *answer.fields]
    if site.cors or site.own_fields:
        fields = site.with_own(fields)
    if chunked:
        fields.append((b"Transfer-Encoding", b"chunked"))
    elif not answer.deflated and not answer.empty:
        fields.append((b"Content-Length", b"%d" % answer.length))
    if connection:
        fields.append((b"Connection", connection))
    return response_head(answer.status, fields)


# -- finding --------------------------------------------------------------------------------------------------------


def find(site: Site, request: Request) -> Opened | Folder | Answer:
    """Find what a request means, or why it gets nothing."""
    if request.method != b"GET" or request.parts.form != "origin":
        answer = _not_for_us(site, request)
        if answer:
            return answer
    if b"expect" in request.index and request.version >= (1, 1):
        if grammar.tokens(request.all(b"expect")) != [b"100-continue"]:
            return refused(417, "only 100-continue can be expected", "RFC 9110 10.1.1", close=False)
    try:
        path = site.map_path(request.parts.path)
        found = site.directory.open(path.names, path.folder)
    except Refusal as refusal:
        return _not_given(refusal)
    except RemoteProtocolError as fault:
        return refused(fault.status_hint, str(fault), fault.rule, close=False)
    return _redirect(request.parts.path) if found is None else found


def _not_for_us(site: Site, request: Request) -> Answer | None:
    if request.parts.form == "absolute" and request.parts.scheme != site.scheme:
        return refused(421, f"this server speaks {site.scheme.decode()} here", "RFC 9110 7.4", close=False)
    if request.method not in METHODS:
        if request.method in KNOWN:
            return refused(405, "files can only be looked at here", "RFC 9110 15.5.6", (ALLOW,), close=False)
        return refused(501, f"the method {request.method.decode()} is not known here", "RFC 9110 15.6.2", close=False)
    if request.method != b"OPTIONS":
        return None
    fields = [ALLOW]
    if site.cors:
        fields += [(b"Access-Control-Allow-Methods", ALLOW[1]), (b"Access-Control-Allow-Headers", CORS_HEADERS)]
    return Answer(204, fields)


def _not_given(refusal: Refusal) -> Answer:
    """What the folder does not give; when the process or the machine has no room for it, the connection goes, too."""
    full = refusal.status == 503
    return refused(refusal.status, refusal.reason, fields=(RETRY,) if full else (), close=full)


def _redirect(path: bytes) -> Answer:
    """To the same with a slash behind it; never with two in front, which would mean another host."""
    raw, _, query = path.partition(b"?")
    where = b"/" + raw.lstrip(b"/") + b"/" + (b"?" + query if query else b"")
    return Answer(301, [NO_STORE, (b"Location", where)])


@lru_cache(256)
def refused(status: int, reason: str, rule: str = "", fields: tuple[Field, ...] = (), close: bool = True) -> Answer:
    """Give a page that says why."""
    page = error_page(status, reason, rule)
    return Answer(status, [*PAGE_FIELDS, NO_STORE, *fields], page, close=close, rule=rule, error=reason)


# -- folders --------------------------------------------------------------------------------------------------------


def listing(site: Site, request: Request, folder: Folder) -> Generator[Wanted, Any, Answer]:
    """Give the page, or the JSON, of a folder.

    A folder can be large, so no step takes longer than `LINES` of its entries do: they are sorted in runs of so many
    while they are read, and the runs are merged while the lines are written.

    The page has no validators, so ``*`` is all that a precondition can name. One counts only where the answer would be
    200 (RFC 9110 section 13.2.1), that is, when everything could be read.
    """
    path = site.map_path(request.parts.path)
    key, backwards = SORTS.get(path.query, SORTS[b""])
    runs: list[list[Entry]] = [[]]
    try:
        for entry in folder.entries():
            runs[-1].append(entry if site.modified_ns is None else entry._replace(modified_ns=site.modified_ns))
            if len(runs[-1]) == LINES:
                runs[-1].sort(key=key, reverse=backwards)
                runs.append([])
                yield Turn()
    except Refusal as refusal:
        return _not_given(refusal)
    as_json = wants_json(request.all(b"accept"))
    fields = [*([(b"Content-Type", b"application/json"), NOSNIFF] if as_json else PAGE_FIELDS), NO_STORE, VARY_ACCEPT]
    known = conditional.evaluate(request, b"", None, site.wall() // SECOND)
    if known:
        return _known_already(known, False, tuple(fields))
    runs[-1].sort(key=key, reverse=backwards)
    entries = merge(*runs, key=key, reverse=backwards)
    content: list[bytes] = []
    for piece in listing_json(entries) if as_json else listing_page(path, entries):
        if content:
            yield Turn()
        content.append(piece)
    return Answer(200, fields, b"".join(content))


# -- files ----------------------------------------------------------------------------------------------------------


def hashed(site: Site, file: Opened) -> Generator[Wanted, Any, bytes]:
    """Give the hash of a file's content; it is remembered as long as time, size and inode stay."""
    known, key = site.hashes, (file.inode, file.size, file.modified_ns)
    if key not in known:
        sum_so_far, offset = hashlib.sha256(), 0
        while data := os.pread(file.descriptor, PIECE, offset):
            sum_so_far.update(data)
            offset += len(data)
            yield Turn()
        while len(known) >= HASHES:
            del known[next(iter(known))]
        known[key] = sum_so_far.hexdigest()[:32].encode()
    return known[key]


def of_file(site: Site, request: Request, file: Opened, digest: bytes) -> tuple[Answer, Opened]:
    """Decide what of a file to send; the file may turn out to be a compressed copy of the one that was found."""
    kind, coding, deflated = media_type(file.name), b"", False
    if b"accept-encoding" in request.index and kind in COMPRESSIBLE:
        file, coding, deflated = _coded(site, file, request.all(b"accept-encoding"))
    if site.modified_ns is not None:
        file = file._replace(modified_ns=site.modified_ns, inode=0)
    now = site.wall() // SECOND
    modified = _last_modified(file.modified_ns // SECOND, now)
    tag, answer = _whole(kind, coding, deflated, file.modified_ns, modified, file.size, file.inode, digest)
    if not CONDITIONAL.isdisjoint(request.index):
        known = conditional.evaluate(request, tag, modified, now)
        if known:
            return _known_already(known, bool(tag), tuple(answer.fields)), file
        if request.method == b"GET" and not deflated:
            parts = None
            if conditional.range_holds(request, tag, modified if tag else None, now):
                parts = ranges.select(request.all(b"range"), file.size)
            if parts is not None:
                return _in_parts(answer, file, parts, kind), file
    return answer, file


def _coded(site: Site, found: Opened, accepted: Sequence[bytes]) -> tuple[Opened, bytes, bool]:
    """Choose among the file, its compressed copies, and compressing it now: what to send, its coding, and whether that
    is still to be done. What is not chosen is closed."""
    copies: dict[bytes, Opened] = {}
    for coding, suffix in SIDECARS:
        beside = site.directory.sidecar(found, suffix)
        if beside:
            copies[coding] = beside
    available = [*copies, *([b"gzip"] if site.gzip and b"gzip" not in copies else [])]
    coding = content_coding(accepted, available)
    chosen = copies.pop(coding, None)
    for copy in copies.values():
        os.close(copy.descriptor)
    if chosen is None:
        return found, coding, bool(coding)
    os.close(found.descriptor)
    return chosen, coding, False


def _last_modified(seconds: int, now: int) -> int | None:
    """When a file was changed, never later than the answer's Date (RFC 9110 section 8.8.2.1); None: its time is 0 or 1,
    as containers and Nix set it for all their files, so that it tells nothing."""
    return min(seconds, now) if seconds > 1 else None


@lru_cache(1024)
def _whole(
    kind: bytes, coding: bytes, deflated: bool, modified_ns: int, modified: int | None, size: int, inode: int,
    digest: bytes,
) -> tuple[bytes, Answer]:  # fmt: skip
    """Give the tag of a file and the answer with all of it.

    The tag is a strong validator (RFC 9110 section 8.8.3), one per coding; a file whose time tells nothing
    (`_last_modified`) has none, but for one made of its content.
    """
    ending = b"-" + coding if coding else b""
    tag = b""
    if digest:
        tag = b'"%s%s"' % (digest, ending)
    elif modified is not None:
        tag = b'"%x-%x-%x%s"' % (modified_ns, size, inode, ending)
    fields = [NO_CACHE]
    if kind in COMPRESSIBLE:
        fields.append(VARY)
    if tag:
        fields.append((b"ETag", tag))
    if modified is not None:
        fields.append((b"Last-Modified", write_date(modified)))
    fields += [(b"Content-Type", kind), NOSNIFF]
    if coding:
        fields.append((b"Content-Encoding", coding))
    if not deflated:
        fields.append(RANGES_WELCOME)
    return tag, Answer(200, tuple(fields), length=size, deflated=deflated)


@lru_cache(1024)
def _known_already(status: int, tagged: bool, fields: tuple[Field, ...]) -> Answer:
    """Give 412, or 304 with what RFC 9110 section 15.4.5 wants to be repeated and no more."""
    if status == 412:
        text = "what is here is not what the request takes it for"
        page = refused(412, text, "RFC 9110 13", close=False)
        return Answer(412, page.fields, page.content, rule=page.rule, error=page.error, condition="failed")
    repeated = (b"Cache-Control", b"Vary", b"ETag" if tagged else b"Last-Modified")
    return Answer(304, [each for each in fields if each[0] in repeated], condition="not modified")


def _in_parts(whole: Answer, file: Opened, parts: list[Part], kind: bytes) -> Answer:
    """Give a part of a file, several, or 416 (RFC 9110 sections 14 and 15.3.7)."""
    if not parts:
        text = f"the file has {file.size} bytes, and the request asks for none of them"
        outside = (ranges.content_range(None, file.size), RANGES_WELCOME)
        return refused(416, text, "RFC 9110 15.5.17", outside, close=False)
    if len(parts) == 1:
        piece = Piece(b"", parts[0].first, parts[0].length)
        fields = (*whole.fields, ranges.content_range(parts[0], file.size))
        return Answer(206, fields, length=piece.length, parts=(piece,))
    boundary = b"%016x" % (hash((file.inode, file.modified_ns, *parts)) & 0xFFFF_FFFF_FFFF_FFFF)
    several = ranges.multipart(parts, file.size, kind, boundary)
    kinds = (b"Content-Type", b"multipart/byteranges; boundary=" + boundary)
    return Answer(
        206,
        (*(each for each in whole.fields if each[0] != b"Content-Type"), kinds),
        several.end,
        several.length,
        [Piece(before, part.first, part.length) for before, part in zip(several.heads, parts, strict=True)],
    )
