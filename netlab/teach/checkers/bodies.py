"""Exercise 09.4: where the content of a message ends, told by its fields (RFC 9112 section 6.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from netlab.teach.checkers.corpus import Case, Part
from netlab.teach.checkers.deviations import Outcome
from netlab.teach.exercise import Verdict, Wrong, dice
from netlab.teach.guard import show
from netlab.teach.webparts import refuse

Fields = Sequence[tuple[bytes, bytes]]

WORDS = ("chunked", "close")
NO_CONTENT = (204, 304)


@lru_cache(maxsize=8)
def cases(seed: str) -> tuple[Case, ...]:
    random = dice("09.4", seed)
    size = random.randint(20, 9000)
    digits = b"%d" % size
    length, chunked = (b"Content-Length", digits), (b"Transfer-Encoding", b"chunked")
    host = (b"Host", b"www")

    def good(told: str, right: Any, status: int | None, method: bytes, *fields: tuple[bytes, bytes], rule: str) -> Case:
        return Case(told, (list(fields), status, method), (("framed", right),), rule)

    def bad(told: str, *fields: tuple[bytes, bytes], rule: str, status: int | None = None, also: int = 0) -> Case:
        right: list[Outcome] = [("refused", 400), *([("refused", also)] if also else [])]
        return Case(told, ([host, *fields] if status is None else list(fields), status, b"GET"), tuple(right), rule)

    both = "Transfer-Encoding with Content-Length is how requests are smuggled (RFC 9112 section 6.1): refuse."
    digits_only = "Content-Length is digits and nothing else (RFC 9110 section 8.6)."
    return (
        good("a request without content", 0, None, b"GET", host, rule="A request that says nothing has no content."),
        good("a request with content", size, None, b"POST", host, length, rule="Content-Length tells the bytes."),
        good("a name in small letters", size, None, b"POST", host, (b"content-length", digits), rule="Any case."),
        good(
            "two Accept fields", size, None, b"POST", host, (b"Accept", b"a/b"), (b"Accept", b"c/d"), length,
            rule="Other fields may come twice: two Accept lines are one list (RFC 9110 section 5.3).",
        ),
        good("an empty body", 0, None, b"POST", host, (b"Content-Length", b"0"), rule="0 is a length like any other."),
        good("a request in chunks", "chunked", None, b"POST", host, chunked, rule="Transfer-Encoding: chunked."),
        good(
            "CHUNKED in capitals", "chunked", None, b"POST", host, (b"transfer-encoding", b"CHUNKED"),
            rule="The names of codings are the same in any case (RFC 9112 section 7).",
        ),
        good(
            "a HEAD request with a body", size, None, b"HEAD", host, length,
            rule="A request is framed by its fields whatever its method is; only the answer to HEAD has no content.",
        ),
        good("an answer with a length", size, 200, b"GET", length, rule="Content-Length tells the bytes."),
        good("an empty answer", 0, 200, b"GET", (b"Content-Length", b"0"), rule="0 is a length like any other."),
        good("an answer in chunks", "chunked", 200, b"GET", chunked, rule="Transfer-Encoding: chunked."),
        good(
            "an answer that says nothing", "close", 200, b"GET", (b"Server", b"x"),
            rule="An answer without a length goes on until the connection is closed; a request cannot.",
        ),
        good(
            "the answer to HEAD", 0, 200, b"HEAD", length,
            rule="To HEAD the fields are those of GET, but no content follows (RFC 9112 section 6.3, rule 1).",
        ),
        good("a 304 with a length", 0, 304, b"GET", length, rule="1xx, 204 and 304 have no content, whatever."),
        good("a 204", 0, 204, b"GET", rule="1xx, 204 and 304 have no content, whatever they say."),
        good("a 100 that goes before the answer", 0, 100, b"POST", rule="1xx, 204 and 304 have no content."),
        bad("two lengths", length, (b"Content-Length", b"%d" % (size + 1)), rule="More than one: refuse."),
        bad("the same length twice", length, length, rule="More than one: refuse (RFC 9112 would let you take it)."),
        bad("length and chunks", length, chunked, rule=both),
        bad("chunks and length", chunked, (b"content-length", b"0"), rule=both),
        bad("length and chunks in an answer", length, chunked, status=200, rule=both),
        bad("a coding that is not known", (b"Transfer-Encoding", b"gzip, chunked"), also=501, rule="Only chunked."),
        bad("a coding that is not chunked", (b"Transfer-Encoding", b"gzip"), also=501, rule="Only chunked."),
        bad("chunked, but not as the last", (b"Transfer-Encoding", b"chunked, gzip"), also=501, rule="Only chunked."),
        bad("something like chunked", (b"Transfer-Encoding", b"xchunked"), also=501, rule="Only chunked."),
        bad("a length with a sign", (b"Content-Length", b"+" + digits), rule=digits_only),
        bad("a negative length", (b"Content-Length", b"-" + digits), rule=digits_only),
        bad("a length with an underscore", (b"Content-Length", digits[:1] + b"_" + digits[1:]), rule=digits_only),
        bad("a list of lengths", (b"Content-Length", digits + b", " + digits), rule=digits_only),
        bad("an empty length", (b"Content-Length", b""), rule=digits_only),
        bad("a length in hexadecimal", (b"Content-Length", b"0x" + digits), rule=digits_only),
    )  # fmt: skip


KINDS = [
    (
        "head", "counted",
        "The answer to HEAD tells the length that GET would have, and nothing follows. You wait for bytes that never "
        "come.",
    ),
    (
        "head", "of requests, too",
        "You say that a HEAD request has no content. Its *answer* has none; the request is framed by its own fields. "
        "What you leave in the stream is read as the next request.",
    ),
    ("empty", "counted", "1xx, 204 and 304 have no content, whatever their fields say (RFC 9112 section 6.3, rule 1)."),
    ("codings", "ignored", "You do not look for Transfer-Encoding, the other way to tell where content ends."),
    (
        "codings", "contains",
        'You look whether "chunked" is somewhere in the value. "xchunked" is not chunked, nor is "chunked, gzip".',
    ),
    ("codings", "any", "You take every Transfer-Encoding for chunked. Look at its value."),
    ("codings", "case", 'You look for b"chunked" letter by letter. Names of codings are the same in any case.'),
    (
        "both", "chunks win",
        "With both fields you take the chunks. Somebody in front of you may take the length: that is request "
        "smuggling. Refuse.",
    ),
    (
        "both", "length wins",
        "With both fields you take the length. Somebody in front of you may take the chunks: that is request "
        "smuggling. Refuse.",
    ),
    (
        "digits", "int",
        "int() takes more than digits: a sign, blanks, an underscore. What is no number raises ValueError, which is an "
        "answer 500. Look with isdigit() first, and refuse.",
    ),
    (
        "digits", "int, refused",
        "int() takes more than digits: a sign, blanks, an underscore. Look with isdigit() first.",
    ),
    ("twice", "first", "Of two lengths you take the first. Somebody else takes the last: refuse."),
    ("twice", "last", "Of two lengths you take the last. Somebody else takes the first: refuse."),
    (
        "twice", "equal",
        "You take two lengths when they are equal. RFC 9112 allows it, but here the rule is simple: more than one, "
        "refuse.",
    ),
    (
        "twice", "any field",
        "You refuse whatever comes twice. Here only Content-Length and Transfer-Encoding must not: two Accept lines "
        "are one list (RFC 9110 section 5.3), and anybody may send them.",
    ),
    ("names", "case", "You look for names letter by letter. Names of fields are the same in any case."),
    (
        "nothing", "close",
        "A request without a length has no content. You wait for the client to close, and it waits for your answer.",
    ),
    (
        "nothing", "none",
        'An answer without a length goes on until the connection is closed: return "close". You would show an empty '
        'page.',
    ),
    ("zero", "none", "Content-Length: 0 is a length like any other. if length: is false for 0."),
]  # fmt: skip


def variant(how: dict[str, str]) -> Callable[..., Any]:
    """Make a function that does these things as told, and everything else right."""
    has = how.get

    def framing(fields: Fields, status: int | None, method: bytes) -> int | str:
        def values(name: bytes) -> list[bytes]:
            if has("names") == "case":
                return [value for each, value in fields if each == name]
            return [value for each, value in fields if each.lower() == name.lower()]

        lower = [each.lower() for each, _ in fields]
        if has("twice") == "any field" and len(set(lower)) < len(lower):
            raise refuse(400, "twice")
        of_head = (
            method == b"HEAD" and has("head") != "counted" and (status is not None or has("head") == "of requests, too")
        )
        bare = status is not None and (status < 200 or status in NO_CONTENT) and has("empty") != "counted"
        if of_head or bare:
            return 0
        codings, lengths = values(b"Transfer-Encoding"), values(b"Content-Length")
        if codings and has("codings") != "ignored":
            if lengths and not has("both"):
                raise refuse(400, "both")
            if not lengths or has("both") == "chunks win":
                return _chunked(how, codings)
        if lengths and not (has("zero") == "none" and lengths[0] == b"0"):
            return _length(how, lengths)
        if has("nothing"):
            return "close" if has("nothing") == "close" else 0
        return 0 if status is None else "close"

    return framing


def _chunked(how: dict[str, str], codings: list[bytes]) -> str:
    rule, value = how.get("codings"), codings[0] if how.get("codings") == "case" else codings[0].lower()
    if rule == "any" or value == b"chunked" or (rule == "contains" and b"chunked" in value):
        return "chunked"
    raise refuse(400, "coding")


def _length(how: dict[str, str], lengths: list[bytes]) -> int:
    rule, twice = how.get("digits"), how.get("twice")
    if len(lengths) > 1 and not (twice in ("first", "last") or (twice == "equal" and len(set(lengths)) == 1)):
        raise refuse(400, "two lengths")
    value = lengths[-1] if twice == "last" else lengths[0]
    if rule == "int":
        return int(value)
    if rule == "int, refused":
        try:
            return int(value)
        except ValueError:
            raise refuse(400, "length") from None
    if not value.isdigit():
        raise refuse(400, "length")
    return int(value)


def gives(value: Any) -> Outcome:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole and value not in WORDS:
        raise Wrong(
            f'Your function returned {show(value)}. Return a number of bytes (0: no content), "chunked", or "close".'
        )
    return "framed", value


def shown(case: Case) -> str:
    fields, status, method = case.given
    what = f"the answer, {status}, to {method.decode()}" if status is not None else f"a {method.decode()} request"
    return f"  {what} with {fields!r}"


def examine(answer: Callable[..., Any], seed: str) -> Verdict:
    praise = "you and everybody else agree where each message ends."
    return Part(cases(seed), KINDS, variant, gives, shown, praise).examine(answer)
