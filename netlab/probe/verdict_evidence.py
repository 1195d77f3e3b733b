"""The tests of the judge: each takes the facts of hops and gives a p-value, and the numbers to show.

Four questions, one function each:

* `rate_limit`: does the loss depend on how far apart the probes are, or are the answers as regular as clockwork? A
  token bucket answers the share R(spacing) = min(1, burst / N + spacing * rate); chance knows no spacing.
* `contradiction`: do later hops lose less? What gets lost here and arrives there was not lost on the way.
* `slowness`: are the answers later, or scattered more, than those of a later hop? Whatever that hop's packets had to
  wait for on the way, these had to wait for as well; the rest is the router's own slowness.
* `direction`: was the answer never made, or made and lost? Many systems number the packets they send (the IPv4
  identification). A number that is missing between two answers was used up for an answer that got lost on the way
  back; no number missing: the probe never got there. It is the method of tulip (Mahajan, Spring, Wetherall and
  Anderson, "User-level Internet path diagnosis", 2003).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from netlab import stats
from netlab.probe.verdict_hops import Hop, Try, median_delay

LEAST_GROUP = 5
"""Probes of one spacing below which it is not compared."""
LEAST_EXCESS_MS = 5.0
"""An answer that is less late than this is no sign of a slow control plane: queues and schedulers do as much."""
LEAST_EXCESS = 0.5
"""And less than this share of the later hop's RTT may well be another way back, even one of as many hops."""
LEAST_DELAYS = 10
"""Answers below which nothing is said about delays."""
SCATTER_PERCENT = 90
"""The delays of this hop are compared with this percentile of a later hop's."""
LEAST_PAIRS = 10
"""Pairs of neighbouring answers that must show that the responder counts its packets."""
COUNTING = 0.95
"""Share of those pairs whose numbers follow each other."""
ONE_SIDED = 0.8
"""Share of the losses that must lie on one side for a direction to be named."""


class Finding(NamedTuple):
    """A p-value, and what it is about."""

    p: float
    numbers: str = ""


NOTHING = Finding(1.0)


# -- rate limit --------------------------------------------------------------------------------------------------


class Limit(NamedTuple):
    """How strongly the answers look limited."""

    by_spacing: float
    """p-value of "no more loss at narrow spacings"."""
    regular: float
    """p-value of "the pattern of answers is chance"."""
    narrow: tuple[int, ...]
    """The spacings at which the limit bites."""


def rate_limit(hop: Hop) -> Limit:
    """Look for a limit on the rate of answers."""
    groups = {spacing: tries for spacing, tries in hop.by_spacing().items() if len(tries) >= LEAST_GROUP}
    spacings = list(groups)
    cuts: list[tuple[float, tuple[int, ...]]] = []
    for cut in range(1, len(spacings)):
        narrow, wide = spacings[cut:], spacings[:cut]
        p = stats.fisher_greater(*hop.at_spacing(narrow), *hop.at_spacing(wide))
        cuts.append((min(1.0, p * (len(spacings) - 1)), tuple(narrow)))
    by_spacing, narrow_ones = min(cuts, default=(1.0, ()))
    patterns = [(_regularity(tries), (spacing,)) for spacing, tries in groups.items()]
    regular, pattern_at = min(patterns, default=(1.0, ()))
    regular = min(1.0, regular * max(1, len(patterns)))
    return Limit(by_spacing, regular, narrow_ones if by_spacing <= regular else pattern_at)


def _regularity(tries: Sequence[Try]) -> float:
    """Whether answers (or losses, where they are fewer) come at even distances, once the first burst is over."""
    lost = [each.lost for each in tries]
    if not any(lost):
        return 1.0
    rest = lost[lost.index(True) :]
    rare = sum(rest) * 2 < len(rest)  # what is counted: the losses if they are rare, else the answers
    places = [place for place, is_lost in enumerate(rest) if is_lost == rare]
    return stats.regular_gaps([b - a for a, b in pairwise(places)])


def say_spacings(hop: Hop) -> str:
    """ "1 s: 0 of 20 lost, 100 ms: 21 of 30 lost, 10 ms: 49 of 50 lost"."""
    words = []
    for spacing, tries in hop.by_spacing().items():
        words.append(f"{say_spacing(spacing)}: {sum(each.lost for each in tries)} of {len(tries)} lost")
    return ", ".join(words)


def say_spacing(spacing: int) -> str:
    return f"{10**spacing} s" if spacing >= 0 else f"{10 ** (spacing + 3):g} ms"


# -- where else it is lost ---------------------------------------------------------------------------------------


class Contradiction(NamedTuple):
    """The later hop that speaks most clearly against a loss on the way."""

    p: float
    lost: int
    sent: int
    who: str
    """ "hop 7", or "the hops behind it together"."""


