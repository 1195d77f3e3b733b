"""Notebook 12: the proxy in the middle."""

from __future__ import annotations

from netlab.teach.checkers import hop_fields, relay_loop
from netlab.teach.exercise import Exercise, choice

EXERCISES: dict[str, Exercise] = {
    "12.1": choice(
        "12.1",
        "Whom the origin sees",
        "8d93a5faeab4",
        {
            "a": "They would, if the packets went through. They end at the proxy; it sends its own, to www.",
            "b": "Via names the proxies that a message has passed, and no client. Read it in the table.",
            "c": (
                "Look at the last row of the log: the same address as in the row before. The tunnel is made of two "
                "connections, too; only their bytes are joined."
            ),
            "d": (
                "Two connections, and the second one begins at near. Of the laptop, www knows what the proxy wants to "
                'tell: as Forwarded does, which is off unless somebody says forwarded="on".'
            ),
        },
        (
            "Which machine has opened the connection that arrives at www?",
            "Look at the column client of the log, in the second row and the third.",
            "192.0.2.10 is the laptop, 192.0.2.80 is near. Who wants the other address, too, must find it in a field.",
        ),
    ),
    "12.2": choice(
        "12.2",
        "Inside the tunnel",
        "b3aac431a6cc",
        {
            "a": "It must know where the tunnel leads, or it could not open it: the name stands in the CONNECT line.",
            "b": (
                "The name and the port were told it in clear; when and how much is sent it sees as it passes. What is "
                "locked it can carry, and not read."
            ),
            "c": "The path is inside, with everything else of the request. In the locked tunnel nobody has read it.",
            "d": (
                "All the bytes pass through it: that is why it could read the tunnel that is not locked. In the one "
                "that is, it has the same bytes and not the key."
            ),
        },
        (
            "What did the laptop say to the proxy itself, and what only to www?",
            "Compare the rows of tunnel and locked tunnel, in the column near.",
            "The first line, CONNECT www:80, is for the proxy. Everything after its answer is for www, and locked.",
        ),
    ),
    "12.3": choice(
        "12.3",
        "The first recv",
        "fe6197f7651c",
        {
            "a": "Nothing was lost, and nothing sent again: the right proxy got all of it over the same lines.",
            "b": "Then 65,536 bytes would have come. The limit of a recv is the most that it gives, not what it gives.",
            "c": (
                "recv gives what has arrived: the first segment, 1,460 bytes with the head. A smaller page is whole "
                "in it, so the proxy worked as long as it was tried with small pages."
            ),
            "d": "The client waited until the proxy closed. It even complains: the head had promised more.",
        },
        (
            "Add the 290 bytes of the head to the 1,170. Have you met that number, in notebook 08?",
            "What does one call of recv give, when a long stream is arriving?",
            "One recv, one piece: what was there. On this line the first piece is one segment.",
        ),
    ),
    "12.4": Exercise(
        "Which fields go on",
        hop_fields.examine,
        (
            "You need all the names in Connection before you can decide about the first field.",
            (
                'Gather the names first: for each field whose name.lower() is b"connection", value.split(b","), each '
                "with strip() and lower(). Then a second turn for what goes on."
            ),
            """Inside the function:
    names = [name.lower() for name, value in fields]
    if names.count(b"content-length") > 1 or {b"content-length", b"transfer-encoding"} <= set(names):
        raise netlab.teach.refuse(400, "...")
    named = set()
    for name, value in fields:
        if name.lower() == b"connection":
            named |= {each.strip().lower() for each in value.split(b",")}
    ends_here = OF_ONE_HOP | (named - FOR_EVERYBODY)
    return ...              # the fields whose name, in small letters, is not in it""",
        ),
        takes=("fields",),
        unseen=True,
    ),
    "12.5": Exercise(
        "The loop that passes bytes on",
        relay_loop.examine,
        (
            "What tells you that there will be no more? And what tells you only that there is no more yet?",
            (
                "Receive, stop if there is nothing, send, and again. Both receive and send are waited for with yield "
                "from. Nothing is gathered, and no exception is caught."
            ),
            """Inside the function:
    while True:
        data = yield from source.receive()
        if not data:        # b"" is the end, and nothing else is
            return
        ...                 # wait until it is sent""",
        ),
        takes=("source", "sink"),
        unseen=True,
    ),
}
