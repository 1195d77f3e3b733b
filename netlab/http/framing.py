"""Where a message ends: one function for requests and responses, for server, proxy and client (RFC 9112 section 6.3).

Two programs that disagree here can be made to see different messages in the same bytes: that is request smuggling. So
whatever could be read in two ways is refused, and what is sent is framed anew from the values, never copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from netlab.errors import RemoteProtocolError
from netlab.http import grammar
from netlab.http.events import Request, Response


class Framing(NamedTuple):
    """How the content is delimited."""

    kind: Literal["none", "length", "chunked", "close", "tunnel"]
    """``close``: it lasts until the other side closes; ``tunnel``: what follows is no HTTP."""
    length: int = 0
    """Bytes of content, for ``length``."""


NONE, CHUNKED, CLOSE, TUNNEL = Framing("none"), Framing("chunked"), Framing("close"), Framing("tunnel")


def framing(message: Request | Response, request_method: bytes = b"") -> Framing:
    """Give the framing of a message; for a response, ``request_method`` is what it answers.

    Raises
    ------
    RemoteProtocolError
        When the fields contradict each other; ``status_hint`` and ``rule`` say what and why.
    """
    if isinstance(message, Response):
        # Rule 1 and 2: these have no content whatever the fields say.
        if message.status == 101 or (request_method == b"CONNECT" and 200 <= message.status < 300):
            return TUNNEL
        if request_method == b"HEAD" or message.status < 200 or message.status in (204, 304):
            return NONE
    elif message.method == b"CONNECT":
        if message.all(b"transfer-encoding") or message.all(b"content-length"):
            raise RemoteProtocolError("CONNECT with content: nobody agrees what that means", 400, "RFC 9110 9.3.6")
        return TUNNEL
    codings, lengths = message.all(b"transfer-encoding"), message.all(b"content-length")
    if codings:
        return _chunked(message, codings, lengths)  # rule 3 and 4
    if lengths:
        return Framing("length", _length(lengths))  # rule 5 and 6
    return CLOSE if isinstance(message, Response) else NONE  # rule 8 and 7


def _chunked(message: Request | Response, codings: Sequence[bytes], lengths: Sequence[bytes]) -> Framing:
    if message.version < (1, 1):
        raise RemoteProtocolError("Transfer-Encoding does not exist in HTTP/1.0", 400, "RFC 9112 6.1")
    if lengths:
        raise RemoteProtocolError("both Transfer-Encoding and Content-Length", 400, "RFC 9112 6.1")
    if len(codings) > 1:
        raise RemoteProtocolError("more than one Transfer-Encoding field", 400, "RFC 9112 6.1")
    names = codings[0].split(b",")
    stripped = [name.strip(b" \t").lower() for name in names]
    if stripped == [b"chunked"]:
        return CHUNKED
    if all(map(grammar.METHOD.fullmatch, stripped)) and stripped[-1] == b"chunked" and b"chunked" not in stripped[:-1]:
        raise RemoteProtocolError(f"transfer coding {stripped[0].decode()} is not known here", 501, "RFC 9112 6.1")
    raise RemoteProtocolError(f"Transfer-Encoding {codings[0]!r} does not end in chunked, once", 400, "RFC 9112 6.1")


def _length(lengths: Sequence[bytes]) -> int:
    if len(lengths) > 1:
        raise RemoteProtocolError("more than one Content-Length field", 400, "RFC 9112 6.3")
    if not grammar.CONTENT_LENGTH.fullmatch(lengths[0]):
        raise RemoteProtocolError(f"Content-Length {lengths[0][:40]!r} is not 1 to 18 digits", 400, "RFC 9110 8.6")
    return grammar.decimal(lengths[0])
