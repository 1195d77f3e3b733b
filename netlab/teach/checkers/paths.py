"""Exercise 09.5: from the path of a request to names below a folder, so that nothing outside can be meant.

Source: RFC 3986 section 2.4 (when to decode), section 3.3 (segments, and the two that are only dots).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from posixpath import normpath
from typing import Any
from urllib.parse import unquote, unquote_plus

from netlab.http.paths import Path
from netlab.teach.checkers.corpus import Case, Part
from netlab.teach.checkers.deviations import Outcome
from netlab.teach.exercise import Verdict, Wrong, dice
from netlab.teach.guard import show
from netlab.teach.webparts import path, refuse


@lru_cache(maxsize=8)
def cases(seed: str) -> tuple[Case, ...]:
    random = dice("09.5", seed)
    name = "".join(random.choice("klmnopqr") for _ in range(5))
    word = name.encode()

    def good(told: str, target: bytes, *names: str, rule: str = "") -> Case:
        return Case(told, (target,), (("names", names),), rule)

    def bad(told: str, target: bytes, rule: str = "") -> Case:
        rule = rule or "Nothing that is not below the folder, and nothing hidden: 404."
        return Case(told, (target,), (("refused", 404),), rule)

    return (
        good("the start page", b"/"),
        good("a file", b"/%s.html" % word, f"{name}.html"),
        good("a file in a folder", b"/photos/%s.jpg" % word, "photos", f"{name}.jpg"),
        good("a folder", b"/%s/" % word, name, rule="Empty segments are left out."),
        good("two slashes", b"//%s//a.html" % word, name, "a.html", rule="Empty segments are left out."),
        good("a dot alone", b"/./%s/./b.html" % word, name, "b.html", rule='A segment "." means nothing.'),
        good("an encoded blank", b"/my%%20%s.html" % word, f"my {name}.html"),
        good("encoded UTF-8", b"/caf%C3%A9/" + word, "café", name),
        good("a plus", b"/c++/%s" % word, "c++", name, rule="A plus is a plus in a path."),
        good(
            "an encoded percent sign", b"/100%2525/" + word, "100%25", name,
            rule="Decode once: %25 is a percent sign, and what stands behind it then is text.",
        ),
        good("dots inside a name", b"/%s..txt" % word, f"{name}..txt", rule="Dots inside a name are no harm."),
        good("three dots inside", b"/a...%s" % word, f"a...{name}", rule="Dots inside a name are no harm."),
        good("a query", b"/%s?page=2" % word, name, rule="The query begins at the question mark."),
        good("dots and slashes in a query", b"/%s?next=/../x" % word, name, rule="The query is no part of the path."),
        good("a question mark in a name", b"/who%%3F/%s" % word, "who?", name, rule="Cut the query off, then decode."),
        bad("the folder above", b"/../%s" % word),
        bad("the folder above, further back", b"/a/../../%s" % word),
        bad("up and down again, inside", b"/a/../%s" % word, rule='A segment ".." is refused, wherever it leads.'),
        bad("dots, encoded", b"/%%2e%%2e/%s" % word, rule="Look at the names after decoding."),
        bad("one dot encoded", b"/.%%2E/%s" % word, rule="Look at the names after decoding."),
        bad("dots behind an encoded slash", b"/%s/..%%2f..%%2fpasswd" % word),
        bad("an encoded slash", b"/a%%2f%s" % word, rule="Split first, decode then: a slash in a name, refuse."),
        bad("dots to be removed", b"/....//%s/..." % word, rule="A name that begins with a dot is hidden, or worse."),
        bad("a hidden file", b"/%s/.git/config" % word, rule="A name that begins with a dot is hidden: 404."),
        bad("a hidden file, encoded", b"/%2egit/" + word, rule="Look at the names after decoding."),
        bad("a backslash", b"/..%%5c%s" % word, rule="A backslash separates folders on Windows."),
        bad("a backslash alone", b"/a\\%s" % word, rule="A backslash separates folders on Windows."),
        bad("a NUL", b"/%s%%00.html" % word, rule="C programs end a name at a NUL."),
    )  # fmt: skip


KINDS = [
    (
        "order", "decode first",
        "You decode before you split. An encoded slash then becomes a separator: split the raw path, and decode each "
        "segment.",
    ),
    (
        "dots", "before decoding",
        'You look for ".." before decoding. "%2e%2e" passes, and is ".." afterwards: decode first, then look.',
    ),
    (
        "dots", "anywhere",
        'You refuse every path with ".." in it. A name like "notes..txt" is harmless: look at whole segments.',
    ),
    (
        "dots", "removed",
        'You remove "..", and go on. What is left can be ".." again, and names with dots inside are spoilt. Refuse.',
    ),
    (
        "dots", "resolved",
        'You let ".." take back a segment. Inside the folder that does no harm, but the rule here is simple: refuse '
        'it.',
    ),
    ("dots", "unchecked", 'You let ".." pass: the whole disk can be read. Refuse a segment ".." with 404.'),
    ("times", "twice", 'You decode twice. "%252e" is the name "%2e", and after a second round a dot.'),
    ("times", "never", 'You do not decode. "%20" stands for a blank: urllib.parse.unquote(segment).'),
    ("times", "plus", "unquote_plus makes blanks of pluses. That is for forms; in a path a plus is a plus."),
    ("query", "kept", 'You leave the query in the path. Cut it off at the "?".'),
    ("query", "after decoding", 'You cut at "?" after decoding. "%3F" is a question mark in a name: cut first.'),
    (
        "hidden", "allowed",
        "You hand out hidden files, such as .git or .htpasswd. Refuse a name that begins with a "
        "dot.",
    ),
    ("inside", "slash", 'You let a name hold a "/" after decoding. Refuse: it would name another folder.'),
    ("inside", "backslash", "You let a name hold a backslash. On Windows it separates folders: refuse."),
    (
        "inside", "NUL",
        "You let a name hold a NUL. C programs end the name there, so that it means another file: "
        "refuse.",
    ),
    (
        "inside", "unchecked",
        "You do not look into the names: no slash, backslash or NUL may be in them after "
        "decoding.",
    ),
    ("empty", "kept", 'You keep empty segments. "//etc" and the "/" at the end have some: leave them out.'),
    ("point", "kept", 'You keep the segment ".", or refuse it. It means "here": leave it out.'),
    (
        "all", "normpath",
        "normpath only shortens the text, and what it shortens away nobody has looked at. Hidden files, backslashes "
        "and encoded slashes pass. Work on the segments, one by one.",
    ),
    ("status", "400", "Say 404: such a path means no file, and the client need not learn why."),
    ("status", "403", "Say 404: 403 tells an attacker that there is something."),
]  # fmt: skip  # fmt: skip


def variant(how: dict[str, str]) -> Callable[..., Any]:
    """Make a function that does these things as told, and everything else right."""
    has = how.get

    def map_path(target: bytes) -> Path:
        if has("all") == "normpath":
            text = normpath(unquote(target.partition(b"?")[0]))
            return path([name for name in text.split("/") if name], target)
        raw = target if has("query") in ("kept", "after decoding") else target.partition(b"?")[0]
        if has("order") == "decode first":
            segments = _decoded(how, raw).split("/")[1:]
        else:
            pieces = raw.split(b"/")[1:]
            if has("dots") == "before decoding" and b".." in pieces:
                raise _no(how)
            segments = [_decoded(how, piece) for piece in pieces]
        if has("query") == "after decoding":
            segments = "/".join(segments).partition("?")[0].split("/")
        return path(_names(how, segments), target)

    return map_path


def _no(how: dict[str, str]) -> Exception:
    return refuse(int(how.get("status", 404)), "")


def _decoded(how: dict[str, str], text: bytes) -> str:
    times = how.get("times")
    if times == "never":
        return text.decode("latin-1")
    if times == "plus":
        return unquote_plus(text.decode("latin-1"))
    return unquote(unquote(text)) if times == "twice" else unquote(text)


def _names(how: dict[str, str], segments: list[str]) -> list[str]:
    has = how.get
    dots = has("dots")
    if dots == "anywhere" and any(".." in each for each in segments):
        raise _no(how)
    if dots == "removed":
        segments = [each.replace("..", "") for each in segments]
    if dots == "resolved":
        segments = normpath("/" + "/".join(segments)).split("/")[1:]
    left_out = {"", "."} - ({""} if has("empty") == "kept" else set()) - ({"."} if has("point") == "kept" else set())
    names = [each for each in segments if each not in left_out]
    for name in names:
        if name == ".." and dots not in ("unchecked", "before decoding"):
            raise _no(how)
        if name.startswith(".") and name != ".." and has("hidden") != "allowed":
            raise _no(how)
        if any(mark in name for mark in _refused(has("inside"))):
            raise _no(how)
    return names


def _refused(inside: str | None) -> str:
    marks = {"slash": "/", "backslash": "\\", "NUL": "\0"}
    return "" if inside == "unchecked" else "".join(mark for what, mark in marks.items() if what != inside)


def gives(value: Any) -> Outcome:
    if not isinstance(value, Path):
        raise Wrong(f"Your function returned {show(value)}. End with: return netlab.teach.path(names, target)")
    return "names", value.names


def examine(answer: Callable[..., Any], seed: str) -> Verdict:
    praise = "nothing outside the folder can be meant, and everything inside can."
    return Part(cases(seed), KINDS, variant, gives, lambda case: f"  {case.given[0]!r}", praise).examine(answer)
