"""Exercise 09.3: from the bytes of a head to a request, or to a refusal.

Source: RFC 9112 section 2.2 (lines), section 3 (request line), section 5 (field lines), section 3.2 (Host).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from netlab.http.events import Request
from netlab.teach import webparts
from netlab.teach.checkers.corpus import Case, Part
from netlab.teach.checkers.deviations import Outcome
from netlab.teach.exercise import Verdict, Wrong, dice
from netlab.teach.guard import show

Pairs = tuple[tuple[bytes, bytes], ...]
CRLF = b"\r\n"
BLANKS = b" \t"
BAD: tuple[Outcome, ...] = (("refused", 400),)


@lru_cache(maxsize=8)
def cases(seed: str) -> tuple[Case, ...]:
    random = dice("09.3", seed)
    word = "".join(random.choice("abcdefgh") for _ in range(5)).encode()
    number = b"%d" % random.randint(1000, 60000)
    line, host = b"GET /%s HTTP/1.1" % word, b"Host: www"

    def good(told: str, start: bytes, *fields: tuple[bytes, bytes, bytes], rule: str = "") -> Case:
        """Each field: its line, name, value."""
        words = start.split(b" ")
        pairs = tuple((name.lower(), value) for _, name, value in fields)
        right = "request", (words[0], words[1], words[2], pairs)
        return Case(told, (CRLF.join([start, *(each for each, *_ in fields)]),), (right,), rule)

    def bad(told: str, *lines: bytes, rule: str, status: int = 400) -> Case:
        return Case(told, (CRLF.join(lines),), (("refused", status),), rule)

    www = (host, b"Host", b"www")
    return (
        good("an ordinary request", line, www, (b"Accept: */*", b"Accept", b"*/*")),
        good(
            "a value with colons", line, (b"Host: www:" + number, b"Host", b"www:" + number),
            rule="The first colon ends the name; a value may have more.",
        ),
        good(
            "no blank behind the colon", line, (b"Host:www", b"Host", b"www"),
            rule="Blanks around a value are optional (RFC 9112 section 5).",
        ),
        good(
            "blanks and tabs around a value, and some inside", line, www, (b"X-A: \t one  two\t ", b"X-A", b"one  two"),
            rule="Blanks and tabs around a value do not belong to it; those inside do (RFC 9112 section 5).",
        ),
        Case(
            "a vertical tab and a form feed around a value", (CRLF.join([line, host, b"X-H: \x0bone\x0c"]),),
            (("request", (b"GET", b"/" + word, b"HTTP/1.1", ((b"host", b"www"), (b"x-h", b"\x0bone\x0c")))), *BAD),
            "Only blanks and tabs are taken off (RFC 9110 sections 5.5 and 5.6.3); you may also refuse such a value.",
        ),
        good("an empty value", line, www, (b"X-Empty:", b"X-Empty", b""), rule="A value may be empty."),
        good("names in small letters", line, (b"host: www", b"host", b"www"), rule="Names are the same in any case."),
        good(
            "two fields with one name", line, www, (b"X-B: 1", b"X-B", b"1"), (b"X-B: 2", b"X-B", b"2"),
            rule="Keep every field, in its order (RFC 9110 section 5.2).",
        ),
        good("an unusual method", b"BREW /%s HTTP/1.1" % word, www, rule="Whether a method exists, others decide."),
        good("HTTP/1.0 without Host", b"GET /%s HTTP/1.0" % word, rule="HTTP/1.0 had no Host field."),
        good("bytes beyond ASCII in a value", line, www, (b"X-C: \xc3\xa9", b"X-C", b"\xc3\xa9")),
        bad("two blanks in the request line", b"GET  /%s HTTP/1.1" % word, host, rule="One blank between the words."),
        bad("tabs in the request line", b"GET\t/%s\tHTTP/1.1" % word, host, rule="A blank, not a tab."),
        bad("a request line without version", b"GET /%s" % word, host, rule="Three words: method, target, version."),
        bad("four words in the request line", line + b" x", host, rule="Three words: method, target, version."),
        bad("HTTP/2.0", b"GET /%s HTTP/2.0" % word, host, rule="netlab.teach.request looks at that.", status=505),
        bad("no Host in HTTP/1.1", line, b"Accept: */*", rule="HTTP/1.1 wants one Host (RFC 9112 section 3.2)."),
        bad("two Host fields", line, host, b"host: other", rule="Exactly one Host (RFC 9112 section 3.2)."),
        bad(
            "a blank in front of the colon", line, host, b"Content-Length : 5",
            rule="No blank in front of the colon: servers disagreed about such a name (RFC 9112 section 5.1).",
        ),
        bad("a field line without colon", line, host, b"Accept", rule="A field line has a colon."),
        bad("a name that is empty", line, host, b": x", rule="A name has at least one character."),
        bad(
            "a folded line", line, host, b"X-D: one", b"  two: three",
            rule="A line that begins with a blank went on with the one before; no more (RFC 9112 section 5.2).",
        ),
        bad(
            "a bare LF in a value", line, host, b"X-E: a\nContent-Length: 5",
            rule="Only CR LF ends a line (RFC 9112 section 2.2); a lone LF inside is refused.",
        ),
        bad("a bare CR in a value", line, host, b"X-F: a\rb", rule="A lone CR is refused (RFC 9112 section 2.2)."),
        bad("a NUL in a value", line, host, b"X-G: a\0b", rule="A NUL is refused (RFC 9110 section 5.5)."),
    )  # fmt: skip


KINDS = [
    (
        "lines", "splitlines",
        "splitlines() also splits at a lone LF or CR: what you read as two fields is one for others. That is how "
        "requests "
        'are smuggled. Split at b"\\r\\n" only.',
    ),
    (
        "inside", "unchecked",
        "You let CR, LF or NUL stand inside a line. Somebody behind you may end the line there: refuse with 400.",
    ),
    (
        "words", "any blanks",
        'split() without an argument takes any number of blanks and tabs. Split the request line at b" ", and refuse '
        "unless there are three words.",
    ),
    ("words", "first three", "You take the first three words and do not look whether there are more."),
    ("colon", "all", 'You split at every colon and keep two parts. The value of "Host: www:8080" loses its port.'),
    ("colon", "last", "You split at the last colon. The first one ends the name."),
    ("colon", "with blank", 'You split at ": ". The blank behind the colon is optional.'),
    ("strip", "none", "You leave blanks and tabs around the value. They do not belong to it."),
    ("strip", "first", "You take off one blank in front. Any number of blanks and tabs may be around a value."),
    (
        "strip", "everything",
        "strip() without an argument takes off more than blanks and tabs: also \\v and \\f, which others keep, or "
        'refuse. Name what you take off: strip(b" \\t").',
    ),
    (
        "name", "stripped",
        "You take blanks off the name. Whether \"Content-Length : 5\" is a length, servers have disagreed: refuse it.",
    ),
    (
        "name", "unchecked",
        "You accept names with a blank in them, or an empty one. Refuse with 400: no server may guess what is meant.",
    ),
    ("missing", "skipped", "You pass over lines without a colon. Refuse: somebody else may read them."),
    ("fields", "dict", "A dict keeps the last of two fields with one name. Keep all of them, as pairs in a list."),
    ("host", "unchecked", "You do not look for Host. HTTP/1.1 wants exactly one (RFC 9112 section 3.2)."),
    ("host", "at least one", "You accept two Host fields. Which of them is meant? Refuse: exactly one."),
    ("host", "capital", 'You look for b"Host" letter by letter. Names are the same in any case: compare name.lower().'),
    ("host", "always", "You want a Host in HTTP/1.0, too, which had none."),
    ("method", "known", "You refuse methods that you do not know. That is for others to decide (with 405 or 501)."),
    ("status", "404", "A head that cannot be read is a 400: the request is at fault, no file is missing."),
]  # fmt: skip


def variant(how: dict[str, str]) -> Callable[..., Any]:
    """Make a parser that does these things as told, and everything else right."""
    has = how.get

    def parse(head: bytes) -> Request:
        first, *lines = head.splitlines() if has("lines") == "splitlines" else head.split(CRLF)
        if has("inside") != "unchecked" and any(
            byte in line for line in (first, *lines) for byte in (b"\r", b"\n", b"\0")
        ):
            raise _no(how)
        words = first.split() if has("words") == "any blanks" else first.split(b" ")
        if len(words) < 3 or (len(words) > 3 and has("words") != "first three"):
            raise _no(how)
        method, target, version = words[:3]
        if has("method") == "known" and method not in (b"GET", b"HEAD", b"POST"):
            raise _no(how)
        pairs = [_field(how, line) for line in lines if b":" in line or has("missing") != "skipped"]
        if has("fields") == "dict":
            pairs = list(dict(pairs).items())
        _look_for_host(how, pairs, version)
        return webparts.request(method, target, version, pairs)

    return parse


def _no(how: dict[str, str]) -> Exception:
    return webparts.refuse(404 if how.get("status") == "404" else 400, "")


def _field(how: dict[str, str], line: bytes) -> tuple[bytes, bytes]:
    has = how.get
    colon = b": " if has("colon") == "with blank" else b":"
    if colon not in line:
        raise _no(how)
    name, _, value = line.rpartition(colon) if has("colon") == "last" else line.partition(colon)
    if has("colon") == "all":
        value = line.split(b":")[1]
    if has("name") == "stripped":
        name = name.strip(BLANKS)
    if has("name") != "unchecked" and (not name or b" " in name or b"\t" in name):
        raise _no(how)
    if has("strip") == "first":
        return name, value.removeprefix(b" ")
    if has("strip") == "everything":
        return name, value.strip()
    return name, value if has("strip") == "none" else value.strip(BLANKS)


def _look_for_host(how: dict[str, str], pairs: list[tuple[bytes, bytes]], version: bytes) -> None:
    rule = how.get("host")
    hosts = [name for name, _ in pairs if (name if rule == "capital" else name.lower().capitalize()) == b"Host"]
    new = version != b"HTTP/1.0" or rule == "always"
    if rule == "unchecked":
        return
    if (new and not hosts) or (len(hosts) > 1 and rule != "at least one"):
        raise _no(how)


def gives(value: Any) -> Outcome:
    if not isinstance(value, Request):
        raise Wrong(
            f"Your function returned {show(value)}. End with: return netlab.teach.request(method, target, version, "
            f"fields)"
        )
    version = b"HTTP/%d.%d" % value.version
    pairs: Pairs = tuple((name.lower(), text) for name, text in value.fields)
    return "request", (value.method, value.target, version, pairs)


def examine(answer: Callable[..., Any], seed: str) -> Verdict:
    praise = "each was read, or refused, as a server must."
    return Part(cases(seed), KINDS, variant, gives, lambda case: f"  {case.given[0]!r}", praise).examine(answer)
