"""A corpus of valid and hostile input for a part of a web server, and what the part makes of it (notebook 09).

A part gives something, or it refuses with a status; anything else that it raises would be an answer 500 in the real
server, and is told as such.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from netlab.errors import RemoteProtocolError
from netlab.teach.checkers.deviations import Kind, Outcome, explain
from netlab.teach.exercise import Verdict, Wrong
from netlab.teach.guard import own_line, show, tell, unwritten

VALID_ONLY = 0.25
"""The most for a function that takes all that is right and refuses nothing."""
HALF = 0.5
"""The most for a function that is not right everywhere."""


@dataclass(frozen=True, slots=True)
class Case:
    told: str
    """What is special about it."""
    given: tuple[Any, ...]
    right: tuple[Outcome, ...]
    """What is right; the first is the best."""
    rule: str = ""
    """The sentence that decides it, with its RFC."""

    @property
    def hostile(self) -> bool:
        """Whether it may be refused. Some input may also be taken as it is: then there are two ways to be right."""
        return any(kind == "refused" for kind, *_ in self.right)


def outcome(function: Callable[..., Any], given: Sequence[Any], gives: Callable[[Any], Outcome]) -> Outcome:
    """("refused", status), ("fault", name), or what ``gives`` makes of the result."""
    try:
        value = function(*given)
    except RemoteProtocolError as refusal:
        return "refused", refusal.status_hint
    except Exception as error:
        if unwritten(error) or (own_line(error) is not None and isinstance(error, NameError | SyntaxError)):
            raise
        return "fault", type(error).__name__, tell(error)
    if isinstance(value, RemoteProtocolError):
        raise Wrong(
            "Your function returns the refusal, so the server takes it for a result. Raise it: raise "
            f"netlab.teach.refuse({value.status_hint}, {str(value)!r})."
        )
    return gives(value)


@dataclass(frozen=True, slots=True)
class Part:
    """How a part of a server is examined."""

    cases: Sequence[Case]
    kinds: Sequence[Kind]
    variant: Callable[[dict[str, str]], Callable[..., Any]]
    gives: Callable[[Any], Outcome]
    shown: Callable[[Case], str]
    """The input, for a message."""
    praise: str

    def run(self, function: Callable[..., Any]) -> Iterator[Outcome]:
        """The outcomes on all cases, one after the other; where there are two right ones, they count as the same."""
        return (self._same(case, outcome(function, case.given, self.gives)) for case in self.cases)

    def _same(self, case: Case, value: Outcome) -> Outcome:
        return case.right[0] if value[:2] in case.right else value[:2]

    def examine(self, answer: Callable[..., Any]) -> Verdict:
        found = [outcome(answer, case.given, self.gives) for case in self.cases]
        right = [value[:2] in case.right for case, value in zip(self.cases, found, strict=True)]
        if all(right):
            hostile = sum(case.hostile for case in self.cases)
            return Verdict(1.0, f"{len(right) - hostile} valid and {hostile} hostile ones: {self.praise}")
        wrong = [(case, value) for case, value, good in zip(self.cases, found, right, strict=True) if not good]
        case, value = wrong[0]
        same = [self._same(case, value) for case, value in zip(self.cases, found, strict=True)]
        messages = explain(self.kinds, self.variant, self.run, same)
        message = " ".join(messages) or self._unknown(case, value, len(wrong))
        evidence = f"For example, {case.told}:\n{self.shown(case)}\n"
        evidence += f"Right: {said(case.right[0])}. Yours: {said(value)}."
        return Verdict(self._share(right), message, evidence)

    def _unknown(self, case: Case, value: Outcome, count: int) -> str:
        text = f"Not right yet in {count} of {len(self.cases)} cases. "
        if value[0] == "fault":
            return text + f"{value[2]}\nIn the server that is an answer 500: our fault, not the client's."
        return text + case.rule

    def _share(self, right: Sequence[bool]) -> float:
        """Something for a function that does what is usual, more for one that also refuses some of what it must."""
        usual = [good for case, good in zip(self.cases, right, strict=True) if not case.hostile]
        hostile = [good for case, good in zip(self.cases, right, strict=True) if case.hostile]
        if not all(usual):
            return 0.0
        return round(VALID_ONLY + (HALF - VALID_ONLY) * sum(hostile) / max(len(hostile), 1), 3)


def said(value: Outcome) -> str:
    """An outcome in words."""
    if value[0] == "refused":
        return f"refuse it with {value[1]}"
    if value[0] == "fault":
        return f"{value[1]}, so an answer 500"
    return show(value[1], 150)
