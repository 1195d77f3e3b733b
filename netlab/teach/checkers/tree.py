"""Exercise 04.4: the decision tree, a word for each of its leaves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netlab.teach.checkers.examination import CAUSES, LETTERS, word_of
from netlab.teach.exercise import Verdict, Wrong
from netlab.teach.guard import show

_CLUES = {
    "A": "The host itself is there and speaks. What did it refuse?",
    "B": "Codes 0 and 1, network and host unreachable: what is missing at the router that says so?",
    "C": "Codes 9, 10 and 13, and any code that a firewall makes up: somebody decided that.",
    "D": "64 routers were passed, and none was the last. How can that be?",
    "E": "Short packets pass, long ones vanish, and nobody says that they are too long.",
    "F": "The host is well: it answers TCP. What became of the pings?",
    "G": "Your ping was delivered, for the host answers others. Where is the answer to you lost?",
    "H": "Nothing from anywhere. What do you know then? Not more than that.",
}


def examine(answer: Any, seed: str) -> Verdict:
    if not isinstance(answer, Mapping):
        raise Wrong(f'Your function returned {show(answer)}. Return a dictionary such as {{"A": "closed port"}}.')
    given = {str(letter).strip().upper(): word for letter, word in answer.items()}
    strange = [letter for letter in given if letter not in LETTERS]
    if strange:
        raise Wrong(f"The tree has no leaf {show(strange[0])}. Its leaves are {', '.join(LETTERS)}.")
    right = [letter for letter, cause in LETTERS.items() if word_of(given.get(letter)) == cause]
    told = []
    for letter in LETTERS:
        if letter in given and letter not in right:
            word = word_of(given[letter])
            doubt = "" if word in CAUSES else f" {show(given[letter])} is none of the eight words."
            told.append(f"{letter} is not right yet.{doubt} {_CLUES[letter]}")
    missing = [letter for letter in LETTERS if letter not in given]
    if missing:
        told.append(f"Still open: {', '.join(missing)}.")
    done = "Eight leaves, eight causes. The last one is honest: it says what cannot be known."
    return Verdict(len(right) / len(LETTERS), "\n".join(told[:4]) if told else done)
