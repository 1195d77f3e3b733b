"""Notebook 08: a byte stream has no messages."""

from __future__ import annotations

from netlab.teach.checkers import read_exactly, read_until
from netlab.teach.exercise import Exercise, choice

EXERCISES: dict[str, Exercise] = {
    "08.1": choice(
        "08.1",
        "What one recv gives",
        "60bef8c0d274",
        {
            "a": (
                "Then every run would have three calls with 600 bytes. TCP does not even tell the server how often "
                "you wrote."
            ),
            "b": (
                "Not even that: the slow reader got several segments with one call, and recv(500) cut a segment in two."
            ),
            "c": "One byte is enough to wake it up, and what has gathered meanwhile comes with it, up to the limit.",
            "d": "It asked for 65,536 bytes, and came back with far fewer. It waits for the first byte only.",
        },
        (
            "The bytes are the same in all four runs. What is different about the readers and about what had arrived?",
            "Add up how many bytes had arrived and were unread when each recv was called.",
            "It gives what has arrived and is unread: at least one byte, at most as many as it asked for.",
        ),
    ),
    "08.2": choice(
        "08.2",
        "Connected to whom",
        "7f70c7b48340",
        {
            "a": "The program has never called accept, and the handshake went through all the same.",
            "b": (
                "TCP answers the SYN by itself, and keeps the connection in the backlog. So a hung program looks alive."
            ),
            "c": "All 600 bytes are acknowledged, and none is read. TCP acknowledges, not the program.",
            "d": "Then the SYN would have been refused with a RST. Somebody has called listen; more you do not know.",
        },
        (
            "Which of the machines' parts sent the SYN-ACK: the program, or the operating system below it?",
            "The server's program in this cell calls listen, and nothing else.",
            "The operating system completes the handshake for a listening port, up to the backlog; accept only "
            "fetches.",
        ),
    ),
    "08.3": choice(
        "08.3",
        "Waiting for each other",
        "fe2b4f123790",
        {
            "a": (
                "Both runs have the same links. What differs is when the second segment leaves, not how long it takes."
            ),
            "b": "Nothing was lost: every segment of the diagram arrives.",
            "c": "The reader reads at once in both runs. See when the second segment leaves the client.",
            "d": (
                "Nagle: no small segment while an earlier one is unacknowledged. Delayed ACK: no acknowledgement at "
                "once when an answer may carry it. Each waits for the other, until a timer ends it."
            ),
        },
        (
            "In the diagram, what does the client receive just before its second segment leaves?",
            "The acknowledgement comes late. Why does the server not send it at once?",
            "The client waits for the acknowledgement (Nagle), the server for something to send (delayed ACK).",
        ),
    ),
    "08.4": choice(
        "08.4",
        "What close delivers",
        "19540c26a121",
        {
            "a": (
                "A close over unread bytes tells the other side that they are lost: RST instead of FIN. The "
                "connection is gone at once, with all that the server had not sent yet; some systems also throw away "
                "what came before."
            ),
            "b": "Every segment that left has arrived. Most of the answer never left the server.",
            "c": (
                "close returns at once. It promises only to try, as send does, which returns long before anything "
                "arrives."
            ),
            "d": "The client was still reading. Look who sent the RST.",
        },
        (
            "The two runs differ in one thing: whether the server has read the request before it closed.",
            "Look at the last segment that the server sent in each run: FIN or RST?",
            "Unread bytes at close give a RST (RFC 9293 section 3.10.4, RFC 2525 section 2.17). A RST ends everything.",
        ),
    ),
    "08.5": Exercise(
        "So many bytes exactly",
        read_exactly.examine,
        (
            "recv may give less than you ask for. How do you know how many bytes are still missing?",
            'Loop while len(data) < count, ask for count - len(data) bytes, and mind what b"" means.',
            """Inside the function:
    data = b""
    while len(data) < count:
        piece = recv(count - len(data))
        if not piece:
            raise EOFError("the stream has ended too early")
        data += piece
    return data""",
        ),
        takes=("recv", "count"),
        unseen=True,
    ),
    "08.6": Exercise(
        "Up to the mark",
        read_until.examine,
        (
            "Where can the mark be when a piece comes in? In it, before it, or half and half.",
            (
                "Begin with data = have, and look for end in all of data before every recv. At the end, "
                "data.partition(end) gives what is in front of the first mark, the mark, and what is behind it."
            ),
            """Inside the function:
    data = have
    while end not in data:
        if len(data) > limit:
            raise ValueError("too long")
        piece = recv(4096)
        if not piece:
            raise EOFError("the stream has ended inside the head")
        data += piece
    head, _, rest = data.partition(end)
    return head, rest""",
        ),
        takes=("recv", "end", "have", "limit"),
        unseen=True,
    ),
}
