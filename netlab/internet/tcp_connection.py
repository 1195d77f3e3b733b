"""One end of a TCP connection and its states: RFC 9293 section 3.3.2.

::

      connect ──► SYN-SENT ─────────────────┐       ┌──────────── SYN-RECEIVED ◄── a SYN came for a listener
                                            ▼       ▼
                                           ESTABLISHED
                         half_close │                         │ the other side's FIN
                                    ▼                         ▼
                               FIN-WAIT-1 ──► CLOSING     CLOSE-WAIT
        our FIN is acknowledged │                │             │ half_close
                                ▼                │             ▼
                            FIN-WAIT-2           │          LAST-ACK
             the other side's FIN │              │             │ our FIN is acknowledged
                                  ▼              ▼             ▼
                                TIME-WAIT (60 s) ──────────► CLOSED

A connection knows no socket and no clock. Segments come in by `arrive` and leave by ``machine.originate``; the time
is the engine's, and so are the timers. Sending is in `tcp_sending`, receiving in `tcp_receiving`, what a program does
with all this in `tcp_stream`. Here is what connects them: handshake, end, resets (with the checks of RFC 5961), and the
delayed acknowledgement.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from netlab.internet.tcp_options import Options
from netlab.internet.tcp_receiving import Receiving
from netlab.internet.tcp_segment import ACK, FIN, MOST_SCALE, RST, SYN, Flow, near, read_options, syn_options
from netlab.internet.tcp_sending import NO_MSS, Sending
from netlab.internet.tcp_timer import FIRST_TIMEOUT, LONGEST_TIMEOUT, SECOND, Timer
from netlab.wire.addresses import to_text

if TYPE_CHECKING:
    from netlab.internet.tcp import Host, Listener

DELAY = SECOND // 25
"""How long an acknowledgement may wait for a second segment or for data to go with: 40 ms, as Linux; RFC 9293 section
3.8.6.3 allows 500 ms."""

TIME_WAIT = 60 * SECOND
"""As Linux; RFC 9293 section 3.4.2 says 4 minutes, twice the longest life of a segment."""

ORPHANED = 60 * SECOND
"""How long the other side may take for its FIN after `Stream.close` (Linux's tcp_fin_timeout)."""

SYN_ACK_RETRIES = 5
"""As Linux: someone who does not finish the handshake is forgotten after 63 s."""

SYNCHRONISED = frozenset({"ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT"})


def nothing() -> None:
    """Nobody wants to hear of changes yet."""


class Connection:
    """What a `Stream` is made of."""

    def __init__(self, host: Host, key: bytes, flow: Flow, options: Options, listener: Listener | None = None) -> None:
        self.host, self.engine, self.machine = host, host.engine, host.machine
        self.key, self.flow, self.options, self.listener = key, flow, options, listener
        self.on_change: Callable[[], None] = nothing
        self.state = "CLOSED"
        self.failed = ""
        """Why there is no connection (any more): "", "refused", "timeout", "reset", "unreachable"."""
        self.local = to_text(flow.source), flow.ports[0]
        self.remote = to_text(flow.destination), flow.ports[1]
        self.first = host.first_sequence(flow)
        """ISS, the number of our SYN."""
        self.sending = Sending(self.engine, self.first + 1, options, self._emit, self._give_up)
        self.receiving = Receiving(options)
        self.scale: int | None = None
        """The window scale that we offer; None: none."""
        if options.window_scale:
            self.scale = min(max(0, options.receive_buffer.bit_length() - 16), MOST_SCALE)
        self.their_scale = 0
        self.their_mss = NO_MSS[flow.family]
        self.syns = 0
        """How often our SYN has left."""
        self.syn_left = 0
        self.timer = Timer(self.engine, self._expired)
        """For the handshake and the end; between them `Sending` has its own."""
        self.delay = Timer(self.engine, self._acknowledge)
        self.closed = False
        """Whether the program will neither read nor write any more."""
        self.told = True
        """Whether no call of ``on_change`` is under way."""

    # ── the handshake ──────────────────────────────────────────────────────────────────────────────────────────

    def open(self) -> None:
        """Send the first SYN; without an address of this IP version nothing leads anywhere."""
        self.state = "SYN-SENT"
        if any(self.flow.source):
            self._send_syn()
        else:
            self._fail("unreachable")

    def answer(self, sequence: int, window: int, options: bytes) -> None:
        """A SYN came: send our own with its acknowledgement."""
        self._learn(sequence, window, options)
        self.state = "SYN-RECEIVED"
        self._send_syn()

    def _learn(self, sequence: int, window: int, options: bytes) -> None:
        """What the other side's SYN says."""
        mss, scale = read_options(options)
        if mss:
            self.their_mss = mss
        if scale is None:
            self.scale = None
        elif self.scale is not None:
            self.their_scale, self.receiving.scale = scale, self.scale
        self.receiving.begin(sequence + 1)
        self.sending.updated = sequence, 0
        self.sending.window = window

    def _send_syn(self) -> None:
        if self._emit_syn() and self.state == "SYN-SENT":
            self._fail("unreachable")
            return
        self.syn_left = self.engine.now
        self.timer.set(self.engine.now + min(FIRST_TIMEOUT << self.syns, LONGEST_TIMEOUT))
        self.syns += 1

    def _emit_syn(self) -> str:
        """SYN, or SYN and ACK; "" or why it could not leave."""
        largest = self.host.largest_segment(self.flow, self.options, learned=False)
        flags, acknowledgment = (SYN, 0) if self.state == "SYN-SENT" else (SYN | ACK, self.receiving.next)
        window = self.receiving.told(syn=True)
        options = syn_options(largest, self.scale)
        return self.machine.originate(self.flow.packet(self.first, acknowledgment, flags, window, b"", options))

    def _establish(self) -> None:
        """The other side has acknowledged our SYN."""
        sending = self.sending
        self.timer.stop()
        self.state = "FIN-WAIT-1" if sending.closing else "ESTABLISHED"
        if self.syns == 1:  # Karn: of a repeated SYN nobody knows which one was answered
            sending.round_trip.sample(self.engine.now - self.syn_left)
        mss = min(self.their_mss, self.host.largest_segment(self.flow, self.options))
        sending.begin(mss, sending.window, self.syns - 1)
        self._notify()

    # ── a segment comes in ─────────────────────────────────────────────────────────────────────────────────────

    def arrive(self, flags: int, sequence: int, ack: int, window: int, payload: bytes, options: bytes) -> bool:
        """RFC 9293 section 3.10.7; False: the segment is to be answered with a reset."""
        if self.state == "SYN-SENT":
            return self._answered(flags, sequence, ack, window, options)
        receiving, sending = self.receiving, self.sending
        sequence = near(sequence, receiving.next)
        fin = bool(flags & FIN)
        end = sequence + len(payload) + fin
        # Is it what we wait for? As Linux, we also look at data when the window is closed: its acknowledgement counts.
        if end < receiving.next or sequence > receiving.edge:
            if not flags & RST:
                self._repeated(flags)
            return True
        if flags & (RST | SYN):
            return self._interrupted(flags, sequence)
        if not flags & ACK:
            return True
        ack = near(ack, sending.una)
        if self.state == "SYN-RECEIVED":
            if ack != self.first + 1:
                return False
            if self.listener and not self.listener.admits(self):
                return True
            sending.window = window << self.their_scale
            sending.updated = sequence, ack
            self._establish()
        elif ack > sending.highest:
            self._acknowledge()
            return True
        if ack >= sending.una:
            sending.acknowledged(ack, window << self.their_scale, sequence, end == sequence)
            if sending.full and 3 * sending.room >= self.options.send_buffer:
                sending.full = False
                self._notify()
            if sending.closing and sending.done:
                self._all_sent()
        if end > sequence and self.state != "CLOSED":
            return self._take(sequence, payload, fin)
        return True

    def _take(self, sequence: int, payload: bytes, fin: bool) -> bool:
        """A segment with data or a FIN."""
        receiving = self.receiving
        if self.closed and sequence + len(payload) > receiving.next and payload:
            self._vanish("reset")  # nobody will read this (RFC 9293 section 3.10.4, RFC 2525 section 2.17)
            return False
        if self.state == "TIME-WAIT":
            self.timer.set(self.engine.now + TIME_WAIT)  # our acknowledgement of the FIN was lost
        before = receiving.next
        if receiving.take(sequence, payload, fin):
            self._acknowledge()
        elif not self.delay.runs:
            self.delay.set(self.engine.now + DELAY)
        if receiving.next > before:
            self._notify()
            if receiving.finished:
                self._all_received()
        return True

    def _answered(self, flags: int, sequence: int, ack: int, window: int, options: bytes) -> bool:
        """In SYN-SENT (section 3.10.7.3)."""
        right = near(ack, self.first + 1) == self.first + 1
        if flags & ACK and not right:
            return bool(flags & RST)
        if flags & RST:
            if flags & ACK:
                self._fail("refused")
        elif flags & SYN:
            self._learn(sequence, window, options)
            if flags & ACK:
                self._establish()
                if self.sending.highest == self.first + 1:  # no data has carried the acknowledgement
                    self._acknowledge()
            else:  # both sides have called each other at the same time
                self.syns = 0
                self.state = "SYN-RECEIVED"
                self._send_syn()
        return True

    def _repeated(self, flags: int) -> None:
        """Something that is not new: the other side does not know what we have, so tell it."""
        if self.state == "SYN-RECEIVED" and flags & (SYN | ACK) == SYN:
            self._emit_syn()
        else:
            self._acknowledge()

    def _interrupted(self, flags: int, sequence: int) -> bool:
        """A reset counts when its number is exactly right; else, as for a SYN, ask whether it is meant (RFC 5961)."""
        if not flags & RST or sequence != self.receiving.next:
            self._acknowledge()
        elif self.state == "SYN-RECEIVED" and self.listener:
            self._vanish()
        elif self.state == "TIME-WAIT":
            pass  # a late reset must not end the wait (RFC 1337)
        else:
            self._fail("reset")
        return True

    # ── the end ────────────────────────────────────────────────────────────────────────────────────────────────

    def _all_sent(self) -> None:
        """Our FIN is acknowledged."""
        if self.state == "FIN-WAIT-1":
            self.state = "FIN-WAIT-2"
            if self.closed:
                self.timer.set(self.engine.now + ORPHANED)
        elif self.state == "CLOSING":
            self._wait()
        elif self.state == "LAST-ACK":
            self._vanish()

    def _all_received(self) -> None:
        """The other side's FIN has its turn."""
        if self.state == "ESTABLISHED":
            self.state = "CLOSE-WAIT"
        elif self.state == "FIN-WAIT-1":
            self.state = "CLOSING"
        elif self.state == "FIN-WAIT-2":
            self._wait()

    def _wait(self) -> None:
        """Whoever closes first waits, so that late segments of this connection meet no other one."""
        self.state = "TIME-WAIT"
        self.sending.stop()
        self.timer.set(self.engine.now + TIME_WAIT)

    def _fail(self, why: str) -> None:
        self._vanish(why)
        self._notify()

    def _vanish(self, why: str = "") -> None:
        """There is no connection any more."""
        self.failed = self.failed or why
        self.state = "CLOSED"
        self.timer.stop()
        self.delay.stop()
        self.sending.stop()
        self.receiving.pieces.clear()
        self.host.forget(self)

    def _give_up(self) -> None:
        """Sent too often without an answer."""
        self._fail("timeout")

    def _expired(self) -> None:
        """The handshake has no answer, or the wait at the end is over."""
        if self.state == "SYN-SENT" and self.syns > self.options.syn_retries:
            self._fail("timeout")
        elif self.state == "SYN-RECEIVED" and self.syns > SYN_ACK_RETRIES:
            self._fail("timeout")
        elif self.state in ("SYN-SENT", "SYN-RECEIVED"):
            self._send_syn()
        else:
            self._vanish()

    def unreachable(self, why: str) -> None:
        """ICMP says so: that ends an attempt to connect, as in Linux, but no connection (RFC 1122 section 4.2.3.9)."""
        if self.state == "SYN-SENT":
            self._fail(why)

    def has_sent(self, sequence: int) -> bool:
        """Whether this number is one that may be on its way."""
        sending = self.sending
        return sending.una - (self.state == "SYN-SENT") <= near(sequence, sending.una) <= sending.highest

    def give_way(self) -> None:
        """A new connection between the same ports takes the place of one that is in TIME-WAIT."""
        self._vanish()

    def shrink(self, mss: int) -> None:
        """ICMP says that our segments are too long."""
        if self.sending.mss:
            self.sending.shrink(mss)

    # ── segments leave ─────────────────────────────────────────────────────────────────────────────────────────

    def _acknowledge(self) -> None:
        self._emit(self.sending.highest, b"", ACK)

    def _emit(self, sequence: int, payload: bytes, flags: int) -> None:
        receiving = self.receiving
        self.delay.stop()
        window = receiving.told()
        self.machine.originate(self.flow.packet(sequence, receiving.next, flags, window, payload))

    def _notify(self) -> None:
        if self.told:
            self.told = False
            self.engine.at(self.engine.now, self._tell)

    def _tell(self) -> None:
        self.told = True
        self.on_change()
