"""What a sequence diagram is drawn from: one story per packet or message, and the rows at which it has to be drawn.

A story says where a packet was and when, and how it ended. `of_packets` puts the rows of a capture together, in which
every step of a packet is a row of its own. Which machines get a line, and which moments a row, is decided here, too: a
conversation of many segments is drawn between the machines that send, take or drop them, and what a machine sends at
once stands below each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from netlab.errors import UsageError
from netlab.plot import data as say
from netlab.plot.segments import Labels

WANTED = ("time", "at", "action", "reason", "source", "summary", "number")
MOST, LAST = 13, 6
"""Moments in one diagram, and how many of them are the last ones when the middle is left out: a loop takes 60 hops."""
MOST_OF_TALK, LAST_OF_TALK = 44, 14
"""The same for a conversation, of which every line says something of its own."""

Moment = tuple[int, int]
"""ns, and how many packets the same machine has sent or taken at that very time before."""


@dataclass(slots=True)
class Story:
    """One packet: where it was at which time, and how it ended."""

    label: str
    answer: bool
    places: list[str] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    end: str = ""
    """``delivered``, the reason of its drop, or ``""``: still under way."""
    moments: list[Moment] = field(default_factory=list)

    def ended(self, start: int) -> str:
        """Where and how it ended, and how long after ``start``."""
        where, moment = self.places[-1], f"after {say.ms((self.times[-1] - start) / 1e6)}"
        if self.end == "delivered":
            return f"reaches {where} {moment}"
        return f"is dropped at {where} {moment} ({self.end})" if self.end else f"was last seen at {where} {moment}"


@dataclass(slots=True)
class Diagram:
    """All stories of one diagram."""

    stories: list[Story]
    lanes: list[str]
    """The machines, from left to right."""
    talk: bool = False
    """A conversation: every arrow has a label, and the alt text counts instead of telling every packet."""

    @property
    def start(self) -> int:
        return min((story.times[0] for story in self.stories), default=0)

    def rows(self) -> tuple[list[Moment], int, int]:
        """The moments that get a row, how many in the middle are left out, and after which row."""
        moments = sorted({moment for story in self.stories for moment in story.moments})
        most, last = (MOST_OF_TALK, LAST_OF_TALK) if self.talk else (MOST, LAST)
        if len(moments) <= most:
            return moments, 0, most
        return moments[: most - last] + moments[-last:], len(moments) - most, most - last


def of_packets(rows: Sequence[Mapping[str, Any]], between: Sequence[str] | None = None) -> Diagram:
    """Put the rows of each packet together; packets in order of appearance."""
    for row in rows[:1]:
        missing = [column for column in WANTED if column not in row]
        if missing:
            raise UsageError("packets", list(row), f"has no {', '.join(missing)}; wanted: network.packets()")
    talk = any(row.get("protocol") == "tcp" for row in rows)
    found: dict[int, Story] = {}
    first_asker = rows[0]["source"] if rows else ""
    askers: dict[frozenset[str], str] = {}
    """Of each two machines that talk TCP, the one that began: a proxy answers one side and asks the other."""
    labels, order = Labels(), _Order()
    for row in rows:
        first = row["number"] not in found
        if first:
            label = labels.of(row) if row.get("protocol") == "tcp" else shortened(row["summary"])
            asker = first_asker
            if row.get("protocol") == "tcp" and "destination" in row:
                asker = askers.setdefault(frozenset((row["source"], row["destination"])), row["source"])
            found[row["number"]] = Story(label, row["source"] != asker)
        story = found[row["number"]]
        if row["action"] == "dropped" or row["action"] == "delivered":
            story.end = row["reason"] or row["action"]
        time = row["time"].value if hasattr(row["time"], "value") else int(row["time"])
        story.places.append(row["at"])
        story.times.append(time)
        story.moments.append((time, order.of(row["at"], time, first) if talk else 0))
    stories = list(found.values())
    lanes = list(dict.fromkeys(place for story in stories for place in story.places))
    if between is not None:
        lanes = _chosen(between, lanes)
    elif talk:
        ends = {place for story in stories for place in (story.places[0], story.places[-1])}
        lanes = [lane for lane in lanes if lane in ends]
    return Diagram(_only(stories, lanes), lanes, talk)


def _chosen(between: Sequence[str], lanes: list[str]) -> list[str]:
    names = [between] if isinstance(between, str) else list(between)
    unknown = [name for name in names if name not in lanes]
    if unknown and lanes:
        raise UsageError("between", unknown[0], f"no packet was there; they were at {', '.join(lanes)}")
    return names


def _only(stories: Iterable[Story], lanes: Sequence[str]) -> list[Story]:
    """The stories as these machines saw them; a packet that none of them saw is none."""
    kept = []
    for story in stories:
        seen = [step for step, place in enumerate(story.places) if place in lanes]
        if seen:
            places, times, moments = (
                [values[step] for step in seen] for values in (story.places, story.times, story.moments)
            )
            end = story.end if story.places[-1] in lanes else ""
            kept.append(Story(story.label, story.answer, places, times, end, moments))  # type: ignore[arg-type]
    return kept


class _Order:
    """Puts what a machine does at one time below each other, and what it sends not above what made it send."""

    def __init__(self) -> None:
        self._sent: dict[tuple[str, int], int] = {}
        self._came: dict[tuple[str, int], int] = {}

    def of(self, place: str, time: int, sent: bool) -> int:
        """The row, counted from 0, of what happens next at this machine and time."""
        key = place, time
        if sent:
            self._sent[key] = max(self._sent.get(key, -1) + 1, self._came.get(key, 0))
            return self._sent[key]
        self._came[key] = self._came.get(key, -1) + 1
        return self._came[key]


def shortened(summary: str) -> str:
    """What a packet is, without its addresses and numbers: "ICMP echo request"."""
    text = summary.split(" ", 3)[-1] if " > " in summary else summary
    text = re.sub(r"( about | id=| ttl=| hop limit=| length=| seq=| win=).*", "", text)
    return re.sub(r"^(UDP|TCP) \d+ > (\d+)", r"\1 to port \2", text)
