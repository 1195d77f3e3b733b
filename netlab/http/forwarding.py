"""What a proxy changes in a message, and what it must leave alone (RFC 9110 section 7.6).

Fields that belong to one connection end there: ``Connection``, everything it names, and a few that old software forgets
to name. Framing is written anew by whoever sends, so Content-Length and Transfer-Encoding are never copied; Host comes
from the target. What ``Connection`` may not remove is listed, because removing it would change what the message means.
"""

from __future__ import annotations

from collections.abc import Sequence

from netlab.errors import RemoteProtocolError
from netlab.http import grammar
from netlab.http.events import Field, Request, Response, Version

HOP_BY_HOP = frozenset(
    {
        b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade",
        b"proxy-authorization", b"proxy-authenticate", b"content-length",
    }
)  # fmt: skip
PROTECTED = frozenset({b"host", b"authorization", b"via", b"cookie", b"content-type", b"cache-control", b"date"})
"""Stays although ``Connection`` names it."""
MOST_OPTIONS = 20
"""Elements of ``Connection``; more is an attack on whoever looks for each of them."""
PSEUDONYM = b"netlab"


def end_to_end(fields: Sequence[Field]) -> list[Field]:
    """Give the fields that go on."""
    named = grammar.tokens([value for name, value in fields if name.lower() == b"connection"])
    if len(named) > MOST_OPTIONS:
        raise RemoteProtocolError(f"Connection names more than {MOST_OPTIONS} fields", 400, "RFC 9110 7.6.1")
    dropped = HOP_BY_HOP | (frozenset(named) - PROTECTED)
    return [(name, value) for name, value in fields if name.lower() not in dropped]


def via(version: Version, pseudonym: bytes = PSEUDONYM) -> Field:
    """Give the Via field that says who forwarded the message (RFC 9110 section 7.6.3)."""
    return (b"Via", b"%d.%d %s" % (*version, pseudonym))


def came_from(message: Request | Response, pseudonym: bytes = PSEUDONYM) -> bool:
    """Whether the message has passed a proxy of this name before: a loop."""
    listed = (part.split() for value in message.all(b"via") for part in value.split(b","))
    return any(len(words) >= 2 and words[1].lower() == pseudonym.lower() for words in listed)


def outbound(request: Request, pseudonym: bytes = PSEUDONYM) -> tuple[bytes, list[Field]]:
    """Give the origin-form target and the fields of a request in absolute form as it goes on to the origin."""
    parts = request.parts
    host = parts.host + (b":%d" % parts.port if parts.port not in (None, 80) else b"")
    kept = [(name, value) for name, value in end_to_end(request.fields) if name.lower() not in (b"host", b"expect")]
    target = (
        b"*" if request.method == b"OPTIONS" and parts.path == b"/" and request.target.count(b"/") == 2 else parts.path
    )
    return target, [(b"Host", host), *kept, via(request.version, pseudonym)]


def inbound(response: Response, pseudonym: bytes = PSEUDONYM) -> list[Field]:
    """Give the fields of a response as it goes back to the client, without framing."""
    return [*end_to_end(response.fields), via(response.version, pseudonym)]
