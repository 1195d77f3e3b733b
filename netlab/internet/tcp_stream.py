"""What a program does with a TCP connection: it sends, receives and closes, and looks at the counters.

The calls are those of RFC 9293 section 3.10.1 to 3.10.5, and none of them waits. A program is told that something may
have changed by ``on_change``, always from an event of its own: it may do anything there, and tries again what could
not be done before.
"""

from __future__ import annotations

from netlab.errors import UsageError
from netlab.internet.tcp_connection import ORPHANED, SYNCHRONISED, Connection
from netlab.internet.tcp_options import Reset
from netlab.internet.tcp_segment import ACK, RST


class Stream(Connection):
    """One end of a connection; made by `Host.connect` and `Listener.accept`."""

    def __repr__(self) -> str:
        return f"<Stream {self.local[0]} port {self.local[1]} to {self.remote[0]} port {self.remote[1]}, {self.state}>"

    # ── what a program does ────────────────────────────────────────────────────────────────────────────────────

    @property
    def established(self) -> bool:
        """Whether the handshake is over, and the connection has not failed since."""
        return self.state in SYNCHRONISED

    def send(self, data: bytes | bytearray | memoryview) -> int:
        """Take bytes into the send buffer; how many. 0: it is full, wait for ``on_change``. Raises `Reset`."""
        if self.failed or self.state == "CLOSED":
            raise Reset(self.failed or "closed")
        if self.sending.closing:
            raise UsageError("data", data, "nothing can be sent after half_close() or close()")
        return self.sending.write(data)

    def receive(self, limit: int) -> bytes | None:
        """Up to ``limit`` bytes; None: nothing is there yet; b"": the other side has finished. Raises `Reset`."""
        if limit < 1:
            raise UsageError("limit", limit, "must be 1 or more")
        receiving = self.receiving
        if receiving.buffer:
            data = receiving.read(limit)
            if self.state in SYNCHRONISED and receiving.worth_telling():
                self._acknowledge()
            return data
        if receiving.finished:
            return b""
        if self.failed or self.state == "CLOSED":
            raise Reset(self.failed or "closed")
        return None

    def half_close(self) -> None:
        """Send no more after what was written; the other side may go on."""
        if self.sending.closing or self.state == "CLOSED":
            return
        if self.state == "ESTABLISHED":
            self.state = "FIN-WAIT-1"
        elif self.state == "CLOSE-WAIT":
            self.state = "LAST-ACK"
        self.sending.close()

    def close(self) -> None:
        """Send what was written, then end; a connection with unread data is reset (RFC 9293 section 3.10.4)."""
        if self.closed or self.state == "CLOSED":
            return
        self.closed = True
        if self.state == "SYN-SENT":
            self._vanish()
        elif self.receiving.buffer:
            self.reset()
        else:
            self.half_close()
            if self.state == "FIN-WAIT-2":
                self.timer.set(self.engine.now + ORPHANED)

    def reset(self) -> None:
        """End at once, and tell the other side so."""
        if self.state in SYNCHRONISED or self.state == "SYN-RECEIVED":
            if self.state != "TIME-WAIT":
                self._emit(self.sending.highest, b"", RST | ACK)
        self._vanish()

    # ── counters ───────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def retransmissions(self) -> int:
        """Segments that were sent again, a SYN too."""
        return self.sending.retransmissions + max(0, self.syns - 1)

    @property
    def timeouts(self) -> int:
        return self.sending.timeouts

    @property
    def fast_retransmits(self) -> int:
        return self.sending.fast_retransmits

    @property
    def duplicate_acks(self) -> int:
        return self.sending.duplicate_acks

    @property
    def bytes_acknowledged(self) -> int:
        return self.sending.bytes_acknowledged

    @property
    def congestion_window(self) -> int:
        """Bytes."""
        return self.sending.congestion.window

    @property
    def slow_start_threshold(self) -> int:
        """Bytes; 2**30 before anything was lost."""
        return self.sending.congestion.threshold

    @property
    def smoothed_rtt_ns(self) -> int:
        """0: not known yet."""
        return self.sending.round_trip.smoothed

    @property
    def mss(self) -> int:
        """The largest payload that is sent in one segment; 0 before the handshake is over."""
        return self.sending.mss
