"""Notebook 09: a web server in small steps."""

from __future__ import annotations

from netlab.teach.checkers import bodies, heads, paths
from netlab.teach.exercise import Exercise, choice

EXERCISES: dict[str, Exercise] = {
    "09.1": choice(
        "09.1",
        "The empty line",
        "99d96fc25173",
        {
            "a": "It has not even begun to look: it does not know yet what is asked for, and of whom.",
            "b": "The request took 40 ms to arrive. The server waited 2 seconds longer.",
            "c": (
                "Another field might follow: Range, Accept-Encoding, Content-Length. Only the empty line says: that "
                "is all."
            ),
            "d": (
                "The connection stays open for the next request. With the empty line the answer came, and nobody "
                "closed."
            ),
        },
        (
            "What could still come in a third line, and would change the answer?",
            "The two requests differ in two bytes. What is the meaning of these two?",
            "A head has any number of lines. Its end is marked by a line with nothing in it: CR LF behind CR LF.",
        ),
    ),
    "09.2": choice(
        "09.2",
        "One byte too few",
        "155075fe57b4",
        {
            "a": "The client takes it at its word. TCP has no edges that it could look at instead.",
            "b": "The first answer can be read without an error. It lacks its last byte, and nobody notices.",
            "c": (
                "A client has no way to know what was meant. If it guessed, the next one could be made to guess wrong."
            ),
            "d": (
                "The length is what cuts the stream. The last byte of the first content is taken for the first byte of "
                "the next start line, and from there on nothing fits."
            ),
        },
        (
            "Look at the first byte of the second message in both strips.",
            "The length is one less than the content. Where does the content's last byte go?",
            "A stream has no edges, so the length alone says where the next message begins.",
        ),
    ),
    "09.3": Exercise(
        "Parse the head",
        heads.examine,
        (
            "Which bytes end a line, which bytes end a name? And what if there are more, or fewer, of them?",
            (
                'head.split(b"\\r\\n") gives the lines, first.split(b" ") the three words, line.partition(b":") a '
                "name and "
                "a value. Look at every piece before you take it: a blank in a name, LF in a line, no colon."
            ),
            """Inside the function:
    first, *lines = head.split(b"\\r\\n")
    if any(byte in head.replace(b"\\r\\n", b"") for byte in (b"\\r", b"\\n", b"\\0")):
        raise netlab.teach.refuse(400, "a control character")
    words = first.split(b" ")
    if len(words) != 3:
        raise netlab.teach.refuse(400, "the request line has three words")
    fields = []
    for line in lines:
        name, colon, value = line.partition(b":")
        ...                 # refuse if there is no colon, no name, or a blank or tab in the name
        fields.append((name, value.strip(b" \\t")))
    ...                     # count the names that are b"host" in small letters
    return netlab.teach.request(*words, fields)""",
        ),
        takes=("head",),
        unseen=True,
    ),
    "09.4": Exercise(
        "Where the content ends",
        bodies.examine,
        (
            "Take the rules one after the other, in their order. The first that applies decides.",
            (
                "Gather the values of both fields first, by name.lower(). Then: no content at all? Both? "
                "Transfer-Encoding? Content-Length? None of them?"
            ),
            """Inside the function:
    codings = [value for name, value in fields if name.lower() == b"transfer-encoding"]
    lengths = [value for name, value in fields if name.lower() == b"content-length"]
    if status is not None and (method == b"HEAD" or status < 200 or status in (204, 304)):
        return 0
    if codings:
        if lengths or [coding.lower() for coding in codings] != [b"chunked"]:
            raise netlab.teach.refuse(400, "...")
        return "chunked"
    if lengths:
        ...                 # one, and only digits: int(lengths[0]); else refuse
    return 0 if status is None else "close\"""",
        ),
        takes=("fields", "status", "method"),
        unseen=True,
    ),
    "09.5": Exercise(
        "Map the path",
        paths.examine,
        (
            "In which order must the three happen: cutting off the query, splitting, decoding?",
            (
                'target.partition(b"?")[0].split(b"/") gives raw segments. Decode each with urllib.parse.unquote, '
                "once. "
                "Leave out those that are empty or a single dot, and look at every other one."
            ),
            """Inside the function:
    names = []
    for segment in target.partition(b"?")[0].split(b"/"):
        name = urllib.parse.unquote(segment)
        if name in ("", "."):
            continue
        if name.startswith(".") or any(mark in name for mark in "/\\\\\\0"):
            raise netlab.teach.refuse(404, "...")
        names.append(name)
    return netlab.teach.path(names, target)""",
        ),
        takes=("target",),
        unseen=True,
    ),
}
