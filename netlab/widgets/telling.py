"""One probe of a traceroute in a sentence or two: what it was, who answered, and what that means.

What a table says in columns, for readers who step through a trace one probe at a time, and for those who listen to it.
On a virtual network the sentence may end with what really became of the probe, which no tool on the way can know.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netlab.widgets.journeys import ARRIVED, Journey
from netlab.widgets.words import say

FLAGS = {
    "loop": "told loop",
    "repeated-hop": "told repeated-hop",
    "beyond-end": "told beyond-end",
    "last-ditch": "told last-ditch",
    "one-at-a-time": "told one-at-a-time",
}
"""Words of the column ``flags`` that have a sentence of their own."""


def tell(row: Mapping[str, Any], number: int, total: int | None = None, journey: Journey | None = None) -> str:
    """Say what probe ``number`` (of ``total``, None: not known yet) was and what came of it."""
    count = say("told number", number=number) if total is None else say("told of", number=number, total=total)
    words = [say("told probe", count=count, protocol=str(row["protocol"]).upper(), ttl=row["ttl"]), _answer(row)]
    flags = str(row["flags"]).split()
    words += [say(sentence) for flag, sentence in FLAGS.items() if flag in flags]
    if journey is not None and not row["responder"]:
        words.append(_truth(journey))
    return " ".join(word for word in words if word)


def who(row: Mapping[str, Any]) -> str:
    """The responder: its name with the address behind it, or the address alone."""
    name, address = str(row["responder_name"]), str(row["responder"])
    return f"{name} ({address})" if name and name != address else address


def _answer(row: Mapping[str, Any]) -> str:
    outcome, detail, time = str(row["outcome"]), str(row["detail"]), _time(row["rtt_ms"])
    if outcome == "late":
        return say("told late", who=who(row), time=time, detail=detail or say("told an answer"))
    if outcome == "time-exceeded":
        return say("told exceeded", who=who(row), time=time)
    if outcome == "reply":
        return say("told reply", who=who(row), time=time, detail=f": {detail}" if detail else "")
    if outcome == "unreachable":
        port = detail == "port unreachable"
        return say("told port" if port else "told unreachable", who=who(row), time=time, detail=detail)
    if outcome == "timeout":
        key = "told early" if "early" in str(row["flags"]).split() else "told silence"
        return say(key, time=_time(row["waited_ms"]))
    return say("told pending") if outcome == "pending" else say("told not sent", detail=detail)


def _truth(journey: Journey) -> str:
    """What a silent probe's fate really was: the part that only the simulator knows."""
    if not journey.fate:
        return ""
    where = journey.there[-1]
    if journey.back:
        return say("truth answer lost", where=where, lost=journey.back[-1], reason=journey.back_fate)
    if journey.fate == ARRIVED:
        return say("truth no answer", where=where)
    return say("truth dropped", where=where, reason=journey.fate)


def _time(milliseconds: float) -> str:
    return f"{milliseconds:.3g} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.3g} s"
