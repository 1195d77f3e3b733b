"""What a proxy changes in a message, and what it must leave alone (RFC 9110 section 7.6).

Fields that belong to one connection end there: ``Connection``, everything it names, and a few that old software forgets
to name. Framing is written anew by whoever sends, so Content-Length and Transfer-Encoding are never copied; Host comes
from the target. What ``Connection`` may not remove is listed, because removing it would change what the message means.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from netlab.errors import LocalProtocolError, RemoteProtocolError
from netlab.http import grammar
from netlab.http.events import Field, Request, Response, Target, Version
from netlab.http.framing import Framing

HOP_BY_HOP = frozenset(
    {
        b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade",
        b"proxy-authorization", b"proxy-authenticate", b"proxy-authentication-info", b"content-length",
        b"http2-settings",
    }
)  # fmt: skip
PROTECTED = frozenset(
    {
        b"host", b"authorization", b"via", b"cookie", b"set-cookie", b"content-type", b"content-encoding",
        b"content-range", b"cache-control", b"date", b"age", b"vary", b"range", b"expect", b"max-forwards",
        b"forwarded", b"x-forwarded-for",
    }
)  # fmt: skip
"""Stays although ``Connection`` names it."""
FRAMING = frozenset({b"content-length", b"transfer-encoding", b"connection", b"upgrade"})
"""Written by whoever sends, whatever a filter thinks of it."""
NOT_IN_TRAILERS = HOP_BY_HOP | PROTECTED | {b"www-authenticate", b"proxy-status", b"cache-status", b"location"}
"""A trailer may not say this: it would change what has been sent already (RFC 9110 section 6.5.1)."""
TELL_TALE = frozenset({b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-real-ip"})
"""Who a client is, told by proxies."""
MOST_OPTIONS = 20
"""Elements of ``Connection``; more is an attack on whoever looks for each of them."""
PSEUDONYM = b"netlab"
IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"})
"""May be sent again when nobody knows whether it has arrived (RFC 9110 section 9.2.2)."""
METHODS = b"GET, HEAD, POST, PUT, DELETE, CONNECT, OPTIONS, TRACE, PATCH"

Filter = Callable[[Sequence[Field]], list[Field]]


def end_to_end(fields: Sequence[Field]) -> list[Field]:
    """Give the fields that go on."""
    named = grammar.tokens([value for name, value in fields if name.lower() == b"connection"])
    if len(named) > MOST_OPTIONS:
        raise RemoteProtocolError(f"Connection names more than {MOST_OPTIONS} fields", 400, "RFC 9110 7.6.1")
    dropped = HOP_BY_HOP | (frozenset(named) - PROTECTED)
    return [(name, value) for name, value in fields if name.lower() not in dropped]


def filtered(fields: Sequence[Field], keep: Filter = end_to_end) -> list[Field]:
    """Give the fields that go on, by a filter of one's own; raises LocalProtocolError when it lets something through
    that would contradict what we write."""
    if keep is end_to_end:
        return end_to_end(fields)
    kept = keep(list(fields))
    if not isinstance(kept, list) or not all(isinstance(each, tuple) and len(each) == 2 for each in kept):
        raise LocalProtocolError("filter_fields must give a list of pairs (name, value)", 500)
    for name, _ in kept:
        if name.lower() in FRAMING:
            text = f"filter_fields has let {name.decode('latin-1')} through, which belongs to one connection"
            raise LocalProtocolError(text, 500, "RFC 9110 7.6.1")
    return kept


def via(version: Version, pseudonym: bytes = PSEUDONYM) -> Field:
    """Give the Via field that says who forwarded the message (RFC 9110 section 7.6.3)."""
    return (b"Via", b"%d.%d %s" % (*version, pseudonym))


def came_from(message: Request | Response, pseudonym: bytes = PSEUDONYM) -> bool:
    """Whether the message has passed a proxy of this name before: a loop."""
    listed = (part.split() for value in message.all(b"via") for part in value.split(b","))
    return any(len(words) >= 2 and words[1].lower() == pseudonym.lower() for words in listed)


def authority(parts: Target, usual_port: int = 80) -> bytes:
    """Give host and port, the usual port left out."""
    return parts.host + (b":%d" % parts.port if parts.port not in (None, usual_port) else b"")


def host_text(request: Request) -> str:
    """Give the target's host as one looks it up: without brackets."""
    return request.parts.host.decode("latin-1").strip("[]")


def host_differs(request: Request) -> bool:
    """Whether Host says something else than the target; then the target is right (RFC 9112 section 3.2.2)."""
    host = (request.get(b"host") or b"").lower()
    return bool(host) and host.removesuffix(b":80") != authority(request.parts)


