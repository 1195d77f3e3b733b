"""Exercise 13.5: the cause of the case that is open, with at least two independent pieces of evidence.

Evidence is what is on the board: a measurement of the learner's own, under its id. It counts when it shows what the
named cause would make it show (`board.SPEAKS_FOR`). Two pieces are independent when they come from different tools: the
same ping twice is one piece. Half of the points are for the cause, a quarter for each of two pieces.

A wrong cause gets no points. The message then says what this cause would show, and what the evidence shows instead; it
does not name the right one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from netlab.teach.board import DECIDES, SPEAKS_FOR, Board
from netlab.teach.cases import current
from netlab.teach.exercise import Verdict, Wrong
from netlab.teach.guard import show
from netlab.teach.incidents import CAUSES
from netlab.teach.reading import Reading

WOULD_SHOW = {
    "packet loss": "Of some hundred pings of www a few would be missing, and all others as fast as on Monday.",
    "congestion": "The fastest pings of www would be as on Monday, and 5 of 100 much slower.",
    "narrow link": "Small pings of www would be as on Monday, and large ones clearly slower.",
    "detour": "Pings of www would all be slower, and the trace would show places that were not on the way on Monday.",
    "way back": "Pings of www would all be slower, on the same way there, and the answers would count other hops.",
    "black hole": "Small pings of www would be answered, and large ones never; large objects would stall.",
    "far replica": "Pings of www would be slower, and answered by another address than on Monday.",
    "far proxy": "Pings of the proxy would be slower, and those of www as on Monday.",
    "slow origin": "Pings would be as on Monday, and a single fetch would wait long for its first byte.",
    "one at a time": "A single fetch would be quick. In a crowd, not more than one would be served at a time.",
    "short backlog": "In a crowd some would find the queue full, and connect only after a second.",
    "no keep-alive": "Each request would have a connection of its own, also those of the proxy.",
    "small window": "Pings would be as on Monday, large ones too; the photo would take long to arrive.",
    "never kept": "The proxy's log would have no hit, and nothing stored.",
    "always asked": "The proxy's log would have no hit, and every second visit would be validated.",
    "kept apart": "The proxy's log would have no hit, and the same objects stored again and again.",
}
ENOUGH = 2
"""Pieces of evidence."""


def examine(answer: Any, seed: str) -> Verdict:
    case = current()
    if case is None:
        raise Wrong('There is no open case. Run the cell with netlab.teach.incident("your name") first.')
    cause, ids = _parts(answer)
    board = case.board
    if not board.entries:
        raise Wrong('The board is empty. Put your measurements on it: case.board.add(netlab.ping("www")).')
    unknown = [each for each in ids if board.find(each) is None]
    if unknown:
        known = ", ".join(entry.id for entry in board.entries.values())
        raise Wrong(f"There is no {show(unknown[0])} on the board. It has {known}.")
    if cause != case.cause:
        return Verdict(0.0, f"It is not {cause}. {WOULD_SHOW[cause]}", _shown(board, ids))
    good = _independent(board, cause, ids)
    share = 0.5 + 0.25 * min(len(good), ENOUGH)
    if share >= 1 and not _decided(board, cause, ids):
        return Verdict(
            0.75,
            f"The cause is right, but this evidence fits other causes as well. {WOULD_SHOW[cause]}",
            _shown(board, ids),
        )
    if share >= 1:
        return Verdict(1.0, f"{case.reveal()[0].upper()}{case.reveal()[1:]}. Well proved:", _shown(board, good))
    verb = "speaks" if len(good) == 1 else "speak"
    message = f"The cause is right. {len(good) or 'None'} of your pieces of evidence {verb} for it; "
    message += f"{ENOUGH} of different tools are needed. {WOULD_SHOW[cause]}"
    return Verdict(share, message, _shown(board, ids))


def _parts(answer: Any) -> tuple[str, list[Any]]:
    example = '("congestion", ["E1", "E3"])'
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        raise Wrong(f"Your function returned {show(answer)}. Return a cause and the ids of your evidence: {example}.")
    cause, ids = answer
    if not isinstance(cause, str) or _word(cause) not in CAUSES:
        raise Wrong(f"{show(cause)} is none of the causes. They are: {', '.join(CAUSES)}.")
    if isinstance(ids, str) or not isinstance(ids, Iterable):
        raise Wrong(f"You gave {show(ids)} as evidence. Give a list of ids from the board: {example}.")
    return _word(cause), list(dict.fromkeys(each for each in ids if isinstance(each, str)))


def _word(text: str) -> str:
    """A learner's spelling as one of `CAUSES`."""
    plain = " ".join(text.lower().replace("-", " ").split())
    return next((cause for cause in CAUSES if cause.replace("-", " ") == plain), "")


def _independent(board: Board, cause: str, ids: list[Any]) -> list[Any]:
    """The ids whose findings speak for the cause, one for each tool."""
    tools: dict[str, Any] = {}
    for id in ids:
        reading = board.find(id)
        if reading is not None and reading.findings & SPEAKS_FOR[cause]:
            tools.setdefault(reading.tool, id)
    return list(tools.values())


def _decided(board: Board, cause: str, ids: list[Any]) -> bool:
    """Whether something among the evidence tells the cause from its likes."""
    needed = DECIDES.get(cause)
    found = [reading for id in ids if (reading := board.find(id)) is not None]
    return needed is None or any(reading.findings & needed for reading in found)


def _shown(board: Board, ids: list[Any]) -> str:
    return "\n".join(f"  {id}: {_line(reading)}" for id in ids if (reading := board.find(id)) is not None)


def _line(reading: Reading) -> str:
    return f"{reading.tool} ({reading.about}): {reading.shows}"
