"""What fetches, logs and crowds show, beside Monday's.

The thresholds are far apart from what chance does in these worlds; tests/teach/test_incidents.py measures that.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from netlab.teach.incidents import TOWN
from netlab.teach.reading import Monday, Reading
from netlab.teach.readings_network import FARTHER_MS

if TYPE_CHECKING:
    from pandas import DataFrame

THINKING_MS = 80.0
"""From the request to the first byte, beyond the way."""
REPEATED_MS = 900.0
"""A connection that took that long has sent its SYN twice (RFC 6298: after 1 s)."""
QUEUE_MS = 40.0
"""In the server's queues."""
LARGE = 100_000
"""Bytes of an object whose time to arrive says something about the rate."""


def phases(table: DataFrame, monday: Monday) -> Reading:
    """A fetch, a page, or several visits."""
    through = any(b" http://" in bytes(request)[:12] for request in table["request"])
    visits = "visitor" in table
    keys = ["visitor", "object"] if visits else ["object"]
    whole = table.groupby(keys, sort=False)
    found: set[str] = set()
    url = str(table["url"].iloc[0])
    several = whole.ngroups > 1
    tool = "visits" if visits else "fetch_page" if several else "fetch"
    took = table.groupby("visitor")["end_ms"].max().tolist() if visits else [table["end_ms"].max()]
    words = [", ".join(f"{ms:.0f}" for ms in took) + " ms"]
    connect = table[table["phase"] == "connect"]["duration_ms"]
    if len(connect):
        words.append(f"connecting {connect.median():.0f} ms")
        if (connect > REPEATED_MS).any():
            found.add("SYN repeated")
        usual = monday.small_ms["proxy"]
        if through and not visits and connect.min() > usual + FARTHER_MS:
            found.add("proxy farther")
    wait = table[table["phase"] == "wait"]["duration_ms"]
    if len(wait):
        words.append(f"first byte after {wait.median():.0f} ms")
        if len(connect) and not through and wait.min() > connect.min() + THINKING_MS:
            found.add("thinking")
    broken = [text for text in dict.fromkeys(table["error"]) if text]
    if broken:
        words.append(broken[0])
    large = table[(table["phase"] == "receive") & (table["bytes"].fillna(0) > LARGE)]
    if len(large):
        receive = large["duration_ms"].iloc[0]
        words.append(f"receiving {receive:.0f} ms (Monday: {monday.receive_ms:.0f})")
        if receive > 3 * monday.receive_ms + 200:
            found.add("slow receiving")
    if broken and (table["bytes"].fillna(0) > 1).any() and any("10 s" in text or "time" in text for text in broken):
        found.add("stalled")
    if tool == "fetch_page" and whole.ngroups >= 4:
        again = connect.size / whole.ngroups
        words.append(f"{connect.size} connections for {whole.ngroups} objects")
        if again >= 0.9:
            found.add("new connections")
    heads = b"\r\n".join(bytes(answer).partition(b"\r\n\r\n")[0] for answer in table["answer"] if answer).lower()
    found |= _says(heads, through)
    control = re.search(rb"cache-control: ([^\r]+)", heads)
    if control:
        words.append(f"Cache-Control: {control[1].decode('latin-1')}")
    vary = re.search(rb"vary: ([^\r]+)", heads)
    if vary:
        words.append(f"Vary: {vary[1].decode('latin-1')}")
    if b"\r\nconnection: close" in heads:
        words.append("Connection: close")
    about = f"{url}{' through the proxy' if through else ''}"
    return Reading(tool, about, "; ".join(words), frozenset(found))


def _says(heads: bytes, through: bool) -> set[str]:
    found = set()
    control = b" ".join(re.findall(rb"cache-control: ([^\r]+)", heads))
    if b"no-store" in control or b"private" in control:
        found.add("says: do not keep")
    elif b"no-cache" in control or re.search(rb"(?<![\w-])max-age=0|s-maxage=0", control):
        found.add("says: ask each time")
    if b"vary: user-agent" in heads:
        found.add("says: differs")
    if b"\r\nconnection: close" in heads and not through:
        found.add("says close")
    return found


