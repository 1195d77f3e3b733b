"""Notebook 10: once per connection, once per request."""

from __future__ import annotations

from netlab.teach.checkers import opened, page_time
from netlab.teach.exercise import Exercise, choice

EXERCISES: dict[str, Exercise] = {
    "10.1": choice(
        "10.1",
        "What a kept connection saves",
        "26dd70fd0ec4",
        {
            "a": (
                "Compare the bars *receive*: they are equally short in both halves. A byte does not travel faster on a "
                "connection that was used before."
            ),
            "b": "Each hatched bar is the handshake, one round trip. In the lower half there is only one of them.",
            "c": "The server is the same, and takes the same time. Compare the bars *wait for first byte*.",
            "d": "Count the rows: both pages have the same objects, and the answers the same bytes.",
        },
        (
            "Which kind of bar is in the upper half six times more than in the lower half?",
            "Read a row of the upper half from the left: what comes before the request can be sent?",
            "SYN goes there, SYN and ACK come back: 80 ms, in which nothing is asked and nothing is answered.",
        ),
    ),
    "10.2": choice(
        "10.2",
        "When keep-alive loses",
        "beb8b36f691e",
        {
            "a": "A connection does not get tired. The other way round: its window opens the more it carries.",
            "b": "The server closes nothing: all objects of that line came over one connection. See the waterfall.",
            "c": (
                "Answers of one connection come in the order of the requests. While the first is not ready, the small "
                "ones behind it cannot come either."
            ),
            "d": "Then the kept one would lose everywhere. It wins on the right, where the way is long.",
        },
        (
            "What do the small objects wait for when there is a single connection? See the waterfall above.",
            "The slow object takes the server 300 ms. What does the connection carry in that time?",
            "Nothing: HTTP/1.1 has no way to say 'this is the answer to the second request'. So the second waits.",
        ),
    ),
    "10.3": choice(
        "10.3",
        "The size of an object",
        "64c3e57d29f8",
        {
            "a": "A tenth, as for one long file? These steps are round trips: waits for an answer, not for bits.",
            "b": "Each step is a wait for an acknowledgement from across the ocean. A faster line does not shorten it.",
            "c": "Half of what? The line was never the reason: for most of the time it carries nothing at all.",
            "d": "Longer it will not be. But look at what a step is made of: is it bits, or is it waiting?",
        },
        (
            "What is the server waiting for when it has sent ten segments and has more to send?",
            "How long is one step of the figure? What else in this world takes as long?",
            "Every step is 80 ms: one round trip. Ten times the rate changes the way of the bits onto the line only.",
        ),
    ),
    "10.4": choice(
        "10.4",
        "More connections",
        "d93d8c25cae4",
        {
            "a": "See the table, on the right: with twelve the large photos take longer than with one.",
            "b": (
                "Each further one saves less, each must be opened and starts with a small window, and all of them "
                "share one line."
            ),
            "c": "One is the slowest of all for the small objects: see the first row.",
            "d": "There is an upper limit, but the server does not count here: it answered all of them.",
        },
        (
            "Compare the rows from the top. How much does the second connection save, how much the twelfth?",
            "What do the connections share, however many there are? What must each of them do before it is of use?",
            "They share the line and its queue, and each begins with a handshake and ten segments.",
        ),
    ),
    "10.5": Exercise(
        "How many connections",
        opened.examine,
        (
            "First find the objects that a browser gets by itself, from this server, each once.",
            (
                'set(re.findall(r\'<(?:img|script|link)[^>]*(?:src|href)="(/[^"]*)"\', html)) is the set of all of '
                "them here. Without keep-alive each needs a connection of its own, and so does the page."
            ),
            """Inside the function:
    objects = set(re.findall(r'<(?:img|script|link)[^>]*(?:src|href)="(/[^"]*)"', html))
    if not keep_alive:
        return 1 + len(objects)
    return max(1, min(len(objects), most))  # the page's own is one of them""",
        ),
        takes=("html", "most", "keep_alive"),
        unseen=True,
    ),
    "10.6": Exercise(
        "How long does the page take",
        page_time.examine,
        (
            "Count round trips: for the page, then for the objects of the connection that has the most to carry.",
            (
                "The page: 2 * rtt_ms + service_ms. Then keep a list with the moment at which each connection is free; "
                "each object goes to the one that is free first. A kept connection needs rtt_ms + service_ms for it."
            ),
            """Inside the function:
    there = 2 * rtt_ms + service_ms                 # connect, ask, answer
    connect = 0 if keep_alive else rtt_ms
    free = [there] + [there + rtt_ms - connect] * (min(objects, most) - 1)
    for _ in range(objects):
        first = free.index(min(free))
        free[first] += connect + rtt_ms + service_ms
    return max(free)""",
        ),
        takes=("objects", "rtt_ms", "service_ms", "most", "keep_alive"),
        unseen=True,
    ),
}
