"""Rows of PROBES → RIPE Atlas results: what an Atlas probe would have written, had it measured this.

The layout is that of firmware 5000 (https://atlas.ripe.net/docs/apis/result-format). One result holds the probes of one
round to one destination with one flow; in classic mode, where every probe is a flow of its own, there is no Paris and
``paris_id`` is 0. ICMP probes that all left with one large TTL, and met nothing but echo replies, are a ping; all
else is a traceroute.

What an Atlas probe does not write is lost: ports, names, places, the packets, the waits, the time of each probe. It
does not hear answers to UDP other than ICMP, nor "parameter problem": both are stars. It never stops half-way, so
rows that were ``pending`` are left out. ``msm_id`` numbers the measurements of this table from 1, and ``prb_id`` 0 is
no real probe.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from netlab import wire
from netlab.errors import PacketError
from netlab.formats.atlas import (
    CLOSED,
    HEADERS,
    LETTERS,
    OPEN,
    PORT_UNREACHABLE,
    QUOTED_FOR,
    REPLY,
    SECOND,
    TIME_EXCEEDED,
    TOO_BIG,
    TRANSPORT,
    UNREACHABLE,
)

Row = Mapping[str, Any]
Result = dict[str, Any]

FIRMWARE = 5000
"""The layout that is written, not a probe's software."""
CLOCK_NOT_KNOWN_IN_SYNC = -1
LONGEST_LADDER = 32
"""Atlas's traceroutes end here, so a single TTL from here on was no step of a ladder."""
MILLISECOND = 1_000_000
CODES = {family: {code: letter for letter, code in letters.items()} for family, letters in LETTERS.items()}
"""IP version → code of "unreachable" → letter."""
TCP_FLAGS = {OPEN: "SA", CLOSED: "RA"}


def results_from(rows: Iterable[Row]) -> list[Result]:
    """Give the results that these rows make, in the order of the rows."""
    rounds: dict[tuple[Any, int], list[Row]] = {}
    for row in sorted(rows, key=lambda row: row["sequence"]):
        if row["outcome"] != "pending":
            what = (row["destination"], row["address"], row["source"], row["protocol"])
            rounds.setdefault((what, row["round"]), []).append(row)
    results: list[Result] = []
    measurements: dict[Any, int] = {}
    for (what, _), group in rounds.items():
        for flow, probes in _flows(group).items():
            number = measurements.setdefault((what, flow), len(measurements) + 1)
            results.append(_result(probes, flow, number))
    return results


def _flows(group: Sequence[Row]) -> dict[int, list[Row]]:
    flows: dict[int, list[Row]] = {}
    for row in group:
        flows.setdefault(row["flow"], []).append(row)
    classic = len(flows) == len(group) > 1
    return {0: list(group)} if classic else flows


def _result(rows: Sequence[Row], flow: int, number: int) -> Result:
    first = rows[0]
    family = 6 if ":" in (first["address"] or first["source"]) else 4
    protocol = first["protocol"]
    starts = [row["sent_at"] for row in rows if row["sent_at"] is not None]
    ends = [row["sent_at"] + _length(row) for row in rows if row["sent_at"] is not None]
    size = first["packet_size"] - HEADERS[family] - TRANSPORT[protocol]
    result: Result = {
        "af": family,
        "dst_name": first["destination"],
        "from": first["source"],
        "fw": FIRMWARE,
        "lts": CLOCK_NOT_KNOWN_IN_SYNC,
        "msm_id": number,
        "prb_id": 0,
        "proto": protocol.upper(),
        "size": max(size, 0),
        "src_addr": first["source"],
        "timestamp": min(starts, default=0) // SECOND,
    }
    if first["address"]:  # not known when the name could not be resolved
        result["dst_addr"] = first["address"]
    if _is_ping(rows, family):
        return result | {"type": "ping", "msm_name": "Ping"} | _ping(rows)
    result |= {"type": "traceroute", "msm_name": "Traceroute", "paris_id": flow}
    result["endtime"] = max(ends, default=0) // SECOND
    result["result"] = _hops(rows, family)
    return result


def _length(row: Row) -> int:
    """ns from sending until the probe was answered or given up, as far as it is known."""
    known = [each for each in (row["rtt_ms"], row["waited_ms"]) if each == each]
    return int(known[0] * MILLISECOND) if known else 0


def _is_ping(rows: Sequence[Row], family: int) -> bool:
    ttls = {row["ttl"] for row in rows}
    ttl = ttls.pop()
    if rows[0]["protocol"] != "icmp" or ttls or 0 < ttl < LONGEST_LADDER:
        return False
    # A last try is hop 255 of a traceroute, even where it stands alone: after UDP probes it is an echo request.
    steps = any("last-ditch" in row["flags"].split() for row in rows)
    return not steps and all(row["icmp_type"] in (None, REPLY[family]) for row in rows)


