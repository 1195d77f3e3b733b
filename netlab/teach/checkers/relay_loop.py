"""Exercise 12.5: the loop that passes bytes on, in one direction, until there are no more.

It is tried on pieces in the worst sizes, with all the ways in which a connection can end; the usual wrong loops are
tried beside it. A loop that is right there then works in a real proxy (`through_proxy`).

Source: RFC 9293 section 3.9.1, RFC 9110 section 9.3.6, RFC 9112 section 8 (an answer that breaks off).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from functools import lru_cache
from random import Random
from typing import Any

from netlab.teach.checkers import relay_ends
from netlab.teach.checkers.deviations import Outcome, explain
from netlab.teach.checkers.relay_ends import Case, told
from netlab.teach.exercise import Verdict, dice
from netlab.teach.guard import show

HALF = 0.5
MEGABYTE = 1_000_000
SHORT, FULL = 4096, 65_536
SHOWN = 4
"""Pieces that a message shows."""


@lru_cache(maxsize=4)
def cases(seed: str) -> tuple[Case, ...]:
    random = dice("12.5", seed)
    page = b"<!DOCTYPE html>\n<p>" + bytes(97 + random.getrandbits(4) for _ in range(2000)) + b"</html>\n"
    first, second = page[: 700 + random.getrandbits(6)], page[900:]
    binary = bytes(random.getrandbits(8) for _ in range(300))
    return (
        Case("one piece", (page,)),
        Case("two pieces", (first, second)),
        Case("nothing at all", ()),
        Case("one byte at a time", tuple(page[place : place + 1] for place in range(400))),
        Case("two full pieces, a short one, and one more", (bytes(FULL), b"a" * FULL, b"short", page)),
        Case("a picture: bytes that are no text", (b"\xff\xd8\xff\xe0" + binary, b"\r\n\0\n" + binary)),
        Case("a piece that is only blanks", (b"a  ", b" \t\r\n  ", b"  b\n")),
        Case("a piece with an empty line in it", (b"one\r\n\r\n", b"two\r\n\r\n", b"three")),
        Case("a piece that is a zero", (b"1", b"0", b"0\r\n\r\n", b"1")),
        Case("1 MB in small pieces", _small(random)),
        Case("the origin says something, and then nothing for now", (b"a question\n",), "open"),
        Case("two messages, and then nothing for now", (b"first\n", b"second\n"), "open"),
        Case("the origin breaks off", (first, second), "broken"),
        Case("the origin breaks off at once", (), "broken"),
        Case("the client goes away", (first, second, page), most=len(first) + 10),
    )


def _small(random: Random) -> tuple[bytes, ...]:
    """A megabyte as TCP may deliver it: full segments, and what is left of them."""
    pieces: list[bytes] = []
    left = MEGABYTE
    while left:
        size = min(left, 1460 - (random.getrandbits(9) if random.getrandbits(1) else 0))
        pieces.append(bytes([len(pieces) % 251]) * size)
        left -= size
    return tuple(pieces)


KINDS = [
    (
        "loop", "once",
        "You call receive once, and pass on the first piece. That is the bug of the textbooks: a page that is larger "
        "than a segment arrives in part. Go on until receive gives nothing.",
    ),
    ("loop", "twice", "You call receive twice. There may be any number of pieces: go on until receive gives nothing."),
    (
        "end", "short piece",
        "You stop after a piece that is shorter than it could be. A short piece means that no more was there yet; only "
        'b"" means that no more will come.',
    ),
    (
        "end", "blank line",
        "You stop at an empty line. That ends a head; you pass on content, or whatever is in the tunnel. Only b\"\" is "
        "the end.",
    ),
    ("end", "blanks", "You stop at a piece that is only blanks. Only b\"\" is the end: do not strip it to find out."),
    ("end", "zero", 'You stop at a piece like b"0". Only b"" is the end.'),
    (
        "end", "ignored",
        'When there is no more, receive gives b"" at once, again and again, and your loop never ends. Stop at b"".',
    ),
    (
        "gather", "all",
        "You gather everything and send it at the end. A large file fills the proxy's memory, and in a tunnel a "
        "question is never passed on, because its sender waits for the answer before it says more. Send each piece at "
        "once.",
    ),
    (
        "gather", "one behind",
        "You hold a piece back until the next one comes. In a tunnel the next one may never come, because its sender "
        "waits for an answer.",
    ),
    ("gather", "last", "You send only the last piece: the others are overwritten. Send inside the loop."),
    (
        "send", "call",
        "You call sink.send(data), and nobody waits for it: nothing is sent. Write yield from sink.send(data).",
    ),
    (
        "errors", "swallowed",
        "When a connection breaks off, you catch it and end as if all had come. Then a half page looks whole. Let the "
        "exception out: the proxy knows what to do.",
    ),
    ("bytes", "strip", "You strip blanks off the pieces. They are content like all other bytes: pass on what came."),
    ("bytes", "text", "You make text of the bytes. A picture is none, and a letter may be cut in two: pass on bytes."),
    ("bytes", "replaced", "You make text of the bytes, and lose what is no text. Pass on bytes as they came."),
    ("bytes", "lines", "You cut the pieces into lines, and lose what was between them. Pass on bytes as they came."),
]  # fmt: skip


def variant(how: dict[str, str]) -> Callable[..., Any]:
    """Make a relay that does these things as told, and everything else right."""
    has = how.get

    def relay(source: Any, sink: Any) -> Generator[Any, Any, None]:
        kept: list[bytes] = []
        turns = {"once": 1, "twice": 2}.get(has("loop") or "", 1 << 30)
        try:
            while turns:
                turns -= 1
                data = yield from source.receive()
                if not data and has("end") != "ignored":
                    break
                if _over(has("end"), data):
                    break
                piece = _made(has("bytes"), data)
                if has("gather"):
                    kept = [piece] if has("gather") == "last" else [*kept, piece]
                    if has("gather") != "one behind" or len(kept) < 2:
                        continue
                    piece = kept.pop(0)
                if has("send") == "call":
                    sink.send(piece)
                else:
                    yield from sink.send(piece)
                if has("end") == "short piece" and len(data) < SHORT:
                    break
                if has("end") == "blank line" and b"\r\n\r\n" in data:
                    break
            if kept:
                yield from sink.send(b"".join(kept))
        except Exception:
            if has("errors") != "swallowed":
                raise

    return relay


def _over(end: str | None, data: bytes) -> bool:
    return (end == "blanks" and not data.strip()) or (end == "zero" and data == b"0")


def _made(how: str | None, data: bytes) -> bytes:
    match how:
        case "strip":
            return data.strip()
        case "text":
            return data.decode().encode()
        case "replaced":
            return data.decode(errors="ignore").encode()
        case "lines":
            return b"\n".join(data.splitlines())
    return data


def _outcomes(relay: Callable[..., Any], tried: tuple[Case, ...]) -> Iterator[Outcome]:
    return (relay_ends.run(relay, case) for case in tried)


def examine(answer: Callable[..., Any], seed: str) -> Verdict:
    from netlab.teach.checkers import through_proxy

    tried = cases(seed)
    found = list(_outcomes(answer, tried))
    wrong = [(case, value) for case, value in zip(tried, found, strict=True) if value != case.right]
    if not wrong:
        praise = f"{len(tried)} streams, and each time every byte passed on as soon as it came, and no end made up."
        return through_proxy.examine(seed, Verdict(1.0, praise), relay=answer)
    message = " ".join(explain(KINDS, variant, lambda made: _outcomes(made, tried), found))
    case, value = wrong[0]
    evidence = f"For example, {case.told}. receive gives:\n  {_shown(case)}\n"
    evidence += f"Right: {told(case.right)}. Yours: {told(value)}."
    share = round(HALF * (len(tried) - len(wrong)) / len(tried), 3) if found[1] == tried[1].right else 0.0
    return Verdict(share, message or _by_outcome(case, value), evidence)


def _shown(case: Case) -> str:
    shown = [show(piece, 30) for piece in case.pieces[:SHOWN]]
    if len(case.pieces) > SHOWN:
        shown.append(f"… {len(case.pieces) - SHOWN} more …")
    endings = {"ended": 'the end, b""', "open": "nothing for now", "broken": "an exception: the connection is gone"}
    return "; ".join([*shown, endings[case.ending]])


def _by_outcome(case: Case, value: Outcome) -> str:
    how, what, data, held = value
    whole = b"".join(case.pieces)
    if how == "raises" and what != "BrokenOff":
        return f"Your function stopped with {what}. In the proxy that is a fault of ours, and the answer breaks off."
    if how == "never ends":
        return 'Your function does not stop when receive gives b"": that is the end.'
    if held:
        return "Your function takes more and more and does not pass it on. Send each piece as soon as it has come."
    if data != whole and whole.startswith(data):
        return (
            f'Your function passes on the first {len(data):,} of {len(whole):,} bytes. Go on until receive gives b"".'
        )
    if data != whole:
        return "What your function passes on is not what came. Send the bytes of receive as they are, in their order."
    if case.ending != "ended" or how != "ends":
        return "Your function makes up an end, or hides one. Let what happens to a connection out, as it comes."
    return "Not right yet, and it is none of the mistakes known here."
