"""Requests and answers that were seen before, byte for byte: what became of them then becomes of them now.

A browser, a crawler or a benchmark says the same over and over, and an origin answers with the same head for a second
at a time (then its Date changes). What a proxy makes of such a head depends on nothing else, so it need not be read,
checked, changed and written again. Only the plainest exchanges are remembered: GET without content from a client that
keeps its connection, answered with a length; and what a cache answers to it, for one second.
"""

from __future__ import annotations

from typing import NamedTuple

from netlab.http.cache import Cache
from netlab.http.cache_rules import Stored
from netlab.http.events import Request

MOST = 512
"""Of each kind; then all are forgotten."""
SHORT = 1024
"""Bytes of heads that are remembered."""
WHOLE = 64 * 1024
"""Bytes of an answer that is sent in one piece."""


class Plan(NamedTuple):
    """What is done with a request."""

    request: Request
    host: str
    port: int
    upstream: str
    head: bytes
    """As it goes to the origin."""
    mark: str


class KnownAnswer(NamedTuple):
    """What is done with an answer's head."""

    head: bytes
    """As it goes to the client."""
    length: int
    """Bytes of content."""
    status: int
    reason: bytes


class Hit(NamedTuple):
    """What a cache answers to a request."""

    request: Request
    uri: bytes
    stored: Stored
    received_at: int
    """Of ``stored``; another one when it was made fresh again."""
    second: int
    """Of the answer's Age: it holds for this second only."""
    head: bytes
    content: bytes
    status: int
    reason: bytes
    mark: str


class Known:
    """Those of one proxy."""

    def __init__(self) -> None:
        self._plans: dict[int, Plan] = {}
        """By the identity of the request: the reader gives the same one for the same bytes."""
        self.answers: dict[bytes, KnownAnswer] = {}
        """By the head as the origin sends it."""
        self._hits: dict[tuple[int, bool], Hit] = {}
        """By the identity of the request, and whether it came from this machine."""

    def plan(self, request: Request) -> Plan | None:
        return self._plans.get(id(request))

    def remember_plan(self, plan: Plan) -> None:
        if len(self._plans) >= MOST:
            self._plans.clear()
        self._plans[id(plan.request)] = plan

    def remember_answer(self, head: bytes, answer: KnownAnswer) -> None:
        if len(head) > SHORT or answer.length > WHOLE:
            return
        if len(self.answers) >= MOST:
            self.answers.clear()
        self.answers[head] = answer

    def hit(self, request: Request, local: bool, cache: Cache, second: int) -> Hit | None:
        """Give what the cache would answer now, if it is what it has answered before in this second."""
        hit = self._hits.get((id(request), local))
        if hit is None or hit.second != second:
            return None
        under = cache.store.under(hit.uri)
        if len(under) != 1 or under[0] is not hit.stored or hit.stored.received_at != hit.received_at:
            return None
        cache.store.used_again(hit.stored)
        return hit

    def remember_hit(self, hit: Hit, local: bool) -> None:
        if len(hit.content) > WHOLE:
            return
        if len(self._hits) >= MOST:
            self._hits.clear()
        self._hits[id(hit.request), local] = hit
