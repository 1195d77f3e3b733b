"""A path of routers for tests of the layers above: each TTL has its address, its delay, and its habits.

Time moves in `receive` only. A hop is a dict: ``address``, ``delay`` (ns), ``quote`` (bytes behind the IP header that
it quotes, None: all), ``answer`` (False: silent; or a function of the packet's number that says whether), ``code``
(it answers "destination unreachable" with this code). The last hop is the destination.
"""

from netlab import wire
from netlab.errors import NameNotFound
from netlab.network.base import Arrival, Refused, Sent, Usable
from netlab.wire import icmpv4

HERE, THERE = "192.0.2.10", "203.0.113.80"
MS = 1_000_000


def hops(count, delay=2 * MS):
    """``count`` hops, the last of them the destination; each is ``delay`` further away (RTT)."""
    found = [{"address": f"198.51.100.{ttl}", "delay": delay * ttl} for ttl in range(1, count)]
    return [*found, {"address": THERE, "delay": delay * count}]


class FakePath(Usable):
    def __init__(self, path, virtual=True, rebuilt=False, forbidden=(), name="virtual:fake", hide_number=False):
        self.path, self.virtual, self.rebuilt, self.forbidden = path, virtual, rebuilt, forbidden
        self.name, self.epoch, self.seed = name, 10**18, 1
        self.hide_number = hide_number
        self.time, self.queue, self.sent, self.events = 0, [], [], []
        self.refuse = lambda packet: None
        self.most_in_flight = 0

    def begin(self):
        self.events.append("begin")
        self.time = 0

    def end(self):
        self.events.append("end")

    def close(self):
        self.events.append("close")

    def resolve(self, name, family=None):
        if name not in ("www", THERE):
            raise NameNotFound(name, self.name)
        return [THERE]

    def reverse(self, address):
        return f"host-{address.replace('.', '-')}.example"

    def source_for(self, destination, source=None):
        return source or HERE

    def identifier(self, protocol, family):
        if protocol in self.forbidden:
            from netlab.errors import PermissionNeeded

            raise PermissionNeeded(f"no {protocol} here", ["ask somebody"])
        return 41_000 if protocol != "icmp" else 4711

    def now(self):
        return self.time

    def send(self, packet):
        reason = self.refuse(packet)
        if reason:
            return Refused(reason)
        self.sent.append((self.time, packet))
        number = len(self.sent)
        ttl = packet[8]
        hop = self.path[min(ttl, len(self.path)) - 1]
        answer = hop.get("answer", True)
        if answer(number) if callable(answer) else answer:
            back = self._answer(packet, hop, reached=ttl >= len(self.path))
            if back:
                self.queue.append((self.time + hop["delay"], back))
                self.queue.sort(key=lambda item: item[0])
        self.most_in_flight = max(self.most_in_flight, len(self.queue))
        return Sent(number, packet, self.time, self.rebuilt)

    def _answer(self, packet, hop, reached):
        message = wire.transport(wire.parse(packet))
        if reached and "code" not in hop:
            if isinstance(message, icmpv4.EchoRequest):
                reply = icmpv4.EchoReply(message.identifier, message.sequence, message.payload).to_bytes()
                return wire.IPv4(hop["address"], HERE, 1, reply, ttl=64 - len(self.path) + 1).to_bytes()
            if isinstance(message, wire.TCP):
                flags = wire.TCP.SYN | wire.TCP.ACK
                segment = wire.TCP(
                    message.destination_port, message.source_port, 7, message.sequence + 1 & 0xFFFFFFFF, flags
                ).to_bytes(THERE, HERE)
                return wire.IPv4(THERE, HERE, 6, segment).to_bytes()
        quote = hop.get("quote")
        original = packet if quote is None else packet[: 20 + quote]
        if self.hide_number and quote is not None:  # as the error queue does: ports are known, the rest is not
            original = original[:24] + bytes(4)
        original = original[:8] + b"\x01" + original[9:]
        if reached or "code" in hop:
            error = icmpv4.DestinationUnreachable(hop.get("code", 3), original)
        else:
            error = icmpv4.TimeExceeded(0, original)
        return wire.IPv4(hop["address"], HERE, 1, error.to_bytes(), ttl=250).to_bytes()

    def receive(self, until):
        if self.queue and self.queue[0][0] <= until:
            at, packet = self.queue.pop(0)
            self.time = max(self.time, at)
            return Arrival(packet, self.time, rebuilt=self.rebuilt)
        self.time = max(self.time, until)
        return None
