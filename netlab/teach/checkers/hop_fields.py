"""Exercise 12.4: which fields of a message a proxy passes on (RFC 9110 section 7.6.1).

Three rules: what ``Connection`` names ends here, what has always belonged to one connection ends here although nobody
names it, and what everybody needs stays although ``Connection`` names it. What could be read in two ways is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from netlab.http.events import Field
from netlab.teach.checkers.corpus import HALF, Case, Part
from netlab.teach.checkers.deviations import Outcome
from netlab.teach.exercise import Verdict, Wrong, dice
from netlab.teach.guard import show
from netlab.teach.webparts import refuse

OF_ONE_HOP = frozenset(
    {
        b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade",
        b"content-length", b"proxy-authorization", b"proxy-authenticate",
    }
)  # fmt: skip
FOR_EVERYBODY = frozenset(
    {b"host", b"cookie", b"set-cookie", b"authorization", b"content-type", b"cache-control", b"via", b"range"}
)
"""Both as the notebook has them; the real proxy's own lists are in ``netlab/http/forwarding.py``."""

BOTH = "Two ways to tell where the content ends: the next server may choose the other one. Refuse with 400."
NAMED = "What Connection names was said to this proxy only (RFC 9110 section 7.6.1)."
ALWAYS = "It belongs to one connection although nobody names it: old software forgets to."
NEEDED = "A field that everybody needs stays: who could have it removed on the way would change what the message means."
KEPT = "Every other field goes on, unchanged and in its order."


@lru_cache(maxsize=8)
def cases(seed: str) -> tuple[Case, ...]:
    random = dice("12.4", seed)
    word = "".join(random.choice("abcdefgh") for _ in range(5)).encode()
    mine, other = b"X-" + word.title(), b"X-Other-" + word
    size = b"%d" % random.randint(20, 9000)
    host, agent, accept = (b"Host", b"www"), (b"User-Agent", b"curl/8"), (b"Accept", b"*/*")
    trace, second = (mine, b"here"), (other, b"there")
    length, chunked = (b"Content-Length", size), (b"Transfer-Encoding", b"chunked")
    cookie, secret = (b"Cookie", b"a=%b" % word), (b"Authorization", b"Basic " + word)

    def good(told: str, kept: Sequence[Field], *fields: Field, rule: str = NAMED) -> Case:
        return Case(told, (list(fields),), (("passed on", tuple(kept)),), rule)

    def named(value: bytes) -> Field:
        return b"Connection", value

    def bad(told: str, *fields: Field) -> Case:
        return Case(told, (list(fields),), (("refused", 400),), BOTH)

    sets = (b"Set-Cookie", b"a=1"), (b"Set-Cookie", b"b=2")
    return (
        good("nothing of one connection", (host, agent, accept), host, agent, accept, rule=KEPT),
        good("Connection itself", (host, agent), host, named(b"close"), agent),
        good("a field that Connection names", (host, agent), host, named(mine), trace, agent),
        good("two of them, blanks around", (host,), host, named(b"close ,  %b\t,%b" % (mine, other)), trace, second),
        good("the named field stands before Connection", (host, agent), trace, host, agent, named(mine)),
        good("two of them, as they are mostly written", (host,), host, named(b"close, " + mine), trace),
        good("its name in other letters", (host,), host, named(mine.upper()), trace),
        good("connection in small letters", (host,), host, (b"connection", mine), trace),
        good("two Connection fields", (host, agent), host, named(mine), named(other), agent, trace, second),
        good("a named field that is there twice", (host, agent), host, named(mine), trace, agent, trace),
        good("an empty element, and one that is not there", (host, second), host, named(b", ,x-absent,"), second),
        good(
            "Keep-Alive, named by nobody", (host, agent), host, (b"Keep-Alive", b"timeout=5"), agent, rule=ALWAYS
        ),
        good("PROXY-CONNECTION in capitals", (host,), host, (b"PROXY-CONNECTION", b"keep-alive"), rule=ALWAYS),
        good("a password for this proxy", (host,), host, (b"Proxy-Authorization", b"Basic " + word), rule=ALWAYS),
        good("TE and Trailer", (host, agent), host, (b"TE", b"trailers"), agent, (b"Trailer", b"X-Sum"), rule=ALWAYS),
        good("a change of protocol", (host,), host, named(b"Upgrade"), (b"Upgrade", b"websocket")),
        good(
            "a length: the proxy says anew where content ends", (host, agent), host, length, agent, rule=ALWAYS
        ),
        good("chunks", (host,), host, (b"transfer-encoding", b"chunked"), rule=ALWAYS),
        good("an answer with two cookies", (*sets, (b"Server", b"x")), *sets, (b"Server", b"x"), rule=KEPT),
        good(
            "names that only look like it", ((b"Connection-Id", b"7"), (b"X-Upgrade", b"")), (b"Connection-Id", b"7"),
            (b"X-Upgrade", b""), rule=KEPT,
        ),
        good("a value like a name", (host, (b"X-Note", b"te, upgrade")), host, (b"X-Note", b"te, upgrade"), rule=KEPT),
        good("Connection names a cookie", (host, cookie), host, named(b"close, cookie"), cookie, rule=NEEDED),
        good("it names Host, and a password for the origin", (host, secret), named(b"Host, Authorization"), host,
             secret, rule=NEEDED),
        bad("a length and chunks", host, length, chunked),
        bad("chunks and a length, in small letters", host, (b"transfer-encoding", b"chunked"),
            (b"content-length", b"0")),
        bad("two lengths", host, length, (b"content-length", b"1" + size)),
        bad("a length and chunks in an answer", (b"Server", b"x"), length, chunked),
    )  # fmt: skip


