"""Exercise 07.5: when to stop looking for further next hops.

The rule is tried in 200 simulated fans with four next hops. In each simulation new flows are sent one after another;
chance, made from the seed, sends each to one of the four. The rule is asked after every flow, as in `netlab.multipath`.
It must find all four in 95 % of the fans, and not send probes for ever. Because 200 simulations are a sample too, what
decides is the exact chance (`netlab.probe.stopping.success`); the simulations show it.

Source: Augustin, Friedman, Teixeira, "Multipath tracing with Paris traceroute" (2007); Veitch et al. (2009).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from netlab.probe.stopping import flows_needed, rule, success
from netlab.teach.exercise import Verdict, Wrong, dice, number
from netlab.teach.guard import show

WIDTH = 4
CONFIDENCE = 0.95
FANS = 200
MOST = 60
"""Probes on average, three times what is needed: who sends more has not chosen."""
LONGEST = 500
"""Probes that a simulation sends at most."""
LETTERS = "ABCD"


class Outcome(NamedTuple):
    found: int
    sent: int
    hops: str
    """Which next hop each probe came to."""


@lru_cache(maxsize=8)
def _fans(seed: str) -> tuple[str, ...]:
    """For each fan the next hops that flow 1, 2, 3, … come to."""
    return tuple("".join(dice("07.5", f"{seed}/{fan}").choices(LETTERS, k=LONGEST)) for fan in range(FANS))


def run(hops: str, enough: Callable[[int], int]) -> Outcome:
    """Send flows until the rule is content."""
    seen: set[str] = set()
    for sent, hop in enumerate(hops, start=1):
        seen.add(hop)
        if sent >= enough(len(seen)):
            break
    return Outcome(len(seen), sent, hops[:sent])


def examine(answer: Callable[[Any], Any], seed: str) -> Verdict:
    needed = {found: _whole(answer(found), found) for found in range(1, WIDTH + 1)}
    outcomes = [run(hops, needed.__getitem__) for hops in _fans(seed)]
    complete = sum(outcome.found == WIDTH for outcome in outcomes)
    average = sum(outcome.sent for outcome in outcomes) / FANS
    exact = float(success(WIDTH, lambda found: min(needed[found], LONGEST)))
    told = (
        f"In {FANS} simulated fans all four next hops were found in {complete}, {100 * complete / FANS:.1f} %, with "
        f"{average:.1f} probes on average. The exact chance, which decides, is {100 * exact:.1f} %."
    )
    if exact < CONFIDENCE:
        failed = next((outcome for outcome in outcomes if outcome.found < WIDTH), None)
        return Verdict(0.25 if exact >= 0.85 else 0.0, _why(needed, exact), f"{told}{_shown(failed, outcomes)}")
    if average > MOST:
        wanted = flows_needed(WIDTH, 1 - _fraction())
        return Verdict(
            0.5,
            f"All four are found, but you send far too many probes: {wanted} are enough to find four. Others pay for "
            "them, too: routers have better things to do.",
            told,
        )
    return Verdict(1.0, "At least 95 %, and not many more probes than that takes.", told)


def _fraction() -> Any:
    from fractions import Fraction

    return Fraction(str(CONFIDENCE))


def _whole(value: Any, found: int) -> int:
    count = number(value)
    if count is None or count != count // 1 or not 0 <= count < 1e9:
        raise Wrong(f"With {found} found your function returned {show(value)}. Return a whole number of probes.")
    return int(count)


def _why(needed: dict[int, int], exact: float) -> str:
    given = [needed[found] for found in range(1, WIDTH + 1)]
    right = rule(CONFIDENCE)
    if given[1:] == [right(found - 1) for found in range(2, WIDTH + 1)]:
        return (
            "You rule out as many next hops as you have already found. Rule out one *more*: with three found, send as "
            "many probes as would show a fourth."
        )
    if all(count <= found for found, count in needed.items()):
        return "You stop as soon as there are as many probes as next hops. Chance does not deal them out in turn."
    if given == [given[0]] * WIDTH and given[0] == 11:
        return "After 11 probes *one given* next hop of four is found with 95 %. All four take more."
    early = next((found for found in range(1, WIDTH) if needed[found] < right(found)), WIDTH)
    return (
        f"Too early: not yet 95 %. For example with {early} found you stop after {needed[early]}; how often would "
        f"{needed[early]} probes miss one of {early + 1} next hops?"
    )


def _shown(failed: Outcome | None, outcomes: list[Outcome]) -> str:
    if failed is None:
        return ""
    return (
        f"\n  fan {outcomes.index(failed) + 1}: the probes came to {' '.join(failed.hops)}; then your rule was content."
    )
