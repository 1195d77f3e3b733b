"""What the rows of a measurement say about each hop, sorted for the judge: losses, spacings, delays, counters.

Rows of PROBES go in; a `PathFacts` per destination and protocol comes out. What was never sent, was still in flight or
went beyond the end says nothing about loss and is left out. A late answer is an answer: the packet was not lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import log10
from typing import Any

from netlab import stats
from netlab.probe.ladder import is_final
from netlab.probe.rows import ANSWERED

NOT_COUNTED = frozenset({"pending", "not-sent"})
SECOND = 1_000_000_000


@dataclass(slots=True)
class Try:
    """One probe of a hop, reduced to what the judge looks at."""

    at: int | None
    """When it left, ns; None: unknown."""
    lost: bool
    rtt: float | None
    identification: int | None
    """Of the answer's IPv4 header; None: IPv6, or the system did not show it."""
    responder: str = ""
    spacing: int | None = None
    """Decade of the gap to the probe of this hop before: 0 is about 1 s, -1 about 100 ms, -2 about 10 ms."""


@dataclass(slots=True)
class Hop:
    """All probes of one TTL, in the order in which they left."""

    ttl: int
    tries: list[Try] = field(default_factory=list)
    responders: Counter[str] = field(default_factory=Counter)
    returns: Counter[int] = field(default_factory=Counter)
    """Estimated hops of the way back → how often."""

    @property
    def sent(self) -> int:
        return len(self.tries)

    @property
    def lost(self) -> int:
        return sum(each.lost for each in self.tries)

    @property
    def answered(self) -> int:
        return self.sent - self.lost

    @property
    def loss(self) -> float:
        return self.lost / self.sent if self.tries else float("nan")

    @property
    def responder(self) -> str:
        """Who answered most often; "": nobody did."""
        return max(self.responders, key=lambda who: self.responders[who], default="")

    @property
    def return_hops(self) -> int | None:
        return max(self.returns, key=lambda hops: self.returns[hops], default=None)

    def delays(self) -> list[float]:
        """RTTs, ms, of the one who answered most: others may be at the end of another way."""
        main = self.responder
        return [each.rtt for each in self.tries if each.rtt is not None and each.responder == main]

    def by_spacing(self) -> dict[int, list[Try]]:
        """The probes of each spacing, the widest first; a spacing of which nothing is known is left out."""
        groups: dict[int, list[Try]] = {}
        for each in self.tries:
            if each.spacing is not None:
                groups.setdefault(each.spacing, []).append(each)
        return dict(sorted(groups.items(), reverse=True))

    def at_spacing(self, spacings: Iterable[int]) -> tuple[int, int]:
        """(lost, sent) of the probes with these spacings."""
        wanted = set(spacings)
        chosen = [each for each in self.tries if each.spacing in wanted]
        return sum(each.lost for each in chosen), len(chosen)


@dataclass(slots=True)
class PathFacts:
    """One destination, asked with one protocol."""

    destination: str
    network: str
    protocol: str
    hops: list[Hop] = field(default_factory=list)
    end: int | None = None
    """The TTL at which the destination (or somebody who knows better) answered; None: it was silent."""
    echoes: bool = False
    """Whether the answers at the end are replies, not ICMP errors (which routers and hosts limit)."""


def gather(rows: Iterable[Mapping[str, Any]]) -> list[PathFacts]:
    """Sort rows of PROBES by path and hop, in the order in which the probes left."""
    paths: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        paths.setdefault((row["destination"], row["address"], row["protocol"]), []).append(row)
    return [_path(group) for group in paths.values()]


def _path(group: list[Mapping[str, Any]]) -> PathFacts:
    first = group[0]
    path = PathFacts(first["destination"], first["network"], first["protocol"])
    counted = [row for row in group if _counts(row)]
    finals = Counter(row["ttl"] for row in counted if is_final(row))  # type: ignore[arg-type]
    answers = Counter(row["ttl"] for row in counted if not _lost(row))
    path.end = min((ttl for ttl in finals if 2 * finals[ttl] >= answers[ttl]), default=None)
    path.echoes = any(row["ttl"] == path.end and row["outcome"] == "reply" for row in counted)
    hops: dict[int, Hop] = {}
    for row in sorted(counted, key=lambda row: row["sequence"]):
        if path.end is None or row["ttl"] <= path.end:
            hop = hops.setdefault(row["ttl"], Hop(row["ttl"]))
            _add(hop, row)
    path.hops = [hops[ttl] for ttl in sorted(hops)]
    for hop in path.hops:
        _measure_spacings(hop)
    return path


def _counts(row: Mapping[str, Any]) -> bool:
    if row["outcome"] in NOT_COUNTED:
        return False
    words = row["flags"].split()
    return "last-ditch" not in words and "beyond-end" not in words


def _lost(row: Mapping[str, Any]) -> bool:
    return row["outcome"] not in ANSWERED and row["outcome"] != "late"


def _add(hop: Hop, row: Mapping[str, Any]) -> None:
    lost = _lost(row)
    rtt = row["rtt_ms"]
    delay = None if lost or rtt != rtt else rtt
    hop.tries.append(Try(row["sent_at"], lost, delay, _identification(row), row["responder"]))
    if not lost:
        hop.responders[row["responder"]] += 1
        if row["return_hops"] is not None:
            hop.returns[int(row["return_hops"])] += 1


def _identification(row: Mapping[str, Any]) -> int | None:
    """The answer's IPv4 identification (RFC 791 section 3.1), where the system shows the real header."""
    answer = row["answer"]
    if len(answer) < 20 or answer[0] >> 4 != 4 or "rebuilt" in row["flags"].split():
        return None
    return int.from_bytes(answer[4:6], "big")


def _measure_spacings(hop: Hop) -> None:
    before: int | None = None
    for each in hop.tries:
        gap = None if each.at is None or before is None else each.at - before
        each.spacing = round(log10(gap / SECOND)) if gap is not None and gap > 0 else None
        before = each.at if each.at is not None else before
    if len(hop.tries) > 1:
        hop.tries[0].spacing = hop.tries[1].spacing


def median_delay(hop: Hop) -> float:
    """Median RTT, ms; nan without answers."""
    return stats.percentile(hop.delays(), 50)
