"""The pages that a server writes itself: errors that explain themselves, and listings of folders.

Whatever came from outside is escaped; pages load nothing and run nothing (see their Content-Security-Policy).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from html import escape
from itertools import islice
from typing import Any

from netlab.http.dates import EPOCH
from netlab.http.events import Field
from netlab.http.media import media_type
from netlab.http.paths import Path, encode, shown
from netlab.http.writer import REASONS

Entry = tuple[str, bool, int, int]
"""Name, whether it is a folder, bytes, time of the last change in ns since 1970."""
LINES = 500
"""Of a listing, in one piece: some milliseconds of work."""

PAGE_FIELDS: list[Field] = [
    (b"Content-Type", b"text/html; charset=utf-8"),
    (b"Content-Security-Policy", b"default-src 'none'; style-src 'unsafe-inline'"),
    (b"X-Content-Type-Options", b"nosniff"),
]

MEANING = {
    400: "The server could not read the request.",
    403: "The server will not hand this out.",
    404: "There is nothing here under this name. Is it spelt right, with small and capital letters?",
    405: "The server knows this method and does not offer it here.",
    408: "The request did not arrive completely in time.",
    412: "A condition in the request does not hold.",
    414: "The address in the request is too long.",
    416: "The file has no such range.",
    417: "The server cannot do what the request expects.",
    421: "The request was meant for another server.",
    431: "The head of the request is too long.",
    500: "Something went wrong inside the server.",
    501: "The server does not know how to do this.",
    503: "The server has too much to do at the moment; a moment later it may not.",
    505: "The server speaks HTTP/1.1.",
}


def error_page(status: int, reason: str = "", rule: str = "", meaning: str = "") -> bytes:
    """Give the page for an error: what happened, and the rule that was broken, if there is one. ``meaning`` is what
    the page begins with; ``""``: what the status means when a web server gives it."""
    phrase = REASONS.get(status, b"").decode()
    parts = [f"<p>{escape(meaning or MEANING.get(status, 'The request cannot be answered.'))}</p>"]
    if reason:
        parts.append(f"<p>{escape(reason)}</p>")
    if rule:
        parts.append(f"<p>The rule: {escape(rule)}</p>")
    return _page(f"{status} {phrase}", "".join(parts))


def listing_page(path: Path, entries: Iterable[Entry]) -> Iterator[bytes]:
    """Give the page for a folder, piece by piece: a table of names, bytes and times, with links that sort it."""
    asked = "?" + shown(path.query) if path.query else ""
    names = "".join(f"{name}/" for name in path.names)
    title = "Directory listing for /" + names.encode("utf-8", "surrogateescape").decode("utf-8", "replace") + asked
    heads = "".join(f'<th><a href="?sort={key}">{text}</a></th>' for key, text in HEADS)
    text = _begin(title) + f"<table><tr>{heads}</tr>"
    for some in _pieces(entries):
        yield (text + "".join(map(_line, some))).encode("utf-8", "surrogateescape")
        text = ""
    yield (text + "</table>" + END).encode("utf-8", "surrogateescape")


def listing_json(entries: Iterable[Entry]) -> Iterator[bytes]:
    """Give a folder as JSON, piece by piece: a list of objects with name, kind, size (bytes), modified (ISO 8601, UTC),
    media_type and url; a name that is not UTF-8 has a question mark in a box."""
    before = "["
    for some in _pieces(entries):
        text = json.dumps([listing_row(entry) for entry in some], ensure_ascii=False, indent=1)
        yield (before + text.removeprefix("[").removesuffix("\n]")).encode("utf-8", "replace")
        before = ","
    yield b"[]" if before == "[" else b"\n]"


def _pieces(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    left = iter(entries)
    while some := list(islice(left, LINES)):
        yield some


def _line(entry: Entry) -> str:
    name, folder, size, modified_ns = entry
    link, text = encode(name).decode(), escape(name, quote=False)
    slash = "/" if folder else ""
    return (
        f'<tr><td><a href="{link}{slash}">{text}{slash}</a></td><td>{"" if folder else size}</td>'
        f"<td>{_time(modified_ns)}</td></tr>"
    )


def listing_row(entry: Entry) -> dict[str, str | int | None]:
    """Give one line of a listing by name."""
    name, folder, size, modified_ns = entry
    return {
        "name": name.encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
        "kind": "folder" if folder else "file",
        "size": None if folder else size,
        "modified": _time(modified_ns) or None,
        "media_type": "" if folder else media_type(name).decode(),
        "url": encode(name).decode() + ("/" if folder else ""),
    }


def _time(ns: int) -> str:
    """``2026-01-31T23:59:58Z``; ``""``: there is none, or it is behind the year 9999, where dates of Python end."""
    try:
        return (EPOCH + timedelta(seconds=ns // 1_000_000_000)).strftime("%Y-%m-%dT%H:%M:%SZ") if ns else ""
    except OverflowError:
        return ""


def _by_name(entry: Entry) -> Any:
    return entry[0].lower(), entry[0]


def _by_size(entry: Entry) -> Any:
    return entry[2], *_by_name(entry)


def _by_time(entry: Entry) -> Any:
    return entry[3], *_by_name(entry)


HEADS = (("name", "name"), ("size", "bytes"), ("modified", "modified (UTC)"))
SORTS: dict[bytes, tuple[Callable[[Entry], Any], bool]] = {
    b"": (_by_name, False), b"sort=name": (_by_name, False), b"sort=size": (_by_size, True),
    b"sort=modified": (_by_time, True),
}  # fmt: skip
"""The query of a listing: what it is sorted by, and whether the most comes first."""


def _page(title: str, body: str) -> bytes:
    return (_begin(title) + body + END).encode("utf-8", "surrogateescape")


def _begin(title: str) -> str:
    shown = escape(title, quote=False)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{shown}</title></head>'
        f"<body><h1>{shown}</h1>"
    )


END = "</body></html>\n"
