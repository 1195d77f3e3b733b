"""Getting URLs: checks what was asked for, runs the client's handlers where the client is, makes rows of PHASES."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

from netlab.client_place import ClientPlace
from netlab.errors import LONGEST_VALUE, HTTPError, UsageError
from netlab.http import grammar
from netlab.http.events import Field
from netlab.http.references import encode, host_name, resolve
from netlab.http.secret_fields import is_secret
from netlab.http.writer import field_line, request_head
from netlab.serve.client import Fetching, Place, Wish

REDIRECTS = (301, 302, 303, 307, 308)
MOST_REDIRECTS = 10
CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
"""`urlsplit` drops some of these (line breaks, tabs) without a word, and then another URL is asked than was written."""
MOST_OBJECTS = 1_000
"""Of a page."""
FRAMING = (b"content-length", b"transfer-encoding", b"connection", b"host")
ABOUT_CONTENT = (b"digest", b"repr-digest", b"last-modified", b"expect")
"""Fields that say something of a request's content, besides those that begin with Content- (RFC 9110 section 15.4)."""
EMBEDDED = {
    ("img", "src"), ("script", "src"), ("source", "src"), ("video", "src"), ("audio", "src"), ("video", "poster"),
    ("iframe", "src"), ("embed", "src"), ("track", "src"), ("input", "src"),
}  # fmt: skip
"""Where a page names objects that a browser gets with it; links of some kinds come to that."""
LINKS = {"stylesheet", "icon", "preload", "modulepreload"}


def wish_for(
    url: str, method: str, headers: Mapping[str, str] | Iterable[tuple[str, str]], content: bytes, proxy: str | None
) -> Wish:
    """Check what was asked for, and make a wish of it."""
    host, port, path = parts_of("url", url)
    authority = host if port == 80 else f"{host}:{port}"
    target = path
    place = Place(host.strip("[]"), port)
    if proxy is not None:
        proxy_host, proxy_port, _ = parts_of("proxy", proxy)
        place, target = Place(proxy_host.strip("[]"), proxy_port), f"http://{authority}{path}"
    if not isinstance(method, str) or not grammar.METHOD.fullmatch(method.encode("latin-1", "replace")):
        raise UsageError("method", method, 'must be a word such as "GET"')
    if method == "CONNECT":
        raise UsageError("method", method, "opens tunnels, and this gets objects")
    if not isinstance(content, bytes):
        raise UsageError("content", content, "must be bytes")
    fields = [(b"Host", authority.encode("ascii")), *_fields(headers)]
    names = {name.lower() for name, _ in fields}
    fields += [each for each in DEFAULTS if each[0].lower() not in names]
    wish = Wish(url, place, method.encode(), target.encode("ascii"), fields, content)
    try:
        request_head(wish.method, wish.target, fields)
    except HTTPError:
        raise UsageError("url", url, "has characters that must be percent-encoded, such as %20 for a blank") from None
    return wish


DEFAULTS: list[Field] = [(b"User-Agent", b"netlab"), (b"Accept", b"*/*")]


def parts_of(name: str, url: str) -> tuple[str, int, str]:
    """Host, port, and path with query, all of them in ASCII."""
    example = "such as http://127.0.0.1:8080/"
    if not isinstance(url, str):
        raise UsageError(name, url, f"must be a URL, {example}")
    if CONTROLS.search(url):
        text = "has a line break, a tab or another control character: leave it out, or give it percent-encoded"
        raise UsageError(name, url, text)
    try:
        parts = urlsplit(url)
        port = 80 if parts.port is None else parts.port
        path = encode(parts.path or "/") + (f"?{encode(parts.query)}" if parts.query else "")
    except ValueError:
        raise UsageError(name, url, f"is no URL; write one {example}") from None
    if parts.scheme == "https":
        raise UsageError(name, url, "is https: this client speaks plain http, so that every byte can be seen")
    if parts.scheme != "http" or not parts.hostname:
        raise UsageError(name, url, f"must begin with http:// and a host, {example}")
    if parts.username is not None:
        how = " (to log in there: headers={'Proxy-Authorization': 'Basic …'})" if name == "proxy" else ""
        raise UsageError(name, url, f"must not hold a user's name: it would be sent to anybody{how}")
    if port == 0:
        raise UsageError(name, url, f"has port 0, which is no server's: leave it out for 80, or write one {example}")
    try:
        return host_name(parts.hostname), port, path
    except ValueError:
        if parts.hostname.isascii():
            text = "has a host that cannot be: write letters, digits, - and ., at most 63 between two dots, 253 in all"
        else:
            text = "has a host that netlab cannot write in ASCII: write it as DNS has it, xn--r8jz45g.jp for 例え.jp"
        raise UsageError(name, url, text) from None


