"""Exercise 04.5: what silence and refusals mean, as a function that reads an examination.

A cause counts when its three worlds, and they only, are called by its name: whoever calls everything ``silence`` gets
nothing for that. The verdict shows the whole confusion matrix, and the rows of the first case that was called wrongly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from netlab.teach.checkers.examination import CAUSES, LETTERS, Case, cases, word_of
from netlab.teach.exercise import Verdict, Wrong
from netlab.teach.guard import show

_CONFUSED = {
    ("prohibited", "closed port"): (
        "port unreachable, but another machine than the host says so: a firewall speaks in its name. Compare responder "
        "and address."
    ),
    ("closed port", "prohibited"): "the host itself says port unreachable, so nobody on the way forbade anything.",
    ("filtered", "silence"): "pings get no answer, but TCP does: the host is up. Look at every protocol.",
    ("way back", "silence"): "a ping from elsewhere is answered: the host is up, only your answers are lost.",
    ("silence", "filtered"): "no packet of any kind is answered: who knows whether it is a filter?",
    ("silence", "way back"): "from elsewhere no ping is answered either.",
    ("silence", "down"): (
        "nobody answered. In some of these worlds the host is up behind a firewall: from outside you cannot tell."
    ),
    ("filtered", "down"): "TCP is answered: a host that is down does not do that.",
    ("way back", "down"): "a ping from elsewhere is answered: a host that is down does not do that.",
    ("black hole", "filtered"): "short pings are answered, only long ones are not.",
    ("black hole", "silence"): "short pings are answered, only long ones are not.",
    ("no route", "prohibited"): "codes 0 and 1 say that a router knows no way, or no such machine. Nobody forbids it.",
    ("prohibited", "no route"): "codes 0 and 1 say that there is no way, all others that somebody does not want it.",
}
"""What to say when the first is called the second; ``down`` stands for any word that claims that the host is off."""
_CLAIMS = ("down", "host down", "off", "dead", "drop", "dropped", "firewall")


def examine(answer: Callable[[Any], Any], seed: str) -> Verdict:
    found = cases(seed)
    said = [answer(case.frame.copy()) for case in found]
    words = [word_of(value) for value in said]
    if not any(word in CAUSES for word in words):
        claim = next((word for word in words if word), None)
        listed = ", ".join(f'"{cause}"' for cause in CAUSES)
        raise Wrong(
            f"Your function returned {show(said[0] if claim is None else claim)}. Return one of these words: {listed}."
        )
    right = [
        cause
        for cause in CAUSES
        if all((case.cause == cause) == (word == cause) for case, word in zip(found, words, strict=True))
    ]
    matrix = _matrix(found, words)
    if len(right) == len(CAUSES):
        return Verdict(1.0, "All 24, and where nothing can be known you say so.", matrix)
    place = next(i for i, case in enumerate(found) if words[i] != case.cause)
    return Verdict(len(right) / len(CAUSES), _about(found[place], said[place], words[place], len(right)), matrix)


def _about(case: Case, said: Any, word: str, right: int) -> str:
    known = "down" if word in _CLAIMS else word
    because = _CONFUSED.get((case.cause, known), f"{case.what}.")
    if word not in CAUSES and (case.cause, known) not in _CONFUSED:
        because = f"{case.what}. {show(said)} is none of the eight words."
    called = f'You call a case of "{case.cause}" {show(said)}: {because}'
    return f"{right} of 8 causes are told from all others.\n{called}{_row(case)}"


def _row(case: Case) -> str:
    """The rows of the case that it hangs on: one for each kind of probe."""
    lines = []
    for (vantage, protocol, size), rows in case.frame.groupby(
        ["vantage", "protocol", "packet_size"], sort=False, observed=True
    ):
        answers = rows[rows["outcome"] != "timeout"]
        if len(answers):
            row = answers.iloc[0]
            told = f"{row['outcome']}{', ' + row['detail'] if row['detail'] else ''}, from {row['responder']}"
        else:
            told = "no answer"
        lines.append(f"  {vantage}, {protocol}, {size} bytes to {rows['address'].iloc[0]}: {told}")
    return "\n" + "\n".join(lines)


def _matrix(found: tuple[Case, ...], words: list[str]) -> str:
    """How often each cause (row) was called what (column, by the letter of the tree)."""
    head = "  is / you say   " + "".join(f"{letter:>3}" for letter in LETTERS) + "  other"
    rows = [head]
    for letter, cause in LETTERS.items():
        said = [word for case, word in zip(found, words, strict=True) if case.cause == cause]
        counts = [said.count(other) for other in CAUSES]
        other = len(said) - sum(counts)
        cells = "".join(f"{count or '.':>3}" for count in counts)
        rows.append(f"  {letter} {cause:<12} {cells}  {other or '.':>5}")
    return "\n".join(rows)
