"""A cache of responses in memory, with a limit in bytes; no clock, no sockets (RFC 9111).

How a proxy uses it::

    decision = cache.lookup(request, target_uri(request.parts), now)
    if decision.refused: …504…                    # only-if-cached, and nothing can be used
    if decision.answer: …send it, done…
    …send the request on, with decision.outgoing(fields)…
        answer = cache.failed(decision, now)      # no response comes: something stale may stand in, or None
    received = cache.receive(decision, response, fields, now)
    if received.answer: …send that; what the origin still sends is read and dropped…
    …send the response on, with the field received.cache_status; each piece also to received.storing.add…
    received.storing.done(), or .abandon() when it breaks off

The strategy: the key is the target URI, and under it lie the responses that Vary tells apart. What is stored is what
was passed on, so a hit needs no more than Age and Cache-Status (RFC 9211). The rules are functions in
``cache_rules.py``, the memory is ``cache_store.py``, and ``cache_answers.py`` makes answers of what is stored.

Left out: putting parts of a content together (206 is never stored), answers to POST, requests in the background
(stale-while-revalidate), waiting for another client's request of the same thing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from netlab.errors import LocalProtocolError
from netlab.http import cache_rules as rules
from netlab.http.cache_answers import Answer, answer, can_answer
from netlab.http.cache_control import directives
from netlab.http.cache_rules import HIT, MISS, VALIDATE, Stored
from netlab.http.cache_store import Store, Storing, cost
from netlab.http.conditional import matches
from netlab.http.events import Field, Request, Response, Target

Decide = Callable[[Request, Stored, int], str]

SIZE = 64 * 1024 * 1024
SAFE = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE"})
"""Ask for no change (RFC 9110 section 9.2.1); every other method may, also one that nobody knows."""
FAILURES = frozenset({500, 502, 503, 504})
"""What counts as an error for stale-if-error (RFC 5861 section 4)."""
USUAL_PORT = {b"http": 80, b"https": 443}


def target_uri(parts: Target) -> bytes:
    """Give the key of a target in absolute form: its URI, with the parts that have no case in lower case, and without
    the port that goes without saying (RFC 9110 section 4.2.3). The Host field, which a client can make up, has no say.

    No target has a fragment, so one may be added to keep apart what some clients get from what the others do.
    """
    scheme, host = parts.scheme.lower(), parts.host.lower()
    port = b"" if parts.port in (None, USUAL_PORT.get(scheme)) else b":%d" % parts.port
    path = parts.path if parts.path.startswith(b"/") else b"/" + parts.path
    return b"%s://%s%s%s" % (scheme, host, port, path)


@dataclass(slots=True)
class Decision:
    """What `Cache.lookup` found out."""

    request: Request
    uri: bytes
    now: int
    epoch: int
    verdict: str = MISS
    """hit, validate or miss."""
    forwarded: str = ""
    """Why the request has to go on, a word of RFC 9211 section 2.2: uri-miss, stale …; ``""``: it has not."""
    stored: Stored | None = None
    answer: Answer | None = None
    """Send this; None: ask the origin."""
    refused: bool = False
    """The client wants nothing but a stored response, and there is none to be used: 504 (section 5.2.1.7)."""
    cache_status: bytes = b""
    """The value of Cache-Status for that 504."""
    conditions: list[Field] = field(default_factory=list)
    """What asks the origin whether ``stored`` still holds."""

    def outgoing(self, fields: Sequence[Field]) -> list[Field]:
        """Give the fields of the request to the origin: the client's own conditions give way to ours."""
        if not self.conditions:
            return list(fields)
        replaced = (b"if-none-match", b"if-modified-since")
        return [*(each for each in fields if each[0].lower() not in replaced), *self.conditions]


class Received(NamedTuple):
    """What is to be done with a response of the origin."""

    answer: Answer | None
    """Send this in its place; None: pass on what came."""
    storing: Storing | None
    """Takes the content while it passes; None: it is not stored."""
    cache_status: bytes
    """Value of the Cache-Status field to add to what is passed on."""
    outcome: str
    """For the log: stored or miss, or the answer's outcome."""