def _fields(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> list[Field]:
    fields: list[Field] = []
    for pair in headers.items() if isinstance(headers, Mapping) else headers:
        try:
            name, value = (text.encode("latin-1") for text in pair)
            field_line(name, value)
        except (ValueError, AttributeError, TypeError, HTTPError):
            raise UsageError("headers", pair, "must be a name and a value that HTTP can carry, both text") from None
        if name.lower() in FRAMING:
            raise UsageError("headers", pair[0], "is said by netlab itself, from the URL and the content")
        fields.append((name, value))
    return fields


def run(
    place: ClientPlace,
    first: Wish,
    timeout: float,
    more: Callable[[Wish], list[Wish]],
    connections: int = 1,
    keep_alive: bool = True,
    queue: bool = False,
) -> list[Any]:
    """Get an object, and what comes of it; gives rows of PHASES, in the order in which the objects were wished for.

    CTRL+C ends it; what is done by then is lost, like the rest of a half-run program.
    """
    lines = 1

    def ended() -> None:
        nonlocal lines
        lines -= 1
        if lines == 0:
            place.stop()

    def more_lines(wish: Wish) -> list[Wish]:
        """Further objects get further connections, up to the limit."""
        nonlocal lines
        further = more(wish)
        for _ in range(min(len(further) - 1, connections - lines)):
            lines += 1
            place.start(fetching.handler, ended)
        return further

    fetching = Fetching(timeout, keep_alive, more_lines, queue)
    fetching.waiting.append(first)
    place.start(fetching.handler, ended)
    place.run()
    epoch = place.wall() - place.now()
    wishes = sorted(fetching.done, key=lambda wish: wish.object)
    return [row for wish in wishes for row in _rows(wish, first.asked or 0, epoch, place.network)]


def _rows(wish: Wish, zero: int, epoch: int, network: str) -> list[dict[str, Any]]:
    """One row per phase; times in ms from the first wish on."""
    rows = []
    for phase, begin, end in wish.marks:
        size = {"send": len(wish.request) + len(wish.content), "receive": len(wish.answer)}.get(phase)
        rows.append(
            {
                "url": wish.url,
                "object": wish.object,
                "phase": phase,
                "start_ms": (begin - zero) / 1e6,
                "end_ms": (end - zero) / 1e6,
                "duration_ms": (end - begin) / 1e6,
                "status": wish.status,
                "bytes": size,
                "connection": wish.connection,
                "number": wish.number,
                "reused": wish.number > 1 if wish.number is not None else None,
                "method": wish.method.decode(),
                "address": wish.address,
                "started_at": begin + epoch,
                "error": "",
                "network": network,
                "request": wish.request + wish.content if phase == "send" else b"",
                "answer": bytes(wish.answer) if phase == "receive" else b"",
            }
        )
    if wish.error:
        rows[-1]["error"] = wish.error
        rows[-1]["answer"] = bytes(wish.answer)
    return rows


def redirected(wish: Wish, proxy: str | None) -> list[Wish]:
    """What an answer sends the client to (RFC 9110 section 15.4), if it does."""
    response = wish.response
    where = response.get(b"location") if response is not None and response.status in REDIRECTS else None
    if where is None or wish.object >= MOST_REDIRECTS:
        return []
    said = where.decode("utf-8", "surrogateescape")
    # 303 means: get the answer there. With 301 and 302 many took POST for that, so it has become the rule for POST.
    only_gets = wish.status == 303 or (wish.status in (301, 302) and wish.method == b"POST")
    method = "GET" if only_gets and wish.method != b"HEAD" else wish.method.decode()
    url = resolve(wish.url, said)
    try:
        elsewhere = parts_of("url", url)[:2] != parts_of("url", wish.url)[:2]
        kept = [
            (name.decode(), value.decode("latin-1"))
            for name, value in wish.fields
            if not (name == b"Host" or (only_gets and _about_content(name)) or (elsewhere and _is_for_one(name, proxy)))
        ]
        further = wish_for(url, method, kept, b"" if only_gets else wish.content, proxy)
    except UsageError as error:
        wish.error = f"sends on to {said[:LONGEST_VALUE]!r}: {error}"
        return []
    further.object = wish.object + 1
    return [further]


def _about_content(name: bytes) -> bool:
    """Whether a field means nothing without the content of its request."""
    return name.lower().startswith(b"content-") or name.lower() in ABOUT_CONTENT


def _is_for_one(name: bytes, proxy: str | None) -> bool:
    """Whether a field proves to one server who asks, so that another must not get it; a proxy takes its own away."""
    return is_secret(name) and not (proxy is not None and name.lower() == b"proxy-authorization")


def embedded(wish: Wish, proxy: str | None) -> list[Wish]:
    """The objects that a page names and that are on its own server, each once, in their order."""
    response = wish.response
    if wish.object or response is None or response.status != 200:
        return []
    if not (response.get(b"content-type") or b"").lower().startswith(b"text/html"):
        return []
    finder = _Finder()
    finder.feed(wish.body.decode("utf-8", "replace"))
    server = parts_of("url", wish.url)[:2]
    wishes: dict[bytes, Wish] = {}
    for found in finder.found:
        url = resolve(wish.url, found)
        try:
            if parts_of("url", url)[:2] != server:
                continue
            further = wish_for(url, "GET", (), b"", proxy)
        except UsageError:
            # No URL, which a browser leaves out as well, or none for this client: data:, https:, with a user's name.
            continue
        further.object = len(wishes) + 1
        if wishes.setdefault(further.target, further) is further and len(wishes) == MOST_OBJECTS:
            break
    return list(wishes.values())


class _Finder(HTMLParser):
    """Finds the addresses of a page's objects."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        relations = set((values.get("rel") or "").lower().split())
        if tag == "link" and relations & LINKS and values.get("href"):
            self.found.append(str(values["href"]))
        self.found += [value for name, value in attrs if (tag, name) in EMBEDDED and value]

    def parse_marked_section(self, i: int, report: bool = True) -> int:
        """``<![…`` is a comment up to the next ``>``, whatever stands in it; Python's own gives up at some of them."""
        return self.parse_bogus_comment(i)
