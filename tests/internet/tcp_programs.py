"""Programs and a hand-driven peer for the tests of TCP."""

from __future__ import annotations

from typing import Any

from netlab.internet import tcp
from netlab.internet.engine import Engine
from netlab.internet.model import World
from netlab.internet.tcp_segment import read_options
from netlab.wire.addresses import to_text
from netlab.wire.packet import parse, transport
from netlab.wire.tcp import TCP
from tests.internet.engine_worlds import MS, ip, line

A = {4: "10.0.0.1", 6: "2001:db8::1"}
B = {4: "10.0.1.2", 6: "2001:db8:1::2"}
PORT = 80


def pattern(size: int) -> bytes:
    """Bytes of which no two stretches look the same."""
    return b"".join(i.to_bytes(4, "big") for i in range(size // 4 + 1))[:size]


class Program:
    """Writes ``data``, reads everything, and ends its side when all is written (``half_close``)."""

    def __init__(
        self, engine: Engine, data: bytes = b"", write: int = 1 << 20, read: int = 1 << 20, ends: bool = True
    ) -> None:
        self.engine, self.data, self.write, self.read, self.ends = engine, data, write, read, ends
        self.written = 0
        self.received = bytearray()
        self.finished_at: int | None = None
        """When everything of the other side's was read."""
        self.failed = ""
        self.reading = True
        self.waits = False
        """Whether it writes only when the other side has finished."""
        self.stream: tcp.Stream | None = None

    def __call__(self) -> None:
        """Something may have changed."""
        stream = self.stream
        assert stream
        try:
            while self.reading and self.finished_at is None and (data := stream.receive(self.read)) is not None:
                assert len(data) <= self.read
                self.received += data
                if not data:
                    self.finished_at = self.engine.now
            if self.waits and self.finished_at is None:
                return
            while self.written < len(self.data):
                taken = stream.send(self.data[self.written : self.written + self.write])
                self.written += taken
                if not taken:
                    return
            if self.ends and self.written == len(self.data):
                stream.half_close()
        except tcp.Reset as error:
            self.failed = error.reason


class Pair:
    """A client at ``a`` and a server at ``b``, each with a program."""

    def __init__(
        self,
        world: World,
        request: bytes = b"",
        response: bytes = b"",
        family: int = 4,
        seed: int = 1,
        options: tcp.Options | None = None,
        server_options: tcp.Options | None = None,
        connect: bool = True,
        **programs: Any,
    ) -> None:
        self.engine = engine = Engine(world, seed)
        self.options = options or tcp.Options()
        self.family = family
        self.near, self.far = tcp.host(engine.machine("a")), tcp.host(engine.machine("b"))
        self.client = Program(engine, request, **programs)
        self.server = Program(engine, response, **programs)
        self.listener = self.far.listen(PORT, self._accept, options=server_options or self.options)
        if connect:
            self.connect()

    def connect(self) -> tcp.Stream:
        address = self.engine.machine("b").any_address(self.family)
        assert address
        self.client.stream = self.near.connect(to_text(address), PORT, self.client, self.options)
        return self.client.stream

    def _accept(self) -> None:
        stream = self.listener.accept()
        if stream and self.server.stream is None:
            self.server.stream = stream
            stream.on_change = self.server
            self.server()

    @property
    def here(self) -> tcp.Stream:
        assert self.client.stream
        return self.client.stream

    @property
    def there(self) -> tcp.Stream:
        assert self.server.stream
        return self.server.stream

    def run(self, time: int) -> Pair:
        """So much more time passes."""
        self.engine.advance(self.engine.now + time)
        return self

    def segments(self, node: str = "", what: str = "sent") -> list[tuple[int, Any, TCP]]:
        """Time, IP packet and segment of everything that hosts have sent."""
        return segments(self.engine, node, what)


def segments(engine: Engine, node: str = "", what: str = "sent") -> list[tuple[int, Any, TCP]]:
    found = []
    for record in engine.capture:
        if record.what == what and record.where.node_name in ((node,) if node else ("a", "b")):
            packet = parse(record.packet.at(record.ttl))
            segment = transport(packet)
            if isinstance(segment, TCP):
                found.append((record.time, packet, segment))
    return found


def clean(delay: int = 10 * MS, **changes: Any) -> World:
    """a ── r ── b, where all the delay is on the first link; the second has a rate if ``changes`` say so."""
    return line("a", "r", "b", a_r={"delay": delay}, r_b={"delay": 0, **changes})


class Peer:
    """A hand-driven host ``a``: sends the segments that a test writes, and keeps those that come."""

    def __init__(self, port: int = 40_000, world: World | None = None) -> None:
        self.engine = Engine(world or line("a", "r", "b"))
        self.engine.external("a", self._deliver)
        self.host = tcp.host(self.engine.machine("b"))
        self.port, self.their_port = port, PORT
        self.inbox: list[tuple[int, TCP]] = []
        self.sequence, self.acknowledgment = 1000, 0
        self.changes = 0

    def _deliver(self, time: int, raw: bytes) -> None:
        segment = transport(parse(raw))
        if isinstance(segment, TCP):
            assert segment.checksum is None, "a wrong checksum"
            self.inbox.append((time, segment))

    def send(self, flags: int, payload: bytes = b"", window: int = 65_535, options: bytes = b"", **other: int) -> None:
        """A segment with our numbers; ``sequence`` or ``acknowledgment`` may differ."""
        sequence = other.get("sequence", self.sequence)
        acknowledgment = other.get("acknowledgment", self.acknowledgment) if flags & TCP.ACK else 0
        numbers = sequence & 0xFFFFFFFF, acknowledgment & 0xFFFFFFFF
        segment = TCP(self.port, self.their_port, *numbers, flags, window, 0, options, payload)
        assert self.engine.inject("a", ip(A[4], B[4], 6, segment.to_bytes(A[4], B[4]), dont_fragment=True)) == ""

    def run(self, time: int = 5 * MS) -> list[TCP]:
        """Let time pass, and take what came."""
        self.engine.advance(self.engine.now + time)
        came, self.inbox = [segment for _, segment in self.inbox], []
        return came

    def one(self, time: int = 5 * MS) -> TCP:
        (segment,) = self.run(time)
        return segment

    def changed(self) -> None:
        self.changes += 1

    def accept(self, options: tcp.Options | None = None, window: int = 65_535, syn_options: bytes = b"") -> tcp.Stream:
        """Connect to a listener of b's by hand."""
        listener = self.host.listen(PORT, lambda: None, options=options or tcp.Options())
        self.send(TCP.SYN, window=window, options=syn_options)
        answer = self.one()
        assert answer.flags == TCP.SYN | TCP.ACK
        self.sequence += 1
        self.acknowledgment = answer.sequence + 1
        self.send(TCP.ACK, window=window)
        assert self.run() == []
        stream = listener.accept()
        assert stream
        stream.on_change = self.changed
        return stream

    def call(self, options: tcp.Options | None = None) -> tuple[tcp.Stream, TCP]:
        """b connects to us: the stream and its SYN."""
        stream = self.host.connect(A[4], self.port, self.changed, options or tcp.Options())
        syn = self.one()
        self.their_port = syn.source_port
        self.acknowledgment = syn.sequence + 1
        return stream, syn


def mss_of(segment: TCP) -> int | None:
    return read_options(segment.options)[0]
