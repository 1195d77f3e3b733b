"""Notebook 05: finding the way with TTL."""

from __future__ import annotations

from netlab.teach.checkers import stopping, whose
from netlab.teach.exercise import Exercise, choice

EXERCISES: dict[str, Exercise] = {
    "05.1": choice(
        "05.1",
        "Why a router speaks",
        "2936698b4219",
        {
            "a": (
                "The probe is addressed to the archive, and it is an ordinary echo request. Nothing in it asks a "
                "router for anything: see its bytes."
            ),
            "b": (
                "There is such a proposal (RFC 1393), but no router on the way speaks it. What answers is ICMP, "
                "which every router has."
            ),
            "c": (
                "It has to drop the packet, and it says so to the sender (RFC 1812, section 5.3.1). That the sender "
                "wanted just that, it cannot know."
            ),
            "d": (
                "In 1981 the TTL was meant as seconds. But every router takes off at least 1, so it has always counted "
                "routers. And 4 seconds are 50 times as long as the answer took."
            ),
        },
        (
            "Look at the destination in the request. Whom is it for?",
            "In the quoted packet, look at the TTL. What does the IP header's rule say about a packet with TTL 1?",
            "The fourth router would make 0 of 1. A packet with TTL 0 must not travel on, and its sender is told.",
        ),
    ),
    "05.2": choice(
        "05.2",
        "What a line shows",
        "7c6d49714d90",
        {
            "a": (
                "A router has an address for each of its interfaces. It mostly answers from the one through which the "
                "answer leaves. Other traces may show the same router by another address."
            ),
            "b": "newyork has three addresses in each family, one per interface, and the trace shows one of them.",
            "c": (
                "That would be 198.51.100.13 (2001:db8:a4::1), towards Chicago. The trace shows the address towards "
                "London, from where the probe came."
            ),
            "d": (
                "Names are made by people and looked up afterwards; ICMP carries an address. Many routers have no "
                "name at all, or an old one."
            ),
        },
        (
            'Print network.world.nodes["newyork"].addresses and find the one of the trace.',
            "Which neighbour of newyork has an address in the same network as the one that the trace shows?",
            "198.51.100.10/30 is on the link to london (198.51.100.9): in came the probe there, out goes the answer.",
        ),
    ),
    "05.3": choice(
        "05.3",
        "The end of a UDP trace",
        "53d864810455",
        {
            "a": "Both traces have six hops: the TTL says how far a probe gets, whatever is inside.",
            "b": "The routers treat both alike: compare the rows 1 to 5 of the two traces.",
            "c": "It is the archive itself that says so: compare the responder of the last row with the destination.",
            "d": (
                "The datagram has arrived, but no program waits at port 33434, and the archive says so. For a trace "
                "that is good news: it got there."
            ),
        },
        (
            "Compare the two columns in the last row. Who answered?",
            "What does an echo request ask for, and what does a UDP datagram to a port where nobody is?",
            "Destination Unreachable, code 3: the host is there, the port is not. Only the host itself can know that.",
        ),
    ),
    "05.4": Exercise(
        "Whose answer is it",
        whose.examine,
        (
            "Identifier and sequence number together name a probe. Where are they in an echo reply, where in an error?",
            (
                "With h bytes of IP header: in your request and in an echo reply they are bytes h+4 to h+7. An error "
                "has 8 bytes of ICMP, then the quoted IP header (h bytes), then your ICMP header."
            ),
            (
                "h = 20 if answer[0] >> 4 == 4 else 40. If answer[h] is 0 or 129, compare answer[h+4 : h+8], else "
                "answer[2*h+12 : 2*h+16], with request[h+4 : h+8] of each request."
            ),
        ),
        takes=("answer", "requests"),
        unseen=True,
    ),
    "05.5": Exercise(
        "When to stop",
        stopping.examine,
        (
            "What kind of answer can only come from the end of the way?",
            "After each yield, look whether any row in rows has the outcome reply or unreachable.",
            'for ttl in range(1, 31): yield ttl; then, if any(row["outcome"] in (...) for row in rows): return',
        ),
        takes=("rows",),
        unseen=True,
    ),
}
