"""The state of one measurement, without a socket and without a clock.

The strategy:

1. `next_probe` gives the next packet that is due, `sent` or `refused` says what became of it.
2. `receive` takes every packet that comes in. One that answers a probe decides the probe's row; a further one counts as
   a duplicate; one that comes after the timeout turns the row's outcome from ``timeout`` into ``late``.
3. `expire` gives up what has waited long enough. `next_deadline` says when to call again.
4. The measurement is `finished` when the plan has ended, every probe has its answer or its timeout, and the session
   has lingered for duplicates and late answers: max(2 × the largest RTT, 0.2 s), at most the timeout. On a real clock
   it lingers only when some probe is unanswered.
5. `stop` ends it at once: what is in flight becomes ``pending``, which is neither answered nor lost.

The invariant: every probe taken from the plan yields exactly one row, in `take_rows`, at the moment it is decided. A
duplicate or a late answer that comes after that changes the row in place.

A number never repeats within a measurement. The wire carries its low 16 bits, which are free again only when the probe
before is decided and cannot be answered any more; the cookie in the payload settles what is left (see ``build.py``).

A kernel's transmit stamp may come after the answer. The row then waits for it, at most `STAMP_WAIT`, and falls back to
our own clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from netlab.probe.build import COOKIE_BYTES, Builder, cookie
from netlab.probe.flight import Flight, compare_payload, compare_quote, return_hops, same_address
from netlab.probe.matching import Answer, Ours, read_answer
from netlab.probe.plan import Probe
from netlab.probe.rows import EMPTY, Row, add_flag

LINGER_LEAST = 200_000_000
"""ns: nobody is too far away for a late answer or a duplicate to come within 0.2 s more."""
STAMP_WAIT = 5_000_000
"""ns: kernels deliver a transmit stamp within microseconds; 5 ms is far more than any scheduler's delay."""
CLOCK_SLACK = 1_000_000
"""ns: a kernel RTT may not exceed our own by more than this; if it does, the wall clock was stepped in between."""
MILLISECOND = 1e6

Notice = Callable[[str, Row], None]


