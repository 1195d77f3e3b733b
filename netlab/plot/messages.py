"""Stories for a sequence diagram from tables of HTTP: the phases of `fetch`, and a server's log.

Neither table knows when a message arrived at the other end, only when one side sent or had something. So these arrows
are level: they show what that side saw, at its own times. A proxy sees two conversations, and its log tells both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any

from netlab.errors import UsageError
from netlab.plot.page_items import named
from netlab.plot.stories import Diagram, Story

PHASES = ("url", "object", "phase", "start_ms", "end_ms", "status", "bytes", "method", "address", "error")
EXCHANGES = ("started_at", "client", "method", "target", "status", "response_bytes", "upstream", "error", "total_ms")
STEPS = ("queue_ms", "dns_ms", "connect_ms", "send_ms", "wait_ms", "receive_ms")

LONGEST = 30
"""Characters of a target."""


def of_phases(rows: Sequence[Mapping[str, Any]]) -> Diagram:
    """A client and whom it talked to, as the client saw it."""
    _need(rows, PHASES, "a table of netlab.fetch or netlab.fetch_page")
    stories: list[Story] = []
    servers: list[str] = []
    for row in rows:
        server = row["address"] or next((seen for seen in servers), "server")
        servers.append(server)
        begin, end = int(row["start_ms"] * 1e6), int(row["end_ms"] * 1e6)
        ask, answer = ["client", server], [server, "client"]
        phase, failed = str(row["phase"]), row["error"]
        if phase == "connect":
            stories.append(_level("connect", ask, begin))
            stories.append(_level(f"✗ {failed}" if failed else "connected", answer, end, True))
        elif phase == "send":
            stories.append(_level(f"{row['method']} {named(row['url'])}", ask, end))
        elif phase == "wait":
            status = "" if _missing(row["status"]) else f", {int(row['status'])}"
            stories.append(_level(f"✗ {failed}" if failed else f"first byte{status}", answer, end, True))
        elif phase == "receive":
            size = "" if _missing(row["bytes"]) else f" of {int(row['bytes'])}"
            stories.append(_level(f"✗ {failed}" if failed else f"last byte{size}", answer, end, True))
    lanes = ["client", *dict.fromkeys(server for server in servers)]
    return Diagram(_in_order(stories), lanes, talk=True)


def of_exchanges(rows: Sequence[Mapping[str, Any]]) -> Diagram:
    """The clients of a server, or both sides of a proxy, as the server saw them."""
    _need(rows, EXCHANGES, "server.log")
    proxy = any(row["upstream"] for row in rows)
    us = "proxy" if proxy else "server"
    stories: list[Story] = []
    for row in rows:
        stories += _exchange(row, us)
    lanes = [
        *dict.fromkeys(_address(row["client"]) for row in rows),
        us,
        *dict.fromkeys(row["upstream"] for row in rows),
    ]
    return Diagram(_in_order(stories), [lane for lane in lanes if lane], talk=True)


def _exchange(row: Mapping[str, Any], us: str) -> list[Story]:
    start = row["started_at"].value if hasattr(row["started_at"], "value") else int(row["started_at"])
    client, origin = _address(row["client"]), row["upstream"]
    passed = [0.0 if _missing(row.get(step)) else float(row[step]) for step in STEPS]
    moments = [start + int(sum(passed[: step + 1]) * 1e6) for step in range(len(STEPS))]
    _, found, connected, sent, first, last = moments
    asked = f"{row['method']} {_cut(row['target'])}"
    # RFC 9112 section 3.2: a proxy is asked for the whole URL and asks the origin for its path.
    passed_on = f"{row['method']} {named(row['target'])}"
    status = "no answer" if _missing(row["status"]) else str(int(row["status"]))
    size = "" if _missing(row["response_bytes"]) else f", {int(row['response_bytes'])} bytes"
    failed = f" ✗ {row['error']}" if row["error"] else ""
    stories = [_level(asked, [client, us], start)]
    if origin:
        if passed[2]:
            stories.append(_level("connect", [us, origin], found))
            came = "connected" if passed[4] or not failed else failed.strip()
            failed = "" if came == failed.strip() else failed
            stories.append(_level(came, [origin, us], connected, True))
        if not _missing(row.get("tunnel_down_bytes")):
            # RFC 9110 section 9.3.6: the proxy answers CONNECT itself, and then only counts what passes.
            up, down = int(row["tunnel_up_bytes"]), int(row["tunnel_down_bytes"])
            stories.append(_level(f"{status}{size}", [us, client], sent, True))
            stories.append(_level(f"in all {up} bytes, unseen", [us, origin], last))
            stories.append(_level(f"in all {down} bytes, unseen{failed}", [us, client], last, True))
            return stories
        if passed[3] or passed[4]:
            stories.append(_level(passed_on, [us, origin], sent))
            stories.append(_level("first byte", [origin, us], first, True))
    stories.append(_level(f"{status}{size}{failed}", [us, client], last, True))
    return stories


def _level(label: str, places: list[str], time: int, answer: bool = False) -> Story:
    return Story(label, answer, places, [time, time], "delivered")


def _in_order(stories: list[Story]) -> list[Story]:
    """By time; each has a row of its own."""
    seen: Counter[int] = Counter()
    for story in sorted(stories, key=lambda story: story.times[0]):
        time = story.times[0]
        story.moments = [(time, seen[time])] * 2
        seen[time] += 1
    return sorted(stories, key=lambda story: story.moments[0])


def _address(client: str) -> str:
    """A client without its port: a line for each connection would be too many."""
    host, _, port = client.rpartition(":")
    return host if host and port.isdecimal() else client


def _cut(target: str) -> str:
    return target if len(target) <= LONGEST else target[: LONGEST - 1] + "…"


def _missing(value: Any) -> bool:
    return value is None or str(value) in ("<NA>", "None") or (isinstance(value, float) and isnan(value))


def _need(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], wanted: str) -> None:
    for row in rows[:1]:
        missing = [column for column in columns if column not in row]
        if missing:
            raise UsageError("packets", list(row), f"has no {', '.join(missing)}; wanted: {wanted}")
