"""One row per probe: the columns of PROBES with the values that mean "nothing there"."""

from __future__ import annotations

from math import nan
from typing import Any

Row = dict[str, Any]

OUTCOMES = ("reply", "time-exceeded", "unreachable", "late", "timeout", "pending", "not-sent")
"""In the order in which tables sort them."""

ANSWERED = frozenset({"reply", "time-exceeded", "unreachable"})
"""Outcomes of a probe that was answered in time, by whatever message."""

FLAGS = (
    "bad-checksum",
    "beyond-end",
    "corrupted",
    "duplicate",
    "early",
    "foreign-address",
    "last-ditch",
    "loop",
    "no-quote",
    "one-at-a-time",
    "quote-differs",
    "rebuilt",
    "reordered",
    "repeated-hop",
    "truncated",
    "warm-up",
)

EMPTY: Row = {
    "destination": "",
    "ttl": 0,
    "attempt": 0,
    "responder": "",
    "responder_name": "",
    "rtt_ms": nan,
    "outcome": "pending",
    "detail": "",
    "mark": "",
    "network": "",
    "address": "",
    "source": "",
    "protocol": "icmp",
    "port": None,
    "sequence": 0,
    "flow": 0,
    "round": 1,
    "packet_size": 0,
    "sent_at": None,
    "waited_ms": nan,
    "clock": "user",
    "rtt_user_ms": nan,
    "reply_ttl": None,
    "return_hops": None,
    "icmp_type": None,
    "icmp_code": None,
    "quoted_ttl": None,
    "quoted_tos": None,
    "mtu": None,
    "mpls": "",
    "interface": "",
    "asn": None,
    "duplicates": 0,
    "corrupt_at": None,
    "flags": "",
    "place": "",
    "latitude": nan,
    "longitude": nan,
    "request": b"",
    "answer": b"",
}
"""A row as a probe begins. ``sent_at`` is wall-clock ns (None: never left); ``None`` becomes ``<NA>`` in a table."""


def add_flag(row: Row, flag: str) -> None:
    """Put a word into the row's sorted ``flags``."""
    words = set(row["flags"].split()) | {flag}
    row["flags"] = " ".join(sorted(words))
