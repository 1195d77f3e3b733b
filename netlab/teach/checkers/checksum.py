"""Exercise 01.4: the Internet checksum.

Its mistakes are written out as functions that compute what each of them gives; an answer that agrees with one of
them on every buffer made that mistake.

Source: RFC 1071, sections 1 (the sum) and 3 (the example).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from netlab import wire
from netlab.teach.exercise import Mistake, Verdict, Wrong, dice, hexadecimal, number, recognise, same
from netlab.teach.guard import show

BUFFERS = 200
EXAMPLE = bytes.fromhex("0001f203f4f5f6f7")
"""The bytes of RFC 1071, section 3; their sum is ddf2, so their checksum is 220d."""


def _buffers(seed: str) -> list[bytes]:
    """Make the bytes that a checksum is tried on: the example, odd lengths, chains of carries, then random ones."""
    random = dice("01.4", seed)
    fixed = [
        EXAMPLE,
        b"\x12\x34\x56",
        b"\x00" * 8,
        b"\xff\xff" * 9 + b"\x00\x09",
        b"\xff\xff\xff\xff\x00\x01",
        b"\xab",
        b"",
    ]
    lengths = [1 + random.getrandbits(6) for _ in range(BUFFERS - len(fixed))]
    return fixed + [bytes(random.getrandbits(8) for _ in range(length)) for length in lengths]


def _words(data: bytes, order: str = "big") -> list[int]:
    padded = data + b"\x00" * (len(data) % 2)
    return [int.from_bytes(padded[i : i + 2], order) for i in range(0, len(padded), 2)]  # type: ignore[arg-type]


def _folded(total: int) -> int:
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def _folded_once(data: bytes) -> int:
    total = sum(_words(data))
    return (total & 0xFFFF) + (total >> 16)


def _last_byte_low(data: bytes) -> int:
    words = _words(data)
    if len(data) % 2:
        words[-1] = data[-1]
    return ~_folded(sum(words)) & 0xFFFF


_FOLD = (
    "It looks as if you forgot the final fold: what overflows the 16 bits must be added back at the low end, "
    "and again until nothing overflows."
)
_CHECKSUM_MISTAKES = [
    Mistake(lambda data: ~sum(_words(data)) & 0xFFFF, _FOLD + " Your function throws the carries away."),
    Mistake(lambda data: 0xFFFF - sum(_words(data)), _FOLD + " That is also why it gives negative numbers."),
    Mistake(lambda data: ~sum(_words(data)), _FOLD + " That is also why it gives negative numbers."),
    Mistake(lambda data: sum(_words(data)), _FOLD + " The last step, turning all bits over, is missing too."),
    Mistake(lambda data: sum(_words(data)) & 0xFFFF, _FOLD + " The last step, turning all bits over, is missing too."),
    Mistake(
        lambda data: ~_folded_once(data) & 0xFFFF,
        (
            "You fold once, but the fold itself can overflow: then the final fold is missing. Repeat it "
            "while the sum has more than 16 bits."
        ),
    ),
    Mistake(
        lambda data: _folded(sum(_words(data))),
        "That is the sum. The checksum is its complement: all 16 bits turned over.",
    ),
    Mistake(
        lambda data: ~_folded(sum(_words(data))),
        "The complement of a Python number is negative, because Python's numbers have no end. Keep 16 bits: & 0xFFFF.",
    ),
    Mistake(
        lambda data: -_folded(sum(_words(data))) & 0xFFFF,
        (
            "That is minus the sum (the two's complement). The checksum is the ones' complement: one "
            "less, all bits turned over."
        ),
    ),
    Mistake(
        lambda data: ~_folded(sum(_words(data, "little"))) & 0xFFFF,
        (
            "It looks like the wrong byte order: your words have the low byte first. On the wire the "
            "high byte comes first (network byte order)."
        ),
    ),
    Mistake(
        _last_byte_low,
        (
            "It looks as if you padded wrongly: a last single byte is the high half of its word. The "
            "zero byte goes behind it."
        ),
    ),
    Mistake(
        lambda data: ~_folded(sum(_words(data[: len(data) // 2 * 2]))) & 0xFFFF,
        "It looks as if you padded wrongly: of an odd number of bytes, the last one is left out.",
    ),
    Mistake(
        lambda data: ~_folded(sum(_words(b"\x00" * (len(data) % 2) + data))) & 0xFFFF,
        "It looks as if you padded wrongly: the zero byte goes behind the last byte. In front, it shifts every word.",
    ),
    Mistake(
        lambda data: ~_folded(sum(data)) & 0xFFFF,
        "You add single bytes. The checksum adds words of 16 bits: two bytes at a time.",
    ),
]


def examine(answer: Callable[[bytes], Any], seed: str) -> Verdict:
    buffers = _buffers(seed)
    answers = [answer(buffer) for buffer in buffers]
    right = [wire.checksum(buffer) for buffer in buffers]
    wrong = [i for i, value in enumerate(answers) if not same(value, right[i])]
    if not wrong:
        return Verdict(1.0, f"{BUFFERS} buffers, the example of RFC 1071 among them: all right.")
    first = min(wrong, key=lambda i: len(buffers[i]) or 99)
    if number(answers[first]) is None:
        hint = " Is there a return at its end?" if answers[first] is None else ""
        raise Wrong(f"Your function returned {show(answers[first])}. The checksum is a number, 0 to 65535.{hint}")
    named = recognise(_CHECKSUM_MISTAKES, buffers, answers)
    return Verdict(
        0.0,
        named or f"{len(wrong)} of {BUFFERS} buffers give a wrong number, and it is none of the mistakes known here.",
        (
            f"For the bytes {buffers[first].hex(' ') or '(none)'} it gives {hexadecimal(answers[first])}; right "
            f"is {hexadecimal(right[first])}."
        ),
    )
