"""The log of the web server: made for being written fast.

The numbers of a request are put behind those of the requests before as bytes; what its row says in words waits as the
request and the answer themselves, until there are `log.BATCH` of them: most say what one before them said. All else is
computed when somebody looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from struct import Struct
from typing import Any, NamedTuple

from netlab.http.events import Request
from netlab.serve.answers import Answer
from netlab.serve.exchange import asked, asked_by_bytes
from netlab.serve.log import LAST, NONE, Log

NUMBERS = Struct("<9q4ih?")
"""The numbers of one request, in this order: bytes, and ns of the server's clock."""
packed = NUMBERS.pack
NAMES = (
    "started_at",  # wall-clock ns
    "request_bytes",
    "response_bytes",
    "started",
    "head_at",  # when the head was complete; 0: it never was
    "answered",  # when the answer began to leave
    "ended",
    "queued",  # ns in queues; `NONE`: nobody knows
    "queued_before",  # those of them before the head could be read
    "connection",
    "request",
    "request_head_bytes",
    "response_head_bytes",
    "status",
    "keep_alive",
)

Words = tuple[str, Request | bytes | None, Answer, str]
"""What a row says in words: the client, the request (bytes: a head that was refused), the answer, what went wrong."""
Texts = tuple[str, ...]
"""The same as text, without the client, in the order of `TEXTS`."""
TEXTS = (
    "method", "target", "version", "referer", "user_agent", "range", "rule", "framing", "conditional_result", "error",
)  # fmt: skip


class WebRow(NamedTuple):
    """One request and its answer, as a web server notes it."""

    started_at: int
    """Wall-clock ns."""
    client: str
    method: str
    target: str
    version: str
    status: int
    request_bytes: int
    response_bytes: int
    queue_ms: float
    """Waiting for a worker and for the processor, on a host of a world; nan: nobody knows."""
    wait_ms: float
    """Until the answer began to leave, without that."""
    receive_ms: float
    """Until the system had taken all of it."""
    error: str
    rule: str
    connection: int
    request: int
    referer: str
    user_agent: str
    range: str
    request_head_bytes: int
    response_head_bytes: int
    framing: str
    """How the answer's end is known: length, chunked, close, none."""
    conditional_result: str
    keep_alive: int
    close_reason: str
    head_ms: float
    """Reading the head, from its first byte."""


Cut = tuple[bytes, list[str], list[Texts]]


class WebLog(Log):
    """At most ``rows`` rows, the latest ones."""

    def __init__(self, rows: int, network: str = "live") -> None:
        super().__init__(rows, network)
        self._numbers = bytearray()
        """Of each row, and of those that wait."""
        self._clients: list[str] = []
        self._texts: list[Texts] = []

    def add(self, row: Sequence[Any], *heads: bytes) -> None:
        """Append a row, given as its `packed` numbers and its `Words`."""
        numbers, words = row
        self._numbers += numbers
        self._note(words[2].status, words, heads)

    def _count(self) -> int:
        return len(self._texts)

    def _join(self, records: list[Words]) -> None:
        told: dict[tuple[int, int, str], Texts] = {}
        for client, request, answer, error in records:
            same = id(request), id(answer), error
            texts = told.get(same)
            if texts is None:
                texts = told[same] = _texts(request, answer, error)
            self._clients.append(client)
            self._texts.append(texts)

    def _drop(self, rows: int) -> None:
        del self._numbers[: rows * NUMBERS.size], self._clients[:rows], self._texts[:rows]

    def _cut(self, first: int, last: int) -> Cut:
        numbers = bytes(self._numbers[first * NUMBERS.size : last * NUMBERS.size])
        return numbers, self._clients[first:last], self._texts[first:last]

    def _shown(self, cut: Cut) -> dict[str, Sequence[Any]]:
        numbers, clients, texts = cut
        found: dict[str, Sequence[Any]] = {
            **dict.fromkeys((*NAMES, *TEXTS), ()),
            **dict(zip(NAMES, zip(*NUMBERS.iter_unpack(numbers), strict=True), strict=False)),
            **dict(zip(TEXTS, zip(*texts, strict=True), strict=False)),
            "client": clients,
        }
        queued = found["queued"]
        found["queue_ms"] = [nan if ns == NONE else ns / 1e6 for ns in queued]
        found["wait_ms"] = _ms(found["started"], found["answered"], queued)
        found["receive_ms"] = [
            (end - begin) / 1e6 for begin, end in zip(found["answered"], found["ended"], strict=True)
        ]
        read = _ms(found["started"], found["head_at"], found["queued_before"])
        found["head_ms"] = [ms if at else nan for ms, at in zip(read, found["head_at"], strict=True)]
        ends = zip(found["keep_alive"], found["error"], strict=True)
        found["close_reason"] = ["" if keep else error or LAST for keep, error in ends]
        return {name: found[name] for name in WebRow._fields}


def _ms(starts: Sequence[int], ends: Sequence[int], queued: Sequence[int]) -> list[float]:
    """Give times in ms, without what was spent in queues."""
    return [(end - start - max(ns, 0)) / 1e6 for start, end, ns in zip(starts, ends, queued, strict=True)]


def _texts(request: Request | bytes | None, answer: Answer, error: str) -> Texts:
    said = asked_by_bytes(request) if isinstance(request, bytes) else asked(request)
    return (*said, answer.rule, _framing(request, answer), answer.condition, error)


def _framing(request: Request | bytes | None, answer: Answer) -> str:
    if answer.empty or (isinstance(request, Request) and request.method == b"HEAD"):
        return "none"
    if answer.deflated:
        return "chunked" if isinstance(request, Request) and request.version >= (1, 1) else "close"
    return "length"
