"""What a web server does with one connection: requests in, files out (RFC 9110, RFC 9112).

`_Conversation.run` reads from top to bottom: read a head under a deadline, decide the answer (``answers.py``), send it,
note it in the log, and begin again while both sides want the connection to last. Whatever is wrong with a request is
answered with the rule that it breaks, and a row says so; then the connection is closed in such a way that the other
side can still read the answer.
"""

from __future__ import annotations

import os
import traceback
import zlib
from collections.abc import Generator
from dataclasses import replace
from threading import current_thread, main_thread
from typing import Any

from netlab.errors import RemoteProtocolError
from netlab.http.connection import Exchanges
from netlab.http.events import Request
from netlab.http.framing import NONE as NO_CONTENT
from netlab.http.framing import TUNNEL
from netlab.http.reader import Reader
from netlab.http.writer import chunk, last_chunk
from netlab.serve import answers
from netlab.serve.answers import PIECE, Answer, Piece, Site, refused
from netlab.serve.connection import (
    LATER,
    SECOND,
    Connection,
    Gone,
    Handler,
    Late,
    Send,
    SendFile,
    Turn,
    Wanted,
    Work,
)
from netlab.serve.exchange import EAGER, Exchange, Steps, escaped, keeps, linger, turn_away
from netlab.serve.files import Folder, Opened
from netlab.serve.log import NONE
from netlab.serve.web_log import packed

__all__ = ["Site", "serve"]

SMALL = 64 * 1024
"""A file up to this size leaves in one piece with its head: one system call, one segment."""
SMALL_PAGE = 8 * 1024
"""A larger page of ours, such as a long listing, does not wait with its row for the log to be written."""


def serve(connection: Connection, site: Site) -> Handler:
    """Serve one connection."""
    if connection.full:
        return turn_away(connection, site.bounds, site.wall, lambda *said: _log_refusal(connection, site, *said))
    return _Conversation(connection, site).run()


