"""A small TCP for the hosts of the virtual internet: RFC 9293 with the congestion control of RFC 5681.

`host` gives a machine's TCP; it takes the place of `stack.tcp` among the machine's handlers and hands on to it what
belongs to no connection and no listener: an open port without a listener goes on answering probes, and everything
else gets a reset. ::

    server = tcp.host(engine.machine("www"))
    listener = server.listen(80, on_ready=lambda: serve(listener.accept()))
    client = tcp.host(engine.machine("laptop")).connect("203.0.113.80", 80, on_change=look)

Who does what: `tcp_stream` is what a program has in its hands, `tcp_connection` has the states; `tcp_sending` and
`tcp_receiving` are the two halves, `tcp_congestion` says how much may be on its way, `tcp_timer` when to send again,
`tcp_segment` makes and reads the segments, `tcp_options` are the switches. All of it is driven by the engine's events
and time, and every segment leaves by ``machine.originate``: it is in the capture.

Left out, and so not offered in the handshake: SACK, timestamps, ECN, urgent data, keep-alive, Fast Open, path MTU
discovery without ICMP (RFC 4821).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from netlab.errors import AddressInUse, PacketError, UsageError
from netlab.internet import stack
from netlab.internet.packet import Packet, is_multicast
from netlab.internet.randomness import stream
from netlab.internet.routing import LOCAL
from netlab.internet.tcp_connection import Connection
from netlab.internet.tcp_options import DEFAULTS, Options, Reset
from netlab.internet.tcp_segment import ACK, HEADER, RST, SYN, TCP, Flow, near
from netlab.internet.tcp_stream import Stream
from netlab.wire import icmpv4, icmpv6
from netlab.wire.addresses import to_packed, to_text

if TYPE_CHECKING:
    from netlab.internet.machine import Machine

FIRST_PORT, PORTS = 32_768, 28_232
"""Ports lent to connections: 32768 to 60999, as Linux (its ip_local_port_range)."""

LOOPBACK_MTU = 65_535

ICMP = {4: (4, 1), 6: (6, 58)}
"""Where the ICMP handlers stand in ``machine.handlers``."""


def host(machine: Machine) -> Host:
    """The machine's TCP, made on first use."""
    if machine.external:
        raise UsageError("node", machine.name, "a real kernel plays this host and has a TCP of its own")
    found = machine.handlers[4, TCP]
    return found if isinstance(found, Host) else Host(machine)


class Listener:
    """A port at which connections are waited for."""

    def __init__(
        self, host: Host, key: tuple[bytes, int], on_ready: Callable[[], None], backlog: int, options: Options
    ):
        self.host, self.key, self.on_ready, self.backlog, self.options = host, key, on_ready, backlog, options
        self.queue: deque[Stream] = deque()
        self.opening: dict[bytes, Stream] = {}
        """Connections whose handshake is not over, by their key."""
        self.refused = 0
        """SYNs that were dropped because nobody accepts connections quickly enough."""

    @property
    def port(self) -> int:
        return self.key[1]

    @property
    def waiting(self) -> int:
        """Connections that are established and not accepted."""
        return len(self.queue)

    @property
    def full(self) -> bool:
        """As in Linux, one more than the backlog may wait."""
        return len(self.queue) > self.backlog

    def accept(self) -> Stream | None:
        """The connection that waits longest; None: none does."""
        return self.queue.popleft() if self.queue else None

    def close(self) -> None:
        """Listen no more; connections that were not accepted are reset."""
        self.host.listeners.pop(self.key, None)
        for each in (*self.queue, *self.opening.values()):
            each.reset()
        self.queue.clear()

    def admits(self, connection: Connection) -> bool:
        """A handshake is complete. When the queue is full it is as if the last segment were lost, as in Linux."""
        if self.full:
            return False
        self.queue.append(self.opening.pop(connection.key))
        self.host.engine.at(self.host.engine.now, self.on_ready)
        return True


