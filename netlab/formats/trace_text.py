"""Traceroute's lines: rows → text, pure.

A hop is printed when all its probes are decided and all hops before it are printed. The first line of a hop holds its
number and everything its first responder answered; a hop that answered from several addresses has a line for each. A
lost probe is a ``*``, and the marks (!H, !N, !X …) stand behind their RTT as in every traceroute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from netlab.formats.ping_text import milliseconds

Row = Mapping[str, Any]

LOST = "*"
TOLD = ("early", "rebuilt", "no-quote", "warm-up", "reordered", "quote-differs", "one-at-a-time")
"""Flags that are not worth a word at the end of a line."""


def head(destination: str, address: str, max_ttl: int, packet_size: int, protocol: str, network: str) -> str:
    """Give the first line; on a network that is not the real one it says so."""
    where = "" if network == "live" else f" on {network}"
    return (
        f"traceroute to {destination} ({address}), {max_ttl} hops max, "
        f"{packet_size} byte packets ({protocol.upper()}){where}"
    )


def hop(rows: Sequence[Row], names: Mapping[str, str], origins: Mapping[str, int | None] | None = None) -> list[str]:
    """Give the lines of one hop from its rows: one per responder, stars on the line of whoever came before them.

    ``origins`` adds the AS number of every responder, or ``[*]`` where none is known.
    """
    lines: list[list[str]] = []
    places: dict[str, int] = {}
    stars = 0
    for row in sorted(rows, key=lambda row: row["attempt"]):
        if not row["responder"]:
            if lines:
                lines[-1].append(LOST)
            else:
                stars += 1
            continue
        responder = row["responder"]
        if responder not in places:
            places[responder] = len(lines)
            lines.append([who(responder, names, origins)])
        lines[places[responder]].append(rtt(row))
    if not lines:
        lines = [[LOST] * stars]
    elif stars:
        lines[0][1:1] = [LOST] * stars
    first, *others = ["  ".join(line) for line in lines]
    note = words(rows)
    texts = [f"{rows[0]['ttl']:>2}  {first}{note}", *(f"    {other}" for other in others)]
    return [*texts, *extras(rows)]


def who(address: str, names: Mapping[str, str], origins: Mapping[str, int | None] | None = None) -> str:
    name = names.get(address, "")
    text = f"{name} ({address})" if name else address
    if origins is None:
        return text
    number = origins.get(address)
    return f"{text} [*]" if number is None else f"{text} [AS{number}]"


def rtt(row: Row) -> str:
    """Give one RTT with its mark; an answer after its timeout says so."""
    late = " late" if row["outcome"] == "late" else ""
    mark = f" {row['mark']}" if row["mark"] else ""
    return f"{milliseconds(row['rtt_ms'])} ms{late}{mark}"


def words(rows: Sequence[Row]) -> str:
    found = sorted({word for row in rows for word in row["flags"].split() if word not in TOLD})
    return f"  ({', '.join(found)})" if found else ""


def extras(rows: Sequence[Row]) -> list[str]:
    """Give what routers told besides: MPLS labels (RFC 4950) and interfaces (RFC 5837)."""
    labels = dict.fromkeys(row["mpls"] for row in rows if row["mpls"])
    interfaces = dict.fromkeys(row["interface"] for row in rows if row["interface"])
    return [f"      MPLS {text}" for text in labels] + [f"      interface {text}" for text in interfaces]


def late(row: Row, names: Mapping[str, str]) -> str:
    """Give the line for an answer that came when its hop was printed already."""
    return f"    late, hop {row['ttl']}: {who(row['responder'], names)}  {milliseconds(row['rtt_ms'])} ms"


def totals(rows: Sequence[Row]) -> list[str]:
    """Give the closing lines: what became of every packet sent."""
    sent = [row for row in rows if row["outcome"] != "not-sent"]
    count = {word: sum(row["outcome"] == word for row in sent) for word in ("timeout", "late", "pending")}
    text = f"{len(sent)} packets sent, {count['timeout']} lost"
    text += f", {count['late']} late" if count["late"] else ""
    text += f", {count['pending']} pending" if count["pending"] else ""
    beyond = sum("beyond-end" in row["flags"].split() for row in sent)
    text += f" ({beyond} of them beyond the end, sent before it was known)" if beyond else ""
    unsent = [row for row in rows if row["outcome"] == "not-sent"]
    lines = [text]
    if unsent:
        lines.append(f"{len(unsent)} not sent: {unsent[0]['detail']}")
    return lines
