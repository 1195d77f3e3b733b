"""Bytes as text that can be edited: what has no letter is an escape, and a line break in the text is nothing.

``GET / HTTP/1.1\\r\\n`` are 16 bytes: the line end is written out, because it is what the protocol is about.
"""

from __future__ import annotations

import re

from netlab.errors import UsageError

NAMED = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\"}
ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|[rnt0\\])?")
SHOWN = {13: r"\r", 10: r"\n", 9: r"\t", 92: r"\\"}


def to_bytes(text: str) -> bytes:
    r"""Read ``\r``, ``\n``, ``\t``, ``\0``, ``\\`` and ``\xHH``; other characters are UTF-8, line breaks are left out.

    Raises
    ------
    UsageError
        For a backslash with something else behind it.
    """
    plain = text.replace("\r", "").replace("\n", "")
    made, at = bytearray(), 0
    for found in ESCAPE.finditer(plain):
        made += plain[at : found.start()].encode()
        kind, at = found[1], found.end()
        if kind is None:
            wrong = _Typed(plain[found.start() : found.start() + 4])
            raise UsageError("request", wrong, r"a backslash begins \r, \n, \t, \0, \xHH, or is doubled: \\")
        made += bytes.fromhex(kind[1:]) if kind[0] == "x" else NAMED[kind]
    return bytes(made + plain[at:].encode())


class _Typed(str):
    """Shown in a message as it was typed: Python would double its backslashes, which is the very thing to learn."""

    def __repr__(self) -> str:
        return f"'{self}'"


def to_text(data: bytes, most: int | None = None) -> str:
    """Write bytes so that `to_bytes` reads them again; a line break follows each ``\\n``.

    ``most``: of more bytes only the first so many, and how many are left out.
    """
    shown = data if most is None else data[:most]
    text = "".join(SHOWN.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}") for byte in shown)
    # Not behind a doubled backslash: that is no line end.
    text = re.sub(r"((?:\\\\)|\\n)", lambda found: found[0] + ("\n" if found[0] == r"\n" else ""), text)
    return text + (f"\n… {len(data) - len(shown)} more bytes" if len(shown) < len(data) else "")