KINDS = [
    (
        "named", "ignored",
        "You do not look at what Connection names. Those fields were said to this proxy only, whatever they are.",
    ),
    ("named", "whole", "Connection is a list with commas. You take its whole value for one name."),
    ("named", "blanks", "Take the blanks and tabs off each name in Connection: strip()."),
    (
        "named", "comma and blank",
        'You split Connection at comma and blank. There may be no blank, or two, or a tab: split(b","), then strip().',
    ),
    ("named", "first field", "There may be two Connection fields; you look at the first only. They are one list."),
    ("named", "last field", "There may be two Connection fields; a dict keeps the last. They are one list."),
    (
        "named", "letters",
        "You compare the names in Connection letter by letter. Names of fields are the same in any case: lower().",
    ),
    (
        "named", "Connection",
        'You look for b"Connection" letter by letter. Names of fields are the same in any case: name.lower().',
    ),
    (
        "named", "connection",
        'You look for b"connection" letter by letter. Names of fields are the same in any case: name.lower().',
    ),
    (
        "named", "so far",
        "You look for Connection while you go through the fields. It may stand behind what it names: take two turns.",
    ),
    (
        "always", "named only",
        "You drop only what Connection names. Keep-Alive, TE, Upgrade and the others belong to one connection "
        "although nobody names them.",
    ),
    (
        "always", "letters",
        "You look for the names in OF_ONE_HOP letter by letter. Names of fields are the same in any case: lower().",
    ),
    (
        "always", "prefix",
        "You look whether a name begins with, or contains, one of the names. Connection-Id is another field: compare "
        "whole names.",
    ),
    (
        "needed", "dropped",
        "You drop whatever Connection names, Host and Cookie too. So a stranger could have the password removed from "
        "somebody's request: FOR_EVERYBODY stays.",
    ),
    ("kept", "dict", "A dict has each name once. A message may have a field twice, such as Set-Cookie: keep the list."),
    ("kept", "lower", "You pass on the names in small letters. Compare in small letters, but pass on what came."),
    ("kept", "sorted", "You change the order of the fields. Leave it as it was."),
    ("kept", "names", "You return the names that go on. Return the fields: pairs of name and value."),
    ("kept", "reversed", "You return what ends here. Return what goes on."),
    (
        "both", "unchecked",
        "A message with a length and chunks goes through. Drop both, and nobody knows any more what was meant; the "
        "next server may have understood it in the other way: request smuggling. Refuse with 400.",
    ),
    ("lengths", "unchecked", "Two lengths go through. One of two servers takes the first, the other the last: refuse."),
    ("refusal", "none", "You refuse by returning None, or an empty list. raise netlab.teach.refuse(400, \"why\")."),
]  # fmt: skip


