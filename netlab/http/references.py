"""From what a page or a Location field says to the URL that is meant (RFC 3986 section 5, RFC 3987 section 3.1).

People write into pages what no request line may hold: blanks, accents, other scripts. Browsers tolerate that, as the
URL standard of the WHATWG tells: a path or query becomes UTF-8, each byte of it that no URL may hold becomes
percent-encoded, and a host name becomes what DNS knows it by (IDNA). What is percent-encoded already stays as it is.
Python's `urljoin` is not used: it drops empty segments (``a//b``), which are part of a path.
Left out: queries in the encoding of the page (old forms), host names written as one number.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from netlab.http import grammar

# URI-reference = [ scheme ":" ] [ "//" authority ] path [ "?" query ] [ "#" fragment ]      RFC 3986 appendix B
# Browsers take more than two slashes for two.
REFERENCE = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.\-]*):)?(?://+([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#.*)?", re.DOTALL)
AROUND = "".join(map(chr, range(0x21)))
"""Control characters and blanks, which nobody means at either end."""
LINES = str.maketrans("", "", "\t\r\n")
"""Nor these anywhere: long references are broken into lines."""
VISIBLE = "".join(map(chr, range(0x21, 0x7F)))
IN_PATH = "".join(sorted(set(VISIBLE) - set('"#<>?^`{}')))
"""Sent as they are in a path; all others are percent-encoded (WHATWG URL section 1.3, "path percent-encode set")."""
IN_QUERY = "".join(sorted(set(VISIBLE) - set("\"#<>'")))
"""And in a query ("special-query percent-encode set")."""
LONGEST_NAME = 253
"""Bytes of a name in DNS (RFC 1035 section 2.3.4 has 255, with the length of each part and of the root)."""
TWO_MEANINGS = set("ßς\u200c\u200d")
"""Python's IDNA is that of 2003 and changes or drops these; that of 2008 keeps them, which is another host."""


def resolve(base: str, reference: str) -> str:
    """Give the URL that a reference means on the page ``base``, without a fragment.

    Parameters
    ----------
    base
        URL of the page, or of what was asked for: http, with a host.
    reference
        As it stands there; bytes that are not UTF-8 as lone surrogates ("surrogateescape").

    Returns
    -------
    str
        With path and query in ASCII. Whether there can be such a host and port is not looked at. What has another
        scheme is given back as it is.

    Source
    ------
    RFC 3986 section 5.2.2.
    """
    said = reference.strip(AROUND).translate(LINES)
    before, mark, behind = said.partition("?")
    # Browsers take a backslash in front of the query for the slash that somebody with Windows meant.
    scheme, authority, path, query = _parts(before.replace("\\", "/") + mark + behind)
    base_scheme, base_authority, base_path, base_query = _parts(base.strip(AROUND))
    if scheme and scheme != base_scheme:
        return said
    if authority is None:
        authority = base_authority
        if not path:
            path, query = base_path, base_query if query is None else query
        elif not path.startswith("/"):
            path = base_path[: base_path.rfind("/") + 1] + path
    url = f"{base_scheme}://{authority}{encode(_without_dots(path), IN_PATH)}"
    return url if query is None else f"{url}?{encode(query, IN_QUERY)}"


def _parts(reference: str) -> tuple[str | None, str | None, str, str | None]:
    """Scheme, authority, path and query; None: not there, which is not the same as empty."""
    match = REFERENCE.fullmatch(reference)
    assert match is not None  # every text is a reference: the path takes what nothing else does
    scheme, authority, path, query = match.groups()
    return scheme and scheme.lower(), authority, path, query


def _without_dots(path: str) -> str:
    """Give a path with its ``.`` and ``..`` carried out (RFC 3986 section 5.2.4)."""
    kept: list[str] = []
    segments = path.removeprefix("/").split("/")
    for number, segment in enumerate(segments):
        plain = segment.replace("%2e", ".").replace("%2E", ".")
        if plain == "..":
            kept[-1:] = []
        if plain not in (".", ".."):
            kept.append(segment)
        elif number == len(segments) - 1:
            kept.append("")  # the folder itself
    return "/" + "/".join(kept)


def encode(text: str, as_it_is: str = VISIBLE + " ") -> str:
    """Percent-encode what is not ASCII, as UTF-8, and of ASCII what is not in ``as_it_is``; raises ValueError for a
    lone surrogate that stands for no byte."""
    return quote(text, safe=as_it_is, errors="surrogateescape")


def host_name(host: str) -> str:
    """Give a host as DNS and the Host field have it: ASCII, an IPv6 address in brackets.

    Raises
    ------
    ValueError
        When there can be no such name, or one cannot tell which is meant.
    """
    if ":" in host:
        if not host.isascii():
            raise ValueError("an address of IPv6 is written in ASCII")
        return f"[{host}]"
    name = unquote(host, errors="strict")
    if TWO_MEANINGS & set(name):
        raise ValueError("it has a character that two versions of IDNA take for different names")
    ascii_name = name.encode("idna")  # also refuses a part between two dots that is empty or longer than 63
    if not re.fullmatch(grammar.HOST, ascii_name) or len(ascii_name.rstrip(b".")) > LONGEST_NAME:
        raise ValueError("it is too long, or has a character that is in no host name")
    return ascii_name.decode()
