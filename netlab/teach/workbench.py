"""Hands-on parts of single notebooks: look at the bytes of a packet, flip a bit, launch it, see what becomes of it.

A packet that is launched goes into the current virtual network as it is, wrong checksums and all, and the table
tells its story node by node. (Real networks are left alone: a broken packet there is somebody else's problem.)
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from netlab.errors import UsageError

if TYPE_CHECKING:
    from pandas import DataFrame

SECOND = 1_000_000_000
ROW = 4
"""Bytes on a line: the 32 bits of a line in the RFCs."""
SHOWN_PAYLOAD = 12
STORY = ("at", "action", "reason", "ttl", "summary")
"""The columns of PACKETS that tell what became of a packet."""


def flip(packet: bytes, byte: int, bit: int) -> bytes:
    """Give a copy of ``packet`` with one bit turned over.

    Parameters
    ----------
    packet : bytes
        Such as ``frame["request"][0]``.
    byte : int
        Counted from 0, the first byte of the IP header.
    bit : int
        0 to 7 within the byte; 0 is the leftmost, the most significant, as in the figures of the RFCs.

    Examples
    --------
    >>> import netlab
    >>> netlab.teach.flip(b"\\x40", byte=0, bit=7).hex()
    '41'
    """
    if not 0 <= byte < len(packet):
        raise UsageError("byte", byte, f"must be 0 to {len(packet) - 1} in this packet")
    if not 0 <= bit <= 7:
        raise UsageError("bit", bit, "must be 0 (leftmost) to 7")
    return packet[:byte] + bytes([packet[byte] ^ (0x80 >> bit)]) + packet[byte + 1 :]


def launch(packet: bytes, wait: float = 2.0) -> DataFrame:
    """Send an IP packet as it is into the current virtual network; give the story of what happened.

    Parameters
    ----------
    packet : bytes
        A whole IP packet; nothing in it is corrected.
    wait : float
        Virtual seconds to look on.

    Returns
    -------
    DataFrame
        One row for each thing that happened to the packet and to the answers it caused: ``at`` (node), ``action``
        (sent, forwarded, delivered, dropped), ``reason`` (of a drop), ``ttl``, ``summary``.

    Raises
    ------
    UsageError
        The current network is a real one: choose a virtual one with ``netlab.use("campus")``.

    Examples
    --------
    >>> import netlab
    >>> _ = netlab.use("line")
    >>> frame = netlab.ping("server", count=1)
    >>> netlab.teach.launch(frame["request"][0])["action"].iloc[-1]
    'delivered'
    """
    import pandas as pd

    from netlab import api

    network = api.current()
    if not network.virtual:
        raise UsageError("network", network.name, 'packets are launched in virtual networks only: netlab.use("campus")')
    network.begin()
    try:
        network.send(packet)
        until = network.now() + int(wait * SECOND)
        while network.receive(until) is not None:
            pass  # the answers are in the capture below
    finally:
        network.end()
    rows = network.packets()
    return pd.DataFrame({column: [row[column] for row in rows] for column in STORY})


def hexdump(packet: bytes, other: bytes | None = None) -> None:
    """Print the bytes of a packet, four to a line as in the figures of the RFCs, with the names of their fields.

    Parameters
    ----------
    packet : bytes
        A whole IP packet. Of a long payload only the first bytes are shown.
    other : bytes, optional
        A second packet, printed beside the first; a star marks the lines that differ.

    Examples
    --------
    >>> import netlab
    >>> netlab.teach.hexdump(bytes.fromhex("4500001c 00010000 4001 f63c c0000201 c0000202 0800f7fe 00000001"))
     0  45 00 00 1c   version, header length, DSCP, ECN, total length
     4  00 01 00 00   identification, reserved flag, don't fragment, more fragments, fragment offset
     8  40 01 f6 3c   ttl, protocol, header checksum
    12  c0 00 02 01   source
    16  c0 00 02 02   destination
    20  08 00 f7 fe   type, code, checksum
    24  00 00 00 01   identifier, sequence
    """
    from netlab.wire.fields import fields

    names: dict[int, list[str]] = {}
    last = len(packet)
    for row in fields(packet):
        start = int(str(row["offset"]))
        names.setdefault(start // ROW, []).append(str(row["field"]))
        if row["field"] == "payload":
            last = start + SHOWN_PAYLOAD
    for start in range(0, min(last, len(packet)), ROW):
        words = [packet[start : start + ROW].hex(" ")]
        if other is not None:
            words.append(other[start : start + ROW].hex(" "))
        columns = "   ".join(f"{word:11}" for word in words)
        star = " *" if len(set(words)) > 1 else "  " if other is not None else ""
        print(f"{start:2}  {columns}{star}  {', '.join(names.get(start // ROW, []))}".rstrip())
    if len(packet) > last:
        print(f"    … and {len(packet) - last} more bytes of payload")


def puzzle(id: str) -> None:
    """Print the puzzle of an exercise: bytes of a packet, some hidden.

    Examples
    --------
    >>> import netlab
    >>> netlab.teach.puzzle("01.5")
     0  ?? 00 ?? ??
     4  00 00 00 00
     8  ?? ?? 7c 7e
    12  c0 00 02 0a
    16  cb 00 71 50
    20  ?? 00 ?? ??
    24  2f 1a ?? ??
    28  6e 65 74 6c
    32  61 62 21 0a
    """
    from netlab.teach.checkers import header

    if id != "01.5":
        raise UsageError("id", id, 'the exercise with a puzzle is "01.5"')
    print(header.puzzle())


def recorded(name: str) -> None:
    """Print what real tools said on a real machine: a text file in the folder ``recorded`` of the notebooks.

    Real machines never answer twice in the same way, so such output is kept and not made again.
    """
    places = [Path(folder, "recorded", name) for folder in (".", "..")]
    for place in places:
        if place.is_file():
            print(place.read_text(encoding="utf-8").rstrip())
            return
    print(f"The file recorded/{name} is missing; it belongs beside the notebooks.")


def example(name: str) -> str:
    """Give the path of a file in the folder ``data`` of the notebooks, for ``netlab.read_atlas`` and its like.

    Raises UsageError when it is not there; the folder belongs beside the notebooks.
    """
    for folder in (".", ".."):
        place = Path(folder, "data", name)
        if place.is_file():
            return str(place)
    raise UsageError("name", name, "is not in the folder data, which belongs beside the notebooks")
