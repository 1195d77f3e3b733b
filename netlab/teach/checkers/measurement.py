"""Notebook 02: one ping is no measurement."""

from __future__ import annotations

from netlab.teach.checkers import jitter, loss
from netlab.teach.exercise import Exercise, choice

EXERCISES: dict[str, Exercise] = {
    "02.1": choice(
        "02.1",
        "What is typical",
        "118b8d9e1a20",
        {
            "a": (
                "95 of 100 replies are faster than that. It is what a patient user should expect at worst, not usually."
            ),
            "b": "Count how many of the thousand are slower than the mean. It is not half of them.",
            "c": (
                "The fastest reply shows the length of the way. It is the least that anybody waits, not what "
                "they usually wait."
            ),
            "d": "A few very slow replies pull the mean up. The median asks only who is in the middle.",
        },
        (
            "Sort the answers by their time. Who stands in the middle?",
            (
                "In the table, compare rtt_median_ms and rtt_mean_ms of the thousand. How many answers are "
                "slower than each?"
            ),
            "Half of the answers are slower than 40.6 ms. Only 33 of 918 are slower than the mean of 132 ms.",
        ),
    ),
    "02.2": choice(
        "02.2",
        "One of ten",
        "4c1025930164",
        {
            "a": (
                "10 % is what this sample shows. The interval says what the network may be like: see how "
                "wide it is at count 10."
            ),
            "b": (
                "The interval at count 10 is wide, and honest. To halve its width you need about four times "
                "as many probes."
            ),
            "c": "Something can be said: a network that loses 60 % would hardly ever lose only 1 of 10.",
            "d": "Luck works both ways. One loss of ten is nothing unusual in a network that loses 30 %.",
        },
        (
            "Look at the first row of the table: count, lost, loss_low, loss_high.",
            "loss_low and loss_high are the ends of the interval that fits the sample, with 95 % confidence.",
            "netlab.summary says for 1 lost of 10: loss_low 0.018, loss_high 0.404. So between 2 % and 40 %.",
        ),
    ),
    "02.3": choice(
        "02.3",
        "The patience of the observer",
        "abcac129d0e0",
        {
            "a": "The seed and the world are the same in both runs, so the same packets were lost in both.",
            "b": "A timeout does not touch packets. It is a rule for the one who waits.",
            "c": "Every packet had the same fate in both runs. Only the observer gave up sooner, and called it loss.",
            "d": "The probes left at the same instants, and were answered after the same times. Compare rtt_ms.",
        },
        (
            "Compare the same sequence number in both tables.",
            "Find a row that is late in one table. What is it in the other, and what is its rtt_ms?",
            "rtt_ms is the same in both. Only the word beside it changed, because the limit did.",
        ),
    ),
    "02.4": Exercise(
        "Jitter",
        jitter.examine,
        (
            "Write down the steps from each packet to the next one.",
            "A step needs two neighbours that both arrived; nan is not equal to itself, so math.isnan finds the gaps.",
            (
                "For 10, 12, 11, nan, 30, 30.5 the steps are 2, 1 and 0.5. Their mean is 1.1667. The step "
                "from 11 to 30 does not count."
            ),
        ),
        takes=("rtts_ms",),
        unseen=True,
    ),
    "02.5": Exercise(
        "Loss and p95",
        loss.examine,
        (
            "First decide for every word in outcome: answered, lost, or not decided?",
            (
                'Lost is "timeout" alone. Not decided are "pending" and "not-sent". A row with a number in '
                'rtt_ms was answered, "late" ones too.'
            ),
            """Inside the function:
    decided = frame[~frame["outcome"].isin(["pending", "not-sent"])]
    loss = (decided["outcome"] == "timeout").mean()
    p95_ms = frame["rtt_ms"].quantile(0.95)  # skips what is NaN
and return both.""",
        ),
        takes=("frame",),
        unseen=True,
    ),
}