def exchanges(table: DataFrame, monday: Monday) -> Reading:
    """The log of the proxy, or of the web server."""
    if (table["upstream"] != "").any() or (table["cache"] != "").any():
        return _of_proxy(table)
    found = set()
    first = int((table["reused"] == False).sum())  # noqa: E712  a column that may have <NA>
    queue, wait = table["queue_ms"].quantile(0.95), table["wait_ms"].median()
    words = f"{len(table)} requests, {first} of them the first of their connection; "
    words += f"95 of 100 queued up to {queue:.0f} ms; median until the first byte {wait:.0f} ms"
    proxied = table[table["client"].str.startswith(tuple(_proxies(table)))] if len(table) else table
    if len(proxied) >= 8 and not proxied["reused"].fillna(False).any():
        found.add("new connections")
    if queue > QUEUE_MS:
        found.add("queueing")
    elif wait > THINKING_MS:
        found.add("thinking")
    asked = int((table["status"] == 304).sum())
    if asked:
        words += f"; {asked} answers 304"
    if asked >= 0.3 * len(table):
        found.add("asked each time")
    return Reading("log of the web server", "www", words, frozenset(found))


def _proxies(table: DataFrame) -> list[str]:
    """All clients but the crowd, who use each connection once because they want to."""
    return [each for each in dict.fromkeys(table["client"].str.split(":").str[0]) if each != TOWN] or [" "]


def _of_proxy(table: DataFrame) -> Reading:
    words = Counter(str(word) for word in table["cache"] if word)
    targets = Counter(str(target) for target in table["target"])
    often = {target for target, count in targets.items() if count >= 2}
    again = table[table["target"].isin(often)]
    found = set()
    if len(again) >= 8:
        kinds = Counter(str(word) for word in again["cache"])
        if kinds["hit"] == 0 and kinds["miss"] >= 0.9 * len(again):
            found.add("never kept")
        if kinds["validated"] >= 0.4 * len(again):
            found.add("asked each time")
        stored = again[again["cache"] == "stored"].groupby("target").size()
        if kinds["hit"] < 0.2 * len(again) and len(stored) and stored.max() >= 2 and not kinds["validated"]:
            found.add("kept again and again")
    told = ", ".join(f"{count} {word}" for word, count in sorted(words.items())) or "nothing about the cache"
    return Reading("log of the proxy", "proxy", f"{len(table)} requests: {told}", frozenset(found))


def load(table: DataFrame, monday: Monday) -> Reading:
    """What a crowd saw."""
    took = table["latency_ms"]
    late = int((table["connect_ms"] > REPEATED_MS).sum())
    gone = int((table["outcome"] != "answered").sum())
    queue = table["queue_ms"].fillna(0).quantile(0.9)
    wait = (table["wait_ms"] - table["queue_ms"].fillna(0) - table["connect_ms"]).median()
    words = f"{len(table)} clients; median {took.median():.0f}, 99 of 100 within {took.quantile(0.99):.0f} ms; "
    words += f"90 of 100 queued up to {queue:.0f} ms; {late} connected only after a second; {gone} without an answer"
    found = set()
    if late >= 2:
        found.add("SYN repeated")
    if queue > QUEUE_MS:
        found.add("queueing")
    if wait > THINKING_MS:
        found.add("thinking")
    return Reading("crowd", "what the clients saw", words, frozenset(found))


def queue(table: DataFrame, monday: Monday) -> Reading:
    """How many waited at the web server."""
    busy, waiting, refused = (int(table[name].max()) for name in ("busy", "waiting", "refused"))
    found = set()
    if refused:
        found.add("refused")
    elif busy == 1 and waiting >= 5:
        found.add("one at a time")
    words = f"at most {busy} served at once, {waiting} waited, {refused} found the queue full"
    return Reading("queue of the web server", "www", words, frozenset(found))
