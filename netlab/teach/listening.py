"""Who can read what: the words that each machine on the way sees in the packets that pass it.

The capture of a virtual network has every packet at every machine, so nothing has to be assumed: the segments that came
by are put together in the order of their bytes, as an eavesdropper would do it, and searched.

Source: RFC 9293 section 3.4 (sequence numbers say where in the stream a segment belongs).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from netlab.errors import PacketError, UsageError
from netlab.wire.ip import parse
from netlab.wire.packet import transport
from netlab.wire.tcp import TCP

if TYPE_CHECKING:
    from pandas import DataFrame

Flow = tuple[str, int, str, int]
"""Source, its port, destination, its port: one direction of a connection."""
SEEN, UNSEEN = "yes", "-"
TURN = 1 << 31
"""Half of the sequence numbers: what is further ahead is behind."""


def overheard(packets: Iterable[Mapping[str, Any]], words: Mapping[str, bytes | str], at: Sequence[str]) -> DataFrame:
    """Give who can read what: a row for each of the words, a column for each machine, ``yes`` or ``-``.

    Parameters
    ----------
    packets
        What ``network.packets()`` gives after a measurement on a virtual network.
    words
        Name and what to look for: bytes, in what the connections carry; or an address, as text, in the heads of the
        packets.
    at
        Machines of the network.

    Raises
    ------
    UsageError
        When a word is empty, or neither bytes nor text.

    Examples
    --------
    >>> import netlab
    >>> network = netlab.use("line")
    >>> with netlab.WebServer(netlab.teach.folder({"a.html": "Hello"}), host="server", port=80):
    ...     _ = netlab.fetch("http://server/a.html")
    ...     seen = netlab.teach.overheard(network.packets(), {"the path": b"/a.html"}, at=["r1", "server"])
    >>> seen.loc["the path"].tolist()
    ['yes', 'yes']
    """
    import pandas as pd

    for name, word in words.items():
        if not isinstance(word, bytes | str) or not word:
            raise UsageError("words", word, f"{name!r} must be bytes to look for, or an address as text")
    rows = list(packets)
    columns = {place: _seen([row for row in rows if row["at"] == place], words) for place in at}
    return pd.DataFrame(columns, index=list(words))


def _seen(rows: list[Mapping[str, Any]], words: Mapping[str, bytes | str]) -> list[str]:
    """For each word, whether it is in what came by."""
    addresses = {address for row in rows for address in (row["source"], row["destination"])}
    streams = _streams(rows)
    found = [
        word in addresses if isinstance(word, str) else any(word in stream for stream in streams)
        for word in words.values()
    ]
    return [SEEN if each else UNSEEN for each in found]


def _streams(rows: list[Mapping[str, Any]]) -> list[bytes]:
    """The bytes of each direction of each connection, in order; a gap where a segment did not come by."""
    parts: dict[Flow, dict[int, bytes]] = {}
    first: dict[Flow, int] = {}
    for row in rows:
        try:
            packet = parse(row["data"])
            segment = transport(packet)
        except PacketError:
            continue
        if not isinstance(segment, TCP) or not segment.payload:
            continue
        flow = packet.source, segment.source_port, packet.destination, segment.destination_port
        start = first.setdefault(flow, segment.sequence)
        place = (segment.sequence - start + TURN) % (2 * TURN) - TURN
        parts.setdefault(flow, {})[place] = segment.payload
    return [_joined(pieces) for pieces in parts.values()]


def _joined(pieces: Mapping[int, bytes]) -> bytes:
    joined, end = bytearray(), min(pieces)
    for place, payload in sorted(pieces.items()):
        if place > end:
            joined += b"\0\0 not seen \0\0"
        joined += payload[max(0, end - place) :]
        end = max(end, place + len(payload))
    return bytes(joined)
