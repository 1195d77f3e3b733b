"""A measurement whose plan listens: traceroute, multipath, path MTU.

`TraceSession` is a `ProbeSession` with four more rules:

1. *The plan is steered.* It is told of every decided row (``heard``), may say "nothing now" (it yields None) and may
   take back a probe that is not needed any more (``wants``), for instance because the destination has answered.
2. *A window*: at most so many probes in flight.
3. *An adaptive wait*, with the factors of the Linux traceroute (its ``-w MAX,HERE,NEAR``). When another probe of the
   same hop was answered after t, a probe is waited for 3 × (t + 1 ms); else, when a later hop answered after t,
   10 × t + 1 ms, but at least 11 ms; never longer than the timeout. Such a star has the flag ``early``. It is given up,
   not forgotten: an answer that comes afterwards turns it into ``late`` and keeps its RTT.
4. *One probe per flow in flight* where two could not be told apart. A normal user's TCP connects cannot share their
   ports, so that is known after the first. UDP shows itself: when a router quotes 8 bytes only (without root they are
   hidden), or a service answers with something of its own, and several probes of the flow are in flight, nobody knows
   whose answer it was. The probes in flight are then given up as ``pending``, the session waits until nothing of them
   can come any more, and their plan entries are sent again, one at a time. The rows say ``one-at-a-time``. After a lost
   one of these the next waits, too: until no late answer can be taken for its own, and the connect's port is free.

The invariant stays: one row per probe sent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, cast

from netlab.probe.build import Builder
from netlab.probe.flight import Flight, same_address
from netlab.probe.matching import Answer
from netlab.probe.plan import Probe
from netlab.probe.rows import ANSWERED, Row, add_flag
from netlab.probe.session import MILLISECOND, Notice, ProbeSession

HERE, NEAR = 3, 10
"""Factors of the adaptive wait: for a hop that answers, for one before a hop that answers (probing traceroute's)."""
PRECISION = 1_000_000
"""ns: how exact an RTT is taken to be, so that a hop that answers in 20 µs is not given up after 60. The Linux
traceroute adds them before it multiplies; ten times an RTT of some milliseconds is long enough without."""
NEVER = 1 << 63
"""ns: later than any clock."""
CONNECT_ENDS = 950_000_000
"""ns after which a normal user's TCP connect is ended, because the kernel would repeat its SYN (``live_tcp.py``). Until
then its port is taken."""

MatchFunction = Callable[[bytes, Mapping[int, bytes]], int | None]
"""A learner's own matching: ``match(answer, requests)`` gives the sequence number of the probe, or None: not ours."""


class Steering(Protocol):
    """A plan that listens."""

    def __iter__(self) -> Iterator[Probe | None]: ...

    def __next__(self) -> Probe | None:
        """The next probe; None: nothing until something is heard. StopIteration: never again anything."""

    def wants(self, probe: Probe) -> bool:
        """Asked just before a probe leaves: False drops it unsent."""

    def heard(self, row: Row) -> None:
        """A probe's row was decided, or a late answer has changed it."""


class TraceSession(ProbeSession):
    """See the module and `ProbeSession`.

    Parameters
    ----------
    plan
        A `Steering`.
    window
        Probes in flight at most.
    adaptive
        False: every star waits its whole timeout.
    match
        Instead of our own matching.
    """

    def __init__(
        self,
        plan: Steering,
        builder: Builder,
        *,
        timeout: int,
        network: str,
        epoch: int,
        virtual: bool,
        window: int,
        adaptive: bool = True,
        match: MatchFunction | None = None,
        deadline: int | None = None,
        notice: Notice | None = None,
        first_number: int = 1,
    ) -> None:
        self._steering, self._window, self._adaptive, self._match = plan, window, adaptive, match
        self._again: deque[Probe] = deque()
        self._one_at_a_time = False
        self._quiet_until = 0
        self._answered: dict[tuple[str, int], dict[int, tuple[int, int]]] = {}  # address, round → TTL → RTTs
        self._patience: dict[tuple[str, int, int], int] = {}  # address, round, TTL → ns, until an answer says otherwise
        self._soonest = 0  # no adaptive wait ends before this; 0: look again
        self._early: list[Flight] = []
        self._heard = 0  # how many of the rows decided since the last `take_rows` the plan has been told of
        super().__init__(
            cast("Iterator[Probe]", plan),  # its None is dealt with in `_advance_plan`
            builder,
            timeout=timeout,
            network=network,
            epoch=epoch,
            virtual=virtual,
            deadline=deadline,
            notice=notice,
            first_number=first_number,
        )

    @property
    def numbers(self) -> int:
        """The number of the last probe."""
        return self._number

    # -- what may leave -----------------------------------------------------------------------------------------

    def _advance_plan(self) -> None:
        if self._again:
            self._next = self._again.popleft()
            return
        item = next(self._plan, _END)
        self._plan_ended = item is _END
        self._next = item if isinstance(item, Probe) else None

    def _taken(self) -> None:
        self._next = None  # what comes next is asked when it may leave, by what is known then

    def _due(self) -> int | None:
        if self._stopped or len(self._waiting) >= self._window:
            return None
        while self._next is None or not self._steering.wants(self._next):
            if self._plan_ended:
                self._next = None
                return None
            self._advance_plan()
            if self._next is None:
                return None
        probe = self._next
        if self._one_at_a_time and any(self._shares_flow(flight, probe) for flight in self._waiting):
            return None
        due = super()._due()
        if due is None or not self._one_at_a_time:
            return due
        return max(due, self._quiet_until, self._clear_at(probe))

    def _clear_at(self, probe: Probe) -> int:
        """When the lost probes of this flow are out of the way.

        No late answer to one of them can then be taken for this probe's; and the port of a connect is free again.
        """
        lost = [flight for flight in self._by_wire.values() if flight.received is None]
        if self._builder.protocol == "tcp":
            return max(
                (flight.sent_at + CONNECT_ENDS for flight in lost if self._shares_flow(flight, probe)), default=0
            )
        return max(
            (flight.timeout_at + self._linger() for flight in lost if self._shares_flow(flight, probe)), default=0
        )

    def _shares_flow(self, flight: Flight, probe: Probe) -> bool:
        return self._builder.flows != "classic" and flight.probe.flow == probe.flow

    def sent(self, number: int, packet: bytes, handle: int, at: int, rebuilt: bool = False) -> None:
        super().sent(number, packet, handle, at, rebuilt)
        if rebuilt and self._builder.protocol == "tcp" and self._builder.flows == "paris":
            self._one_at_a_time = True
            self._patience.clear()
        if self._one_at_a_time:
            add_flag(self._waiting[-1].row, "one-at-a-time")
        if self._soonest:
            self._soonest = min(self._soonest, at + self.patience(self._waiting[-1]))

    # -- whose answer -------------------------------------------------------------------------------------------

    def _whose(self, answer: Answer, packet: bytes) -> Flight | None:
        if self._match is None:
            return self._find(answer)
        requests = {flight.number: flight.packet for flight in self._by_wire.values()}
        number = self._match(packet, requests)
        return self._by_wire.get(number & 0xFFFF) if number in requests and number is not None else None

    def _may_be_about(self, flight: Flight, answer: Answer) -> bool:
        """Also when the quoted destination is another one: a router on the way may rewrite it (DNAT)."""
        return True

    def _fits(self, flight: Flight, answer: Answer) -> bool:
        same = not answer.target or same_address(answer.target, flight.row["address"])
        return same and super()._fits(flight, answer)

    def _oldest(self, answer: Answer) -> Flight | None:
        """An answer without a number: certain when only one probe can be meant."""
        whom = answer.target or answer.responder
        able = [
            flight
            for flight in self._by_wire.values()
            if flight.received is None
            and flight.row["address"] == whom
            and answer.port in (0, flight.row["port"])
            and flight.timeout_at + self._linger() > self._now
        ]
        if len(able) <= 1:
            return able[0] if able else None
        if not self._one_at_a_time:
            self._give_up_flow()
        return None

    def _give_up_flow(self) -> None:
        """Nobody can tell the probes in flight apart: end them as pending, and send them again one at a time."""
        self._one_at_a_time = True
        latest = self._now
        repeat = []
        while self._waiting:
            flight = self._waiting[0]
            latest = max(latest, flight.timeout_at)
            flight.row["detail"] = "an answer came that does not tell whose it is"
            add_flag(flight.row, "no-quote")
            self._end_pending(flight, self._now)
            self._by_wire.pop(flight.number & 0xFFFF, None)
            self._by_sent.pop(flight.handle, None)
            repeat.append(flight.probe)
        if self._next is not None:
            repeat.append(self._next)
            self._next = None
        self._again.extend(repeat)
        self._plan_ended = False
        self._quiet_until = latest + self._linger()

    # -- answers and the adaptive wait --------------------------------------------------------------------------

    def receive(
        self, packet: bytes, at: int, stamp: int | None = None, rebuilt: bool = False, handle: int | None = None
    ) -> None:
        super().receive(packet, at, stamp, rebuilt, handle)
        self._listen()

    def _decide(self, flight: Flight) -> None:
        super()._decide(flight)
        self._learn(flight.row)

    def _tell(self, word: str, row: Row) -> None:
        super()._tell(word, row)
        if word == "late":
            self._learn(row)
            self._steering.heard(row)

    def _learn(self, row: Row) -> None:
        """How long hops take, by the best clock there is: on a busy machine our own counts its waiting for us, too."""
        known = self._answered.setdefault((row["address"], row["round"]), {})
        rtt = round(row["rtt_ms"] * MILLISECOND)
        least, most = known.get(row["ttl"], (rtt + 1, rtt - 1))
        if not least <= rtt <= most:
            known[row["ttl"]] = min(least, rtt), max(most, rtt)
            self._patience.clear()
            self._soonest = 0

    def _listen(self) -> None:
        """Tell the plan of every row that was decided since the last time."""
        while self._heard < len(self._rows):
            self._heard += 1
            self._steering.heard(self._rows[self._heard - 1])

    def take_rows(self) -> list[Row]:
        self._heard = 0
        return super().take_rows()

    def refused(self, number: int, packet: bytes, reason: str, mtu: int | None = None) -> None:
        super().refused(number, packet, reason, mtu)
        self._listen()

    def patience(self, flight: Flight) -> int:
        """How long (ns) to wait for this probe, by what is known now."""
        if self._one_at_a_time:  # the next one waits for this one's end in any case
            return min(self._timeout, CONNECT_ENDS) if self._builder.protocol == "tcp" else self._timeout
        if not self._adaptive:
            return self._timeout
        key = (flight.row["address"], flight.probe.round, flight.probe.ttl)
        found = self._patience.get(key)
        if found is None:
            found = self._patience[key] = min(self._timeout, self._long_enough(*key))
        return found

    def _long_enough(self, address: str, round: int, ttl: int) -> int:
        known = self._answered.get((address, round))
        if not known:
            return self._timeout
        if ttl in known:
            return HERE * (known[ttl][1] + PRECISION)  # the longest: its next may be as slow
        later = [hop for hop in known if hop > ttl]
        if later:
            return NEAR * max(known[min(later)][0], PRECISION) + PRECISION
        return self._timeout

    def _first_end(self) -> int:
        """Not later than the first end of an adaptive wait."""
        if not self._soonest:
            ends = (flight.sent_at + self.patience(flight) for flight in self._waiting)
            self._soonest = min(ends, default=NEVER)
        return self._soonest

    def expire(self, now: int) -> None:
        self._now = max(self._now, now)
        if self._first_end() <= now:
            self._expire_early(now)
        self._listen()
        self._leave_needless(now)
        self._due()  # what the plan has heard may have ended it
        if self._next is None and not (self._again or self._waiting or self._settling):
            self._plan_ended = True  # a plan that waits for nothing would wait for ever
        super().expire(now)
        self._listen()
        if self._linger_until is not None and not self._stopped:
            self._linger_until = self._until_nothing_can_come(now)

    def _expire_early(self, now: int) -> None:
        """Give up, before their timeouts, those that have waited long enough."""
        for flight in list(self._waiting):
            patience = self.patience(flight)
            if patience < self._timeout and flight.sent_at + patience <= now < flight.timeout_at:
                self._close(flight)
                row = flight.row
                row["outcome"], row["waited_ms"] = "timeout", patience / MILLISECOND
                add_flag(row, "early")
                flight.decided = True
                self._unanswered += 1
                self._early.append(flight)
                self._rows.append(row)
        self._soonest = 0

    def _leave_needless(self, now: int) -> None:
        """On a real clock nobody waits for what was sent beyond the end before that was known."""
        needs: Callable[[Probe], bool] | None = getattr(self._steering, "needs", None)
        if self._virtual or needs is None or any(needs(flight.probe) for flight in self._waiting):
            return
        if self._waiting and (self._next is None or not self._steering.wants(self._next)):
            for flight in list(self._waiting):
                self._end_pending(flight, now)

    def _end_pending(self, flight: Flight, now: int) -> None:
        self._close(flight)
        flight.row["outcome"], flight.row["waited_ms"] = "pending", max(0, now - flight.sent_at) / MILLISECOND
        flight.decided = True
        self._rows.append(flight.row)

    def _until_nothing_can_come(self, now: int) -> int:
        """On a virtual clock wait out every timeout; on a real one count from the sending, not from the star."""
        open_ones = [flight for flight in self._early if flight.received is None]
        if self._virtual:
            return max([self._linger_until or now, *(flight.timeout_at for flight in open_ones)])
        if self._unanswered == 0:
            return now
        lost = [
            flight
            for flight in self._by_wire.values()
            if flight.received is None and flight.row["outcome"] == "timeout"
        ]
        return max([now, *(flight.sent_at + self._linger() for flight in lost)])

    def next_deadline(self) -> int | None:
        deadline = super().next_deadline()
        if deadline is None:
            return None
        return min(deadline, self._first_end())

    def stop(self, now: int) -> None:
        super().stop(now)
        self._again.clear()


_END: Any = object()


def answered(row: Row) -> bool:
    """Whether somebody answered, in time or late."""
    return row["outcome"] in ANSWERED or row["outcome"] == "late"
