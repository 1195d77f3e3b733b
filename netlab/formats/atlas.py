"""RIPE Atlas results, ping and traceroute → rows of PROBES. The way back is ``atlas_write.py``.

RIPE Atlas is a network of small probes that measure the Internet all day; millions of their results are public. One
result is one JSON object: what one probe found in one ping or traceroute. Which keys it has depends on ``fw``, the
probe's firmware; all versions from 4400 on are read here, described at
https://atlas.ripe.net/docs/apis/result-format. Firmware 1 wrote no single probes, or plain text, and is refused.

The strategy, and the rules of what a key means:

1. Each probe sent becomes a row, in the order of the file. Further answers to it (``dup``) are counted in its row.
2. Atlas does not write down which message came back. ``err`` is a code of "unreachable": N, H, A, P, p or a number;
   ``mtu`` without ``err`` is "too big". Otherwise an answer from ``dst_addr`` is the end (an echo reply, to UDP "port
   unreachable", to TCP what ``flags`` say), and one from elsewhere is "time exceeded". An answer to ICMP that quotes
   our packet (``ittl``, ``itos``, ``edst``, ``icmpext``) is no echo reply, whoever sent it.
3. ``ittl``, the TTL in the quote, is written only when it is not 1. (``itos`` was not always written: no ``itos``
   means not known.)
4. ``late: n`` is an answer to the probe n before the one that was waited for; that row becomes ``late``. Over IPv4
   it has no RTT. Ping calls every answer with another number than the one expected a duplicate: right behind a star
   it is that probe's late answer.
5. Hop 255 is the last try after too many silent hops: flag ``last-ditch``.

What Atlas does not tell is missing: ports, names, the packets, how long a silent probe was waited for. All probes of a
result have its time stamp, in whole seconds. ``size`` is the payload, to which the headers are added. A ping's TTL is
not told: 0. ``round`` counts the results for one destination and protocol, so that no two results get mixed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from netlab.formats.atlas_json import Item
from netlab.wire.extensions import MplsLabel, MplsStack

Row = dict[str, Any]
Words = Mapping[int, Mapping[int, tuple[str, str]]]
"""IP version → code of "destination unreachable" → detail and traceroute's mark, as in ``probe/matching.py``."""

SECOND = 1_000_000_000
LAST_DITCH = 255
OLDEST_WITH_TYPE, PING_SIZE_IS_PAYLOAD = 4460, 4570
"""Firmware: before the first a ping's size means something else, between the two it counts the ICMP header too."""

LETTERS: dict[int, dict[str, int]] = {
    4: {"N": 0, "H": 1, "P": 2, "p": 3, "A": 13},  # codes of ICMP type 3
    6: {"N": 0, "A": 1, "H": 3, "p": 4},  # codes of ICMPv6 type 1
}
UNREACHABLE, TIME_EXCEEDED, REPLY = {4: 3, 6: 1}, {4: 11, 6: 3}, {4: 0, 6: 129}
"""IP version → ICMP type."""
PORT_UNREACHABLE = {4: 3, 6: 4}
TOO_BIG = {4: (3, 4), 6: (2, 0)}
"""IP version → ICMP type and code."""
HEADERS = {4: 20, 6: 40}
TRANSPORT = {"icmp": 8, "udp": 8, "tcp": 20}
PROTOCOLS = {"I": "icmp", "U": "udp", "T": "tcp", "ICMP": "icmp", "UDP": "udp", "TCP": "tcp"}
"""What ``proto`` may be; the key ``mode`` of old firmware has a 4 or 6 behind it."""
OPEN, CLOSED = "open (SYN-ACK)", "closed (RST)"
"""Detail of a TCP answer, as in ``probe/matching.py``."""
QUOTED_FOR = ", quoted destination "
"""Behind the detail, with the address of ``edst``: the packet had been rewritten to another destination."""


