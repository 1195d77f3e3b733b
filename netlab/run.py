"""The only probing loop: it moves packets and time between a `ProbeSession` and a `Network`.

`measure` is a generator. ``ping()`` lists it, a panel or the command iterates it. It never sleeps: the one place where
it waits is ``network.receive``. On a virtual network nothing waits at all, since that is where virtual time moves.

The first interrupt (CTRL+C, Jupyter's stop button) ends the measurement, which still gives all its rows; a second one
within a second raises KeyboardInterrupt as usual.
"""

from __future__ import annotations

import queue
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import Any, Generic, TypeVar

from netlab.network.base import Arrival, Network, Refused, Sent, Stamp
from netlab.probe.rows import Row
from netlab.probe.session import ProbeSession

LOOK_AGAIN = 50_000_000
"""ns: how often a waiting measurement on a real clock looks whether it was told to stop (a panel's Stop button)."""
SENDS_IN_A_ROW = 8
"""After so many sends in a row the answers are fetched, or a burst would overflow the socket's buffer."""
FETCHED_AT_THE_END = 1000
"""Arrivals read after the end of a measurement at most; others' packets may come in without end."""
SECOND_INTERRUPT = 1.0
"""s: two interrupts within this time mean "really stop"."""

NAME_LIMIT = 1.0
"""s: how long a finished measurement waits for the names of its responders, all together (AS numbers likewise)."""
ASKING = 8
"""Questions about addresses side by side."""

_last_interrupt = 0.0

Found = TypeVar("Found")


class _Interrupts:
    """While a measurement runs in the main thread, SIGINT ends it in good order instead of tearing it apart."""

    def __init__(self) -> None:
        self.seen = self.again = False
        self._waiting = False
        self._before: Any = None

    def __enter__(self) -> _Interrupts:
        if threading.current_thread() is threading.main_thread():
            before = signal.getsignal(signal.SIGINT)
            if before is not signal.SIG_IGN and before is not None:
                self._before = before
                signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self._before)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        global _last_interrupt
        self.again = time.monotonic() - _last_interrupt < SECOND_INTERRUPT
        _last_interrupt = time.monotonic()
        self.seen = True
        if self.again or self._waiting:
            raise KeyboardInterrupt

    def receive(self, network: Network, until: int) -> Arrival | Stamp | None:
        """Wait in the network; an interrupt ends the wait and gives None."""
        if self.seen:
            return None
        self._waiting = True
        try:
            return network.receive(until)
        except KeyboardInterrupt:
            if self.again:
                raise
            self.seen = True  # also when somebody else's handler raised it
            return None
        finally:
            self._waiting = False


def measure(
    session: ProbeSession,
    network: Network,
    *,
    stop: Callable[[], bool] | None = None,
    on_interrupt: Callable[[], None] | None = None,
) -> Iterator[Row]:
    """Run a session on a network and give every probe's row as soon as it is decided.

    Parameters
    ----------
    session, network
        Both fresh: the caller has called ``network.begin()`` and calls ``network.end()`` afterwards.
    stop
        Asked now and then; True ends the measurement, as an interrupt does.
    on_interrupt
        Called once when an interrupt has ended it.
    """
    slow = not network.virtual
    with _Interrupts() as interrupts:
        session.begin(network.now())
        while True:
            for _ in range(SENDS_IN_A_ROW):
                due = session.next_probe(network.now())
                if due is None:
                    break
                number, packet = due
                result = network.send(packet)
                if isinstance(result, Sent):
                    session.sent(number, result.packet, result.number, result.at, result.rebuilt)
                else:
                    assert isinstance(result, Refused)
                    session.refused(number, packet, result.reason, result.mtu)
            until = session.next_deadline()
            if until is not None:
                if slow:
                    until = min(until, network.now() + LOOK_AGAIN)
                event = interrupts.receive(network, until)
                now = network.now()
                while event is not None:
                    _hand_over(event, session)
                    event = None if interrupts.seen else network.receive(now)  # what else is there, without waiting
            session.expire(network.now())
            if interrupts.seen or (stop is not None and stop()):
                _fetch_the_rest(session, network)
                session.stop(network.now())
                yield from session.take_rows()
                if interrupts.seen and on_interrupt is not None:
                    on_interrupt()
                return
            yield from session.take_rows()
            if session.finished:
                return


def _hand_over(event: Arrival | Stamp, session: ProbeSession) -> None:
    if isinstance(event, Arrival):
        session.receive(event.packet, event.at, event.stamp, event.rebuilt, event.number)
    else:
        session.stamp(event.number, event.at)


def _fetch_the_rest(session: ProbeSession, network: Network) -> None:
    """What had come in when the measurement was ended is an answer, not a pending probe."""
    now = network.now()
    for _ in range(FETCHED_AT_THE_END):
        event = network.receive(now)
        if event is None:
            return
        _hand_over(event, session)


class Lookups(Generic[Found]):
    """What is asked about addresses, in threads of their own so that no probe is ever timed late by it.

    A server that does not answer costs nothing but the answer: after the limit it is left alone.

    Parameters
    ----------
    look_up
        Gives what is known about an address; may take its time, and may raise.
    nothing
        What an address has of which nothing is known.
    at_once
        ``look_up`` asks nobody and returns at once: no threads.
    """

    def __init__(self, look_up: Callable[[str], Found], nothing: Found, at_once: bool = False) -> None:
        self._look_up, self._nothing, self._at_once = look_up, nothing, at_once
        self._found: dict[str, Found] = {}
        self._asked: set[str] = set()
        self._waiting: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._answered = threading.Condition()
        self._threads = 0

    def ask(self, address: str) -> None:
        """Begin to look up an address, if that has not begun yet."""
        if not address or address in self._asked:
            return
        self._asked.add(address)
        if self._at_once:
            self._found[address] = self._look_up(address)
            return
        self._waiting.put(address)
        if self._threads < ASKING:
            self._threads += 1
            threading.Thread(target=self._work, name="netlab lookups", daemon=True).start()

    def _work(self) -> None:
        while (address := self._waiting.get()) is not None:
            try:
                found = self._look_up(address)
            except Exception:  # no answer is worth a trace
                found = self._nothing
            with self._answered:
                self._found[address] = found
                self._answered.notify_all()

    def known(self, addresses: Iterable[str]) -> bool:
        """Whether none of these has still to be waited for."""
        return all(address in self._found for address in addresses if address)

    def get(self, addresses: Iterable[str], limit: float = NAME_LIMIT) -> dict[str, Found]:
        """Give what is known after at most ``limit`` seconds, and ``nothing`` for all others."""
        wanted = [address for address in addresses if address]
        for address in wanted:
            self.ask(address)
        with self._answered:
            self._answered.wait_for(lambda: self.known(wanted), limit)
        return {address: self._found.get(address, self._nothing) for address in wanted}

    def close(self) -> None:
        """Let the threads end."""
        for _ in range(self._threads):
            self._waiting.put(None)


def names_of(network: Network) -> Lookups[str]:
    """Reverse names; where the network knows them itself (a virtual world), they are there at once."""
    return Lookups(network.reverse, "", at_once=network.virtual)