def variant(how: dict[str, str]) -> Callable[..., Any]:
    """Make a filter that does these things as told, and everything else right."""
    has = how.get

    def filter_fields(fields: list[Field]) -> Any:
        names = [name.lower() for name, _ in fields]
        codings, lengths = names.count(b"transfer-encoding"), names.count(b"content-length")
        if (codings and lengths and has("both") is None) or (lengths > 1 and has("lengths") is None):
            if has("refusal") == "none":
                return []
            raise refuse(400, "two ways")
        kept = []
        for place, (name, value) in enumerate(fields):
            seen = fields[:place] if has("named") == "so far" else fields
            if not _ends_here(how, name, _named(how, seen)):
                kept.append((name, value))
        return _given(how, fields, kept)

    return filter_fields


def _named(how: dict[str, str], fields: list[Field]) -> set[bytes]:
    """What Connection names."""
    rule = how.get("named")
    spelling = {"Connection": [b"Connection"], "connection": [b"connection"]}.get(rule or "")
    values = [value for name, value in fields if (name in spelling if spelling else name.lower() == b"connection")]
    values = {"ignored": [], "first field": values[:1], "last field": values[-1:]}.get(rule or "", values)
    mark = {"whole": b"\0", "comma and blank": b", "}.get(rule or "", b",")
    names = [each for value in values for each in value.split(mark)]
    if rule not in ("blanks", "comma and blank"):
        names = [each.strip(b" \t") for each in names]
    return set(names) if rule == "letters" else {each.lower() for each in names}


def _ends_here(how: dict[str, str], name: bytes, named: set[bytes]) -> bool:
    rule, low = how.get("always"), name.lower()
    if how.get("named") == "letters":
        is_named = name in named
    else:
        is_named = low in named
    if is_named and (low not in FOR_EVERYBODY or how.get("needed") == "dropped"):
        return True
    if rule == "named only":
        return low == b"connection"
    if rule == "letters":
        return name in OF_ONE_HOP
    if rule == "prefix":
        return any(each in low for each in OF_ONE_HOP if each != b"te") or low == b"te"
    return low in OF_ONE_HOP


def _given(how: dict[str, str], fields: list[Field], kept: list[Field]) -> Any:
    match how.get("kept"):
        case "dict":
            return list(dict(kept).items())
        case "lower":
            return [(name.lower(), value) for name, value in kept]
        case "sorted":
            return sorted(kept)
        case "names":
            return [name for name, _ in kept]
        case "reversed":
            return [each for each in fields if each not in kept]
    return kept


def gives(value: Any) -> Outcome:
    if isinstance(value, list) and all(isinstance(each, bytes) for each in value):
        return "passed on", tuple(value)
    if not isinstance(value, list):
        raise Wrong(
            f"Your function returned {show(value)}. Return a list of fields, pairs of name and value; or refuse: "
            'raise netlab.teach.refuse(400, "why").'
        )
    for each in value:
        if not isinstance(each, tuple) or len(each) != 2 or not all(isinstance(part, bytes) for part in each):
            raise Wrong(f"In the list that your function returned is {show(each)}. A field is a pair: (name, value).")
    return "passed on", tuple(value)


def shown(case: Case) -> str:
    return "\n".join(f"  {name.decode()}: {value.decode()}" for name, value in case.given[0])


@dataclass(frozen=True, slots=True)
class Fields(Part):
    """As every part of a server; only the share is another."""

    def _share(self, right: Sequence[bool]) -> float:
        """Nothing for a filter that passes on all or nothing, up to half for one that is right in many cases."""
        return round(HALF * sum(right) / len(right), 3) if all(right[:3]) else 0.0


def examine(answer: Callable[..., Any], seed: str) -> Verdict:
    from netlab.teach.checkers import through_proxy

    praise = "what belongs to one connection ends there, and nobody can have anything else removed."
    verdict = Fields(cases(seed), KINDS, variant, gives, shown, praise).examine(answer)
    if verdict.share < 1.0:
        return verdict
    return through_proxy.examine(seed, verdict, filter_fields=answer)
