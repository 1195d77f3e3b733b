"""Notebook 06: reading traceroute honestly."""

from __future__ import annotations

from netlab.teach.checkers import carried, evidence
from netlab.teach.exercise import Exercise, choice

EXERCISES: dict[str, Exercise] = {
    "06.1": choice(
        "06.1",
        "Hop 4 is slow",
        "ce89a1586b6e",
        {
            "a": "Packets to hop 5 pass hop 4 as well, and they are back after 22 ms. Nothing waited there for 100 ms.",
            "b": "A longer line would make everything behind it slow, too. Hop 5 is faster than hop 4.",
            "c": "Forwarding is done by fast hardware. Errors are written by a busy processor, when it finds the time.",
            "d": "The destination's line shows it: 78 ms, and most of that is the ocean behind hop 5.",
        },
        (
            "Which boxes lie above the destination's line? Can a part of the way take longer than the whole?",
            "Compare hops 4 and 5: every packet to hop 5 passes hop 4. How long was it on its way?",
            "Hop 5 answers after 22 ms. So passing hop 4 takes less than that; only its own answer takes 110 ms.",
        ),
    ),
    "06.2": choice(
        "06.2",
        "Two of three are missing",
        "abcb564198a1",
        {
            "a": "No probe to a later hop was lost, and all of them passed hop 4. With 100 probes: at most 3.7 %.",
            "b": "66 % of the *answers of hop 4* are missing. The web server sends its own, and all of them came.",
            "c": "Two later hops and the web server answered every probe. That is a lot of knowledge.",
            "d": "A router that is switched off forwards nothing. This one forwarded all that went to later hops.",
        },
        (
            "What would the bars of hops 5, 6 and 7 look like if hop 4 lost two of three packets?",
            "Read off the loss of the last hop, and its interval. All of its packets passed hop 4.",
            "Of 100 probes to hop 7 none was lost. The interval ends at 3.7 %. The bar of hop 4 is about its answers.",
        ),
    ),
    "06.3": choice(
        "06.3",
        "The way back",
        "b8fa342e1db5",
        {
            "a": "The probes went the same way in both runs: look at the two paths there. They took as long as before.",
            "b": "Madrid to Paris has no queue in this world, and its line is as long as before.",
            "c": "The router in Paris is the same, and what it says was made as quickly as before.",
            "d": "A round trip is there *and* back. Which way the answers take, Paris decides, and not the laptop.",
        },
        (
            "One number was changed. To which direction of the link does it belong?",
            "Compare the two ways there, and the two ways back.",
            "The way there is the same in both. The way back from hop 4 went over New York, and then it did not.",
        ),
    ),
    "06.4": Exercise(
        "What carries through",
        carried.examine,
        (
            "If packets get lost before hop 4, can hop 5 or 7 show a smaller loss?",
            "For each hop: the smallest loss of this one and all later ones. losses[hop:] is the rest of a list.",
            """For losses 0.0, 0.6, 0.1, 0.3, 0.1 the answer is 0.0, 0.1, 0.1, 0.1, 0.1. Inside the function:
    return [min(losses[hop:]) for hop in range(len(losses))]""",
        ),
        takes=("losses",),
        unseen=True,
    ),
    "06.5": Exercise(
        "Ten traces",
        evidence.examine,
        (
            "Begin at the hop behind the accused one. Is it as slow, or as silent? If not, the accused is innocent.",
            (
                "Behind it all is fast again: slow answers. All is there: rate limit. A label: tunnel. More "
                "return_hops than the number of the hop, no label: way back. Fastest far below median: congestion."
            ),
            """Trace 1: the median of hop 3 jumps, and stays up; its fastest answer is far below the median, and so
it is at all later hops. Packets wait in a queue before hop 3. So:
    1: ("congestion", 5)""",
        ),
    ),
}
