"""The largest packet that gets through, hop by hop: path MTU discovery as a plan that listens.

Packets that must not be cut up (DF in IPv4; in IPv6 routers never cut) go to each hop in turn, at first as large as the
machine lets out. What can happen at a hop:

* It answers: a packet of this size has come as far.
* A router before it says that the packet was too big, and mostly how big it may be (RFC 1191, RFC 8201). The same hop
  is tried again with that size. Where the message names no size (old routers say 0), the next smaller size of RFC
  1191's plateau table is tried, and halving finds the rest.
* Nothing comes back. So small packets are sent to the same hop, in turns with further large ones. If the small ones are
  answered and the large ones never, and their loss is no explanation, this is a *black hole*: somebody drops large
  packets without a word. Halving finds the size that still passes (RFC 4821 does the same on real traffic).

A black hole is believed only when the destination answers small packets; where it is silent, silence proves nothing.
Over IPv6 every link must carry 1280 bytes (RFC 8200 section 5), so nothing smaller is tried.

An answer says that the way out carries the size. The way back matters for the destination's echo replies only, which
bring all bytes back; a UDP probe is answered by a short message.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from netlab.probe.ladder import GAP_LIMIT, is_final
from netlab.probe.plan import Probe, Target
from netlab.probe.rows import Row
from netlab.probe.trace import answered

LARGEST = 65_535
"""Bytes of an IP packet (RFC 791); IPv6 could carry 40 more."""
LEAST = {4: 68, 6: 1280}
"""What every link must carry (RFC 791 section 3.2, RFC 8200 section 5)."""
PLATEAUS = (
    *(65_535, 32_000, 17_914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68),  # RFC 1191 section 7.1
    *(9000, 1500, 1480, 1454, 1420, 1400, 1280),  # jumbo frames, Ethernet, tunnels (6in4, PPPoE, WireGuard), IPv6
)
"""Sizes in use: a limit that is looked for is mostly one of these."""
SMALL = 60
"""Bytes of a small IPv4 packet (IPv6: 20 more), which passes everywhere."""
ERROR = 0.001
"""Silence is no loss when the loss of small packets explains it with this chance at most."""
MOST_TRIES = 12
"""Large packets of one size to one hop; who answers fewer than half of the small ones cannot be judged with more."""
FIND_TRIES = 8
"""Small packets to a hop at most, before it counts as silent; fewer where there is no loss."""
PAUSE = 1_000_000_000
"""ns between two tries: routers often limit their errors to one a second."""
TOO_BIG = {4: (3, 4), 6: (2, 0)}
"""Type and code of the message (RFC 792 and 1191, RFC 4443 section 3.2)."""

MtuRow = dict[str, Any]


class Ask(NamedTuple):
    """One wish of the search: a packet of ``size`` bytes to ``ttl``, ``pause`` ns from now."""

    ttl: int
    size: int
    pause: int = 0


Script = Generator[list[Ask], list[Row], Any]
"""Yields what to send next, and gets the rows when all is decided."""


@dataclass(slots=True)
class Limit:
    """What was found behind a hop: nothing larger than ``mtu`` passes."""

    mtu: int | None
    evidence: str
    detail: str


class PathMtu:
    """The search; a `Steering`. What it has found is in `results` at any time.

    Parameters
    ----------
    target
        To whom.
    header
        Bytes of a packet that are not payload: 28 in IPv4, 48 in IPv6.
    max_ttl
        Where to give up.
    """

    def __init__(self, target: Target, header: int, max_ttl: int) -> None:
        self.target, self.max_ttl = target, max_ttl
        self.family = 6 if ":" in target.address else 4
        self.hops: dict[int, str] = {}
        """Who answers at which TTL."""
        self.end: int | None = None
        """The TTL of the destination."""
        self.problem = ""
        """Why it ended early."""
        self._header, self._small = header, SMALL if self.family == 4 else SMALL + 20
        self._sent: dict[int, int] = {}
        self._small_sent: dict[int, int] = {}
        self._small_lost: dict[int, int] = {}
        self._passed: set[tuple[int, int]] = set()
        self._limits: dict[int, Limit] = {}
        self._reached: dict[int, int] = {}
        self._queue: deque[Ask] = deque()
        self._open = 0
        self._rows: dict[int, Row] = {}
        self._started: int | None = None
        self._now = 0
        self._attempts: dict[tuple[int, int], int] = {}
        self._script: Script = self._search()
        self._begun = self._ended = False

    # -- a plan that listens ------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Probe | None]:
        return self

    def __next__(self) -> Probe | None:
        if not self._queue and not self._open and not self._ended:
            self._go_on()
        if self._queue:
            ask = self._queue.popleft()
            self._open += 1
            attempt = self._attempts[ask.ttl, ask.size] = self._attempts.get((ask.ttl, ask.size), 0) + 1
            at = self._now + ask.pause if ask.pause else 0
            return Probe(self.target, ask.ttl, attempt, at, ask.size - self._header, flow=1)
        if self._open:
            return None
        raise StopIteration

    def _go_on(self) -> None:
        rows, self._rows = list(self._rows.values()), {}
        try:
            self._queue.extend(self._script.send(rows) if self._begun else next(self._script))
            self._begun = True
        except StopIteration:
            self._ended = True

    def wants(self, probe: Probe) -> bool:
        """While the hops are looked for, nothing beyond the destination, nor beyond a gap of silent hops."""
        highest = max(self.hops, default=0)
        silent = range(highest + 1, highest + 1 + GAP_LIMIT)
        gap = probe.ttl > silent.stop - 1 and all(self._small_lost.get(ttl) for ttl in silent)
        wanted = not (self.end is not None and probe.ttl > self.end) and not gap
        self._open -= not wanted
        return wanted

    def heard(self, row: Row) -> None:
        if row["outcome"] == "pending":
            return
        number, ttl = row["sequence"], row["ttl"]
        late = row["outcome"] == "late"
        if row["sent_at"] is not None:
            self._started = row["sent_at"] if self._started is None else self._started
            self._now = max(self._now, row["sent_at"] - self._started + int(row["waited_ms"] * 1e6))
        if not late:
            self._open -= 1
            whose = 0 if row["outcome"] == "not-sent" else ttl
            self._sent[whose] = self._sent.get(whose, 0) + 1
        self._rows[number] = row
        small = row["packet_size"] == self._small
        if small and not late:
            self._small_sent[ttl] = self._small_sent.get(ttl, 0) + 1
        if not answered(row):
            self._small_lost[ttl] = self._small_lost.get(ttl, 0) + small
            return
        if small and late:
            self._small_lost[ttl] = max(0, self._small_lost.get(ttl, 0) - 1)
        if not self._is_too_big(row):
            self._passed.add((ttl, row["packet_size"]))
            self.hops.setdefault(ttl, row["responder"])
            if is_final(row):
                self.end = ttl if self.end is None else min(self.end, ttl)

    def _is_too_big(self, row: Row) -> bool:
        return (row["icmp_type"], row["icmp_code"]) == TOO_BIG[self.family]

    # -- the search, from top to bottom -------------------------------------------------------------------------

    def _search(self) -> Script:
        yield from self._find_hops()
        size = yield from self._leave()
        before = 0  # the hop up to which this size has come
        for ttl in sorted(ttl for ttl in self.hops if self.end is None or ttl <= self.end):
            while not self.problem:
                outcome, row = yield from self._try(ttl, size)
                if outcome == "passed":
                    before = ttl
                    self._reached[ttl] = size
                    break
                if outcome == "silent":
                    break  # it no longer answers small packets either; the next hop may
                size = yield from self._narrow(before, ttl, size, row)
            if self.problem:
                return

    def _find_hops(self) -> Script:
        """Where is the destination, and which hops answer at all? Small packets tell."""
        for tries in range(FIND_TRIES):
            answering = [ttl for ttl in self._small_sent if ttl in self.hops or (self.end and ttl > self.end)]
            lost = sum(self._small_lost.get(ttl, 0) for ttl in answering)
            sent = sum(self._small_sent[ttl] for ttl in answering)
            if self.hops and ((lost + 1) / (sent + 2)) ** tries <= ERROR:
                break
            horizon = self.end or min(self.max_ttl, max(self.hops, default=0) + GAP_LIMIT)
            if not self._sent:
                horizon = self.max_ttl
            missing = [ttl for ttl in range(1, horizon + 1) if ttl not in self.hops]
            if missing:
                yield [Ask(ttl, self._small) for ttl in missing]
        if not self.hops:
            self.problem = "nobody answers"

    def _leave(self) -> Generator[list[Ask], list[Row], int]:
        """The largest packet that our own machine lets out."""
        size, sizes = LARGEST, deque(sorted(PLATEAUS, reverse=True))
        first = min(self.hops, default=1)
        while not self.problem:
            rows = yield [Ask(first, size)]
            refused = rows[0]["outcome"] == "not-sent"
            if not refused:
                break
            if rows[0]["mtu"] and LEAST[self.family] <= rows[0]["mtu"] < size:
                size = rows[0]["mtu"]
                self._limits[0] = Limit(size, "interface", "this machine sends nothing larger")
                continue
            while sizes and sizes[0] >= size:
                sizes.popleft()
            if not sizes or sizes[0] < LEAST[self.family]:
                self.problem = f"this machine does not send: {rows[0]['detail']}"
                break
            remembers = (rows[0]["mtu"] or 0) >= size  # its link is wide enough, so it has learnt of a narrower one
            why = "remembers from earlier that larger packets do not pass" if remembers else "refuses larger packets"
            size = sizes[0]
            self._limits[0] = Limit(size, "interface", f"this machine {why}")
        self._reached[0] = size
        return size

    def _try(self, ttl: int, size: int) -> Generator[list[Ask], list[Row], tuple[str, Row | None]]:
        """Send packets of this size to a hop until it is clear what happens to them.

        Gives ``passed``; ``too big`` with the row of the message; ``vanished``; or ``silent`` when small packets are
        not answered either.
        """
        for tries in range(1, MOST_TRIES + 1):
            rows = yield [Ask(ttl, size, PAUSE if tries > 1 else 0)]
            if any(self._is_too_big(row) for row in rows if answered(row)):
                return "too big", next(row for row in rows if answered(row) and self._is_too_big(row))
            if (ttl, size) in self._passed:
                return "passed", None
            if rows and rows[0]["outcome"] == "not-sent":
                self.problem = f"this machine does not send: {rows[0]['detail']}"
                return "silent", None
            yield [Ask(ttl, self._small)]
            if (ttl, size) in self._passed:  # the answer was only late
                return "passed", None
            lost, sent = self._small_lost.get(ttl, 0), self._small_sent.get(ttl, 0)
            if ((lost + 1) / (sent + 2)) ** tries <= ERROR:
                return "vanished", None
        return "silent", None

    def _narrow(self, before: int, ttl: int, size: int, row: Row | None) -> Generator[list[Ask], list[Row], int]:
        """Packets of ``size`` come as far as hop ``before`` and not to ``ttl``: find out what does."""
        least = LEAST[self.family]
        if row is not None:
            who = row["responder"]
            behind = before if self.hops.get(before) == who or ttl == before + 1 else ttl - 1
            told = row["mtu"] or 0
            if told < least and told and self.family == 6:
                told = least  # RFC 8201 section 4: no link may be narrower
            if least <= told < size:
                detail = f"{who} says: at most {told} bytes"
                self._limits[behind] = Limit(told, "too big message", detail)
                return told
            found = yield from self._halve(ttl, size)
            detail = f"{who} says that {size} bytes are too big, but not what would fit"
            self._limits[behind] = Limit(found, "too big message", detail)
        elif self.end is None:
            self.problem = "larger packets vanish, and the destination is silent: that may be loss, or a filter"
            self._limits[before] = Limit(None, "search", self.problem)
            return size
        else:
            found = yield from self._halve(ttl, size)
            detail = f"larger packets vanish behind this hop, small ones are answered by hop {ttl}"
            self._limits[before] = Limit(found, "black hole", detail)
        if found is None:
            self.problem = f"not even {least} bytes pass"
            return size
        return found

    def _halve(self, ttl: int, size: int) -> Generator[list[Ask], list[Row], int | None]:
        """The largest size below ``size`` that reaches a hop; None: less than every link must carry."""
        passes, fails = 0, size
        usual = [each for each in sorted(PLATEAUS, reverse=True) if LEAST[self.family] <= each < size]
        if LEAST[self.family] not in usual:
            usual.append(LEAST[self.family])
        # First between the sizes in use, ...
        while usual:
            middle = usual[len(usual) // 2]
            verdict, row = yield from self._try(ttl, middle)
            if verdict == "passed":
                passes, usual = middle, [each for each in usual if each > middle]
            elif row is not None and row["mtu"] and max(passes + 1, LEAST[self.family]) <= row["mtu"] < middle:
                usual, fails = sorted({*(each for each in usual if each < middle), row["mtu"]}, reverse=True), middle
                usual = [each for each in usual if each <= row["mtu"]]
            else:
                fails, usual = middle, [each for each in usual if each < middle]
        # ... then between the two neighbours there, where mostly the very next size fails.
        if not passes:
            return None
        middle = passes + 1
        while passes + 1 < fails:
            verdict, _ = yield from self._try(ttl, middle)
            if verdict == "passed":
                passes = middle
            else:
                fails = middle
            middle = (passes + fails) // 2
        return passes

    # -- what was found -----------------------------------------------------------------------------------------

    def results(self) -> list[MtuRow]:
        """One row per hop, from our own machine (TTL 0) to the last one that answers; keys of PATH_MTU."""
        last = self.end or max(self.hops, default=0)
        rows = []
        mtu = self._reached.get(0)
        known = max(self._reached, default=-1)
        for ttl in range(last + 1):
            limit = self._limits.get(ttl)
            evidence, detail = "search", ""
            if limit is not None:
                mtu, evidence, detail = limit.mtu, limit.evidence, limit.detail
            elif ttl > known or (self.end is None and ttl == last):
                mtu, detail = None, self.problem or "nobody answers behind this hop"
            elif mtu is not None and ttl == self.end:
                detail = f"packets of {mtu} bytes arrive"
            elif mtu is not None:
                detail = f"packets of {mtu} bytes pass"
            responder = self.target.source if ttl == 0 else self.hops.get(ttl, "")
            rows.append(
                {
                    "ttl": ttl, "responder": responder, "mtu": mtu, "evidence": evidence,
                    "probes": self._sent.get(ttl, 0), "detail": detail,
                }
            )  # fmt: skip
        return rows
