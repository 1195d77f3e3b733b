"""Notebook 03: where the milliseconds go."""

from __future__ import annotations

from netlab.teach.checkers import flight, rate
from netlab.teach.exercise import Exercise, choice

EXERCISES: dict[str, Exercise] = {
    "03.1": choice(
        "03.1",
        "Ten times the rate",
        "3bfce29bb754",
        {
            "a": (
                "A tenth of everything? Only the transmission is ten times shorter. Light does not hurry because "
                "somebody pays more."
            ),
            "b": "The 6 ms of transmission become 0.6 ms. The 63 ms of distance stay, at any rate.",
            "c": "Something changes: all bits are on the line sooner. See the hatched part of the figure.",
            "d": "Half would need a place that is half as far away. A rate is no distance.",
        },
        (
            "Which of the four parts has to do with the rate at all?",
            "Read the figure: how much of the 69 ms is transmission, how much is propagation?",
            "Propagation 63 ms stays. Transmission 6 ms becomes a tenth. Add them.",
        ),
    ),
    "03.2": choice(
        "03.2",
        "Low ping, fast download",
        "07c7e4111932",
        {
            "a": (
                "The first byte is there sooner, yes. But the last one? 100 megabytes are 800 million bits, and this "
                "line carries 4 million in a second."
            ),
            "b": "The bytes are the same, but not the time that a second of the line gives to each: compare the rates.",
            "c": "800 million bits take 200 s at 4 Mbit/s, and less than a second at 1000 Mbit/s. 58 ms do not matter.",
            "d": "The ping says nothing about it, that is true. But you know the rates of both lines.",
        },
        (
            "How many bits are 100 megabytes? How long does each line take to carry them?",
            "Divide 800 million bits by the rate of each line. Then add the time of one way, if you like.",
            "800 / 4 = 200 s for the laptop. 800 / 1000 = 0.8 s for the office.",
        ),
    ),
    "03.3": choice(
        "03.3",
        "What a large buffer buys",
        "14211f9ec065",
        {
            "a": "Right. And a sender that is never told (a lost packet would tell it) has no reason to slow down.",
            "b": "The line sends 5 Mbit in each second in both cases. What waits in front of it does not change that.",
            "c": "Read the row of the long queue again: nothing of the backup was lost, and a ping took half a second.",
            "d": "It is not for nothing: see how many packets of the backup were lost with the short queue.",
        },
        (
            "Compare the two rows, column by column. What is better in one, what in the other?",
            "rtt_max_ms is what you feel. lost_backup is what the backup feels. Who gains by the long queue?",
            "With 250 places no packet of the backup is lost, and everybody waits. With 20 it is the other way round.",
        ),
    ),
    "03.4": Exercise(
        "On their way",
        flight.examine,
        (
            "A sender that never pauses: how many bytes leave it until the first answer comes back?",
            "The rate is in millions of bits per second, the time in thousandths of a second, and a byte has 8 bits.",
            "return rate_mbps * 1e6 / 8 * rtt_ms / 1000",
        ),
        takes=("rate_mbps", "rtt_ms"),
        unseen=True,
    ),
    "03.5": Exercise(
        "The bottleneck's rate",
        rate.examine,
        (
            "A longer packet takes longer. Which packets did not wait in a queue besides?",
            (
                "Take the fastest answer of each table: rtt_ms.min(). Both contain the same distance, so it drops out "
                "of the difference. What is left is the time for the bytes that one has more than the other."
            ),
            """Inside the function:
    more_bits = 8 * (large["packet_size"].iloc[0] - small["packet_size"].iloc[0])
    seconds = (large["rtt_ms"].min() - small["rtt_ms"].min()) / 1000
    return 2 * more_bits / seconds  # twice: the bits go there and come back""",
        ),
        takes=("small", "large"),
        unseen=True,
    ),
}