class Cache:
    """Stored responses, and what may be done with them.

    Parameters
    ----------
    size
        Bytes that it may hold, all together; 64 MiB.
    shared
        True: several people use it. Then ``s-maxage`` counts and ``private`` is not stored (RFC 9111 section 1).
    largest
        Bytes of content that one response may have; None: an eighth of ``size``.
    decide
        Takes a request, a stored response that fits it and the time; gives ``"hit"``, ``"validate"`` or ``"miss"``.
    name
        How it calls itself in Cache-Status.
    """

    def __init__(
        self,
        size: int = SIZE,
        shared: bool = False,
        *,
        largest: int | None = None,
        decide: Decide = rules.decide,
        name: bytes = b"netlab",
    ) -> None:
        self.shared, self.name = shared, name
        self.store = Store(size, size // 8 if largest is None else largest)
        self._decide = decide

    # -- before the request goes on ---------------------------------------------------------------------------------

    def lookup(self, request: Request, uri: bytes, now: int) -> Decision:
        """Say what to do with a request: answer it, ask the origin about what is stored, or only pass it on.

        Parameters
        ----------
        request
            As the client sent it.
        uri
            Its `target_uri`.
        now
            Unix time in seconds.

        Raises
        ------
        LocalProtocolError
            When ``decide`` gives none of its three words.
        """
        decision = Decision(request, uri, now, self.store.epoch)
        index = request.index
        if request.method not in (b"GET", b"HEAD"):
            decision.forwarded = "method"
        elif b"if-match" in index or b"if-unmodified-since" in index or rules.has_content(request):
            # Only the origin may judge these conditions (section 4.3.2), and content is no part of the key.
            decision.forwarded = "bypass"
        else:
            self._select(decision)
        if decision.answer is None and b"only-if-cached" in directives(request):
            decision.refused, decision.cache_status = True, self._status("detail=only-if-cached")
        return decision

    def _select(self, decision: Decision) -> None:
        request, now = decision.request, decision.now
        variants = self.store.under(decision.uri)
        stored = rules.selected(request, variants)
        if stored is None:
            decision.forwarded = "vary-miss" if variants else "uri-miss"
            return
        if b"no-store" in directives(request):
            decision.forwarded = "request"
            return
        decision.stored = stored
        decision.verdict = self._decide(request, stored, now)
        if decision.verdict not in (HIT, VALIDATE, MISS):
            text = f"cache_decision gave {decision.verdict!r}; it must be 'hit', 'validate' or 'miss'"
            raise LocalProtocolError(text, 500)
        if not can_answer(request, stored, now):
            decision.verdict, decision.forwarded = MISS, "partial"
        elif decision.verdict == HIT:
            self.store.used_again(stored)
            decision.answer = self._answer(decision, stored, now, "hit", "hit")
        else:
            decision.forwarded = "stale" if stored.age(now) >= stored.lifetime else "request"
            if decision.verdict == VALIDATE:
                # A client that knows another version asks for itself, and its 304 is not about ours.
                known = request.all(b"if-none-match")
                if not known or matches(known, stored.tag, strong=False):
                    decision.conditions = stored.validators

    # -- after the origin has answered ------------------------------------------------------------------------------

    def receive(self, decision: Decision, response: Response, fields: Sequence[Field], now: int) -> Received:
        """Take the head of the origin's final response; to be called once for each decision.

        ``fields`` is the response as it is passed on: without the fields of one connection, with Via.
        """
        request, stored, status = decision.request, decision.stored, response.status
        newer = Response(status, response.reason, response.version, tuple(fields))
        if request.method not in SAFE and 200 <= status < 400:
            self.invalidate(decision.uri, newer)
        if stored is not None:
            if status == 304 and decision.conditions:
                return _instead(self.freshen(decision, stored, newer, now))
            if status in FAILURES and rules.stale_if_error(request, stored, now):
                text = f"fwd={decision.forwarded}; fwd-status={status}"
                return _instead(self._answer(decision, stored, now, text, "stale"))
            if request.method == b"HEAD" and status == 200:
                self._freshen_by_head(decision, stored, newer, now)
        storing = self.begin_store(decision, newer, now)
        if storing is None and stored is not None and request.method == b"GET" and status == 200:
            self.store.forget(stored)  # there is a newer one, which is not kept: the old one must not come back
        text = f"fwd={decision.forwarded or 'miss'}" + ("; stored" if storing else "")
        return Received(None, storing, self._status(text), "stored" if storing else "miss")

    def failed(self, decision: Decision, now: int) -> Answer | None:
        """Give the stale answer that may stand in for an origin that gives none (RFC 5861); None: there is none."""
        stored = decision.stored
        if stored is None or not rules.stale_if_error(decision.request, stored, now):
            return None
        return self._answer(decision, stored, now, f"fwd={decision.forwarded}", "stale")

    def begin_store(self, decision: Decision, response: Response, now: int) -> Storing | None:
        """Begin to store a response, if that is allowed, worth it, and not known to be too large."""
        if rules.may_store(decision.request, response, self.shared, now):
            return None
        length = response.get(b"content-length")
        if length is not None and (not length.isdigit() or int(length) > min(self.store.largest, self.store.size)):
            return None
        if self.store.outdated(decision.uri, decision.epoch):
            return None
        given = directives(response)
        kept = tuple(rules.to_store(response.fields, given, self.shared))
        stored = Stored(
            uri=decision.uri,
            response=Response(response.status, response.reason, response.version, kept),
            selecting=rules.selecting(decision.request, rules.varies(response) or ()),
            received_at=now,
            age_then=rules.initial_age(response, decision.now, now),
            lifetime=rules.freshness_lifetime(response, self.shared, now).seconds,
            strict=rules.never_stale(given, self.shared),
        )
        storing = Storing(self.store, stored, decision.epoch)
        return storing if storing.take(cost(kept)) else None

    def freshen(self, decision: Decision, stored: Stored, response: Response, now: int) -> Answer:
        """Answer from the store after a 304; its fields make the stored response fresh again (section 4.3.4)."""
        if rules.speaks_of(response, stored):
            self._update(decision, stored, response, now)
        return self._answer(decision, stored, now, f"fwd={decision.forwarded}; fwd-status=304", "validated")

    def invalidate(self, uri: bytes, response: Response | None = None) -> None:
        """Forget what is stored for a URI, and for those of the same origin that a response names in Location and
        Content-Location (section 4.4); what is being fetched for them now is not stored either."""
        self.store.invalidate(uri)
        for name in (b"location", b"content-location"):
            reference = response.get(name) if response else None
            also = same_origin(uri, reference) if reference else None
            if also:
                self.store.invalidate(also)

    # -- parts ------------------------------------------------------------------------------------------------------

    def _answer(self, decision: Decision, stored: Stored, now: int, text: str, outcome: str) -> Answer:
        status = self._status(f"{text}; ttl={stored.lifetime - stored.age(now)}")
        return answer(decision.request, stored, now, status, outcome)

    def _status(self, parameters: str) -> bytes:
        return b"%s; %s" % (self.name, parameters.encode("ascii"))

    def _update(self, decision: Decision, stored: Stored, newer: Response, now: int) -> None:
        """Put a newer response's fields into a stored one, and count its age and lifetime from now."""
        old, given = stored.response, directives(newer)
        fields = rules.to_store(rules.updated(old.fields, newer.fields), given, self.shared)
        stored.response = fresh = Response(old.status, old.reason, old.version, tuple(fields))
        stored.received_at, stored.age_then = now, rules.initial_age(newer, decision.now, now)
        stored.lifetime = rules.freshness_lifetime(fresh, self.shared, now).seconds
        stored.strict = rules.never_stale(directives(fresh), self.shared)
        names = rules.varies(fresh)
        stored.selecting = rules.selecting(decision.request, names or ())
        if names is None or b"no-store" in given or (self.shared and given.whole(b"private")):
            self.store.forget(stored)  # this once it may be used, and then no more
        else:
            self.store.resize(stored, cost(fields) + stored.length)

    def _freshen_by_head(self, decision: Decision, stored: Stored, newer: Response, now: int) -> None:
        """HEAD says what GET would say: either the same as is stored, or that this is outdated (section 4.3.5)."""
        length = newer.get(b"content-length")
        if rules.speaks_of(newer, stored) and length in (None, b"%d" % stored.length):
            self._update(decision, stored, newer, now)
        else:
            self.store.forget(stored)


def _instead(given: Answer) -> Received:
    return Received(given, None, given.cache_status, given.outcome)


def same_origin(uri: bytes, reference: bytes) -> bytes | None:
    """Give the key of what a Location names, if it has the scheme, host and port of ``uri``; else None."""
    base = uri.decode("latin-1")
    try:
        here, there = urlsplit(base), urlsplit(urljoin(base, reference.decode("latin-1")))
        usual = USUAL_PORT.get(here.scheme.encode())
        if (there.scheme, there.hostname) != (here.scheme, here.hostname):
            return None
        if (there.port or usual) != (here.port or usual):
            return None
    except ValueError:
        return None
    path = (there.path or "/") + (f"?{there.query}" if there.query else "")
    apart = f"#{here.fragment}" if here.fragment else ""
    return f"{here.scheme}://{here.netloc}{path}{apart}".encode("latin-1")
