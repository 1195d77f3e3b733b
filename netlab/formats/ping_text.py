"""Ping's lines as people know them from iputils: rows → text, pure.

RTTs are written as iputils does: three digits that mean something (0.045, 1.23, 12.3, 123). The table keeps all of
them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from netlab import stats

Row = Mapping[str, Any]


def milliseconds(value: float) -> str:
    """Give a delay in ms with as many decimals as ping shows: from 100 none, from 10 one, from 1 two, else three.

    >>> [milliseconds(x) for x in (123.4, 12.34, 1.234, 0.1234)]
    ['123', '12.3', '1.23', '0.123']
    """
    if value != value:
        return "-"
    decimals = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:.{decimals}f}"


def head(destination: str, address: str, size: int, packet_size: int, network: str) -> str:
    """Give the first line; on a network that is not the real one it says so."""
    where = "" if network == "live" else f" on {network}"
    return f"PING {destination} ({address}) {size}({packet_size}) bytes of data{where}."


def line(row: Row, timeout: float) -> str:
    """Give the line of one decided row."""
    number = f"icmp_seq={row['attempt']}" if row["protocol"] == "icmp" else f"{row['protocol']}_seq={row['attempt']}"
    outcome = row["outcome"]
    if outcome == "not-sent":
        return f"not sent: {number} {row['detail']}"
    if outcome == "timeout":
        return f"no answer from {row['address']} yet: {number} after {timeout:g} s"
    if outcome == "pending":
        return f"{number} was still on its way when you stopped"
    who = f"{row['responder_name']} ({row['responder']})" if row["responder_name"] else row["responder"]
    if outcome in ("time-exceeded", "unreachable"):
        return f"From {who}: {number} {_capital(row['detail'])} time={milliseconds(row['rtt_ms'])} ms" + _words(row)
    back = _reply_bytes(row)
    detail = f" {row['detail']}" if row["detail"] else ""
    late = f" (late: after {timeout:g} s)" if outcome == "late" else ""
    ttl = "" if row["reply_ttl"] is None else f" ttl={row['reply_ttl']}"  # a TCP connect does not tell
    time = f"time={milliseconds(row['rtt_ms'])} ms"
    return f"{back} bytes from {who}: {number}{ttl} {time}{detail}{late}" + _words(row)


def notice(word: str, row: Row, timeout: float) -> str:
    """Give the line for what happens to a row after it was printed: a duplicate or a late answer."""
    if word == "late":
        return line(row, timeout)
    text = {"duplicate": "a further answer (DUP!)", "bad-checksum": "an answer with a wrong checksum, not counted"}[
        word
    ]
    return f"{row['address']}: icmp_seq={row['attempt']} {text}"


def statistics(rows: Sequence[Row], elapsed_ms: float) -> list[str]:
    """Give the closing lines of one destination from its rows, counted as ping counts.

    ``received`` are echo replies; an ICMP error is an answer too, but stands apart as ``+1 errors`` and counts as a
    lost echo. (In the table every answer counts as received.) Duplicates are not in the RTTs, late replies are.
    """
    sent = [row for row in rows if row["outcome"] != "not-sent"]
    outcomes = [row["outcome"] for row in sent]
    late, pending = outcomes.count("late"), outcomes.count("pending")
    received = sum(map(is_reply, sent))
    errors = sum(row["outcome"] in ("time-exceeded", "unreachable") and not is_reply(row) for row in sent)
    decided = len(sent) - pending
    counts = [f"{len(sent)} packets transmitted, {received} received"]
    counts += [f"+{errors} errors"] if errors else []
    counts += [f"{outcomes.count('timeout')} lost"] if outcomes.count("timeout") else []
    for number, word in (
        (late, "late"),
        (sum(row["duplicates"] for row in sent), "duplicates"),
        (pending, "pending"),
        (sum("bad-checksum" in row["flags"].split() for row in sent), "with a wrong checksum"),
        (len(rows) - len(sent), "not sent"),
    ):
        counts += [f"{number} {word}"] if number else []
    counts += [f"{(decided - received) / decided * 100:.4g}% packet loss"] if decided else []
    lines = [f"--- {rows[0]['destination']} ping statistics ---", f"{', '.join(counts)}, time {elapsed_ms:.0f}ms"]
    delays = [row["rtt_ms"] for row in sent if is_reply(row)]
    if delays:
        figures = (min(delays), stats.mean(delays), max(delays), stats.mdev(delays))
        lines.append(f"rtt min/avg/max/mdev = {'/'.join(f'{figure:.3f}' for figure in figures)} ms")
    return lines


def is_reply(row: Row) -> bool:
    """Whether the destination itself answered: to UDP, "port unreachable" is the answer that shows it is there."""
    if row["protocol"] == "udp" and row["outcome"] == "unreachable":
        return bool(row["responder"] == row["address"] and row["detail"] == "port unreachable")
    return row["outcome"] in ("reply", "late")


def _reply_bytes(row: Row) -> int:
    """Bytes of the ICMP message (header and data), or of whatever transport the answer came in."""
    answer = row["answer"]
    if not answer:
        return 0
    head_length = (answer[0] & 0x0F) * 4 if answer[0] >> 4 == 4 else 40
    return len(answer) - head_length


def _words(row: Row) -> str:
    words = [word for word in row["flags"].split() if word not in ("rebuilt", "warm-up", "no-quote")]
    return f" ({', '.join(words)})" if words else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
