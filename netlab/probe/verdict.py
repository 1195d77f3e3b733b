"""Verdicts: what the loss and the delay that a hop shows really mean.

A star in a traceroute is an answer that did not come. The probe may have been lost, the answer may have been lost, or
the router may not have cared to answer. Only the last is harmless, and it is by far the most frequent. What tells
them apart is what *later* hops say, since their packets passed through the earlier routers, and how the loss depends
on the spacing of the probes. The rules, tried in this order for every hop, the last hop first:

1. *slow control plane*: the answers come later, or scatter more, than those of a later hop (p < `SURE`).
2. *no loss*: nothing was lost, of at least `LEAST_PROBES` probes.
3. *rate limit*: the loss rises when the probes come closer together, or the answers are as regular as clockwork
   (p < `SURE`); and at these spacings a later hop loses less. Where no later hop does, only the regular pattern
   counts: a congested link loses more of closer packets, too.
4. *loss of this router's answers only*: some later hop loses clearly less (p < `SURE`, for all comparisons together).
   Whatever is lost here, what goes on to the destination is not lost here.
5. *path loss*: no later hop loses less (p > `DOUBT`), and the loss is there in all of them, including the destination:
   it is most unlikely that they lose less than a tenth of it (`SURE_ALL` for all together, `DOUBT` for the
   destination alone). A later hop that limits its answers, or drops them, is no witness, and a destination that does is
   none either.
6. The destination itself has no later hop. Its loss is a path loss when the hops before it have shown one; loss that
   begins at the destination may be the last link's, or its own: *cannot tell*.
7. Everything else: *cannot tell*.

The direction of a path loss is named only when the responder's packet numbers prove it (`verdict_evidence.direction`).

Left out: changes over time (judge parts of a long measurement apart), and links that lose more the more is sent,
beyond rule 3. Source: RFC 1812 section 4.3.2.8 (routers limit ICMP errors), RFC 2680 (loss).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import nan
from typing import Any

from netlab import stats
from netlab.probe import verdict_words as words
from netlab.probe.verdict_evidence import (
    Contradiction,
    Limit,
    contradiction,
    direction,
    persistence,
    rate_limit,
    say_spacings,
    slowness,
)
from netlab.probe.verdict_hops import Hop, PathFacts, gather
from netlab.probe.verdict_words import ANSWERS_ONLY, CANNOT_TELL, NO_LOSS, PATH_LOSS, RATE_LIMIT, SLOW

SURE = 0.001
"""Error rate of every statement of a cause, per hop."""
SURE_ALL = 0.01
"""Error rate of "all later hops together lose nothing worth mentioning"."""
DOUBT = 0.05
"""Below this p-value, a contradiction is too strong to be ignored and (above `SURE`) too weak to be believed."""
LEAST_PROBES = 20
"""With fewer, even a hop that answered everything may lose more than a sixth (the Wilson interval of 0 of 19)."""

Verdict = dict[str, Any]
"""A row of VERDICTS."""


def judge(rows: Iterable[Mapping[str, Any]]) -> list[Verdict]:
    """Judge rows of PROBES: a row of VERDICTS per destination, protocol and hop, in that order."""
    return [verdict for path in gather(rows) for verdict in judge_path(path)]


def judge_path(path: PathFacts) -> list[Verdict]:
    """Judge one path, from its last hop to its first."""
    witnesses: list[Hop] = []  # later hops whose loss is that of the path
    verdicts: dict[int, Verdict] = {}
    for place in range(len(path.hops) - 1, -1, -1):
        hop, later = path.hops[place], path.hops[place + 1 :]
        verdict = verdicts[hop.ttl] = _judge_hop(path, hop, later, witnesses)
        if _is_witness(hop, verdict["verdict"]):
            witnesses.insert(0, hop)
    _judge_end(path, verdicts)
    for hop in path.hops:
        if verdicts[hop.ttl]["verdict"] == PATH_LOSS:
            _name_direction(hop, verdicts[hop.ttl])
    return [verdicts[hop.ttl] for hop in path.hops]


def _is_witness(hop: Hop, verdict: str) -> bool:
    """Whether the hop's loss is that of the path, as far as one can see: not if its answers are, or may be, limited."""
    return verdict not in (RATE_LIMIT, ANSWERS_ONLY) and not (
        verdict == CANNOT_TELL and _looks_limited(rate_limit(hop))
    )


def _looks_limited(limit: Limit) -> bool:
    return min(limit.by_spacing, limit.regular) < SURE


