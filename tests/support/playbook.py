"""A driver without sockets and clocks for the handlers of servers: what arrives, what must come out.

    play = Play({"a.example": ["192.0.2.1"]}, [Script(b"HTTP/1.1 200 OK\\r\\n...")], client="198.51.100.7:5000")
    play.run(lambda connection: forward(connection, proxy), b"GET http://a.example/ HTTP/1.1\\r\\n...")
    play.out, play.dialled, play.scripts[0].got

Everything that a client or an origin will say is there from the beginning; then it closes.
"""

from netlab.serve.connection import (
    Connection,
    Dial,
    DialFailed,
    Gone,
    HalfClose,
    HangUp,
    Late,
    LookUp,
    Move,
    Park,
    Receive,
    Send,
    Take,
    Together,
    Turn,
)


class Script:
    """One stream: what it says, in pieces, and what it got."""

    def __init__(self, *says, late=False, gone=False):
        self.says, self.got, self.late, self.gone = list(says), b"", late, gone
        self.closed = self.ended = False

    def receive(self, limit):
        if not self.says:
            if self.late:
                raise Late
            if self.gone:
                raise Gone
            return b""
        data, self.says[0] = self.says[0][:limit], self.says[0][limit:]
        if not self.says[0]:
            self.says.pop(0)
        return data

    def send(self, data):
        self.got += bytes(data)


class Play:
    def __init__(self, names=None, scripts=(), client="127.0.0.1:5000", server="127.0.0.1:8000", refused=()):
        self.names, self.scripts, self.refused = names or {}, list(scripts), set(refused)
        self.client, self.server = client, server
        self.dialled, self.looked_up, self.parked = [], [], {}
        self.time = 1_000
        self._left = list(self.scripts)

    def now(self):
        self.time += 1_000
        return self.time

    def run(self, handler, *says, late=False):
        self.own = Script(*says, late=late)
        self._run(handler(Connection(self, 1, self.client, self.server)))
        return self.own.got

    def _run(self, generator):
        answer, error = None, None
        while True:
            try:
                wanted = generator.throw(error) if error else generator.send(answer)
            except StopIteration:
                return
            answer, error = None, None
            try:
                answer = self._do(wanted)
            except (Late, Gone, DialFailed) as raised:
                error = raised
            except Exception as raised:
                error = raised

    def _do(self, wanted):
        kind = type(wanted)
        stream = getattr(wanted, "stream", None) or self.own
        if kind is bytes:
            return self.own.send(wanted)
        if kind is Receive:
            return stream.receive(wanted.limit)
        if kind is Send:
            return stream.send(wanted.data)
        if kind is HalfClose:
            stream.ended = True
            return True
        if kind is Turn:
            return True
        if kind is HangUp:
            stream.closed = True
            return True
        if kind is LookUp:
            self.looked_up.append(wanted.host)
            found = self.names.get(wanted.host, [wanted.host] if wanted.host.strip("0123456789.:abcdef") == "" else [])
            if not found:
                raise DialFailed("dns_error", f"there is no address for {wanted.host}")
            return [(10 if ":" in text else 2, (text, wanted.port)) for text in found]
        if kind is Dial:
            for _, (text, port) in wanted.addresses:
                self.dialled.append((text, port))
                if wanted.tell:
                    wanted.tell(text)
                if text not in self.refused:
                    return self._left.pop(0), text
            raise DialFailed("connection_refused", "nobody there")
        if kind is Park:
            self.parked.setdefault(wanted.key, []).append(stream)
            return True
        if kind is Take:
            streams = self.parked.get(wanted.key)
            return streams.pop() if streams else None
        if kind is Together:
            for each in wanted.handlers:
                self._run(each)
            return True
        assert kind is Move
        source, sink, moved = wanted.source or self.own, wanted.sink or self.own, 0
        while moved < wanted.limit and (data := source.receive(min(65_536, wanted.limit - moved))):
            sink.send(data)
            moved += len(data)
            if wanted.tell:
                wanted.tell(len(data))
        return moved
