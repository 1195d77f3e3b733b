"""`talk`: two programs on two hosts of a virtual world, a TCP connection between them, and what every call gave.

The client writes a few times, the server reads: that is all, so that one can see what TCP does to what was written. It
is the experiment of notebook 08, and of the panel with the view "stream".

The client's writes are told by their sizes and filled with letters, ``a`` for the first, ``b`` for the second …: so
every byte shows from which write it is. Both programs take no time; only the reader may be slow (`netlab.talking`).

Source: RFC 9293 (section 3.9.1: what a program may ask of TCP; section 3.10.4: closing with unread data).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from netlab.errors import UsageError
from netlab.internet import tcp
from netlab.probing import whole, yes_or_no
from netlab.talking import AT_ONCE, MS, PROGRESS, Conversation, How

if TYPE_CHECKING:
    from pandas import DataFrame

    from netlab.internet.model import World
    from netlab.network.base import Network

MOST = 200_000
"""Bytes that are written in all; they fit into the send buffer, so that send never has to wait."""
MOST_ASKED = 1 << 20
"""Bytes that one recv may ask for."""
ENDS = 100
"""How often `Talk.recv` gives nothing, before it says that this will not change."""
DAY = 86_400_000
"""ms."""
LETTERS = b"abcdefghijklmnopqrstuvwxyz"
SERVERS = ("reads", "hangs", "leaves")

CALLS = {
    "time_ms": "float64", "who": "str", "call": "str", "asked": "Int64", "bytes": "int64", "result": "str",
    "of_writes": "str", "data": "bytes",
}  # fmt: skip
"""The columns of `Talk.calls`."""

__all__ = ["AT_ONCE", "CALLS", "MOST", "PROGRESS", "Talk", "talk"]


@dataclass(slots=True)
class Talk:
    """What became of a connection; `talk` makes it."""

    client: str
    server: str
    writes: tuple[bytes, ...]
    rows: list[dict[str, Any]] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    packets: list[dict[str, Any]] = field(default_factory=list)
    """Rows of PACKETS, for ``netlab.plot.sequence``."""
    _left: list[bytes] | None = None
    _ends: int = 0

    def __repr__(self) -> str:
        reads = [row for row in self._reads() if row["bytes"]]
        total = sum(map(len, self.writes))
        return (
            f"<netlab talk: {self.client} writes {len(self.writes)} times, {total} bytes; "
            f"{self.server} reads {len(reads)} times, {sum(row['bytes'] for row in reads)} bytes>"
        )

    def _reads(self) -> list[dict[str, Any]]:
        return [row for row in self.rows if row["call"] == "recv" and row["who"] == self.server]

    @property
    def calls(self) -> DataFrame:
        """One row per call of a program that came back: ``time_ms`` when it did, ``who``, ``call`` (connect, accept,
        send, recv, shutdown, close), ``asked`` (recv's limit), ``bytes``, ``result`` (``""``, ``end``, ``reset``),
        ``of_writes`` (how many bytes of which of the client's writes, such as "100 of 1, 400 of 2"), ``data``."""
        return _table(self.rows, CALLS)

    @property
    def reads(self) -> DataFrame:
        """The rows of `calls` that are the server's recv."""
        return _table(self._reads(), CALLS)

    @property
    def progress(self) -> DataFrame:
        """Bytes from client to server over time, a row for each change: ``time_ms``, ``written`` by the program,
        ``sent``, ``arrived``, ``acknowledged`` (the client knows it), ``read`` by the server's program."""
        return _table(self.steps, PROGRESS)

    def recv(self, limit: int) -> bytes:
        """Give the next piece that the server's recv gave, at most ``limit`` bytes of it; ``b""`` at the end.

        A socket says ``b""`` as often as it is asked. This one raises EOFError when it has said so `ENDS` times:
        whoever asks on has a loop that does not look for the end, and would never come out of it.
        """
        if self._left is None:
            self._left = [row["data"] for row in reversed(self._reads()) if row["bytes"]]
        if limit < 1 or not self._left:
            self._ends += 1
            if self._ends > ENDS:
                raise EOFError(f'recv has given b"" {ENDS} times, which means the end: leave your loop then')
            return b""
        piece = self._left.pop()
        if len(piece) > limit:
            self._left.append(piece[limit:])
        return piece[:limit]


def talk(
    writes: Iterable[int | bytes],
    to: str = "",
    *,
    pause_ms: float = 0.0,
    mss: int | None = None,
    nagle: bool = True,
    delayed_ack: bool = True,
    read_limit: int = AT_ONCE,
    read_every_ms: float = 0.0,
    receive_buffer: int | None = None,
    server: str = "reads",
    answer: int = 0,
    source: str | None = None,
    network: str | World | Network | None = None,
) -> Talk:
    """Let a client write to a server over TCP, and give what every call gave.

    Parameters
    ----------
    writes
        What the client gives to one ``send`` after the other: bytes, or a number of bytes. When all of it is
        acknowledged, the client says that it will write no more.
    to
        The host that listens.
    pause_ms
        Between two writes, ms.
    mss
        Largest payload of a segment, bytes; None: as much as the first link carries.
    nagle, delayed_ack
        Of both sides, see `netlab.internet.tcp_options.Options`.
    read_limit
        Bytes that each recv asks for.
    read_every_ms
        The server's program calls recv once in so many ms; 0: whenever there is something.
    receive_buffer
        Bytes that the server's TCP keeps for its program; None: 262,144.
    server
        ``"reads"``: reads to the end, then answers and closes. ``"hangs"``: listens, and never accepts. ``"leaves"``:
        answers and closes as soon as something has come, without reading it.
    answer
        Bytes that the server answers.
    source, network
        As in `netlab.fetch`; the network must be a virtual one.

    Returns
    -------
    Talk
        With the tables ``calls``, ``reads``, ``progress``, and ``packets``.

    Raises
    ------
    UsageError
        When an argument cannot be; NetworkError when no connection comes about.

    Examples
    --------
    >>> import netlab
    >>> _ = netlab.use("line")
    >>> said = netlab.teach.talk([200, 200, 200], "server")
    >>> said
    <netlab talk: laptop writes 3 times, 600 bytes; server reads 2 times, 600 bytes>
    >>> said.reads[["time_ms", "bytes"]]
       time_ms  bytes
    0     33.0    200
    1     95.0    400
    2    157.0      0
    """
    from netlab.api import network_for

    data = _written(writes)
    if not isinstance(to, str) or not to:
        raise UsageError("to", to, "must be the name of the host that listens, such as 'server'")
    chosen: Any = network_for(network)
    if not chosen.virtual:
        raise UsageError("network", chosen.name, 'must be a virtual one, such as netlab.use("line")')
    for name, value in (("nagle", nagle), ("delayed_ack", delayed_ack)):
        yes_or_no(name, value)
    if server not in SERVERS:
        raise UsageError("server", server, f"must be one of {', '.join(SERVERS)}")
    ours = tcp.Options(mss=mss, nagle=nagle, delayed_ack=delayed_ack).checked()
    theirs = ours if receive_buffer is None else ours._replace(receive_buffer=receive_buffer).checked()
    how = How(
        pause=_ns("pause_ms", pause_ms),
        limit=whole("read_limit", read_limit, 1, MOST_ASKED),
        every=_ns("read_every_ms", read_every_ms),
        server=server,
        answer=bytes(whole("answer", answer, 0, MOST)),
    )
    made = Talk(chosen.host(source), chosen.host(to), data)
    with chosen.driving() as engine:
        start = engine.now
        Conversation(engine, made, how, (ours, theirs)).run(chosen.resolve(to)[0])
        made.packets = [row for row in chosen.packets() if row["time"] >= chosen.epoch + start]
    return made


def _ns(name: str, ms: float) -> int:
    if isinstance(ms, bool) or not isinstance(ms, int | float) or not 0 <= ms <= DAY:
        raise UsageError(name, ms, f"must be a number of milliseconds, from 0 to {DAY}")
    return round(ms * MS)


def _written(writes: Iterable[int | bytes]) -> tuple[bytes, ...]:
    if isinstance(writes, str | bytes) or not isinstance(writes, Iterable):
        raise UsageError(
            "writes", writes, "must be a list with one size or one piece for each write, such as [200, 200]"
        )
    made, writes = [], list(writes)
    for place, each in enumerate(writes):
        if isinstance(each, bytes):
            made.append(each)
        else:
            letter = LETTERS[place % len(LETTERS)]
            made.append(bytes([letter]) * whole("writes", each, 1, MOST))
    if not made or sum(map(len, made)) > MOST:
        raise UsageError("writes", writes, f"must be one write or more, of at most {MOST} bytes together")
    return tuple(made)


def _table(rows: Sequence[Mapping[str, Any]], schema: Mapping[str, str]) -> DataFrame:
    from netlab import frames

    return frames.table(rows, schema)
