"""When a stored response may be used again: the rules of HTTP caching as functions of messages and times (RFC 9111).

Read in this order: `decide` (use it, ask the origin about it, or fetch it anew), `freshness_lifetime` and `initial_age`
(section 4.2), `may_store` (section 3), then Vary (section 4.1) and what a 304 changes (section 3.2). All times are
whole seconds of Unix time and come in as arguments: "what if it were an hour later?" is one more call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from netlab.http import grammar
from netlab.http.cache_control import DIGITS, ELEMENT, MOST_SECONDS, Directives, directives
from netlab.http.conditional import ENTITY_TAG
from netlab.http.dates import read_date
from netlab.http.events import Field, Request, Response

HIT, VALIDATE, MISS = "hit", "validate", "miss"

HEURISTIC = frozenset({200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501})
"""Statuses that may be kept without a word about how long (RFC 9110 section 15.1)."""
UNDERSTOOD = HEURISTIC | {302, 303, 307, 400, 403, 500, 502, 503, 504}
"""Statuses whose meaning for a cache is known here, for ``must-understand`` (RFC 9111 section 5.2.2.3)."""
NEVER = frozenset({206, 304})
"""A part of a content, and no content of its own: only a cache that puts parts together could keep these."""
FRACTION, LONGEST_GUESS = 10, 24 * 3600
"""A guessed lifetime is a tenth of the time since the last modification (section 4.2.2), at most a day."""


@dataclass(slots=True, eq=False)
class Stored:
    """A response in the cache."""

    uri: bytes
    response: Response
    """As it was passed on: without the fields of one connection, and without Age."""
    selecting: tuple[Field, ...]
    """The request fields that Vary names, with the values of the request that it answered."""
    received_at: int
    age_then: int
    """Its age when it was received; see `initial_age`."""
    lifetime: int
    """Seconds that it is fresh for, counted from age 0; see `freshness_lifetime`."""
    strict: bool
    """It may never be used stale (must-revalidate and its like)."""
    content: Sequence[bytes] = ()
    """In pieces."""
    length: int = 0
    """Bytes of content."""
    size: int = 0
    """Bytes that it costs."""

    def age(self, now: int) -> int:
        """Seconds since the origin made or confirmed it: current_age of section 4.2.3."""
        return self.age_then + max(0, now - self.received_at)

    @property
    def tag(self) -> bytes:
        """Its entity-tag; ``b""``: none, or none that could be sent."""
        tag = self.response.get(b"etag") or b""
        return tag if ENTITY_TAG.fullmatch(tag) else b""

    @property
    def validators(self) -> list[Field]:
        """The conditions that ask the origin whether it still holds (section 4.3.1); empty: it cannot be asked."""
        modified = self.response.get(b"last-modified")
        conditions = [(b"If-None-Match", self.tag)] if self.tag else []
        return [*conditions, (b"If-Modified-Since", modified)] if modified else conditions


def decide(request: Request, stored: Stored, now: int) -> str:
    """Say what to do with a stored response that fits a request (RFC 9111 section 4).

    Returns
    -------
    str
        hit: send it; validate: ask the origin whether it still holds; miss: fetch it anew.
    """
    wanted, given = directives(request), directives(stored.response)
    not_as_it_is = VALIDATE if stored.validators else MISS
    age, lifetime = stored.age(now), stored.lifetime
    if b"no-cache" in wanted or given.whole(b"no-cache"):
        return not_as_it_is
    # Section 5.2.1: the client may want it younger, or sure to be fresh for a while. RFC 8246: what never changes is
    # not asked about although a browser's reload (max-age=0) says so.
    oldest = wanted.seconds(b"max-age")
    if oldest is not None and age > oldest and not (b"immutable" in given and age < lifetime):
        return not_as_it_is
    if age < lifetime and age + (wanted.seconds(b"min-fresh") or 0) <= lifetime:
        return HIT
    # It is stale: only a client that says so gets it, and only if the origin does not forbid it (section 4.2.4).
    if b"max-stale" in wanted and not stored.strict:
        patience = wanted.seconds(b"max-stale") if wanted[b"max-stale"] else MOST_SECONDS
        if age - lifetime <= (patience or 0):
            return HIT
    return not_as_it_is


class Lifetime(NamedTuple):
    """How long a response is fresh, in seconds, and which field says so."""

    seconds: int
    source: str
    """s-maxage, max-age, Expires, heuristic, or ``""``: nothing says so."""


def freshness_lifetime(response: Response, shared: bool, received_at: int) -> Lifetime:
    """Give how long a response is fresh (RFC 9111 section 4.2.1): the first rule that applies."""
    given = directives(response)
    for name in (b"s-maxage", b"max-age") if shared else (b"max-age",):
        seconds = given.seconds(name)
        if seconds is not None:
            return Lifetime(seconds, name.decode())
    date = made_at(response, received_at)
    expires = response.get(b"expires")
    if expires is not None:
        # "0", and whatever else is no date, means already expired (section 5.3).
        until = read_date(expires, received_at)
        return Lifetime(max(0, until - date) if until is not None else 0, "Expires")
    modified = read_date(response.get(b"last-modified") or b"", received_at)
    if modified is not None and (response.status in HEURISTIC or b"public" in given):
        return Lifetime(min(max(0, date - modified) // FRACTION, LONGEST_GUESS), "heuristic")
    return Lifetime(0, "")


def initial_age(response: Response, requested_at: int, received_at: int) -> int:
    """Give the age of a response when it arrives: corrected_initial_age of RFC 9111 section 4.2.3.

    The larger of two estimates: what the clocks say (Date against ours), and what the caches on its way have counted
    (Age) and the time that the exchange took.
    """
    apparent_age = max(0, received_at - made_at(response, received_at))
    response_delay = max(0, received_at - requested_at)
    return max(apparent_age, age_value(response) + response_delay)


def made_at(response: Response, received_at: int) -> int:
    """When the origin made a response: its Date, or when it came if that cannot be read (RFC 9110 section 6.6.1)."""
    date = read_date(response.get(b"date") or b"", received_at)
    return received_at if date is None else date


def age_value(response: Response) -> int:
    """Give the number in Age: the first member of a list; what is no number is ignored (RFC 9111 section 5.1)."""
    first = (response.get(b"age") or b"").split(b",")[0].strip(b" \t")
    if not DIGITS.fullmatch(first):
        return 0
    return min(int(first), MOST_SECONDS) if len(first) <= 20 else MOST_SECONDS


# -- what may be kept ------------------------------------------------------------------------------------------------


def may_store(request: Request, response: Response, shared: bool, received_at: int) -> str:
    """Say why a response must not be kept, or is not worth it; ``""``: keep it (RFC 9111 section 3).

    More careful than the RFC in two things: the answer to a request with Authorization is never kept (section 3.5 has
    exceptions), and one with Set-Cookie only if it says for how long.
    """
    given = directives(response)
    understood = b"must-understand" in given and response.status in UNDERSTOOD
    lifetime = freshness_lifetime(response, shared, received_at)
    explicit = lifetime.source not in ("", "heuristic")
    if request.method != b"GET" or has_content(request):
        return "only answers to GET without content are kept"
    if response.status < 200 or response.status in NEVER:
        return f"an answer {response.status} is no whole content"
    if b"must-understand" in given and not understood:
        return "must-understand: this status is not understood"
    if b"no-store" in directives(request) or (b"no-store" in given and not understood):
        return "no-store"
    if shared and given.whole(b"private"):
        return "private"
    if b"authorization" in request.index:
        return "the request has Authorization"
    if varies(response) is None:
        return "Vary: *"
    if b"set-cookie" in response.index and not explicit:
        return "Set-Cookie without a lifetime"
    if not (explicit or b"public" in given or response.status in HEURISTIC):
        return f"an answer {response.status} says nothing about being kept"
    if not (lifetime.seconds and not given.whole(b"no-cache")) and not has_validator(response):
        return "never fresh, and without a validator"
    return ""


def has_content(request: Request) -> bool:
    """Whether a request has content. With GET that means nothing (RFC 9110 section 9.3.1), but there are origins that
    look at it: their answer must not be kept for those who ask without it."""
    return b"transfer-encoding" in request.index or (request.get(b"content-length") or b"0").strip(b"0") != b""


def has_validator(response: Response) -> bool:
    return b"etag" in response.index or b"last-modified" in response.index


def never_stale(given: Directives, shared: bool) -> bool:
    """Whether a response forbids that it is used stale (RFC 9111 section 4.2.4)."""
    return b"must-revalidate" in given or (shared and (b"proxy-revalidate" in given or b"s-maxage" in given))


def stale_if_error(request: Request, stored: Stored, now: int) -> bool:
    """Whether a stale response may stand in for an origin that fails (RFC 5861 section 4)."""
    late = stored.age(now) - stored.lifetime
    allowed = (directives(each).seconds(b"stale-if-error") for each in (request, stored.response))
    given = directives(stored.response)
    return not stored.strict and not given.whole(b"no-cache") and any(late <= each for each in allowed if each)


# -- which response belongs to which request -------------------------------------------------------------------------


def varies(response: Response) -> list[bytes] | None:
    """Give the request fields that Vary names, sorted; None: ``*``, so no request is like another (section 4.1)."""
    names = sorted(set(grammar.tokens(response.all(b"vary"))))
    return None if b"*" in names else names


def selecting(request: Request, names: Sequence[bytes]) -> tuple[Field, ...]:
    """Give these fields of a request in a form that can be compared: lines joined, blanks around commas gone."""
    return tuple((name, _normal(name, request.all(name))) for name in names)


CASELESS = (b"accept-language", b"accept-encoding", b"accept-charset")


def _normal(name: bytes, values: Sequence[bytes]) -> bytes:
    joined = b",".join(part.strip(b" \t") for part in ELEMENT.findall(b",".join(values)))
    return joined.lower() if name in CASELESS else joined


def selected(request: Request, stored: Sequence[Stored]) -> Stored | None:
    """Give the one of several stored responses of a URI that fits a request; the latest comes first."""
    for each in stored:
        if not each.selecting or each.selecting == selecting(request, [name for name, _ in each.selecting]):
            return each
    return None


# -- which fields are kept, and which are changed --------------------------------------------------------------------

NOT_STORED = frozenset({b"age", b"proxy-authenticate", b"proxy-authentication-info", b"proxy-authorization"})
"""Besides what belongs to one connection (section 3.1); Age is counted and written anew."""
NOT_UPDATED = NOT_STORED | {b"content-length", b"content-encoding", b"content-range", b"content-md5", b"etag"}
"""What describes the content that is stored, and not the one that a 304 stands for (section 3.2)."""


def to_store(fields: Sequence[Field], given: Directives, shared: bool) -> list[Field]:
    """Give the fields to keep; ``no-cache="x"`` means that x must come from the origin each time (section 5.2.2.4)."""
    dropped = NOT_STORED.union(given.names(b"no-cache"), given.names(b"private") if shared else ())
    return [field for field in fields if field[0].lower() not in dropped]


def updated(old: Sequence[Field], new: Sequence[Field]) -> list[Field]:
    """Give stored fields with those of a newer response in their place (section 3.2)."""
    taken = [field for field in new if field[0].lower() not in NOT_UPDATED]
    replaced = {name.lower() for name, _ in taken}
    return [*(field for field in old if field[0].lower() not in replaced), *taken]


def speaks_of(newer: Response, stored: Stored) -> bool:
    """Whether a 304, or the answer to HEAD, is about the stored response (sections 4.3.4 and 4.3.5)."""
    tag = newer.get(b"etag")
    if tag is not None:
        return tag.removeprefix(b"W/") == (stored.response.get(b"etag") or b"").removeprefix(b"W/")
    modified = newer.get(b"last-modified")
    return modified is None or modified == stored.response.get(b"last-modified")
