"""Notebook 13: caches, freshness and a slow site."""

from __future__ import annotations

from netlab.teach.checkers import freshness, incident
from netlab.teach.exercise import Exercise, choice
from netlab.teach.incidents import CAUSES

EXERCISES: dict[str, Exercise] = {
    "13.1": choice(
        "13.1",
        "What no-cache means",
        "b9a828e51377",
        {
            "a": "That is no-store. In the row *no-cache* one answer was stored, and five times it was confirmed.",
            "b": "Kept, and confirmed by the origin before each use. *Do not keep* has another word: no-store.",
            "c": "That is max-age=60. In the row *no-cache* nobody got an answer that was not confirmed.",
            "d": "It speaks to every cache, also to the one in your browser. *Not in shared ones* is private.",
        },
        (
            "Read the row *no-cache* of the table. Was anything stored?",
            "One answer was stored, and five were validated. What would the proxy ask about if it had kept nothing?",
            "It keeps the answer (stored: 1), and asks the origin each time before it uses it (validated: 5).",
        ),
    ),
    "13.2": choice(
        "13.2",
        "What an ETag saves",
        "685c6a974eb6",
        {
            "a": "The question goes all the way to the origin, and the answer comes back. Compare the two times.",
            "b": "Compare the times of *no-cache* and *no-store*: they are nearly the same. Only a hit saves the way.",
            "c": "The answer to the question is a 304 without content: the way is the same, the bytes are saved.",
            "d": "Look at the bytes from the origin: with *no-cache* hardly more than the first answer had.",
        },
        (
            "Validating means asking. Whom, and how far away is that?",
            "Compare *no-cache* with *no-store* in two columns: the time, and the bytes from the origin.",
            "The time is that of a way to the origin in both rows. The bytes are not: a 304 has no content.",
        ),
    ),
    "13.3": choice(
        "13.3",
        "A reload",
        "9c72038e953a",
        {
            "a": (
                "An origin that answers at once looks just like this from far away: to connect and to ask are two "
                "round trips of 80 ms."
            ),
            "b": "It had the answer, and was told not to use it: max-age=0 in the *request*.",
            "c": "A stale answer needs no reload to be asked about. This one was fresh for an hour.",
            "d": "It asked for an answer of age 0, so the proxy went to the origin. You have measured the way there.",
        },
        (
            "A reload is another request. What does it say that an ordinary one does not?",
            "Request: Cache-Control: max-age=0. May the proxy use an answer that is 10 s old?",
            "It may not, and asks the origin. The time of a reload is the way there and back, whoever is slow or not.",
        ),
    ),
    "13.4": Exercise(
        "Hit, validate or miss",
        freshness.examine,
        (
            "Begin with the one question: is it fresh, and does nobody object? Then: hit. Else, can it be asked about?",
            (
                "No hit when: no-cache on either side; age above the request's max-age (but for immutable answers that "
                "are fresh); not fresh for min-fresh more seconds. A stale one is a hit only with max-stale, and not "
                "with must-revalidate."
            ),
            """Inside the function, to begin with:
    otherwise = "validate" if can_ask else "miss"
    if "no-cache" in wanted or "no-cache" in given:
        return otherwise
    if age < lifetime and age + wanted.get("min-fresh", 0) <= lifetime and age <= wanted.get("max-age", age):
        return "hit"
What is missing: immutable, and max-stale.""",
        ),
        takes=("wanted", "given", "age", "lifetime", "can_ask"),
        unseen=True,
    ),
    "13.5": Exercise(
        "Slow since Tuesday",
        incident.examine,
        (
            "Divide. Is it the network, the web server, or the proxy with its cache? One measurement each tells.",
            (
                "Pings of www and of proxy, small and large, beside Monday's: the network. A fetch without the proxy, "
                "and a crowd: the web server. Four visitors, and the column cache of the proxy's log: the cache."
            ),
            (
                "Put on the board: ping www 200 times, ping www with size=1472, ping proxy, traceroute www, "
                "case.visits(), case.cache.log, case.web.log, netlab.fetch of the photo, both tables of case.crowd(). "
                f"What is unlike Monday? The causes: {', '.join(CAUSES)}."
            ),
        ),
    ),
}
