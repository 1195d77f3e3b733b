"""Notebook 07: many paths at once."""

from __future__ import annotations

from netlab.teach.checkers import fan_rule, same_flow
from netlab.teach.exercise import Exercise, choice

EXERCISES: dict[str, Exercise] = {
    "07.1": choice(
        "07.1",
        "Another router each time",
        "5d5cf2d6eea7",
        {
            "a": "A broken router would lose packets. All probes were answered, and one flow always goes the same way.",
            "b": "The classic probe counts its destination port up: another port, another flow, another hash.",
            "c": "In turn would give a1, a2, a3, a4, a1 … Compare the row of TTL 3: some come twice, some not at all.",
            "d": "Routes change in seconds at the fastest. These probes were under way at the same time.",
        },
        (
            "What did the two traces do differently? Only one thing.",
            "Look at the column port of both tables: when does it change?",
            "Classic: every probe has another port. Paris: all have the same, and all meet the same routers.",
        ),
    ),
    "07.2": choice(
        "07.2",
        "The same router twice",
        "a245960d3dbe",
        {
            "a": "In a loop no probe would ever arrive. These did: www answered.",
            "b": "A router answers each probe once. These are answers to two probes, with different TTLs.",
            "c": "A clock has nothing to do with it. The TTL counts routers, not time.",
            "d": "The probe with TTL 4 went the short way, the one with TTL 5 the long way. Both met join at the end.",
        },
        (
            "Are these the answers to one probe, or to several?",
            "The two ways have different lengths. How many routers are before join on each?",
            "Short: gateway, fork, a1, join, so TTL 4. Long: gateway, fork, b1, b2, join, so TTL 5.",
        ),
    ),
    "07.3": choice(
        "07.3",
        "Chance for every packet",
        "5a89c679358f",
        {
            "a": "Flow identity does not matter to such a balancer. Even equal packets go different ways.",
            "b": "All probes of a Paris trace have the same ports, in both worlds. See the column port.",
            "c": "Each probe has a way of its own, so links between the answers may be as wrong as in a classic trace.",
            "d": "Widths and links are the same in both worlds. Only one word of the fork was changed.",
        },
        (
            "What does Paris keep constant, and does this balancer look at it?",
            "Compare the probes of the same TTL: they are equal packets. Did they meet the same router?",
            "In the right half even probes of one flow meet different routers: nothing that a sender does helps.",
        ),
    ),
    "07.4": Exercise(
        "The same flow",
        same_flow.examine,
        (
            "What stays the same in all packets of one connection, and differs between two connections?",
            "Bytes 12 to 19 are the addresses, byte 9 is the protocol. The header has 4 * (packet[0] & 15) bytes.",
            """Inside the function:
    def flow(packet):
        end = 4 * (packet[0] & 15)
        return packet[12:20], packet[9], packet[end : end + 4]
    ...                                # the two are one flow when these are equal""",
        ),
        takes=("first", "second"),
        unseen=True,
    ),
    "07.5": Exercise(
        "When is it enough",
        fan_rule.examine,
        (
            "You have found three. Suppose there is a fourth: how likely is it that n probes all miss it?",
            (
                "With K equal next hops, n probes miss a given one with ((K - 1) / K) ** n, and one "
                "of the K with at most K times that. With found next hops, K is found + 1. Take the least n for 5 %."
            ),
            """Inside the function:
    hops, probes = found + 1, 1
    while hops * (found / hops) ** probes > 0.05:
        probes += 1
    return probes""",
        ),
        takes=("found",),
        unseen=True,
    ),
}
