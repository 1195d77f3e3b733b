"""How many flows are enough: the stopping rule of the multipath detection algorithm (MDA), in exact fractions.

A router spreads its packets over an unknown number of next hops. We have seen k of them and ask: how many flows rule
out that there is one more? The null hypothesis says that there are K = k + 1, all equally likely. The chance that n
flows miss at least one of K is, by inclusion and exclusion::

    P_miss(K, n) = 1 - sum over j = 0..K of (-1)^j * C(K, j) * ((K - j) / K)^n

and n(K) is the least n with P_miss(K, n) <= error. The loop: send flows until n(k + 1) have been sent; whenever a new
next hop shows up, k grows and with it the number of flows.

=====  ==  ==  ==  ==  ==  ==  ==  ===  ===
K      2   3   4   5   6   7   8   16   17
=====  ==  ==  ==  ==  ==  ==  ==  ===  ===
95 %   6   11  16  21  27  33  38  90   96
99 %   8   15  21  28  36  43  51  115  123
=====  ==  ==  ==  ==  ==  ==  ==  ===  ===

That each decision errs rarely does not mean that the whole loop does: `success` gives its exact chance on one
balancer (for 95 % between 0.949 and 0.969). And a path has many routers: see ``points`` in `rule`.

Sources: Augustin, Friedman, Teixeira, "Multipath tracing with Paris traceroute" (2007); Veitch, Augustin, Teixeira,
Friedman, "Failure control in multipath route tracing" (2009).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from math import comb
from operator import index

from netlab.errors import UsageError

StopFunction = Callable[[int], int]
"""``stop(found)``: how many flows must have been seen before no further next hop is believed."""

MOST_FLOWS = 100_000
"""More than any measurement sends: a stopping rule that wants more never stops."""
CHECKED_AHEAD = 32
"""A learner's rule is asked for so many next hops before anything is sent, so that most mistakes show at once."""
BRANCH_POINTS = 16
"""How many routers that branch the chance of error of a whole path is divided over."""


def miss(hops: int, flows: int) -> Fraction:
    """Give the chance that ``flows`` flows, each choosing one of ``hops`` next hops by chance, miss at least one.

    Examples
    --------
    >>> miss(2, 6)
    Fraction(1, 32)
    """
    ways = sum((-1) ** (j + 1) * comb(hops, j) * (hops - j) ** flows for j in range(1, hops + 1))
    return Fraction(ways, hops**flows)


@cache
def flows_needed(hops: int, error: Fraction) -> int:
    """Give n(K): the least number of flows that miss one of ``hops`` next hops with a chance of at most ``error``.

    Examples
    --------
    >>> [flows_needed(hops, Fraction(5, 100)) for hops in (2, 3, 4, 17)]
    [6, 11, 16, 96]
    """
    if hops < 2:
        return 1
    most = union_bound(hops, error)
    return hops + bisect_left(range(hops, most), True, key=lambda flows: miss(hops, flows) <= error)


def union_bound(hops: int, error: Fraction) -> int:
    """Give the simpler and slightly larger number of other tools: the least n with K * ((K - 1) / K)^n <= error.

    Examples
    --------
    >>> flows_needed(8, Fraction(5, 100)), union_bound(8, Fraction(5, 100))
    (38, 39)
    """
    flows, missing, all_ways = 0, hops * error.denominator, error.numerator
    while missing > all_ways:
        flows, missing, all_ways = flows + 1, missing * (hops - 1), all_ways * hops
    return flows


def rule(confidence: float, points: int = 1) -> StopFunction:
    """Give the exact stopping rule ``stop(found)`` for a confidence such as 0.95.

    Parameters
    ----------
    confidence
        Of the decision at one router; above 0 and below 1. 0.95 is taken as exactly 95/100.
    points
        Over how many routers that branch the error is divided. Errors add up: with 1 each router has the confidence;
        with 16 a whole path with up to 16 routers that branch has it, at the price of about twice the flows.

    Examples
    --------
    >>> stop = rule(0.95)
    >>> stop(1), stop(2), stop(16)
    (6, 11, 96)
    >>> rule(0.95, points=16)(1)
    10
    """
    error = (1 - Fraction(str(confidence))) / points

    def stop(found: int) -> int:
        return flows_needed(found + 1, error)

    return stop


def success(hops: int, stop: StopFunction) -> Fraction:
    """Give the exact chance that the whole loop finds all next hops of one balancer with ``hops`` of them.

    Each flow finds a new next hop with the chance (hops - found) / hops; the loop fails when ``stop(found)`` flows were
    sent before all were found. Of hops^n equally likely outcomes it counts those that still run, flow by flow.

    Examples
    --------
    >>> float(success(2, rule(0.95)))
    0.96875
    >>> round(float(success(8, rule(0.95))), 5)
    0.94989
    """
    running = {1: hops}  # next hops found → outcomes, after one flow
    flows, all_found = 1, Fraction(0)
    while running:
        all_found += Fraction(running.pop(hops, 0), hops**flows)
        following: dict[int, int] = {}
        for found, outcomes in running.items():
            if flows < stop(found):
                following[found] = following.get(found, 0) + outcomes * found
                following[found + 1] = following.get(found + 1, 0) + outcomes * (hops - found)
        running, flows = following, flows + 1
    return all_found


def checked(stop: StopFunction) -> StopFunction:
    """Give a learner's rule with every answer checked, asked only once for each number of next hops.

    Raises
    ------
    UsageError
        When it is no function, or gives something else than a whole number from 0 to 100,000.
    """
    if not callable(stop):
        raise UsageError("stop", stop, "give a function: stop(found) says how many flows are enough")
    known: dict[int, int] = {}

    def asked(found: int) -> int:
        if found not in known:
            flows = stop(found)
            try:
                number = -1 if isinstance(flows, bool) else index(flows)
            except TypeError:
                number = -1
            if not 0 <= number <= MOST_FLOWS:
                allowed = f"stop({found}) gave {flows!r}; it must give a whole number from 0 to {MOST_FLOWS}"
                raise UsageError("stop", stop, allowed)
            known[found] = number
        return known[found]

    for found in range(1, CHECKED_AHEAD + 1):
        asked(found)
    return asked
