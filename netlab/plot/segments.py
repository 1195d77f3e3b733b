"""What a TCP segment says, in a few words, with numbers that count from the connection's start.

Sequence numbers begin somewhere (RFC 9293 section 3.4.1); here byte 1 is the first byte of the stream, as tcpdump and
Wireshark count. An acknowledgement names the byte that is expected next. A segment that sends bytes that were sent
before says "again". Where the first line of an HTTP message begins a segment, that is said, too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

SUMMARY = re.compile(
    r"(?P<source>\S+) > (?P<destination>\S+) TCP (?P<from>\d+) > (?P<to>\d+) (?P<flags>\S+) seq=(?P<seq>\d+)"
    r"(?: ack=(?P<ack>\d+))?.*? length=(?P<length>\d+)"
)
HTTP = re.compile(rb"(?:[A-Z]+ \S+ HTTP/\d\.\d|HTTP/\d\.\d \d\d\d)")
LONGEST = 34
"""Characters of a first line."""
WRAP = 1 << 32

Way = tuple[str, str, str, str]
"""Source, its port, destination, its port."""


class Labels:
    """Gives each segment its label; it must see a connection's segments in the order in which they were sent."""

    def __init__(self) -> None:
        self._first: dict[Way, int] = {}
        """The sequence number with which each direction began."""
        self._sent: dict[Way, int] = {}
        """The first byte that each direction has not sent yet."""
        self._connections: dict[frozenset[tuple[str, str]], int] = {}

    @property
    def connections(self) -> int:
        return len(self._connections)

    def of(self, row: Mapping[str, Any]) -> str:
        found = SUMMARY.match(row["summary"])
        if found is None:
            return str(row["summary"])
        way: Way = found["source"], found["from"], found["destination"], found["to"]
        back: Way = found["destination"], found["to"], found["source"], found["from"]
        number = self._connections.setdefault(frozenset((way[:2], way[2:])), len(self._connections) + 1)
        flags, length, seq = found["flags"].split(","), int(found["length"]), int(found["seq"])
        if "SYN" in flags or way not in self._first:
            # A segment whose SYN was not seen: its first byte counts as byte 1.
            self._first[way] = seq if "SYN" in flags else (seq - 1) % WRAP
        begin = (seq - self._first[way]) % WRAP
        words = [flag for flag in ("SYN", "FIN", "RST") if flag in flags]
        if length:
            words.insert(0, f"bytes {begin}–{begin + length - 1}")
        if "ACK" in flags and back in self._first and (not length or "SYN" in flags):
            acknowledged = (int(found["ack"]) - self._first[back]) % WRAP
            words.append("ACK" if "SYN" in flags else f"ACK {acknowledged}")
        end = begin + length + ("SYN" in flags) + ("FIN" in flags)
        if end > begin and end <= self._sent.get(way, 0):
            words.append("again")
        self._sent[way] = max(end, self._sent.get(way, 0))
        data = bytes(row.get("data") or b"")
        if "RST" not in flags and _closed(data):
            words.append("window 0")
        text = ", ".join(words) or ", ".join(flags)
        line = _first_line(data, length)
        return (f"#{number} " if number > 1 else "") + text + (f": {line}" if line else "")


def _closed(data: bytes) -> bool:
    """Whether the receiver has room for nothing: the window, bytes 14 and 15 of the TCP header, is 0."""
    header = 4 * (data[0] & 15) if data and data[0] >> 4 == 4 else 40
    return len(data) >= header + 16 and data[header + 14 : header + 16] == b"\0\0"


def _first_line(data: bytes, length: int) -> str:
    """The first line of an HTTP message, if a segment begins with one; the content is the end of the packet."""
    content = data[len(data) - length :] if length else b""
    found = HTTP.match(content)
    if found is None:
        return ""
    line = found[0].decode("latin-1")
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