def outbound(request: Request, pseudonym: bytes = PSEUDONYM, keep: Filter = end_to_end) -> tuple[bytes, list[Field]]:
    """Give the origin-form target and the fields of a request in absolute form as it goes on to the origin, without
    framing."""
    parts = request.parts
    dropped = {b"host"} if request.version >= (1, 1) else {b"host", b"expect"}
    kept = [(name, value) for name, value in filtered(request.fields, keep) if name.lower() not in dropped]
    target = parts.path
    if request.method == b"OPTIONS" and parts.path == b"/" and request.target.count(b"/") == 2:
        target = b"*"  # RFC 9112 section 3.2.4
    left = max_forwards(request)
    if left is not None:
        kept = [
            (name, b"%d" % (left - 1)) if name.lower() == b"max-forwards" else (name, value) for name, value in kept
        ]
    options = connection_options(request)
    return target, [(b"Host", authority(parts)), *kept, *options, via(request.version, pseudonym)]


def connection_options(request: Request) -> list[Field]:
    """Give what we say to the origin about our connection with it: that trailers are welcome, or another protocol."""
    named: list[bytes] = []
    fields: list[Field] = []
    if b"trailers" in grammar.tokens(request.all(b"te")):
        named.append(b"TE")
        fields.append((b"TE", b"trailers"))
    if wanted := upgrade(request):
        named.append(b"Upgrade")
        fields.append((b"Upgrade", wanted))
    return [*fields, (b"Connection", b", ".join(named))] if named else []


def upgrade(request: Request) -> bytes:
    """Give the protocols that a client wants to change to; ``b""``: none (RFC 9110 section 7.8).

    Not h2c: a proxy that lets a client speak HTTP/2 to an origin no longer sees its requests.
    """
    if request.version < (1, 1) or b"upgrade" not in grammar.tokens(request.all(b"connection")):
        return b""
    wanted = [part.strip(b" \t") for value in request.all(b"upgrade") for part in value.split(b",")]
    return b", ".join(part for part in wanted if part and part.lower() != b"h2c")


def max_forwards(request: Request) -> int | None:
    """Give how often a TRACE or OPTIONS request may still be forwarded; None: it does not say (RFC 9110 section
    7.6.2)."""
    value = request.get(b"max-forwards") if request.method in (b"TRACE", b"OPTIONS") else None
    if value is None:
        return None
    if len(request.all(b"max-forwards")) > 1 or not grammar.CONTENT_LENGTH.fullmatch(value):
        raise RemoteProtocolError(f"Max-Forwards {value[:20]!r} is no number", 400, "RFC 9110 7.6.2")
    return grammar.decimal(value)


def forwarded(fields: Sequence[Field], mode: str, client: str, host: bytes, pseudonym: bytes) -> list[Field]:
    """Add, leave or take away what tells an origin whom a request comes from (RFC 7239); ``mode``: on, off, delete."""
    if mode == "off":
        return list(fields)
    kept = [each for each in fields if each[0].lower() not in TELL_TALE]
    if mode == "delete":
        return kept
    earlier = [value for name, value in fields if name.lower() == b"forwarded"]
    node = f'"[{client}]"' if ":" in client else client or "unknown"
    element = b'for=%s;host="%s";proto=http;by=_%s' % (node.encode(), host, pseudonym)
    return [*kept, (b"Forwarded", b", ".join([*earlier, element]))]


def inbound(response: Response, pseudonym: bytes = PSEUDONYM, keep: Filter = end_to_end) -> list[Field]:
    """Give the fields of a response as it goes back to the client, without framing."""
    return [*filtered(response.fields, keep), via(response.version, pseudonym)]


def trailers(fields: Sequence[Field]) -> list[Field]:
    """Give the trailers that go on."""
    return [each for each in end_to_end(fields) if each[0].lower() not in NOT_IN_TRAILERS]


def framing_fields(how: Framing) -> list[Field]:
    """Say where a message ends, from what was understood and not from what was received."""
    if how.kind == "length":
        return [(b"Content-Length", b"%d" % how.length)]
    return [(b"Transfer-Encoding", b"chunked")] if how.kind == "chunked" else []


def length_without_content(response: Response) -> list[Field]:
    """Give the Content-Length of an answer to HEAD, or of a 304, that has no content: the one of the content that it
    stands for, if that is clear (RFC 9110 section 8.6)."""
    lengths = response.all(b"content-length")
    if response.status < 200 or response.status == 204 or response.all(b"transfer-encoding") or len(lengths) != 1:
        return []
    return [(b"Content-Length", lengths[0])] if grammar.CONTENT_LENGTH.fullmatch(lengths[0]) else []


def reusable(response: Response, how: Framing) -> bool:
    """Whether the origin's connection may carry another request (RFC 9112 section 9.3)."""
    options = grammar.tokens(response.all(b"connection"))
    lasting = b"close" not in options and (response.version >= (1, 1) or b"keep-alive" in options)
    return lasting and how.kind in ("none", "length", "chunked")


def trace_content(head: bytes) -> bytes:
    """Give the content of an answer to TRACE: the request as it came, without what nobody should see again (RFC 9110
    section 9.3.8)."""
    start, *lines = head.split(b"\r\n")
    secret = (b"authorization", b"proxy-authorization", b"cookie")
    kept = [line for line in lines if line.partition(b":")[0].lower() not in secret]
    return b"\r\n".join([start, *kept]) + b"\r\n\r\n"
