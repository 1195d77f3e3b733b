"""The sending half of a TCP connection: what was written, what is on its way, and when to send it (again).

::

        acknowledged   on its way            not sent yet       room in the buffer
    ──────────────────┼─────────────────────┼──────────────────┼───────────────────►  sequence numbers
                     una                   next               end

``una`` and ``next`` are SND.UNA and SND.NXT of RFC 9293 section 3.3.1. The buffer holds the bytes from ``una`` to
``end``; the FIN, once the program has closed, has the number ``end``. `push` is the one place that decides whether a
segment may leave: the smaller of the receiver's window and the congestion window, and no small segments without need
(section 3.8.6.2.1 and, for Nagle, 3.7.4).

What is lost is sent again in two ways. Three duplicate acknowledgements: the first segment at once (`tcp_congestion`).
The timer: ``next`` goes back to ``una``, and everything from there on is sent anew in slow start, except what
acknowledgements turn out to cover. A receiver's window that stays closed is probed by the same timer (section
3.8.6.1), with Linux's probe: a segment without data and with an old number, which has to be answered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from netlab.internet.tcp_congestion import Congestion
from netlab.internet.tcp_options import Options
from netlab.internet.tcp_segment import ACK, FIN, PSH
from netlab.internet.tcp_timer import AFTER_LOST_SYN, LONGEST_TIMEOUT, RoundTrip, Timer

if TYPE_CHECKING:
    from netlab.internet.engine import Engine

NO_MSS = {4: 536, 6: 1220}
"""What a side may be sent that says no MSS (RFC 9293 section 3.7.1)."""


class Sending:
    """What one side sends. ``transmit(sequence, payload, flags)`` makes and sends a segment."""

    def __init__(
        self,
        engine: Engine,
        start: int,
        options: Options,
        transmit: Callable[[int, bytes, int], None],
        give_up: Callable[[], None],
    ) -> None:
        self.engine, self.options, self.transmit, self.give_up = engine, options, transmit, give_up
        self.una = self.next = self.highest = self.end = start
        """``highest`` is the first number that was never sent: ``next``, except after a timeout."""
        self.buffer = bytearray()
        self.closing = False
        """Whether a FIN follows the buffer."""
        self.mss = 0
        self.window = self.largest_window = 0
        """SND.WND, and the largest that it ever was."""
        self.updated = start, start
        """SND.WL1 and SND.WL2: sequence and acknowledgement of the segment that told the window last."""
        self.congestion = Congestion(1, 1, start)
        self.round_trip = RoundTrip()
        self.timer = Timer(engine, self._expired)
        self.probing = False
        """Whether the timer waits for a window to open, and not for an acknowledgement."""
        self.probes = 0
        """Probes since the window closed."""
        self.tries = 0
        """How often in a row the timer has expired."""
        self.timed: tuple[int, int] | None = None
        """The end of the segment whose round trip is being measured, and when it left; never one that was repeated."""
        self.last_sent = 0
        self.full = False
        """Whether the program wanted to write more than the buffer took."""
        self.retransmissions = self.timeouts = self.fast_retransmits = self.duplicate_acks = 0
        self.bytes_acknowledged = 0

    def begin(self, mss: int, window: int, lost_syns: int) -> None:
        """The handshake is over. RFC 6928 section 2: after more than one lost SYN only one segment leaves."""
        self.mss = mss
        self.window = self.largest_window = window
        self.congestion = Congestion(mss, self.options.initial_window if lost_syns < 2 else 1, self.una)
        if lost_syns:
            self.round_trip.timeout = AFTER_LOST_SYN
        self.push()

    # ── the program ────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def room(self) -> int:
        return max(0, self.options.send_buffer - len(self.buffer))

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Take as much as the buffer has room for, and send what may be sent."""
        room = self.room
        taken = len(data) if len(data) <= room else room
        self.full = taken < len(data)
        if taken:
            self.buffer += data if taken == len(data) else memoryview(data)[:taken]
            self.end += taken
            if self.mss:
                if self.una == self.highest and self.engine.now - self.last_sent > self.round_trip.timeout:
                    self.congestion.idle()
                self.push()
        return taken

    def close(self) -> None:
        self.closing = True
        if self.mss:
            self.push()

    @property
    def done(self) -> bool:
        """Whether everything and the FIN are acknowledged."""
        return self.closing and self.una > self.end

    def stop(self) -> None:
        self.timer.stop()
        self.buffer.clear()

    # ── segments leave ─────────────────────────────────────────────────────────────────────────────────────────

    def push(self) -> None:
        """Send all that may be sent now."""
        mss, last = self.mss, self.end + self.closing
        while self.next < last:
            allowed = self.una + self.window - self.next
            usable = min(allowed, self.una + self.congestion.limit - self.next)
            waiting = self.end - self.next
            size = min(waiting, mss, max(usable, 0))
            fin = self.closing and size == waiting and allowed > size  # no congestion window holds back a bare FIN
            if size < mss and not fin and not (size > 0 and self._may_be_small(size, waiting)):
                break
            self._send(size, fin)
        if self.next == self.una < last and not self.timer.runs:
            self.probing, self.probes = True, 0
            self.timer.set(self.engine.now + self.round_trip.timeout)

    def _may_be_small(self, size: int, waiting: int) -> bool:
        """Whether a segment with less than an MSS may leave."""
        if size == waiting:
            return self.next == self.una or not self.options.nagle
        return self.next == self.una and 2 * size >= self.largest_window  # the receiver's buffer is small

    def _send(self, size: int, fin: bool) -> None:
        """Send the segment at ``next``."""
        start, now = self.next, self.engine.now
        offset = start - self.una
        payload = bytes(self.buffer[offset : offset + size])
        self.next = end = start + size + fin
        if start < self.highest:
            self.retransmissions += 1
            self.timed = None
        elif self.timed is None:
            self.timed = end, now
        if end > self.highest:
            self.highest = end
            self.congestion.sent(self.una, end)
        flags = ACK | PSH if size and start + size == self.end else ACK
        self.transmit(start, payload, flags | FIN if fin else flags)
        self.last_sent = now
        if self.probing or not self.timer.runs:
            self.probing = False
            self.timer.set(now + self.round_trip.timeout)

    def _send_first(self) -> None:
        """Send the segment at ``una`` again, with nothing that was not sent before, and go on where we were."""
        after, self.next = self.next, self.una
        size = min(self.end - self.una, self.highest - self.una, self.mss)
        self._send(size, self.highest > self.end == self.una + size)
        self.next = max(self.next, after)

    # ── acknowledgements come ──────────────────────────────────────────────────────────────────────────────────

    def acknowledged(self, ack: int, window: int, sequence: int, bare: bool) -> None:
        """An acknowledgement came in a segment with this sequence number; ``bare``: without data and FIN."""
        changed = window != self.window
        if (sequence, ack) >= self.updated:
            self.updated = sequence, ack
            self.window = window
            if window > self.largest_window:
                self.largest_window = window
        if ack > self.una:
            self._advance(ack)
        elif ack == self.una < self.highest and bare and not changed and not self.probing:
            self.duplicate_acks += 1
            if self.congestion.duplicate(self.una, self.highest):
                self.fast_retransmits += 1
                self._send_first()
        if self.probing:
            self.tries = 0  # the other side lives
        self.push()

    def _advance(self, ack: int) -> None:
        count, flight = ack - self.una, self.highest - self.una
        data = min(ack, self.end) - self.una
        del self.buffer[:data]
        self.bytes_acknowledged += data
        self.una = ack
        self.tries = 0
        if self.next < ack:
            self.next = ack
        now = self.engine.now
        if self.timed and ack >= self.timed[0]:
            self.round_trip.sample(now - self.timed[1])
            self.timed = None
        hole = self.congestion.acknowledged(ack, count, flight)
        if ack == self.highest:
            self.timer.stop()
        elif not hole or self.congestion.partial == 1:  # RFC 6582 section 4: many holes are left to the timer
            self.timer.set(now + self.round_trip.timeout)
        if hole:
            self._send_first()

    def _expired(self) -> None:
        """Nothing came for a whole timeout."""
        self.tries += 1
        if self.tries > self.options.retries:
            self.give_up()
            return
        if self.probing:
            self._probe()
            return
        self.timeouts += 1
        self.congestion.expired(self.una, self.highest, self.tries > 1)
        self.round_trip.back_off()
        self.next = self.una
        self.timed = None
        self._send_first()

    def _probe(self) -> None:
        """The window is closed, or too small to be worth a segment: send what fits, or ask."""
        if self.window and self.next < self.end:
            self._send(min(self.window, self.end - self.next, self.mss), False)
        else:
            self.probes += 1
            self.transmit(self.una - 1, b"", ACK)
            self.timer.set(self.engine.now + min(self.round_trip.timeout << self.probes, LONGEST_TIMEOUT))

    def shrink(self, mss: int) -> None:
        """The path carries less than we thought (RFC 1191 section 6.4): what was too long is sent again, in pieces."""
        if mss < self.mss:
            self.mss = self.congestion.mss = mss
            self.next = self.una
            self.timed = None
            self.push()
