"""Notebook 11: many clients, one server."""

from __future__ import annotations

from netlab.teach.checkers import limits, occupied
from netlab.teach.exercise import Exercise, choice

EXERCISES: dict[str, Exercise] = {
    "11.1": choice(
        "11.1",
        "Eighty percent busy",
        "f74e4ce09700",
        {
            "a": "A fifth of the *work*, not of the time. See how much the p99 rises from 80 % to 95 %.",
            "b": "It still serves everybody, yes. But how long do they wait? Read the upper line at 80 %.",
            "c": (
                "By the formula, so in the long run, the mean wait is 5 ms at 50 %, 20 ms at 80 %, 45 ms at 90 %, "
                "95 ms at 95 %. The last steps cost most."
            ),
            "d": "It refuses nobody at 80 %: the queue has room, and more than once it is empty.",
        },
        (
            "Do not look at how much work there is, but at how long people wait.",
            "Read three points of the p99: at 50 %, at 80 %, at 95 %. Is it a straight line?",
            "By the formula, so in the long run, the mean wait doubles from 80 to 90 %, and again from 90 to 95 %. "
            "There is no safe headroom in that.",
        ),
    ),
    "11.2": choice(
        "11.2",
        "What users feel",
        "fbbc26e9e937",
        {
            "a": "One of a hundred *requests*. But a visit consists of twenty of them, and one slow one is enough.",
            "b": "All twenty must be quick: 0.99 multiplied by itself twenty times is 0.82. The rest is 18 %.",
            "c": "Twenty times one percent is 20 %, nearly: two slow requests of one visit are counted twice there.",
            "d": "The mean says nothing about that at all: it hides the slow ones among the many quick ones.",
        },
        (
            "When is a visit *not* slow? What must hold for each of its requests?",
            "A single request is quick with 0.99. How likely is it that twenty in a row are?",
            "1 - 0.99 ** 20. Ask Python.",
        ),
    ),
    "11.3": choice(
        "11.3",
        "Who waits for a slow reader",
        "587f630904e2",
        {
            "a": "The slow one has all the time it wants. Look at the p99 of the others in the row *threads*.",
            "b": "The rate of the line is the same in all rows, and a slow reader uses hardly any of it.",
            "c": "The loop has one thread for everything, and is the quickest. Fewer threads are not the trouble.",
            "d": (
                "Each of them is occupied by somebody who reads slowly. The processor has nothing to do, and yet "
                "nobody is served."
            ),
        },
        (
            "What does a thread do while its client takes nothing?",
            "There are 8 threads. How many slow readers does it take until none is left?",
            "Eight slow readers, and the ninth client waits for one of them to finish. The processor is idle.",
        ),
    ),
    "11.4": Exercise(
        "How many threads are occupied",
        occupied.examine,
        (
            "How many are inside on average? It depends on how many come in a second, and on how long each stays.",
            "Little's law: inside = arrivals per second times seconds inside. What is the mean stay of quick and slow?",
            "return rate * ((1 - slow_share) * quick_ms + slow_share * slow_ms) / 1000",
        ),
        takes=("rate", "quick_ms", "slow_share", "slow_ms"),
        unseen=True,
    ),
    "11.5": Exercise(
        "Limits that keep the target",
        limits.examine,
        (
            "Two questions. How long may a reader pause before it is cut off? How many may wait and still be in time?",
            (
                "Nobody honest pauses longer than reading_ms. With that limit a request holds a worker for at most "
                "service_ms + reading_ms. How often can each worker do that before the last one's target_ms is over?"
            ),
            """Inside the function:
    rounds = (target_ms - service_ms) / (service_ms + reading_ms)  # before the last one's turn
    waiting = int(workers * rounds)
    return {"connections": workers + waiting, "write_time": reading_ms / 1000}""",
        ),
        takes=("workers", "service_ms", "reading_ms", "target_ms"),
        unseen=True,
    ),
}