def _ping(rows: Sequence[Row]) -> Result:
    ttls = [row["reply_ttl"] for row in rows if row["outcome"] == "reply"]
    usual = ttls[0] if ttls else None
    entries: list[Result] = []
    for row in rows:
        if row["outcome"] == "not-sent":
            entries.append({"error": row["detail"]})
            continue
        answer: Result = {"rtt": row["rtt_ms"]} if row["rtt_ms"] == row["rtt_ms"] else {}
        if row["reply_ttl"] not in (None, usual):
            answer["ttl"] = row["reply_ttl"]
        if row["outcome"] == "reply":
            entries.append(answer)
        else:
            entries.append({"x": "*"})
            if row["outcome"] == "late":  # ping writes every answer that it no longer expects as a duplicate
                entries.append({"dup": 1} | answer)
        entries += [{"dup": 1}] * (row["duplicates"] or 0)
    delays = [row["rtt_ms"] for row in rows if row["outcome"] == "reply"]
    return ({} if usual is None else {"ttl": usual}) | {
        "result": entries,
        "sent": len(rows),
        "rcvd": len(delays),
        "dup": sum("dup" in entry for entry in entries),
        "min": min(delays, default=-1),
        "avg": sum(delays) / len(delays) if delays else -1,
        "max": max(delays, default=-1),
    }


def _hops(rows: Sequence[Row], family: int) -> list[Result]:
    hops: dict[int, list[Row]] = {}
    for row in rows:
        hops.setdefault(row["ttl"], []).append(row)
    written: list[Result] = []
    belated: list[Result] = []
    for ttl, group in sorted(hops.items()):
        if ttl == 0:  # it failed before the first hop
            written += [{"error": row["detail"]} for row in group]
            continue
        entries: list[Result] = []
        for row in group:
            # An answer to the probe before came while this one was waited for.
            entries += [{"late": 1} | entry for entry in belated]
            belated = []
            if row["outcome"] == "not-sent":
                entries.append({"error": row["detail"]})
                continue
            answer = _answer(row, family)
            again = [_again(answer)] * (row["duplicates"] or 0) if answer else []
            if row["outcome"] == "late" and answer:
                entries.append({"x": "*"})
                belated = [answer, *again]
            else:
                entries.append(answer or {"x": "*"})
                entries += [{"dup": True} | entry for entry in again]
        written.append({"hop": ttl, "result": entries})
    if belated:  # the last probe of all: nothing was waited for but itself
        written[-1]["result"] += [{"late": 0} | entry for entry in belated]
    return written


def _again(answer: Result) -> Result:
    """A further answer: of its delay the table knows nothing."""
    return {key: value for key, value in answer.items() if key != "rtt"}


def _answer(row: Row, family: int) -> Result | None:
    """What an Atlas probe writes of this answer; None where it would have heard nothing."""
    kind, code, protocol = row["icmp_type"], row["icmp_code"], row["protocol"]
    if not row["responder"]:
        return None
    known = (None, REPLY[family], TIME_EXCEEDED[family], UNREACHABLE[family], TOO_BIG[family][0])
    if kind not in known or (kind is None and protocol == "udp"):
        return None
    answer: Result = {"from": row["responder"]}
    if row["rtt_ms"] == row["rtt_ms"]:
        answer["rtt"] = row["rtt_ms"]
    if row["reply_ttl"] is not None:
        answer["ttl"] = row["reply_ttl"]
    if row["answer"]:
        answer["size"] = max(len(row["answer"]) - HEADERS[family] - (20 if kind is None else 8), 0)
    if kind is None:
        flags = TCP_FLAGS.get(row["detail"])
        return answer | ({"flags": flags} if flags else {})
    end = row["responder"] == row["address"]
    if (kind, code) == TOO_BIG[family]:
        answer["mtu"] = row["mtu"] or 0
    elif kind == UNREACHABLE[family] and not (end and protocol == "udp" and code == PORT_UNREACHABLE[family]):
        answer["err"] = CODES[family].get(code, code)
    if kind == REPLY[family]:
        return answer
    return answer | _quote(row, kind == TIME_EXCEEDED[family] and end)


def _quote(row: Row, doubtful: bool) -> Result:
    """What the quote said; ``doubtful``: without any of it, the error would pass for an echo reply."""
    found: Result = {}
    if row["quoted_tos"] is not None:
        found["itos"] = row["quoted_tos"]
    destination = row["detail"].partition(QUOTED_FOR)[2] or _quoted_destination(row)
    if destination:
        found["edst"] = destination
    if row["mpls"]:
        found["icmpext"] = {
            "version": 2,
            "rfc4884": 1,
            "obj": [{"class": 1, "type": 1, "mpls": [_label(text) for text in row["mpls"].split()]}],
        }
    if row["quoted_ttl"] is not None and (row["quoted_ttl"] != 1 or (doubtful and not found)):
        found["ittl"] = row["quoted_ttl"]
    return found


def _label(text: str) -> Result:
    return dict(zip(("label", "exp", "s", "ttl"), map(int, text.split("/")), strict=True))


def _quoted_destination(row: Row) -> str:
    """The destination in the quote, where it is another one."""
    if "quote-differs" not in row["flags"].split() or not row["answer"]:
        return ""
    try:
        packet = wire.parse(row["answer"])
        message = wire.transport(packet)
        quoted = wire.parse(getattr(message, "original", b""), quoted=True)
    except PacketError:
        return ""
    return "" if quoted.destination == row["address"].partition("%")[0] else quoted.destination
