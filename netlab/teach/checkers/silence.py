"""Notebook 04: silence and refusals."""

from __future__ import annotations

from netlab.teach.checkers import diagnosis, tree
from netlab.teach.exercise import Exercise, choice

EXERCISES: dict[str, Exercise] = {
    "04.1": choice(
        "04.1",
        "Three that say nothing",
        "9e3f21c4c5c8",
        {
            "a": "One of the three is switched off. The other two are as well as can be: see the diagrams.",
            "b": "One of them is behind a firewall that drops its packets. The other two are not.",
            "c": "Both networks do their work without a loss. Every ping was lost for a reason that stays.",
            "d": "One is off, one is behind a firewall, and one got every ping. From the laptop all look the same.",
        },
        (
            "Compare the three rows of the table. Is there any difference between them?",
            "The diagrams show what the laptop cannot see: look for the cross or the dot of each of the three.",
            "down is off; drop is up, behind a firewall; mask got the ping and answered nobody. One row for all three.",
        ),
    ),
    "04.2": choice(
        "04.2",
        "Who made it",
        "c75a4a16634d",
        {
            "a": "The ping never came to the host, so the host cannot have said anything about it.",
            "b": "The source of an error is whoever gave up on the packet. What it quotes says which packet that was.",
            "c": "The first router passed the ping on: see the diagram. It had a way, the next one did not.",
            "d": "Your own machine also says such things, when it knows no way itself. But then nothing leaves it.",
        },
        (
            "Compare responder with address: two columns of the same row.",
            "The address of the responder belongs to a machine of the diagram. At which one is the cross?",
            "The responder is 198.51.100.2, a router of the provider. The ping was meant for 203.0.113.18.",
        ),
    ),
    "04.3": choice(
        "04.3",
        "The black hole",
        "f4a509b1840d",
        {
            "a": (
                "From that message a sender learns the size at once (RFC 1191, RFC 8201). RFC 4890 says what a "
                "firewall must never filter, and this is on its list."
            ),
            "b": (
                "It helps this ping, and it is fragile (RFC 8900): routers never cut up IPv6, one lost piece "
                "loses everything, and many firewalls drop pieces."
            ),
            "c": "Nothing is late here. The router drops every packet that is too long, however long you wait.",
            "d": "The same link takes no more bytes, and in IPv6 no router may cut up a packet. So it is worse.",
        },
        (
            "What does the sender learn from the last row of the table, and not from the second?",
            "Compare the two rows where dont_fragment is True. One carries a number that helps the sender.",
            "The router that may speak says mtu=1400, and the sender can send shorter packets. The other says nothing.",
        ),
    ),
    "04.4": Exercise(
        "The decision tree",
        tree.examine,
        (
            "Begin with the leaves that name themselves: the TTL, and the host that speaks itself.",
            'Use each word once. "silence" is the leaf where nothing at all is known.',
            """Four of eight:
    "A": "closed port", "D": "loop", "E": "black hole", "H": "silence"
The pings of F are dropped while TCP passes; the host of G gets your pings, and its answers are lost.""",
        ),
    ),
    "04.5": Exercise(
        "Diagnose",
        diagnosis.examine,
        (
            "Go down your tree. Its questions are about the whole table, not about single rows: did any row …?",
            (
                'Errors first: df["outcome"].isin(["unreachable", "time-exceeded"]). Then: which rows with '
                'vantage "here" have a reply, and is one of them icmp? Last, the rows with vantage "elsewhere".'
            ),
            """Inside the function:
    here = df[df["vantage"] == "here"]
    errors = here[here["outcome"].isin(["unreachable", "time-exceeded"])]
    if len(errors):
        error = errors.iloc[0]
        if error["outcome"] == "time-exceeded":
            return "loop"
        ...                    # compare error["responder"] with error["address"], then look at error["icmp_code"]
    replies = here[here["outcome"] == "reply"]
    if len(replies):
        return "black hole" if (replies["protocol"] == "icmp").any() else "filtered"
    ...                        # the rows with vantage "elsewhere" decide the rest""",
        ),
        takes=("df",),
        unseen=True,
    ),
}