def _judge_hop(path: PathFacts, hop: Hop, later: Sequence[Hop], witnesses: Sequence[Hop]) -> Verdict:
    talking = [other for other in later if other.answered]
    slow = slowness(hop, talking)
    if slow.p < SURE:
        return _row(path, hop, later, SLOW, slow.p, slow.numbers, words.slow())
    if hop.lost == 0:
        if hop.sent >= LEAST_PROBES:
            return _row(path, hop, later, NO_LOSS, nan, "", words.no_loss(hop))
        return _row(path, hop, later, CANNOT_TELL, nan, "", words.too_few(hop))
    limit = rate_limit(hop)
    if _looks_limited(limit) and (found := _limited(path, hop, later, talking, limit)):
        return found
    against = contradiction(hop, talking)
    if against.p < SURE:
        return _row(path, hop, later, ANSWERS_ONLY, against.p, words.against(against), words.answers_only(hop))
    if _looks_limited(limit):
        p, numbers = limit.by_spacing, say_spacings(hop)
        return _row(path, hop, later, CANNOT_TELL, p, numbers, words.limit_or_congestion())
    return _path_loss(path, hop, later, witnesses, against)


def _limited(path: PathFacts, hop: Hop, later: Sequence[Hop], talking: Sequence[Hop], limit: Limit) -> Verdict | None:
    """Rule 3: a limit, if later hops are not as bad, or if the pattern leaves no doubt."""
    p = min(limit.by_spacing, limit.regular)
    against = contradiction(hop, talking, limit.narrow)
    if against.p < SURE or limit.regular < SURE:
        return _row(path, hop, later, RATE_LIMIT, p, say_spacings(hop), words.rate_limit(hop, path))
    return None


def _path_loss(
    path: PathFacts, hop: Hop, later: Sequence[Hop], witnesses: Sequence[Hop], against: Contradiction
) -> Verdict:
    """Rules 5 and 7."""
    end = witnesses[-1] if witnesses and witnesses[-1].ttl == path.end else None
    numbers = words.after(witnesses)

    def unclear(sentence: str, p: float = nan) -> Verdict:
        return _row(path, hop, later, CANNOT_TELL, p, numbers, sentence)

    if hop.sent < LEAST_PROBES:
        return unclear(words.too_few(hop))
    if hop.ttl == path.end:
        return unclear(words.begins_at_the_end())
    if not any(other.answered for other in later):
        return unclear(words.nobody_beyond(hop))
    if path.end is None:
        return unclear(words.silent_end())
    if end is None:
        return unclear(words.no_witness())
    persists, at_the_end = persistence(hop, witnesses), persistence(hop, [end])
    if against.p > DOUBT and persists < SURE_ALL and at_the_end < DOUBT and all(other.lost for other in witnesses):
        return _row(path, hop, later, PATH_LOSS, persists, numbers, words.path_loss(hop))
    return unclear(words.contradicting(), against.p)


def _judge_end(path: PathFacts, verdicts: dict[int, Verdict]) -> None:
    """Rule 6: the destination shares the path loss of the hops before it."""
    if path.end is None or path.end not in verdicts:
        return
    row, end = verdicts[path.end], path.hops[-1]
    before = [hop for hop in path.hops[:-1] if verdicts[hop.ttl]["verdict"] == PATH_LOSS]
    if before and row["verdict"] == CANNOT_TELL and end.lost:
        row["verdict"], row["p_value"] = PATH_LOSS, persistence(before[0], [end])
        row["evidence"], row["sentence"] = words.lost(end), words.path_loss_at_end(end, before[0])


def _name_direction(hop: Hop, row: Verdict) -> None:
    found = direction(hop)
    if found.forward + found.backward == 0:
        return
    row["evidence"] += "; " + words.sides(found.forward, found.backward)
    if found.name and found.p < SURE_ALL:
        row["direction"] = found.name
        row["sentence"] += " " + words.direction(found)


def _row(
    path: PathFacts, hop: Hop, later: Sequence[Hop], verdict: str, p: float, numbers: str, sentence: str
) -> Verdict:
    low, high = stats.wilson(hop.lost, hop.sent)
    after = sum(other.lost for other in later), sum(other.sent for other in later)
    return {
        "destination": path.destination,
        "ttl": hop.ttl,
        "responder": hop.responder,
        "verdict": verdict,
        "direction": "",
        "sent": hop.sent,
        "received": hop.answered,
        "loss": hop.loss,
        "loss_low": low,
        "loss_high": high,
        "loss_after": after[0] / after[1] if after[1] else nan,
        "p_value": p,
        "evidence": "; ".join(part for part in (words.lost(hop), numbers) if part),
        "sentence": sentence,
        "network": path.network,
    }
