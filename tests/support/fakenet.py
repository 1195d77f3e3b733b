"""A network for tests of the layers above: every destination answers echo requests after a fixed time."""

from netlab import wire
from netlab.errors import NameNotFound
from netlab.network.base import Arrival, Sent, Usable
from netlab.wire import icmpv4

NAMES = {"www": "203.0.113.80", "mail": "203.0.113.25", "silent": "203.0.113.99"}


class FakeNetwork(Usable):
    """``virtual`` decides what it claims to be; time moves in `receive` in both cases."""

    def __init__(self, delay=22_000_000, virtual=True, name="virtual:fake"):
        self.name, self.virtual, self.epoch, self.seed = name, virtual, 10**18, 1
        self.delay, self.time, self.queue, self.sent = delay, 0, [], []
        self.on_receive = lambda: None
        self.events = []

    def begin(self):
        self.events.append("begin")
        self.time = 0

    def end(self):
        self.events.append("end")

    def close(self):
        self.events.append("close")

    def resolve(self, name, family=None):
        if name not in NAMES and name not in NAMES.values():
            raise NameNotFound(name, self.name)
        return [NAMES.get(name, name)]

    def reverse(self, address):
        return next((name for name, known in NAMES.items() if known == address), "")

    def source_for(self, destination, source=None):
        return source or "192.0.2.10"

    def identifier(self, protocol, family):
        return 4711

    def now(self):
        return self.time

    def send(self, packet):
        self.sent.append(packet)
        parsed = wire.parse(packet)
        if parsed.destination != NAMES["silent"]:
            request = wire.transport(parsed)
            reply = icmpv4.EchoReply(request.identifier, request.sequence, request.payload).to_bytes()
            back = wire.IPv4(parsed.destination, parsed.source, 1, reply, ttl=61).to_bytes()
            self.queue.append((self.time + self.delay, back))
        return Sent(len(self.sent), packet, self.time)

    def receive(self, until):
        self.on_receive()
        if self.queue and self.queue[0][0] <= until:
            at, packet = self.queue.pop(0)
            self.time = max(self.time, at)
            return Arrival(packet, at)
        self.time = max(self.time, until)
        return None

    def packets(self):
        return []

    def to_pcap(self, path, node=None, link=None):
        return 0