class ProbeSession:
    """One measurement; see the module's text for its life.

    Parameters
    ----------
    plan
        Iterator of probes; may be endless.
    builder
        Makes their packets.
    timeout
        ns after sending at which a probe is given up.
    network, epoch
        The network's name for the rows, and the wall-clock ns of its time 0.
    virtual
        True: answers carry exact virtual time, and the session always lingers.
    deadline
        ns after `begin` at which everything stops, or None.
    notice
        Called with a word (``sent``, ``duplicate``, ``late``, ``bad-checksum``) and the row, for live output.
    first_number
        Of the first probe, so that several sessions of one measurement never use a number twice.
    """

    def __init__(
        self,
        plan: Iterator[Probe],
        builder: Builder,
        *,
        timeout: int,
        network: str,
        epoch: int,
        virtual: bool,
        deadline: int | None = None,
        notice: Notice | None = None,
        first_number: int = 1,
    ) -> None:
        self._plan, self._builder, self._timeout = iter(plan), builder, timeout
        self._ours = {
            version: Ours(builder.protocol, identifier, builder.port, builder.spread)
            for version, identifier in builder.identifier.items()
        }
        self._epoch, self._virtual = epoch, virtual
        clock = "virtual" if virtual else "user"
        self._blank = EMPTY | {"protocol": builder.protocol, "network": network, "clock": clock}
        self._deadline, self._notice = deadline, notice
        self._start = self._now = 0
        self._number = first_number - 1
        self._next: Probe | None = None
        self._plan_ended = False
        self._waiting: deque[Flight] = deque()  # sent and unanswered, the oldest first
        self._by_wire: dict[int, Flight] = {}
        self._by_sent: dict[int, Flight] = {}  # by the network's number, for stamps
        self._settling: deque[Flight] = deque()  # answered, waiting for the transmit stamp
        self._open: dict[str, int] = {}  # by address: how many are in flight
        self._highest: dict[str, int] = {}  # by address: highest number answered
        self._last_sent: dict[str, int] = {}
        self._rows: list[Row] = []
        self._unanswered = 0
        self._largest = 0
        self._linger_until: int | None = None
        self._stopped = False

    # -- sending ------------------------------------------------------------------------------------------------

    def begin(self, now: int) -> None:
        """Say that the measurement starts now (ns of the network's clock)."""
        self._start = self._now = now
        self._advance_plan()

    def _advance_plan(self) -> None:
        self._next = next(self._plan, None)
        self._plan_ended = self._next is None

    def _taken(self) -> None:
        """The next probe of the plan has become a flight."""
        self._advance_plan()

    def _due(self) -> int | None:
        """When the next probe wants to leave; None when there is none or it has to wait for an answer."""
        probe = self._next
        if probe is None or self._stopped:
            return None
        address = probe.target.address
        due = self._start + probe.at
        if probe.on_answer:
            before = self._last_sent.get(address, self._start)
            due = before + probe.at if self._open.get(address) else max(self._now, before + probe.least_gap)
        blocking = self._by_wire.get(self._following() & 0xFFFF)
        if blocking is not None:  # 65,536 probes later: the 16 bits must be free again
            due = max(due, blocking.timeout_at + self._linger())
        return due

    def _following(self) -> int:
        """The next number; its low 16 bits are never 0, which cannot travel in a UDP checksum (0: none computed)."""
        number = self._number + 1
        return number if number & 0xFFFF else number + 1

    def next_probe(self, now: int) -> tuple[int, bytes] | None:
        """Give number and packet of the next probe if it is due; follow up with `sent` or `refused`."""
        if now > self._now:
            self._now = now
        due = self._due()
        if due is None or due > now:
            return None
        assert self._next is not None
        self._number = number = self._following()
        return number, self._builder.build(self._next, number)

    def _take(self, number: int, packet: bytes) -> Flight:
        probe = self._next
        assert probe is not None
        row, builder = self._blank.copy(), self._builder
        row["destination"], row["address"], row["source"] = probe.target
        row["ttl"], row["attempt"], row["round"] = probe.ttl, probe.attempt, probe.round
        row["flow"], row["sequence"] = builder.flow(probe, number), number
        if builder.protocol != "icmp":
            row["port"] = builder.ports(6 if ":" in probe.target.address else 4, probe, number)[1]
        row["packet_size"], row["request"] = len(packet), packet
        self._taken()
        return Flight(probe, number, row, cookie(builder.key, number))

    def sent(self, number: int, packet: bytes, handle: int, at: int, rebuilt: bool = False) -> None:
        """Say that probe ``number`` left at ``at`` as ``packet``; ``handle`` is the network's number for its stamp."""
        flight = self._take(number, packet)
        flight.packet, flight.sent_at, flight.timeout_at = packet, at, at + self._timeout
        row = flight.row
        row["sent_at"] = self._epoch + at
        if rebuilt:
            row["flags"] = "rebuilt"
        address = row["address"]
        self._waiting.append(flight)
        before = self._by_wire.get(number & 0xFFFF)
        if before is not None:
            self._by_sent.pop(before.handle, None)
        flight.handle = handle
        self._by_wire[number & 0xFFFF] = self._by_sent[handle] = flight
        self._open[address] = self._open.get(address, 0) + 1
        self._last_sent[address] = at
        self._linger_until = None
        if self._notice:
            self._notice("sent", row)

    def refused(self, number: int, packet: bytes, reason: str, mtu: int | None = None) -> None:
        """Say that the machine did not send probe ``number``: its row is ``not-sent``."""
        row = self._take(number, packet).row
        row["outcome"], row["detail"], row["mtu"] = "not-sent", reason, mtu
        self._rows.append(row)

    # -- receiving ----------------------------------------------------------------------------------------------

    def receive(
        self, packet: bytes, at: int, stamp: int | None = None, rebuilt: bool = False, handle: int | None = None
    ) -> None:
        """Take an incoming IP packet: at our clock's ``at``, with the kernel's wall-clock ``stamp`` if there is one."""
        if at > self._now:
            self._now = at
        answer = read_answer(packet, self._ours)
        if answer is None:
            return
        if rebuilt:
            answer.identification = None  # nobody told it: netlab put it there
        flight = self._by_sent.get(handle) if handle is not None else self._whose(answer, packet)
        if flight is None:
            return
        row = flight.row
        if answer.bad_checksum:
            # Nothing in it can be believed: the probe goes on waiting, and the row tells.
            add_flag(row, "bad-checksum")
            compare_payload(flight, answer, self._builder.protocol)
            row["answer"] = row["answer"] or packet
            self._tell("bad-checksum", row)
            return
        if flight.received is not None:
            row["duplicates"] += 1
            add_flag(row, "duplicate")
            self._tell("duplicate", row)
            return
        flight.received = (at, stamp)
        self._fill(flight, answer, packet)
        if rebuilt:
            add_flag(row, "rebuilt")
        rtt = at - flight.sent_at
        if rtt > self._largest:
            self._largest = rtt
        row["rtt_user_ms"] = rtt / MILLISECOND
        if flight.decided:  # its timeout is over
            row["outcome"], row["rtt_ms"] = "late", row["rtt_user_ms"]
            self._use_stamps(flight)
            self._unanswered -= 1
            self._tell("late", row)
            return
        row["outcome"] = answer.outcome
        self._close(flight)
        if stamp is not None and flight.kernel_sent is None:
            self._settling.append(flight)
        else:
            self._decide(flight)

    def stamp(self, handle: int, wall: int) -> None:
        """Take the kernel's transmit stamp (wall-clock ns) of the packet with the network's number ``handle``."""
        flight = self._by_sent.get(handle)
        if flight is None or flight.kernel_sent is not None:
            return
        flight.kernel_sent = wall
        flight.row["sent_at"] = wall
        if flight in self._settling:
            self._settling.remove(flight)
            self._decide(flight)
        elif flight.row["outcome"] == "late":
            self._use_stamps(flight)

    def _whose(self, answer: Answer, packet: bytes) -> Flight | None:
        """The probe that an answer is about; what a learner's own ``match=`` replaces."""
        return self._find(answer)

    def _find(self, answer: Answer) -> Flight | None:
        """Whose answer is it? The number finds the probe, the cookie must not contradict."""
        if answer.number is not None and not answer.loose:
            flight = self._by_wire.get(answer.number)
            if flight is not None and self._fits(flight, answer):
                return flight
        if len(answer.cookie) == COOKIE_BYTES and (answer.target or answer.number is None):
            # There is no number, or somebody changed it on the way (a NAT) in a packet that is quoted.
            for flight in self._by_wire.values():
                if flight.cookie == answer.cookie and self._may_be_about(flight, answer):
                    return flight
        if answer.identification:
            flight = self._by_wire.get(answer.identification)
            if flight is not None and not answer.loose and self._fits(flight, answer):
                return flight
        if answer.number is not None:
            return None
        return self._oldest(answer)

    def _may_be_about(self, flight: Flight, answer: Answer) -> bool:
        return not answer.target or same_address(answer.target, flight.row["address"])

    def _fits(self, flight: Flight, answer: Answer) -> bool:
        if not self._may_be_about(flight, answer):
            return False
        if answer.bad_checksum:
            return True
        if self._builder.protocol == "tcp":  # half of the sequence number is the measurement's own
            return not answer.cookie or answer.cookie == (self._builder.key >> 48).to_bytes(2, "big")
        return flight.cookie.startswith(answer.cookie[: flight.probe.size])

    def _oldest(self, answer: Answer) -> Flight | None:
        """A UDP service that answers with something of its own, or a quote without a number: the oldest asked there."""
        whom = answer.target or answer.responder
        for flight in self._waiting:
            if flight.row["address"] == whom and answer.port in (0, flight.row["port"]):
                return flight
        return None

    def _fill(self, flight: Flight, answer: Answer, packet: bytes) -> None:
        row = flight.row
        row["responder"], row["detail"], row["mark"] = answer.responder, answer.detail, answer.mark
        if answer.reply_ttl:  # 0: the system does not tell (TCP connect)
            row["reply_ttl"], row["return_hops"] = answer.reply_ttl, return_hops(answer.reply_ttl)
        row["icmp_type"], row["icmp_code"], row["mtu"] = answer.icmp_type, answer.icmp_code, answer.mtu
        row["mpls"], row["interface"], row["answer"] = answer.mpls, answer.interface, packet
        if answer.quoted is None:
            if not same_address(answer.responder, row["address"]):
                add_flag(row, "foreign-address")
            compare_payload(flight, answer, self._builder.protocol)
        else:
            compare_quote(flight, answer, self._builder.tos)
        number, address = flight.number, row["address"]
        if number < self._highest.get(address, 0):
            add_flag(row, "reordered")
        else:
            self._highest[address] = number

    def _use_stamps(self, flight: Flight) -> None:
        """RTT = kernel receive - kernel send where both exist and agree with our own clock."""
        assert flight.received is not None
        at, stamp = flight.received
        row, user = flight.row, at - flight.sent_at
        if stamp is not None and flight.kernel_sent is not None:
            rtt = stamp - flight.kernel_sent
            if 0 <= rtt <= user + CLOCK_SLACK:
                row["rtt_ms"], row["clock"] = rtt / MILLISECOND, "kernel"

    def _decide(self, flight: Flight) -> None:
        row = flight.row
        row["rtt_ms"] = row["rtt_user_ms"]
        if not self._virtual:
            self._use_stamps(flight)
            if row["clock"] == "user" and flight.probe.attempt == 1:
                add_flag(row, "warm-up")  # the first RTT may contain address resolution (ARP, ND)
        row["waited_ms"] = row["rtt_ms"]
        flight.decided = True
        self._rows.append(row)

    def _close(self, flight: Flight) -> None:
        self._open[flight.row["address"]] -= 1
        if self._waiting and self._waiting[0] is flight:
            self._waiting.popleft()
        else:
            self._waiting.remove(flight)

    def _tell(self, word: str, row: Row) -> None:
        if self._notice:
            self._notice(word, row)

    # -- time ---------------------------------------------------------------------------------------------------

    def _linger(self) -> int:
        return min(max(2 * self._largest, LINGER_LEAST), self._timeout)

    def expire(self, now: int) -> None:
        """Give up what has waited its timeout at ``now``, and decide what waited for a stamp long enough."""
        self._now = max(self._now, now)
        if self._deadline is not None and now >= self._start + self._deadline:
            self.stop(now)
            return
        while self._settling and self._settling[0].received[0] + STAMP_WAIT <= now:  # type: ignore[index]
            self._decide(self._settling.popleft())
        while self._waiting and self._waiting[0].timeout_at <= now:
            flight = self._waiting[0]
            self._close(flight)
            flight.row["outcome"], flight.row["waited_ms"] = "timeout", self._timeout / MILLISECOND
            flight.decided = True
            self._unanswered += 1
            self._rows.append(flight.row)
        if self._plan_ended and not self._waiting and not self._settling and self._linger_until is None:
            lingers = self._by_wire and (self._virtual or self._unanswered > 0)
            self._linger_until = now + self._linger() if lingers else now

    def stop(self, now: int) -> None:
        """End the measurement: what is in flight becomes ``pending``."""
        self._now = max(self._now, now)
        while self._settling:
            self._decide(self._settling.popleft())
        while self._waiting:
            flight = self._waiting.popleft()
            flight.row["outcome"], flight.row["waited_ms"] = "pending", max(0, now - flight.sent_at) / MILLISECOND
            flight.decided = True
            self._rows.append(flight.row)
        self._stopped = self._plan_ended = True
        self._next = None
        self._linger_until = now

    def next_deadline(self) -> int | None:
        """When (ns) something has to be done again, if nothing comes in; None: when the measurement is finished."""
        if self.finished:
            return None
        times = [self._due(), self._linger_until]
        if self._waiting:
            times.append(self._waiting[0].timeout_at)
        if self._settling:
            times.append(self._settling[0].received[0] + STAMP_WAIT)  # type: ignore[index]
        if self._deadline is not None:
            times.append(self._start + self._deadline)
        known = [time for time in times if time is not None]
        return min(known) if known else self._now

    @property
    def finished(self) -> bool:
        return self._linger_until is not None and self._linger_until <= self._now and not self._rows

    def take_rows(self) -> list[Row]:
        """Give the rows decided since the last call."""
        rows, self._rows = self._rows, []
        return rows
