"""Notebook 00: welcome. What is virtual, what repeats, and a measurement that loses exactly one reply."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from netlab.teach.exercise import Exercise, Mistake, Verdict, Wrong, choice, close, dice, number, recognise
from netlab.teach.guard import show

WORLD = "lossy"
LEAST_COUNT = 10


# --- 00.2: the virtual clock -------------------------------------------------------------------------------------

_CLOCK_MISTAKES = [
    Mistake(
        lambda given: given[0] * given[1],
        (
            "You count one pause too many. The first probe leaves at once: between 2 probes there is 1 "
            "pause, between 3 there are 2."
        ),
    ),
    Mistake(
        lambda given: (given[0] + 1) * given[1],
        "You count two pauses too many: n probes have n - 1 pauses between them.",
    ),
    Mistake(lambda given: (given[0] - 1) * given[1] * 1000, "Those are milliseconds; the question asks for seconds."),
    Mistake(lambda given: given[0] - 1, "You count the pauses, but not how long they are: the interval is missing."),
    Mistake(
        lambda given: (given[0] - 1) / given[1],
        "More pauses take longer, and longer pauses too: multiply, do not divide.",
    ),
    Mistake(
        lambda given: 0,
        "That is how long *you* wait. On the virtual clock of the network time passes between the probes.",
    ),
]


def _examine_clock(answer: Callable[[int, float], Any], seed: str) -> Verdict:
    random = dice("00.2", seed)
    cases = [(61, 1.0), (2, 0.5), (1, 3.0)] + [
        (2 + random.getrandbits(6), (1 + random.getrandbits(4)) / 4) for _ in range(9)
    ]
    answers = [answer(count, interval) for count, interval in cases]
    right = [(count - 1) * interval for count, interval in cases]
    wrong = [i for i, value in enumerate(answers) if number(value) is None or not close(float(value), right[i])]
    if not wrong:
        return Verdict(1.0, "A minute of virtual time costs you a few thousandths of a second.")
    count, interval = cases[wrong[0]]
    said = f"For count={count} and interval={interval} your function gives {show(answers[wrong[0]])}"
    if number(answers[wrong[0]]) is None:
        raise Wrong(f"{said}. Return a number of seconds.")
    return Verdict(0.0, recognise(_CLOCK_MISTAKES, cases, answers), f"{said}; right is {right[wrong[0]]:g}.")


# --- 00.5: exactly one reply lost --------------------------------------------------------------------------------


def _examine_one_lost(frame: Any, seed: str) -> Verdict:
    if frame is None:
        raise Wrong("Your function returned None. Return the table: put return in front of netlab.ping(...).")
    columns = list(getattr(frame, "columns", []))
    if "lost" in columns and "outcome" not in columns:
        raise Wrong("That is a summary. Return the table of netlab.ping itself, with one row for each probe.")
    if not {"outcome", "attempt", "network", "sequence", "answer"} <= set(columns):
        raise Wrong(f"Your function returned {_kind(frame)}. Return the table that netlab.ping gives, as it is.")
    networks = sorted({str(name) for name in frame["network"]})
    if networks != [f"virtual:{WORLD}"]:
        raise Wrong(
            f'The table comes from {", ".join(networks) or "nowhere"}. Ping in the world "{WORLD}".',
            "See the column network.",
        )
    attempts = [int(attempt) for attempt in frame["attempt"]]
    if attempts != list(range(1, len(attempts) + 1)):
        missing = sorted(set(range(1, max(attempts) + 1)) - set(attempts))
        raise Wrong(
            (
                "Rows are missing from the table. Find a measurement that loses one reply; do not cut one "
                "out of a longer table."
            ),
            f"There is no row with attempt {missing[0]}." if missing else "",
        )
    if len(attempts) < LEAST_COUNT:
        raise Wrong(f"The table has {len(attempts)} rows. Send at least {LEAST_COUNT} probes.")
    return _count_lost(frame)


def _count_lost(frame: Any) -> Verdict:
    outcomes = [str(word) for word in frame["outcome"]]
    lost = [int(number) for number, word in zip(frame["sequence"], outcomes, strict=True) if word == "timeout"]
    if any(word == "timeout" and answer for word, answer in zip(outcomes, frame["answer"], strict=True)):
        raise Wrong("A row of this table says timeout and has an answer. It was changed after the measurement.")
    if len(lost) == 1:
        return Verdict(
            1.0,
            (
                f"One of {len(outcomes)} replies is lost: probe {lost[0]}. Everybody who takes your seed and "
                "count loses the same one."
            ),
        )
    if not lost:
        late = outcomes.count("late")
        return Verdict(
            0.0,
            "No reply is lost. Take another seed, or more probes: then a loss becomes likely.",
            f"{late} came late, but a late reply is not a lost one." if late else "Every row has the outcome reply.",
        )
    return Verdict(
        0.0,
        f"{len(lost)} replies are lost. Take another seed, or fewer probes.",
        f"The lost ones are the probes {', '.join(map(str, lost[:8]))}{' …' if len(lost) > 8 else ''}.",
    )


def _kind(value: Any) -> str:
    return (
        show(value)
        if not hasattr(value, "columns")
        else f"a table with the columns {', '.join(map(str, value.columns[:4]))} …"
    )


# --- the exercises -----------------------------------------------------------------------------------------------

EXERCISES: dict[str, Exercise] = {
    "00.1": choice(
        "00.1",
        "The same seed twice",
        "a37abdfea9f3",
        {
            "a": "Real networks are never quite the same. But look at the two tables: not one digit differs.",
            "b": "The world starts anew with each measurement, and all its chances come from the seed.",
            "c": (
                "The numbers come from whole numbers and the seed alone: no clock, no processor speed, no "
                "time zone takes part."
            ),
            "d": (
                "Random numbers of a computer follow from their seed. The same seed gives the same numbers "
                "in the same order."
            ),
        },
        (
            "Look at the two tables, digit by digit.",
            "Where could a difference come from, when the world begins at the same moment with the same seed?",
            "Run the first cell once more, and compare. Then think of another computer: what would be different there?",
        ),
    ),
    "00.2": Exercise(
        "The virtual clock",
        _examine_clock,
        (
            "Draw the probes as dots on a line. Then count the gaps.",
            "With 2 probes there is 1 gap. With 61 probes there are … gaps.",
            "The gaps are count - 1. Each lasts interval seconds. Multiply.",
        ),
        takes=("count", "interval"),
        unseen=True,
    ),
    "00.3": choice(
        "00.3",
        "Whose address is it",
        "5ec8318306a9",
        {
            "a": "Look at the first three numbers. RFC 5737 sets three blocks apart; this is the first of them.",
            "b": "192.168.0.0/16 is for private networks (RFC 1918). 192.0.2.0/24 looks similar, but is another block.",
            "c": "Nobody may ever use it on the Internet (RFC 5737). So no packet from this book can reach a stranger.",
            "d": "Your own machine is 127.0.0.1, whatever else it is called.",
        },
        (
            "Compare the address with the list of blocks above, number by number.",
            "RFC 5737, section 3, has three blocks. What does it say that they are for?",
            (
                "192.0.2.0/24 is the first of the blocks for documentation. Documentation means: examples in "
                "books like this one."
            ),
        ),
    ),
    "00.4": choice(
        "00.4",
        "Another seed",
        "c4de7c1f5d6f",
        {
            "a": "Compare the column sent_at of the two tables, row by row.",
            "b": "Compare the column rtt_ms of the two tables, row by row.",
            "c": "The links still have the same lengths. See how close the two smallest round-trip times are.",
            "d": "The plan of the measurement is the same; what the network does to each packet was thrown anew.",
        },
        (
            "The two tables stand side by side. Which columns have different numbers?",
            "sent_at says when a probe left. Does the network have a say in that?",
            "The seed decides what chance decides. When probes leave is decided by count and interval.",
        ),
    ),
    "00.5": Exercise(
        "Exactly one lost",
        _examine_one_lost,
        (
            "Try a few seeds, and look at how many rows say timeout.",
            (
                'A loop over seeds does it: with netlab.use("lossy", seed=seed), netlab.ping(...), then count '
                '(frame["outcome"] == "timeout").sum().'
            ),
            """Inside the function:
    for seed in range(1, 100):
        with netlab.use("lossy", seed=seed):
            frame = netlab.ping("www", count=10)
        if (frame["outcome"] == "timeout").sum() == 1:
            return frame""",
        ),
    ),
}
