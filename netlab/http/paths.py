"""From the path of a request to names below a folder, so that nothing outside can be meant (RFC 3986 section 3.3).

The raw path is split at ``/`` first and each segment decoded once afterwards: an encoded slash can then never become a
separator, nor ``%252e`` a dot. Names are bytes to the file system; bytes that are not UTF-8 survive as lone surrogates.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from netlab.errors import RemoteProtocolError

_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")


class Path(NamedTuple):
    """A request's path as names."""

    names: tuple[str, ...]
    """Below the folder; none: the folder itself."""
    folder: bool
    """It ends in a slash, so it means a folder."""
    query: bytes
    """Without its question mark; ``b""``: none."""


@lru_cache(1024)
def map_path(target: bytes) -> Path:
    """Give the names that an origin-form target means.

    Raises
    ------
    RemoteProtocolError
        404 for what could leave the folder or hide something (``..``, NUL, an encoded slash, a backslash, a name with a
        dot in front); 400 for a broken percent-encoding.
    """
    raw, _, query = target.partition(b"?")
    segments = [decode(segment) for segment in raw.split(b"/")[1:]]
    folder = not segments or segments[-1] == ""
    names = [segment for segment in segments if segment not in ("", ".")]
    for name in names:
        # The dot in front is that of a hidden file, and of "..", which leads upwards.
        if name.startswith(".") or "/" in name or "\\" in name or "\0" in name:
            raise RemoteProtocolError("this path leads out of the folder, or to something hidden", 404, "RFC 3986 3.3")
    return Path(tuple(names), folder or segments[-1:] == ["."], query)


def decode(segment: bytes) -> str:
    """Undo percent-encoding, once."""
    if re.search(rb"%(?![0-9A-Fa-f]{2})", segment):
        raise RemoteProtocolError(f"broken percent-encoding in {segment[:40]!r}", 400, "RFC 3986 2.1")
    plain = _ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), segment) if b"%" in segment else segment
    try:
        return plain.decode("utf-8", "surrogatepass")  # a lone surrogate stands for a byte that is not UTF-8
    except UnicodeDecodeError:
        return plain.decode("utf-8", "surrogateescape")


def encode(name: str) -> bytes:
    """Percent-encode a name for a link; bytes that are not UTF-8 as the lone surrogates that stand for them."""
    return quote(name, safe="", errors="surrogatepass").encode("ascii")


def shown(text: bytes) -> str:
    """Give a path or query for people: decoded, and with a question mark in a box for what is not UTF-8."""
    return unquote_to_bytes(text).decode("utf-8", "replace")
