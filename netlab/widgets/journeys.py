"""Where a probe really went: read from what a virtual network recorded, never from what the tool found out.

PACKETS has a row for everything that happened to a packet at a machine, with a ``number`` for the packet and the
``parent`` that caused it. So a probe's own rows are its way there, and those of the packet it caused are the way back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

ARRIVED = "delivered"


@dataclass(frozen=True, slots=True)
class Journey:
    """The way of one probe and of its answer, as names of machines in order, the start included."""

    there: tuple[str, ...]
    fate: str
    """``delivered``, or why its last machine dropped it; ``""`` while it is on its way."""
    back: tuple[str, ...] = ()
    """The way of the answer; empty when nobody answered."""
    back_fate: str = ""


def journeys(packets: Iterable[Mapping[str, Any]], requests: Mapping[int, bytes]) -> dict[int, Journey]:
    """Give the journeys of some probes by their sequence numbers.

    Parameters
    ----------
    packets
        Rows of PACKETS of a virtual network, in the order of time.
    requests
        Sequence number and bytes of each probe, as in the columns ``sequence`` and ``request``.
    """
    own: dict[int, list[Mapping[str, Any]]] = {}
    answers: dict[int, int] = {}
    first: dict[bytes, int] = {}
    for row in packets:
        number = row["number"]
        if number not in own and row["action"] == "sent":
            if row["parent"]:
                answers.setdefault(row["parent"], number)
            else:
                first.setdefault(bytes(row["data"]), number)
        own.setdefault(number, []).append(row)
    found = {}
    for sequence, request in requests.items():
        number = first.get(request, 0)
        if number:
            there, fate = _way(own[number])
            answer = answers.get(number, 0)
            back, back_fate = _way(own[answer]) if answer else ((), "")
            found[sequence] = Journey(there, fate, back, back_fate)
    return found


def _way(rows: Iterable[Mapping[str, Any]]) -> tuple[tuple[str, ...], str]:
    """The machines of one packet, and what became of it."""
    nodes: list[str] = []
    fate = ""
    for row in rows:
        if not nodes or nodes[-1] != row["at"]:
            nodes.append(row["at"])
        if row["action"] in (ARRIVED, "dropped"):
            fate = row["reason"] or ARRIVED
    return tuple(nodes), fate