def rows_of(results: Iterable[Any], unreachable: Words) -> list[Row]:
    """Give the rows of PROBES in these results; raises UsageError that names the result and the key that is wrong."""
    rows: list[Row] = []
    rounds: dict[tuple[str, str], int] = {}
    for number, result in enumerate(results):
        item = Item.of(f"results[{number}]", result)
        reader = _Reader(item, unreachable)
        key = (reader.common["destination"], reader.common["protocol"])
        rounds[key] = rounds.get(key, 0) + 1
        for row in reader.read():
            row["round"], row["sequence"] = rounds[key], len(rows) + 1
            rows.append(row)
    return rows


class _Reader:
    """Reads one result."""

    def __init__(self, item: Item, unreachable: Words) -> None:
        self.item = item
        self.kind = _kind(item)
        self.family = _family(item)
        self.words = unreachable[self.family]
        self.probes: list[Row] = []
        self.common = self._common()

    def _common(self) -> Row:
        """What is the same in all rows of the result."""
        item = self.item
        address = item.address("dst_addr", "addr")
        destination = item.text("dst_name", "name") or address
        if not destination:
            raise item.wrong("dst_name", "is missing, and so is dst_addr: nobody knows what was measured")
        stamp = item.whole("timestamp", 0, 1 << 33)
        protocol = _protocol(item, self.kind)
        return {
            "destination": destination,
            "address": address,
            "source": item.address("src_addr", "srcaddr"),
            "protocol": protocol,
            "flow": item.whole("paris_id", 0, 1 << 31) or item.whole("paris-id", 0, 1 << 31) or 0,
            "packet_size": self._packet_size(protocol),
            "sent_at": None if stamp is None else stamp * SECOND,
            "network": "atlas",
            "clock": "user",
            "outcome": "timeout",
        }

    def _packet_size(self, protocol: str) -> int:
        size, firmware = self.item.whole("size", 0, 65_535), self.item.whole("fw", 0, 1 << 31)
        old = self.kind == "ping" and firmware is not None and firmware < PING_SIZE_IS_PAYLOAD
        if size is None or (old and firmware is not None and firmware < OLDEST_WITH_TYPE):
            return 0
        return size + HEADERS[self.family] + (0 if old else TRANSPORT[protocol])

    def read(self) -> list[Row]:
        if isinstance(self.item.data.get("result"), str) or not self.item.has("result"):
            raise self.item.wrong("result", "must be a list of probes; firmware 1 wrote none, and cannot be read")
        if self.kind == "ping":
            self._ping()
        else:
            self._traceroute()
        return self.probes

    def _new(self, ttl: int, attempt: int) -> Row:
        row = self.common | {"ttl": ttl, "attempt": attempt, "flags": "last-ditch" if ttl == LAST_DITCH else ""}
        self.probes.append(row)
        return row

    # -- ping -----------------------------------------------------------------------------------------------------

    def _ping(self) -> None:
        for entry in self.item.items("result"):
            if entry.data.get("dup"):
                if not self.probes:
                    raise entry.wrong("dup", "there is no probe before it that it could be an answer to")
                row = self.probes[-1]
                if row["outcome"] == "timeout":
                    self._echo(row, entry)
                    row["outcome"] = "late"
                else:
                    _count_duplicate(row)
                continue
            row = self._new(0, len(self.probes) + 1)
            if entry.has("rtt"):
                self._echo(row, entry)
                row["waited_ms"] = row["rtt_ms"]
            else:
                _unanswered(row, entry, "rtt")

    def _echo(self, row: Row, entry: Item) -> None:
        row["outcome"], row["responder"] = "reply", row["address"]
        row["rtt_ms"] = row["rtt_user_ms"] = entry.number("rtt")
        row["reply_ttl"] = _reply_ttl(entry if entry.has("ttl") else self.item)
        row["icmp_type"], row["icmp_code"] = REPLY[self.family], 0
        row["source"] = entry.address("src_addr", "srcaddr") or row["source"]

    # -- traceroute -----------------------------------------------------------------------------------------------

    def _traceroute(self) -> None:
        for hop in self.item.items("result"):
            failed = hop.has("error") and not hop.has("result")
            ttl = hop.whole("hop", 1, 255)
            if ttl is None and not failed:  # what failed before the first hop has none
                raise hop.wrong("hop", "must be a whole number from 1 to 255")
            if failed:
                _unanswered(self._new(ttl or 0, 1), hop, "result")
                continue
            entries = hop.items("result")
            own = [not entry.has("late") and not entry.data.get("dup") for entry in entries]
            for place, entry in enumerate(entries):
                if entry.has("late"):
                    self._late(entry, any(own[place:]))
                elif entry.data.get("dup"):
                    if not self.probes:
                        raise entry.wrong("dup", "there is no probe before it that it could be an answer to")
                    _count_duplicate(self.probes[-1])
                else:
                    row = self._new(ttl or 0, sum(own[: place + 1]))
                    if entry.has("from"):
                        self._answer(row, entry)
                        row["waited_ms"] = row["rtt_ms"]
                    else:
                        _unanswered(row, entry, "from")

    def _late(self, entry: Item, more: bool) -> None:
        """Find the probe that a late answer is about; ``more``: the hop has further probes.

        The probe then waited for was the next one, if there was one, or the last one in the moment after its answer.
        """
        back = entry.whole("late", 0, 1 << 16) or 0
        places = [len(self.probes) - back] if more else []
        places += [len(self.probes) - 1 - back]
        rows = [self.probes[place] for place in places if 0 <= place < len(self.probes)]
        if not rows:
            raise entry.wrong("late", f"no probe was sent so many probes ago; before it there are {len(self.probes)}")
        silent = [row for row in rows if row["outcome"] == "timeout"]
        if silent:
            self._answer(silent[0], entry)
            silent[0]["outcome"] = "late"
        else:
            _count_duplicate(rows[0])

    def _answer(self, row: Row, entry: Item) -> None:
        row["responder"] = entry.address("from")
        row["rtt_ms"] = row["rtt_user_ms"] = entry.number("rtt")
        row["reply_ttl"] = _reply_ttl(entry)
        row["mtu"] = entry.whole("mtu", 0, (1 << 31) - 1) or None  # 0: a router older than RFC 1191
        row["mpls"] = _labels(entry)
        self._message(row, entry)
        if row["icmp_type"] not in (None, REPLY[self.family]):
            quoted = entry.whole("ittl", 0, 255)
            row["quoted_ttl"] = 1 if quoted is None else quoted
            row["quoted_tos"] = entry.whole("itos", 0, 255)
        if entry.has("edst"):
            row["detail"] += QUOTED_FOR + entry.address("edst")
            _flag(row, "quote-differs")

    def _message(self, row: Row, entry: Item) -> None:
        """Work out which message the answer was: rule 2."""
        family, protocol = self.family, row["protocol"]
        end = row["responder"] == row["address"]
        quotes = entry.has("ittl", "itos", "edst", "icmpext")
        message: tuple[int | None, int | None]
        if entry.has("err"):
            message = self._error(row, entry)
        elif entry.has("mtu"):
            message = TOO_BIG[family]
            detail = self.words[4][0] if family == 4 else "packet too big"
            row["outcome"], row["detail"] = "unreachable", detail + (f", mtu={row['mtu']}" if row["mtu"] else "")
            row["mark"] = f"!F-{row['mtu']}" if row["mtu"] else "!F"
        elif protocol == "tcp" and entry.has("flags"):
            flags, message = entry.text("flags"), (None, None)
            row["outcome"] = "reply"
            row["detail"] = CLOSED if "R" in flags else OPEN if "S" in flags and "A" in flags else ""
        elif end and protocol == "udp":
            message = UNREACHABLE[family], PORT_UNREACHABLE[family]
            row["outcome"], (row["detail"], row["mark"]) = "unreachable", self.words[PORT_UNREACHABLE[family]]
        elif end and not quotes:
            message = (REPLY[family], 0) if protocol == "icmp" else (None, None)
            row["outcome"], row["detail"] = "reply", ""
        else:
            message = TIME_EXCEEDED[family], 0
            row["outcome"], row["detail"] = "time-exceeded", f"{'TTL' if family == 4 else 'hop limit'} exceeded"
        row["icmp_type"], row["icmp_code"] = message

    def _error(self, row: Row, entry: Item) -> tuple[int, int]:
        err = entry.data["err"]
        if isinstance(err, str) and err.isdecimal():
            err = int(err)
        code = LETTERS[self.family].get(err) if isinstance(err, str) else err
        if isinstance(code, bool) or not isinstance(code, int) or not 0 <= code <= 255:
            letters = ", ".join(LETTERS[self.family])
            raise entry.wrong("err", f"must be one of {letters}, or a code of ICMP as a number")
        row["outcome"] = "unreachable"
        row["detail"], row["mark"] = self.words.get(code, (f"unreachable, code {code}", f"!{code}"))
        if (UNREACHABLE[self.family], code) == TOO_BIG[self.family]:
            row["mark"] = f"!F-{row['mtu']}" if row["mtu"] else "!F"
            row["detail"] += f", mtu={row['mtu']}" if row["mtu"] else ""
        return UNREACHABLE[self.family], code