def contradiction(hop: Hop, later: Sequence[Hop], narrow: Sequence[int] | None = None) -> Contradiction:
    """Test "this hop loses more than later ones", against each of them and against all together (Bonferroni)."""

    def counts(which: Hop) -> tuple[int, int]:
        return (which.lost, which.sent) if narrow is None else which.at_spacing(narrow)

    here = counts(hop)
    others = [(counts(other), f"hop {other.ttl}") for other in later]
    if len(others) > 1:
        together = (sum(lost for (lost, _), _ in others), sum(sent for (_, sent), _ in others))
        others.append((together, "the hops behind it together"))
    best = Contradiction(1.0, 0, 0, "")
    for (lost, sent), who in others:
        p = min(1.0, stats.fisher_greater(*here, lost, sent) * len(others))
        if p < best.p:
            best = Contradiction(p, lost, sent, who)
    return best


def persistence(hop: Hop, others: Sequence[Hop]) -> float:
    """P-value of "the others lose at most a tenth of what this hop loses"."""
    lost, sent = sum(other.lost for other in others), sum(other.sent for other in others)
    return stats.binomial_tail(lost, sent, hop.loss / 10) if sent else 1.0


# -- slow answers ------------------------------------------------------------------------------------------------


def slowness(hop: Hop, later: Sequence[Hop]) -> Finding:
    """Test "the answers of this hop are later, or scattered more, than those of a later hop"."""
    here = hop.delays()
    there = [other for other in later if len(other.delays()) >= LEAST_DELAYS]
    if len(here) < LEAST_DELAYS or not there:
        return NOTHING
    return min(_later(hop, here, there), _scattered(here, there))


def _later(hop: Hop, here: list[float], there: Sequence[Hop]) -> Finding:
    """Against the fastest later hop; only where both ways back have as many hops as the ways there.

    Otherwise a longer way back explains it as well. Even so the way back may be another one, so the excess must be
    large.
    """
    fastest = min(there, key=median_delay)
    middle = median_delay(fastest)
    excess = stats.percentile(here, 50) - middle
    least = max(LEAST_EXCESS_MS, LEAST_EXCESS * middle)
    if excess < least or hop.return_hops != hop.ttl or fastest.return_hops != fastest.ttl:
        return NOTHING
    above = sum(delay > middle + least for delay in here)
    p = min(1.0, stats.binomial_tail(above, len(here), 0.5) * len(there))
    return Finding(p, f"median RTT {middle + excess:.1f} ms, but hop {fastest.ttl} answers after {middle:.1f} ms")


def _scattered(here: list[float], there: Sequence[Hop]) -> Finding:
    """Against the later hop whose delays vary least: delays above its 90th percentile are expected in a tenth."""
    reaches = []
    for other in there:
        delays = other.delays()
        reaches.append((stats.percentile(delays, SCATTER_PERCENT) - min(delays), other.ttl))
    reach, ttl = min(reaches)
    least = min(here)
    above = sum(delay - least > reach + LEAST_EXCESS_MS for delay in here)
    p = min(1.0, stats.binomial_tail(above, len(here), 1 - SCATTER_PERCENT / 100) * len(there))
    most = stats.percentile(here, SCATTER_PERCENT) - least
    return Finding(p, f"RTTs scatter by {most:.1f} ms, those of hop {ttl} by {reach:.1f} ms only")


# -- direction ---------------------------------------------------------------------------------------------------


class Direction(NamedTuple):
    """On which side probes were lost, as far as the responder's packet numbers tell."""

    name: str
    """forward, backward, or "" where the evidence is not one-sided."""
    p: float
    forward: int
    backward: int


def direction(hop: Hop) -> Direction:
    """Read the numbers of the answers; nothing is said unless neighbours prove that the responder just counts."""
    pairs = follow = forward = backward = unclear = 0
    before: int | None = None
    between = 0
    for each in hop.tries:
        if each.lost:
            between += 1
            continue
        if each.identification is not None and before is not None:
            step = (each.identification - before) & 0xFFFF
            if between == 0:
                pairs += 1
                follow += step == 1
            elif 1 <= step <= between + 1:
                backward += step - 1
                forward += between - (step - 1)
            else:
                unclear += between
        before, between = each.identification, 0
    if len(hop.responders) != 1 or pairs < LEAST_PAIRS or follow < COUNTING * pairs or unclear > forward + backward:
        return Direction("", 1.0, 0, 0)
    known, most = forward + backward, max(forward, backward)
    p = min(1.0, 2 * stats.binomial_tail(most, known, 0.5)) if known else 1.0
    one_sided = known > 0 and most >= ONE_SIDED * known
    name = ("forward" if forward > backward else "backward") if one_sided else ""
    return Direction(name, p, forward, backward)
