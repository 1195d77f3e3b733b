"""The log of the web server: made for being written fast.

The numbers of a request are put behind those of the requests before as bytes; what its row says in words waits as the
request and the answer themselves, until there are `BATCH` of them: most say what one before them said.
All else is computed when somebody looks.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from math import nan
from struct import Struct
from typing import Any, NamedTuple

from netlab.http.events import Request
from netlab.serve.answers import Answer
from netlab.serve.exchange import asked, asked_by_bytes
from netlab.serve.log import BATCH, NONE, Log, WebRow

LAST = "the last answer of this connection"


class Numbers(NamedTuple):
    """The numbers of one request, in the order in which `packed` takes them: bytes, and ns of the server's clock."""

    status: int
    started_at: int
    """Wall-clock ns."""
    request_bytes: int
    response_bytes: int
    started: int
    head_at: int
    """When the head was complete; 0: it never was."""
    answered: int
    """When the answer began to leave."""
    ended: int
    connection: int
    request: int
    request_head_bytes: int
    response_head_bytes: int
    keep_alive: int
    queued: int
    """ns in queues; `NONE`: nobody knows."""
    queued_before: int
    """Those of them before the head could be read."""


WIDTH = len(Numbers._fields)
packed = Struct(f"{WIDTH}q").pack
SIZE = 8 * WIDTH
Words = tuple[str, Request | bytes | None, Answer, str]
"""What a row says in words: the client, the request (bytes: a head that was refused), the answer, what went wrong."""
Texts = tuple[str, ...]
"""The same as text, without the client, in the order of `TEXTS`."""
TEXTS = (
    "method", "target", "version", "referer", "user_agent", "range", "rule", "framing", "conditional_result", "error",
)  # fmt: skip


class WebLog(Log):
    """At most ``rows`` rows, the latest ones."""

    def __init__(self, rows: int, network: str = "live") -> None:
        super().__init__(rows, WebRow, network)
        self._numbers = bytearray()
        """`SIZE` bytes for each row."""
        self._clients: list[str] = []
        self._texts: list[Texts] = []
        self._words: list[Words] = []
        """Of the latest rows, which are not among the texts."""

    def add(self, row: Sequence[Any], *heads: bytes) -> None:
        """Append a row, given as its `packed` numbers and its `Words`; in one thread only, while others may look."""
        numbers, words = row
        self._numbers += numbers
        self.statuses[words[2].status] += 1
        self._words.append(words)
        self._heads.append(heads)
        if len(self._words) >= BATCH:
            with self.lock:
                self._gather()
                self._trim(BATCH + self._most // 10)  # seldom, for all others move

    def _count(self) -> int:
        return len(self._texts)

    def _gather(self) -> None:
        told: dict[tuple[int, int, str], Texts] = {}
        words = self._words[:]
        for client, request, answer, error in words:
            same = id(request), id(answer), error
            texts = told.get(same)
            if texts is None:
                texts = told[same] = _texts(request, answer, error)
            self._clients.append(client)
            self._texts.append(texts)
        del self._words[: len(words)]

    def _drop(self, rows: int) -> None:
        del self._numbers[: rows * SIZE], self._clients[:rows], self._texts[:rows]

    def _cut(self, first: int, last: int) -> dict[str, Sequence[Any]]:
        numbers = array("q", bytes(self._numbers[first * SIZE : last * SIZE]))
        found: dict[str, Sequence[Any]] = {name: numbers[at::WIDTH] for at, name in enumerate(Numbers._fields)}
        texts = zip(*self._texts[first:last], strict=True) if last > first else ((),) * len(TEXTS)
        found.update(zip(TEXTS, texts, strict=True), client=self._clients[first:last])
        columns = [found[name] for name in ("started", "head_at", "answered", "ended", "queued", "queued_before")]
        times = list(zip(*columns, strict=True))
        found["queue_ms"] = array("d", (nan if queued == NONE else queued / 1e6 for *_, queued, _ in times))
        found["wait_ms"] = array("d", (_ms(start, to, queued) for start, _, to, _, queued, _ in times))
        found["receive_ms"] = array("d", ((end - begin) / 1e6 for _, _, begin, end, _, _ in times))
        found["head_ms"] = array("d", (_ms(start, to, before) if to else nan for start, to, *_, before in times))
        found["close_reason"] = [
            "" if keep else error or LAST for keep, error in zip(found["keep_alive"], found["error"], strict=True)
        ]
        return {name: found[name] for name in WebRow._fields}


def _ms(start: int, to: int, queued: int) -> float:
    return (to - start - max(queued, 0)) / 1e6


def _texts(request: Request | bytes | None, answer: Answer, error: str) -> Texts:
    said = asked_by_bytes(request) if isinstance(request, bytes) else asked(request)
    return (*said, answer.rule, _framing(request, answer), answer.condition, error)


def _framing(request: Request | bytes | None, answer: Answer) -> str:
    if answer.empty or (isinstance(request, Request) and request.method == b"HEAD"):
        return "none"
    if answer.deflated:
        return "chunked" if isinstance(request, Request) and request.version >= (1, 1) else "close"
    return "length"
