"""The two programs of a `netlab.teach.talk`: a client writes, a server reads; the world's events call them.

Neither takes any time. A program hears of its connection by ``on_change`` of a `netlab.internet.tcp_connection.Stream`,
and every call that comes back is noted with its time; after every event it is noted how far the bytes are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from netlab.errors import NetworkError
from netlab.internet import tcp

if TYPE_CHECKING:
    from netlab.internet.engine import Engine

MS = 1_000_000
PORT = 7000
AT_ONCE = 65_536
"""Bytes that one recv asks for, if nothing else is said."""
LONGEST = 130_000 * MS
"""World time after which a talk is given up: a little more than the last repetition of a SYN."""
PATIENCE = 2_000 * MS
"""How long a client waits for a server that hangs."""
PROGRESS = {
    "time_ms": "float64", "written": "int64", "sent": "int64", "arrived": "int64", "acknowledged": "int64",
    "read": "int64",
}  # fmt: skip
"""The columns of `Talk.progress`, bytes from the client to the server, counted from the beginning."""


class Record(Protocol):
    """What is filled: two hosts, what the client writes, and the rows of the two tables."""

    client: str
    server: str
    writes: tuple[bytes, ...]
    rows: list[dict[str, Any]]
    steps: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class How:
    """How the two programs behave; ns."""

    pause: int
    limit: int
    every: int
    server: str
    answer: bytes


class Conversation:
    """The two programs, driven by the world's events."""

    def __init__(self, engine: Engine, made: Record, how: How, options: tuple[tcp.Options, tcp.Options]) -> None:
        self.engine, self.made, self.how = engine, made, how
        self.ours, self.theirs = options
        self.start = engine.now
        self.client: tcp.Stream
        self.accepted: tcp.Stream | None = None
        self.listener: tcp.Listener
        self.written = self.read = self.sends = 0
        self.connected = self.said = self.over = False
        self.done: set[str] = set()
        """Who has closed."""

    def run(self, address: str) -> None:
        made, engine = self.made, self.engine
        self.listener = tcp.host(engine.machine(made.server)).listen(PORT, self._ready, 1, self.theirs)
        self.client = tcp.host(engine.machine(made.client)).connect(address, PORT, self._client, self.ours)
        try:
            while not self._ended():
                due = engine.next_event()
                if due is None or due > self.start + LONGEST:
                    break
                engine.advance(due)
                self._say_that_it_is_all()
                self._step()
        finally:
            self.listener.close()
            for each in (self.client, self.accepted):
                if each is not None and each.state not in ("TIME-WAIT", "CLOSED"):
                    each.reset()
        if not self.connected:
            why = self.client.failed or "timeout"
            raise NetworkError(f"no connection from {made.client} to {made.server}: {tcp.Reset(why)}")

    def _ended(self) -> bool:
        if self.over:
            return True
        streams = [self.client, *([self.accepted] if self.accepted else [])]
        return all(each.state in ("TIME-WAIT", "CLOSED") for each in streams) and (
            self.connected or bool(self.client.failed)
        )

    # -- the client ---------------------------------------------------------------------------------------------------

    def _client(self) -> None:
        stream = self.client
        if stream.failed and not self.connected:
            return
        if not self.connected:
            self.connected = True
            self._note(self.made.client, "connect")
            for place in range(len(self.made.writes)):
                self.engine.at(self.engine.now + place * self.how.pause, partial(self._write, place))
        self._drain(stream, self.made.client, AT_ONCE)

    def _write(self, place: int) -> None:
        data, who = self.made.writes[place], self.made.client
        try:
            self.client.send(data)
        except tcp.Reset:
            self._note(who, "send", result="reset")
            return
        self.written, self.sends = self.written + len(data), self.sends + 1
        self._note(who, "send", data=data, first=self.written - len(data))
        if place == len(self.made.writes) - 1 and self.how.server == "hangs":
            self.engine.at(self.engine.now + PATIENCE, self._give_up)

    def _say_that_it_is_all(self) -> None:
        """Half-close, when everything has arrived: a FIN would take the last small segment with it, Nagle or not."""
        if len(self.made.writes) == self.sends and self.client.bytes_acknowledged == self.written and not self.said:
            self.said = True
            if self.client.established:
                self.client.half_close()
                self._note(self.made.client, "shutdown")

    def _give_up(self) -> None:
        self.over = True

    # -- the server ---------------------------------------------------------------------------------------------------

    def _ready(self) -> None:
        if self.how.server == "hangs":
            return
        self.accepted = stream = self.listener.accept()
        if stream is None:
            return
        self._note(self.made.server, "accept")
        if self.how.server == "leaves":
            stream.on_change = self._leave
        elif self.how.every:
            self.engine.at(self.engine.now + self.how.every, self._tick)
        else:
            stream.on_change = lambda: self._drain(stream, self.made.server, self.how.limit)
        stream.on_change()

    def _tick(self) -> None:
        """A slow reader: one recv, and then something else for a while."""
        if self.accepted is not None and self._receive(self.accepted, self.made.server, self.how.limit):
            self.engine.at(self.engine.now + self.how.every, self._tick)

    def _leave(self) -> None:
        stream = self.accepted
        if stream is not None and stream.receiving.buffer and self.made.server not in self.done:
            self._finish(stream)

    def _finish(self, stream: tcp.Stream) -> None:
        """Answer and close."""
        who = self.made.server
        self.done.add(who)
        if self.how.answer:
            stream.send(self.how.answer)
            self._note(who, "send", data=self.how.answer)
        stream.close()
        self._note(who, "close")

    # -- both ---------------------------------------------------------------------------------------------------------

    def _drain(self, stream: tcp.Stream, who: str, limit: int) -> None:
        while self._receive(stream, who, limit) == "more":
            pass

    def _receive(self, stream: tcp.Stream, who: str, limit: int) -> str:
        """Call recv if it would give something: "more": it did, "nothing": not yet, "": there is no more."""
        if who in self.done:
            return ""
        try:
            data = stream.receive(limit)
        except tcp.Reset:
            self.done.add(who)
            self._note(who, "recv", limit, result="reset")
            return ""
        if data is None:
            return "nothing"
        serving = who == self.made.server
        self._note(who, "recv", limit, data, result="" if data else "end", first=self.read if serving else None)
        if serving:
            self.read += len(data)
        if data:
            return "more"
        if serving:
            self._finish(stream)
        else:
            self.done.add(who)
            stream.close()
            self._note(who, "close")
        return ""

    def _note(
        self,
        who: str,
        call: str,
        asked: int | None = None,
        data: bytes = b"",
        result: str = "",
        first: int | None = None,
    ) -> None:
        """A call has come back. ``first``: where its bytes begin in the client's stream; None: the server's."""
        self.made.rows.append(
            {
                "time_ms": (self.engine.now - self.start) / MS, "who": who, "call": call, "asked": asked,
                "bytes": len(data), "result": result, "data": data,
                "of_writes": "" if first is None else ", ".join(self._writes(first, len(data))),
            }
        )  # fmt: skip

    def _writes(self, first: int, count: int) -> list[str]:
        """How many of these bytes of the stream are of which write, counted from 1."""
        found, begin = [], 0
        for place, data in enumerate(self.made.writes, 1):
            share = min(begin + len(data), first + count) - max(begin, first)
            if share > 0:
                found.append(f"{share} of {place}")
            begin += len(data)
        return found

    def _step(self) -> None:
        """Note how far the bytes are, if something has changed."""
        sending, total = self.client.sending, self.written
        begin = self.client.first + 1
        there = self.accepted or next(iter(self.listener.queue), None)
        arrived = there.receiving.next - begin - there.receiving.finished if there else 0
        row = {
            "time_ms": (self.engine.now - self.start) / MS,
            "written": total,
            "sent": max(0, min(sending.highest - begin, total)),
            "arrived": max(0, arrived),
            "acknowledged": self.client.bytes_acknowledged,
            "read": self.read,
        }
        steps = self.made.steps
        if not steps or any(row[name] != steps[-1][name] for name in PROGRESS if name != "time_ms"):
            if steps and steps[-1]["time_ms"] == row["time_ms"]:
                steps[-1] = row
            else:
                steps.append(row)