def _unanswered(row: Row, entry: Item, wanted: str) -> None:
    """A star, or what the system said to the probe that it could not send."""
    if entry.has("error"):
        # What did not leave has no time at which it left.
        row["outcome"], row["detail"], row["sent_at"] = "not-sent", entry.text("error"), None
    elif not entry.has("x"):
        raise entry.wrong(wanted, "is missing, and there is no x (no answer) and no error either")


def _count_duplicate(row: Row) -> None:
    row["duplicates"] = row.get("duplicates", 0) + 1
    _flag(row, "duplicate")


def _flag(row: Row, word: str) -> None:
    row["flags"] = " ".join(sorted({*row["flags"].split(), word}))


def _reply_ttl(entry: Item) -> int | None:
    """Negative numbers are what firmware puts there when the system did not tell."""
    ttl = entry.whole("ttl", -255, 255)
    return None if ttl is None or ttl < 0 else ttl


def _labels(entry: Item) -> str:
    """The MPLS label stack of RFC 4950, top label first."""
    if not entry.has("icmpext"):
        return ""
    extension = Item.of(f"{entry.place}.icmpext", entry.data["icmpext"])
    found: list[MplsLabel] = []
    for part in extension.items("obj") if extension.has("obj") else []:
        for label in part.items("mpls") if part.has("mpls") else []:
            fields = [(key, label.whole(key, 0, (1 << bits) - 1)) for key, bits in MPLS_FIELDS]
            for key, value in fields:
                if value is None:
                    raise label.wrong(key, "is missing from the MPLS label")
            number, exp, bottom, ttl = (value or 0 for _, value in fields)
            found.append(MplsLabel(number, exp, bool(bottom), ttl))
    return str(MplsStack(tuple(found))) if found else ""