class Host:
    """The TCP of one machine."""

    def __init__(self, machine: Machine) -> None:
        self.machine, self.engine = machine, machine.engine
        first = stream(machine.engine.seed, "node", machine.name, "tcp", "port")
        self.next_port = first.getrandbits(32) * PORTS >> 32
        """The port that is lent next, counted from `FIRST_PORT`."""
        self.streams: dict[bytes, Stream] = {}
        """By the two addresses and ports, as they stand in segments that come in."""
        self.listeners: dict[tuple[bytes, int], Listener] = {}
        """By address (b"": any) and port."""
        handlers = machine.handlers
        self.otherwise, self.icmp4, self.icmp6 = handlers[4, TCP], handlers[ICMP[4]], handlers[ICMP[6]]
        handlers[4, TCP] = handlers[6, TCP] = self
        handlers[ICMP[4]], handlers[ICMP[6]] = self._icmp4, self._icmp6

    # ── what a program does ────────────────────────────────────────────────────────────────────────────────────

    def listen(
        self,
        port: int,
        on_ready: Callable[[], None],
        backlog: int = 128,
        options: Options = DEFAULTS,
        address: str | None = None,
    ) -> Listener:
        """Wait for connections; ``on_ready`` is called for each that may be accepted, from an event of its own.

        ``port`` 0: any that is free. ``address``: only connections to this address of the machine. ``options`` are
        those of the connections. Raises `AddressInUse`.
        """
        if not 0 <= port <= 65_535:
            raise UsageError("port", port, "from 1 to 65535, or 0 for any")
        if backlog < 0:
            raise UsageError("backlog", backlog, "must be 0 or more")
        key = self._own(address) if address else b""
        port = port or self._free(lambda each: not any(key[1] == each for key in self.listeners))
        if any(number == port and (not key or not other or key == other) for other, number in self.listeners):
            raise AddressInUse(f"port {port} of {self.machine.name}", "a server of this world")
        listener = Listener(self, (key, port), on_ready, backlog, options.checked())
        self.listeners[key, port] = listener
        return listener

    def connect(
        self,
        address: str,
        port: int,
        on_change: Callable[[], None],
        options: Options = DEFAULTS,
        source: str | None = None,
    ) -> Stream:
        """Begin to connect; ``on_change`` tells when it has come to something, and then everything else."""
        if not 1 <= port <= 65_535:
            raise UsageError("port", port, "from 1 to 65535")
        there = to_packed(address)
        if is_multicast(there):
            raise UsageError("address", address, "TCP is between two hosts")
        here = self._own(source) if source else self._source(there)
        if len(here) != len(there):
            raise UsageError("source", source, f"must be of the same IP version as the address {address}")
        ends = there + here + port.to_bytes(2, "big")
        local = self._free(lambda each: ends + each.to_bytes(2, "big") not in self.streams)
        made = self._stream(ends + local.to_bytes(2, "big"), here, there, options.checked())
        made.on_change = on_change
        made.open()
        return made

    def _own(self, address: str) -> bytes:
        packed = to_packed(address)
        if self.machine.route(packed) != LOCAL:
            raise UsageError("address", address, f"is no address of {self.machine.name}")
        return packed

    def _source(self, destination: bytes) -> bytes:
        """The address with which packets to a destination leave; zeros: the machine has none of this IP version."""
        family = 4 if len(destination) == 4 else 6
        route = self.machine.route(destination)
        if route == LOCAL:
            return destination
        found = None if isinstance(route, str) else route.addresses.get(family)
        return found or self.machine.any_address(family) or bytes(len(destination))

    def _free(self, is_free: Callable[[int], bool]) -> int:
        """A port that is lent to nobody: one after the other, so that each rests long before it has its turn again."""
        for _ in range(PORTS):
            port = FIRST_PORT + self.next_port
            self.next_port = (self.next_port + 1) % PORTS
            if is_free(port):
                return port
        raise AddressInUse(f"every port of {self.machine.name} from {FIRST_PORT} to {FIRST_PORT + PORTS - 1}")

    def _stream(
        self, key: bytes, here: bytes, there: bytes, options: Options, listener: Listener | None = None
    ) -> Stream:
        """``key`` ends with the other side's port and ours."""
        ports = int.from_bytes(key[-2:], "big"), int.from_bytes(key[-4:-2], "big")
        flow = Flow(here, ports[0], there, ports[1], self.machine.config.initial_ttl)
        self.streams[key] = made = Stream(self, key, flow, options, listener)
        return made

    # ── what connections need ──────────────────────────────────────────────────────────────────────────────────

    def largest_segment(self, flow: Flow, options: Options, learned: bool = True) -> int:
        """The largest payload of a segment to the other side; ``learned``: with what ICMP has told about the path."""
        destination = flow.destination
        mtu = min((each.mtu_for(flow.family) for each in self.machine.ways(destination)), default=LOOPBACK_MTU)
        if learned:
            mtu = min(mtu, self.machine.path_mtu.get(destination, mtu))
        return max(1, min(mtu - flow.headers, options.mss or LOOPBACK_MTU))

    def first_sequence(self, flow: Flow) -> int:
        """ISS (RFC 9293 section 3.4.1): a clock, here with Linux's tick of 64 ns, from a random start for each flow.

        A new connection between the same ports then begins beyond the numbers of the old one, of which segments may
        still be under way.
        """
        ends = to_text(flow.source), str(flow.ports[0]), to_text(flow.destination), str(flow.ports[1])
        start = stream(self.engine.seed, "node", self.machine.name, "tcp", *ends).getrandbits(32)
        return (start + (self.engine.now >> 6)) & 0xFFFFFFFF

    def forget(self, connection: Connection) -> None:
        if self.streams.get(connection.key) is connection:
            del self.streams[connection.key]
            if connection.listener:
                connection.listener.opening.pop(connection.key, None)

    # ── packets come in ────────────────────────────────────────────────────────────────────────────────────────

    def __call__(self, machine: Machine, packet: Packet, start: int) -> None:
        """The handler of TCP segments; their checksum is right."""
        raw = packet.raw
        key = packet.source + packet.destination + raw[start : start + 4]
        found = self.streams.get(key)
        _, port, sequence, ack, offset, flags, window, _, _ = HEADER.unpack_from(raw, start)
        header = start + (offset >> 4) * 4
        if header < start + HEADER.size or header > len(raw):
            return
        if flags & (SYN | ACK | RST) == SYN:
            if found and found.state == "TIME-WAIT" and near(sequence, found.receiving.next) > found.receiving.next:
                found.give_way()  # RFC 9293 section 3.10.7.4: a new connection may follow the old one
                found = None
            if found is None and (listener := self._listener(packet.destination, port)):
                self._answer(listener, key, packet, (sequence, window, raw[start + HEADER.size : header]))
                return
        if found is None:
            self.otherwise(machine, packet, start)
        elif not found.arrive(flags, sequence, ack, window, raw[header:], raw[start + HEADER.size : header]):
            stack.reset(machine, packet)

    def _listener(self, address: bytes, port: int) -> Listener | None:
        return self.listeners.get((address, port)) or self.listeners.get((b"", port))

    def _answer(self, listener: Listener, key: bytes, packet: Packet, syn: tuple[int, int, bytes]) -> None:
        """A SYN for a listener. As in Linux it is dropped when too many wait, be it for the program or for the ACK."""
        if listener.full or len(listener.opening) > listener.backlog:
            listener.refused += 1
            return
        made = self._stream(key, packet.destination, packet.source, listener.options, listener)
        listener.opening[key] = made
        made.answer(*syn)

    def _icmp4(self, machine: Machine, packet: Packet, start: int) -> None:
        self.icmp4(machine, packet, start)
        kind, code = packet.raw[start : start + 2]
        if kind == icmpv4.DestinationUnreachable.type:
            if code == icmpv4.FRAGMENTATION_NEEDED:
                self._about(packet, start, "")
            else:
                self._about(packet, start, "refused" if code == icmpv4.PORT_UNREACHABLE else "unreachable")
        elif kind == icmpv4.TimeExceeded.type:
            self._about(packet, start, "unreachable")

    def _icmp6(self, machine: Machine, packet: Packet, start: int) -> None:
        self.icmp6(machine, packet, start)
        kind, code = packet.raw[start : start + 2]
        if kind == icmpv6.PacketTooBig.type:
            self._about(packet, start, "")
        elif kind == icmpv6.DestinationUnreachable.type:
            self._about(packet, start, "refused" if code == icmpv6.PORT_UNREACHABLE else "unreachable")
        elif kind == icmpv6.TimeExceeded.type:
            self._about(packet, start, "unreachable")

    def _about(self, packet: Packet, start: int, why: str) -> None:
        """An ICMP error came: about which connection? "": a segment was too long for the path."""
        try:
            quoted = Packet(packet.raw[start + 8 :], 0)
        except PacketError:
            return
        place = quoted.offset
        if quoted.protocol != TCP or len(quoted.raw) < place + 8:
            return
        ports = quoted.raw[place + 2 : place + 4] + quoted.raw[place : place + 2]
        found = self.streams.get(quoted.destination + quoted.source + ports)
        # RFC 5927 section 4: who does not know which numbers are on their way has not seen the segment.
        if found and found.has_sent(int.from_bytes(quoted.raw[place + 4 : place + 8], "big")):
            if why:
                found.unreachable(why)
            else:
                found.shrink(self.largest_segment(found.flow, found.options))


__all__ = ["Host", "Listener", "Options", "Reset", "Stream", "host"]
