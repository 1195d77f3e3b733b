"""What the judge says: the names of the verdicts, the numbers behind them, and one plain sentence each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from netlab import stats
from netlab.probe.verdict_evidence import Contradiction, Direction
from netlab.probe.verdict_hops import Hop, PathFacts

PATH_LOSS = "path loss"
RATE_LIMIT = "rate limit"
ANSWERS_ONLY = "loss of this router's answers only"
SLOW = "slow control plane"
CANNOT_TELL = "cannot tell"
NO_LOSS = "no loss"

CLASSES = (PATH_LOSS, RATE_LIMIT, ANSWERS_ONLY, SLOW, CANNOT_TELL, NO_LOSS)
"""In the order of the table VERDICTS."""


# -- numbers -----------------------------------------------------------------------------------------------------


def percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.095 or share == 0 else f"{100 * share:.1f} %"


def lost(hop: Hop) -> str:
    low, high = stats.wilson(hop.lost, hop.sent)
    return f"hop {hop.ttl}: {hop.lost} of {hop.sent} lost ({percent(low)} to {percent(high)})"


def against(found: Contradiction) -> str:
    return f"{found.who}: {found.lost} of {found.sent} lost"


def after(witnesses: Sequence[Hop]) -> str:
    """Each of the later hops; neighbours that never answered, as behind a silent destination, are one."""
    parts = []
    for _, run in groupby(enumerate(witnesses), lambda item: (item[1].answered > 0, item[1].ttl - item[0])):
        hops = [hop for _, hop in run]
        if len(hops) > 1 and not hops[0].answered:
            parts.append(f"hops {hops[0].ttl} to {hops[-1].ttl}: all {sum(hop.sent for hop in hops)} lost")
        else:
            parts += [f"hop {hop.ttl}: {hop.lost} of {hop.sent} lost" for hop in hops]
    return "; ".join(parts)


def sides(forward: int, backward: int) -> str:
    return f"packet numbers: {forward} lost before the responder answered, {backward} after"


# -- sentences ---------------------------------------------------------------------------------------------------


def no_loss(hop: Hop) -> str:
    _, high = stats.wilson(0, hop.sent)
    return f"All {hop.sent} probes were answered; at most {percent(high)} may get lost."


def too_few(hop: Hop) -> str:
    return f"{hop.sent} probes are too few for a verdict." if hop.sent != 1 else "1 probe is too few for a verdict."


def slow() -> str:
    return (
        "This router is slow to answer, but not slow to forward: "
        "packets that pass through it to a later hop are answered sooner or more evenly."
    )


def rate_limit(hop: Hop, path: PathFacts) -> str:
    who = "The destination" if hop.ttl == path.end else "This router"
    return f"{who} limits how often it answers: the closer the probes, the fewer answers. It is no loss on the path."


def limit_or_congestion() -> str:
    return (
        "The closer the probes, the more are lost, here and behind it: "
        "a limit on answers and a congested link look the same."
    )


def answers_only(hop: Hop) -> str:
    if not hop.answered:
        return "This router never answers, but it forwards: later hops do answer."
    return "Only answers of this router are missing: what is sent through it to later hops gets there."


def path_loss(hop: Hop) -> str:
    return (
        f"Packets get lost on the path at or before this hop: {percent(hop.loss)}, and all later hops miss them, too."
    )


def path_loss_at_end(hop: Hop, first: Hop) -> str:
    return (
        f"{percent(hop.loss)} of the packets to the destination get lost; the loss begins at or before hop {first.ttl}."
    )


def direction(found: Direction) -> str:
    if found.name == "forward":
        return "They are lost on the way there: its packet numbers show that it never answered them."
    return "Their answers are lost on the way back: its packet numbers show that it sent them."


def begins_at_the_end() -> str:
    return "The loss begins at the destination: the last link may lose packets, or the destination does not answer all."


def nobody_beyond(hop: Hop) -> str:
    if not hop.answered:
        return "Nobody answers here or beyond: packets may end here, or they go on and nobody says so."
    return "Nobody beyond this hop answers, so nobody can say whether packets get there."


def silent_end() -> str:
    return "The destination is silent, so nobody can say whether it misses packets, too."


def no_witness() -> str:
    return "The destination does not answer evenly itself, so it cannot say whether it misses packets, too."


def contradicting() -> str:
    return "Too few losses, or later hops that contradict each other: it may be a loss on the path, or only of answers."
