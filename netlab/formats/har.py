"""HAR 1.2, the HTTP archive that browsers write and many tools read, from the rows of a server's log.

A time that does not exist is -1; ``ssl`` is counted inside ``connect``; all others sum up to ``time``. What proves who
somebody is does not get in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from netlab import __version__
from netlab.http.dates import EPOCH
from netlab.http.secret_fields import HIDDEN, is_secret

PARTS = (("blocked", "queue_ms"), ("dns", "dns_ms"), ("connect", "connect_ms"), ("send", "send_ms"))
"""Timings of HAR that may be missing, and the columns they come from."""


def har(rows: Iterable[Mapping[str, Any]], base: str) -> dict[str, Any]:
    """Give a HAR document for rows with everything that ``details`` has; ``base`` is the URL of the server."""
    entries = [_entry(row, base) for row in rows]
    creator = {"name": "netlab", "version": __version__}
    return {"log": {"version": "1.2", "creator": creator, "entries": entries}}


def _entry(row: Mapping[str, Any], base: str) -> dict[str, Any]:
    target = row["target"] or ""
    url = _url(row["method"], target, base)
    request, response = _head(row["request_head"]), _head(row["response_head"])
    head = row["response_head_bytes"]
    timings = {name: -1 if row.get(column) is None else row[column] for name, column in PARTS}
    timings |= {"ssl": -1, "wait": row["wait_ms"] or 0, "receive": row["receive_ms"] or 0}
    if timings["send"] == -1:
        timings["send"] = 0  # HAR wants these three in any case
    content = row["response_bytes"] - head if head is not None else -1
    kind = next((each["value"] for each in response if each["name"].lower() == "content-type"), "")
    started = (EPOCH + timedelta(microseconds=row["started_at"] // 1000)).isoformat(timespec="milliseconds")
    return {
        "startedDateTime": started,
        "time": sum(value for name, value in timings.items() if name != "ssl" and value > 0),
        "request": {
            "method": row["method"] or "",
            "url": url,
            "httpVersion": row["version"] or "",
            "cookies": [],
            "headers": request,
            "queryString": [{"name": name, "value": value} for name, value in parse_qsl(urlsplit(url).query, True)],
            "headersSize": row["request_head_bytes"] if row["request_head_bytes"] is not None else -1,
            "bodySize": row["request_bytes"] - row["request_head_bytes"] if row["request_head_bytes"] else -1,
        },
        "response": {
            "status": row["status"] or 0,
            "statusText": _reason(row["response_head"]),
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": response,
            "content": {"size": max(content, 0), "mimeType": kind},
            "redirectURL": next((each["value"] for each in response if each["name"].lower() == "location"), ""),
            "headersSize": head if head is not None else -1,
            "bodySize": content,
        },
        "cache": {},
        "timings": timings,
        **({"serverIPAddress": row["upstream_ip"]} if row.get("upstream_ip") else {}),
        "connection": str(row["connection"]),
        "comment": row["error"] or "",
    }


def _url(method: str, target: str, base: str) -> str:
    """The whole URL: a proxy has it in the target, a tunnel leads to https, and else it begins with the server's."""
    if method == "CONNECT":
        return f"https://{target}/"
    return target if "://" in target else base.rstrip("/") + (target if target.startswith("/") else "/")


def _head(head: bytes) -> list[dict[str, str]]:
    """The fields of a head by name and value."""
    fields = []
    for line in head.split(b"\r\n")[1:]:
        name, colon, value = line.partition(b":")
        if colon:
            said = HIDDEN if is_secret(name) else value.decode("latin-1").strip(" \t")
            fields.append({"name": name.decode("latin-1"), "value": said})
    return fields


def _reason(head: bytes) -> str:
    words = head.partition(b"\r\n")[0].decode("latin-1").split(" ", 2)
    return words[2] if len(words) > 2 else ""
