"""How a browser gets a page, as a model: which objects it asks for, over how many connections, in what time.

The model leaves out what hardly counts on a fast line: every object fits into the first ten segments of a connection
(RFC 6928), so it is there one round trip after its request, and the server has a worker for every connection. Then the
time is a matter of counting round trips:

1. The page itself: one round trip to connect, one for request and answer.
2. Only now the browser knows the objects. At most so many connections work at once; each takes the next object as soon
   as it is free.
3. A connection that is kept costs one round trip per object. A new one costs one more, to connect.

`netlab.fetch_page` does the same in the virtual internet, and a test holds the two against each other.

Source: RFC 9112 section 9 (connection management), RFC 9293 section 3.5 (the handshake).
"""

from __future__ import annotations

from html.parser import HTMLParser
from typing import NamedTuple
from urllib.parse import urldefrag, urljoin, urlsplit

HERE = "http://www/"
"""Where the pages of the exercises are."""


class Found(NamedTuple):
    """One address in a page, and why it is asked for or not."""

    tag: str
    url: str
    reason: str
    """``""``: it is an object of the page, to be got from the same server."""


def connections(objects: int, most: int, keep_alive: bool) -> int:
    """Give how many connections are made for a page and its objects, ``most`` at the same time."""
    return max(1, min(objects, most)) if keep_alive else 1 + objects


def page_ms(objects: int, rtt_ms: float, service_ms: float, most: int, keep_alive: bool) -> float:
    """Give the ms from the first SYN until the last object is there."""
    there = 2 * rtt_ms + service_ms
    lines = min(objects, most)
    connect = 0.0 if keep_alive else rtt_ms
    free = [there] + [there + rtt_ms if keep_alive else there] * (lines - 1)
    for _ in range(objects):
        first = free.index(min(free))
        free[first] += connect + rtt_ms + service_ms
    return max([there, *free])


def addresses(html: str) -> list[Found]:
    """Give everything in a page that looks like an address, in its order."""
    reader = _Reader()
    reader.feed(html)
    return reader.found


def count(html: str) -> int:
    """Give how many objects a browser gets from the page's own server."""
    return sum(not found.reason for found in addresses(html))


class _Reader(HTMLParser):
    """Finds images, scripts and style sheets, and says why the rest is none of them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Found] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value for name, value in attrs if value}
        place = values.get("src" if tag in ("img", "script") else "href")
        if place is None:
            return
        url = urldefrag(urljoin(HERE, place)).url
        self.found.append(Found(tag, place, self._reason(tag, values, url)))

    def _reason(self, tag: str, values: dict[str, str], url: str) -> str:
        if tag not in ("img", "script", "link"):
            return "a link to follow, not a part of the page"
        if tag == "link" and values.get("rel") != "stylesheet":
            return "no part of the page"
        if urlsplit(url).netloc != urlsplit(HERE).netloc:
            return "on another server"
        if any(not found.reason and urljoin(HERE, found.url) == url for found in self.found):
            return "already asked for"
        return ""