class _Conversation(Exchange):
    """One connection: a request and its answer at a time."""

    __slots__ = ("answered", "file", "head", "said", "site", "waited")

    def __init__(self, connection: Connection, site: Site) -> None:
        reader = Reader("server", site.bounds.of_heads, site.parse_head)
        super().__init__(connection, reader, 0, site.wall, site.bounds)
        self.site = site
        self.said = Exchanges()
        """Whose turn it is; whatever would be out of turn is an exception, not an answer."""
        self.file: Opened | None = None
        """What the answer sends; closed with it."""
        self.head = b""
        """The answer's."""
        self.answered = 0
        """When the answer began to leave."""
        self.waited = 0
        """ns of this request in the queue for the processor."""

    def run(self) -> Handler:
        connection, reader = self.connection, self.reader
        connection.write_patience = self.bounds.write_ns
        keep = True
        try:
            while keep:
                fresh = self._begin()
                try:
                    if fresh:
                        request, wanted = None, LATER if self.number > 1 else EAGER
                    else:  # it came with the request before
                        request, wanted = self.take(b""), EAGER
                    while request is None:
                        data = yield wanted
                        if not data and reader.fresh:
                            return  # between two requests
                        request, wanted = self.take(data, ended=not data), EAGER
                    if connection.works:
                        connection.deadline = None
                        self.waited += yield Work(escaped(request.target))
                    answer = self._answer(request)
                    if not isinstance(answer, Answer):
                        connection.deadline = None  # that was the head's, and it is here
                        answer = yield from answer
                except (Gone, GeneratorExit):
                    raise
                except BaseException as fault:
                    if isinstance(fault, Late) and not self.received:
                        return  # it was only idle
                    answer = self._answer_to(fault)
                keep = self._keeps(answer)
                plain = keep and reader.framing is NO_CONTENT  # as nearly all: the states have one step for all of it
                if not plain:
                    answer, keep = yield from self._before(answer, keep)
                try:
                    whole = self._whole(answer, keep)
                    if whole is None:
                        yield from self._send_pieces(answer)
                    else:
                        yield whole
                        self.sent = len(whole)
                except BaseException as fault:
                    self._log(answer, self._cut_off(fault), False)
                    return
                self._log(answer, answer.error, keep)
                self._after(plain, keep)
            yield from linger(connection, self.bounds)
        except Gone as gone:
            if str(gone) and not self.received:  # there was no request, but whoever serves should know why
                self.answered = connection.now()
                self._log(Answer(400, (), rule="RFC 8446 4"), str(gone), False)
            return
        finally:
            self._close_file()

    def _begin(self) -> bool:
        """Get ready for the next request; gives whether nothing of it has come."""
        fresh = self.reader.fresh
        connection, bounds, now = self.connection, self.bounds, self.connection.now()
        self.number += 1
        self.request, self.received, self.head_at, self.head, self.waited = None, 0, 0, b"", 0
        self.begun = self.started = now
        if fresh and self.number > 1:
            connection.idle = True
            connection.deadline = now + bounds.idle_ns
        else:
            self.started_at = self._wall()
            connection.deadline = now + bounds.head_ns
            if self.number == 1 and connection.waited:  # for a worker, and the request perhaps as long
                self.started, self.started_at = now - connection.waited, self.started_at - connection.waited
        return fresh

    def _before(self, answer: Answer, keep: bool) -> Generator[Wanted, Any, tuple[Answer, bool]]:
        """Before an answer to what is no plain request: content may have to be read first; gives what `_drop` does."""
        if self.request is not None:
            self.said.client_says("request")
        if keep:
            answer, keep = yield from self._drop(answer)
        if keep:
            self.said.client_says("end")
        self.said.server_says("response")
        return answer, keep

    def _after(self, plain: bool, keep: bool) -> None:
        """Behind an answer."""
        if self.file is not None:
            self._close_file()
        if plain:
            self.said.whole_exchange()
        else:
            self.said.server_says("end")
            if keep:
                self.said.next_exchange()
        if keep:
            self.reader.next_message()

    def _close_file(self) -> None:
        if self.file is not None:
            os.close(self.file.descriptor)
            self.file = None

    def _keeps(self, answer: Answer) -> bool:
        """Whether both sides want the connection to last."""
        request = self.request
        if request is None or answer.close or self.connection.stopping or not keeps(request):
            return False
        return not answer.deflated or request.version >= (1, 1)  # else the end of the connection is that of the answer

    def _drop(self, answer: Answer) -> Generator[Wanted, Any, tuple[Answer, bool]]:
        """Read what is left of the request, if it is sure to come; gives the answer, which is another one when that
        breaks a rule, and whether the connection can go on."""
        if self.reader.framing is TUNNEL:
            return answer, False  # whatever comes behind a CONNECT was meant for somebody else
        if self.expects_more():
            return answer, False  # it may now send its content, or not: nobody can tell what the next bytes are
        try:
            return answer, (yield from self.drop_content())
        except RemoteProtocolError as fault:
            return refused(fault.status_hint, str(fault), fault.rule), False
        except Late:
            return refused(408, "the content did not arrive within its time", "RFC 9110 15.5.9"), False

    # -- what to answer ---------------------------------------------------------------------------------------------

    def _answer(self, request: Request) -> Answer | Generator[Wanted, Any, Answer]:
        """Decide the answer, at once or step by step."""
        self.request = request
        found = answers.find(self.site, request)
        if type(found) is Opened:
            self.file = found
            if self.site.tag_from_content:
                return self._answer_hashed(request, found)
            answer, self.file = answers.of_file(self.site, request, found, b"")
            return answer
        if type(found) is Folder:
            return answers.listing(self.site, request, found)
        return found  # type: ignore[return-value]

    def _answer_hashed(self, request: Request, file: Opened) -> Generator[Wanted, Any, Answer]:
        digest = yield from answers.hashed(self.site, file)
        answer, self.file = answers.of_file(self.site, request, file, digest)
        return answer

    def _answer_to(self, fault: BaseException) -> Answer:
        """Give the answer when there is none, because of this."""
        if isinstance(fault, Late):
            return refused(408, "the head did not arrive within its time", "RFC 9110 15.5.9")
        if isinstance(fault, RemoteProtocolError):
            return refused(fault.status_hint, str(fault), fault.rule)
        if isinstance(fault, KeyboardInterrupt) and current_thread() is main_thread():
            raise fault  # it was meant for whoever waits there
        return self._fault(fault)  # ours, or a learner's: the others must not feel it

    def _fault(self, fault: BaseException) -> Answer:
        """An exception in here: the client learns a number, the log what happened."""
        where = traceback.extract_tb(fault.__traceback__)[-1]
        number = f"{self.connection.number}.{self.number}"
        page = refused(500, f"This is fault {number}; the server's log says more.", "RFC 9110 15.6.1")
        what = f"fault {number}: {type(fault).__name__}: {fault}"
        error = f"{what} ({os.path.basename(where.filename)}, line {where.lineno})"
        return Answer(500, page.fields, page.content, close=True, rule=page.rule, error=error)

    # -- sending ----------------------------------------------------------------------------------------------------

    def _whole(self, answer: Answer, keep: bool) -> bytes | None:
        """Give the whole answer, if it is small enough to leave at once; its head is in `head` in any case."""
        connection, request, file = self.connection, self.request, self.file
        self.answered = now = connection.now()
        connection.deadline = now + self.bounds.write_ns
        old = request is not None and request.version < (1, 1)
        option = b"close" if not keep else b"keep-alive" if old else b""
        head = answers.head(self.site, answer, self._wall() // SECOND, option, answer.deflated and not old)
        self.head, self.sent = head, len(head)
        if answer.empty or (request is not None and request.method == b"HEAD"):
            return head
        if file is None or answer.status >= 400:
            return head + answer.content
        if answer.parts or answer.deflated or file.size > SMALL:
            return None
        data = os.pread(file.descriptor, file.size, 0)
        return head + data if len(data) == file.size else None

    def _cut_off(self, fault: BaseException) -> str:
        """Say why an answer did not leave whole; raises what is for somebody else."""
        if isinstance(fault, GeneratorExit):
            return "the server was stopped"
        if isinstance(fault, Late):
            return "the client took nothing of it for too long"
        if isinstance(fault, Gone | OSError):  # an OSError: the disk
            return str(fault) or "the client went away"
        raise fault

    def _send_pieces(self, answer: Answer) -> Steps:
        """Send a large file, several parts of one, or one that is compressed on its way."""
        assert self.file is not None
        if answer.deflated:
            yield from self._send_deflated(self.file)
            return
        data, descriptor = self.head, self.file.descriptor
        for before, first, length in answer.parts or (Piece(b"", 0, answer.length),):
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

    # -- the log ----------------------------------------------------------------------------------------------------

    def _log(self, answer: Answer, error: str, keep: bool) -> None:
        connection, reader = self.connection, self.reader
        request: Request | bytes | None = self.request
        head = reader.head
        if request is None:  # refused, or cut off: the log shows what there is of it
            request = head = reader.so_far
            self.received = reader.head_bytes or len(head)
        queued, before = NONE, 0
        if connection.works:
            before = max(0, self.begun - self.started)
            queued = before + self.waited
        numbers = packed(
            self.started_at, self.received, self.sent, self.started, self.head_at, self.answered, connection.now(),
            queued, before, connection.number, self.number, reader.head_bytes or NONE, len(self.head), answer.status,
            keep,
        )  # fmt: skip
        if len(answer.content) > SMALL_PAGE:
            answer = replace(answer, content=b"")  # the log keeps no pages
        self.site.log((numbers, (connection.client, request, answer, error)), head, self.head)


def _log_refusal(connection: Connection, site: Site, started_at: int, head: bytes, content: int) -> None:
    """Note somebody who was turned away."""
    numbers = packed(
        started_at, 0, len(head) + content, 0, 0, 0, 0, NONE, 0, connection.number, 1, NONE, len(head), 503, False
    )  # fmt: skip
    words = connection.client, None, Answer(503, ()), "too many connections"
    site.log((numbers, words), b"", head)
