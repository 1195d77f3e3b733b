"""A learner's filter or relay in the real proxy, in a world of three machines: the last part of 12.4 and 12.5.

The origin is played by a few lines here, because a well-behaved web server would neither break off nor tell what it was
sent. Every exchange is checked at both ends: what the client got, and what the origin was asked.

Source: RFC 9110 section 7.6 (forwarding) and 9.3.6 (CONNECT), RFC 9112 section 6.1 (smuggling) and 8 (breaking off).
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from netlab.teach.exercise import Verdict, dice

CONTENT = 1_000_000
"""Bytes of the large content: 685 segments."""
LESS = 200_000
"""Bytes through the tunnel."""
PROMISED, GIVEN = 50_000, 20_000
WORKS = "\nIn the real proxy, too: "
FAILS = 0.75
"""The share for a function that is right by itself, and not in the proxy."""

Check = tuple[str, bool, str]
"""What was tried, whether it came out right, and what came out."""


class Origin:
    """Answers by target, and remembers what it was sent."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []

    def serve(self, connection: Any) -> Generator[Any, Any, None]:
        from netlab.serve.connection import Gone, Late

        head = b""
        try:
            while b"\r\n\r\n" not in head:
                data = yield from connection.receive()
                if not data:
                    return
                head += data
            self.heads.append(head)
            yield from connection.send(_answer(head))
        except (Gone, Late):
            return


def _answer(head: bytes) -> bytes:
    if b"/breaks " in head:
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % PROMISED + b"b" * GIVEN
    content = b"c" * _size(head) or b"a page\n"
    fields = (
        b"Keep-Alive: timeout=5\r\nConnection: close, x-hop\r\nX-Hop: here\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
    )
    return b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n%b" % (fields, len(content), content)


def _size(head: bytes) -> int:
    return CONTENT if b"/large " in head else LESS if b"/less " in head else 0


def _world(seed: str) -> dict[str, Any]:
    """Client, proxy and origin around a router."""
    random = dice("12", seed)
    links = [{"ends": ["hub", name], "delay_ms": 1 + random.getrandbits(4)} for name in ("client", "proxy", "origin")]
    return {
        "name": "unseen",
        "vantage": "client",
        "node": {
            "hub": {"kind": "router", "address": ["192.0.2.1/24", "198.51.100.1/24", "203.0.113.1/24"]},
            "client": {"kind": "host", "address": ["192.0.2.10/24"]},
            "proxy": {"kind": "host", "address": ["198.51.100.8/24"]},
            "origin": {"kind": "host", "address": ["203.0.113.80/24"]},
        },
        "link": links,
    }


def examine(seed: str, verdict: Verdict, **parts: Any) -> Verdict:
    """Give ``verdict`` when these parts do their work in the proxy, else one that says what went wrong there."""
    checks = tried(seed, **parts)
    for what, right, came in checks:
        if not right:
            text = "Right by itself, but not in the real proxy: see what came out."
            return Verdict(FAILS, text, f"Tried: {what}. Came: {came}.")
    return Verdict(verdict.share, verdict.message + WORKS + "; ".join(what for what, *_ in checks) + ".")


def tried(seed: str, **parts: Any) -> list[Check]:
    """Put a proxy with these parts through its paces."""
    from netlab import api
    from netlab.api_raw import converse
    from netlab.serve.bounds import Bounds
    from netlab.server_proxy import ProxyServer
    from netlab.server_world import WorldPlace

    network: Any = api.network_for(api.world(_world(seed)))
    origin = Origin()
    place = WorldPlace(network, "origin", 80, Bounds())
    place.open(origin.serve, "web")
    try:
        with ProxyServer(host="proxy", port=8000, connect_ports=(80, 443), network=network, **parts) as proxy:

            def ask(data: bytes) -> bytes:
                return converse(proxy.url, data, network=network)

            asked = b" http://origin/%b HTTP/1.1\r\nHost: origin\r\n"
            fields = ask(b"GET" + asked % b"page" + b"Connection: close, X-Mine\r\nX-Mine: 1\r\nCookie: c=3\r\n\r\n")
            heard = origin.heads[-1] if origin.heads else b""
            large = ask(b"GET" + asked % b"large" + b"Connection: close\r\n\r\n")
            breaks = ask(b"GET" + asked % b"breaks" + b"Connection: close\r\n\r\n")
            broken = proxy.log["error"].iloc[-1]
            refused = ask(b"CONNECT origin:443 HTTP/1.1\r\nHost: origin:443\r\n\r\n")
            tunnel = ask(b"CONNECT origin:80 HTTP/1.1\r\nHost: origin:80\r\n\r\nGET /less HTTP/1.1\r\n\r\n")
            before = len(origin.heads)
            two = b"Content-Length: 30\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /secret HTTP/1.1\r\n\r\n"
            smuggled = ask(b"POST" + asked % b"page" + two)
            after = len(origin.heads)
    finally:
        place.stop(0)
    body, carried = _content(large), _content(tunnel.partition(b"\r\n\r\n")[2])
    both = fields.lower()
    hop = [name for name in (b"x-mine", b"connection") if name in heard.lower()]
    hop += [name for name in (b"x-hop", b"keep-alive") if name in both]
    stays = b"cookie: c=3" in heard.lower() and both.count(b"set-cookie:") == 2
    ended = f"{len(_content(breaks)):,} of {PROMISED:,} bytes, and the log says {broken or 'nothing'}"
    return [
        (
            "fields of one connection end there, the others go on", bool(heard) and not hop and stays,
            f"{_line(fields)}" + (f", with {', '.join(each.decode() for each in hop)}" if hop else ""),
        ),
        (f"{CONTENT:,} bytes of content", body == b"c" * CONTENT, f"{len(body):,} bytes"),
        ("an origin that breaks off", bool(broken) and len(_content(breaks)) <= GIVEN, ended),
        ("CONNECT to a port that refuses (502)", b" 502 " in refused[:20], _line(refused)),
        (
            f"a tunnel with {LESS:,} bytes, of which the client's side is closed first",
            b" 200 " in tunnel[:20] and carried == b"c" * LESS, f"{_line(tunnel)}, then {len(carried):,} bytes",
        ),
        ("an attempt to smuggle (400)", b" 400 " in smuggled[:20] and after == before, _line(smuggled)),
    ]  # fmt: skip


def _content(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


def _line(answer: bytes) -> str:
    return answer.partition(b"\r\n")[0].decode("latin-1") or "no answer"