MPLS_FIELDS = (("label", 20), ("exp", 3), ("s", 1), ("ttl", 8))
"""The keys of a label and their bits; ``exp`` is what RFC 5462 calls traffic class."""


def _kind(item: Item) -> str:
    kind = item.text("type").lower()
    if not kind:  # before firmware 4460
        results = item.data.get("result")
        steps = results if isinstance(results, list) else []
        hops = any(isinstance(step, Mapping) and "hop" in step for step in steps)
        kind = item.text("msm_name").lower() or ("traceroute" if hops else "ping" if item.has("avg", "sent") else "")
    if kind not in ("ping", "traceroute"):
        raise item.wrong("type", "only results of the types 'ping' and 'traceroute' can be read")
    return kind


def _family(item: Item) -> int:
    """The IP version: said in ``af`` (of old ``pf``), else told by the address."""
    for key in ("af", "pf"):
        if item.has(key):
            if item.data[key] not in (4, 6):
                raise item.wrong(key, "must be 4 or 6")
            return int(item.data[key])
    return 6 if ":" in item.address("dst_addr", "addr") or item.text("mode").endswith("6") else 4


def _protocol(item: Item, kind: str) -> str:
    word = item.text("proto", "mode").upper().rstrip("46") or ("ICMP" if kind == "ping" else "")
    if word not in PROTOCOLS or (kind == "ping" and PROTOCOLS[word] != "icmp"):
        raise item.wrong("proto", "must be 'ICMP'" + ("" if kind == "ping" else ", 'UDP' or 'TCP'"))
    return PROTOCOLS[word]
