"""The pages that a server writes itself: errors that explain themselves, and listings of folders.

Whatever came from outside is escaped; pages load nothing and run nothing (see their Content-Security-Policy).
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from netlab.http.events import Field
from netlab.http.paths import encode
from netlab.http.writer import REASONS

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
    421: "The request was meant for another server.",
    431: "The head of the request is too long.",
    500: "Something went wrong inside the server.",
    501: "The server does not know how to do this.",
    503: "The server has too many connections at the moment.",
    505: "The server speaks HTTP/1.1.",
}


def error_page(status: int, reason: str = "", rule: str = "") -> bytes:
    """Give the page for an error: what happened, and the rule that was broken, if there is one."""
    phrase = REASONS.get(status, b"").decode()
    parts = [f"<p>{escape(MEANING.get(status, 'The request cannot be answered.'))}</p>"]
    if reason:
        parts.append(f"<p>{escape(reason)}</p>")
    if rule:
        parts.append(f"<p>The rule: {escape(rule)}</p>")
    return _page(f"{status} {phrase}", "".join(parts))


def listing_page(path: str, entries: Iterable[tuple[str, bool, int]]) -> bytes:
    """Give the page for a folder: (name, is a folder, bytes) per entry."""
    title = f"Directory listing for {path}"
    rows = []
    for name, folder, size in entries:
        shown = name + ("/" if folder else "")
        link = encode(name).decode() + ("/" if folder else "")
        rows.append(
            f'<tr><td><a href="./{escape(link)}">{escape(shown, quote=False)}</a></td>'
            f"<td>{'' if folder else size}</td></tr>"
        )
    return _page(title, f"<table><tr><th>name</th><th>bytes</th></tr>{''.join(rows)}</table>")


def _page(title: str, body: str) -> bytes:
    shown = escape(title, quote=False)
    text = (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{shown}</title></head>'
        f"<body><h1>{shown}</h1>{body}</body></html>\n"
    )
    return text.encode("utf-8", "replace")
