"""``python -m netlab traceroute``: the hops as they come, in order, and the totals however it ends.

CTRL+C and CTRL+Z both end it: the first by the interrupt that every measurement understands, the second because its
signal (SIGTSTP) is turned into the same. That holds at any time: before the first probe, while it runs, and while it
waits for names at the end; and who presses twice gets the totals as well.
"""

from __future__ import annotations

import argparse
import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from math import isnan
from typing import Any

from netlab.formats import trace_text
from netlab.network import choose
from netlab.network.base import Network
from netlab.probe.build import packet_size
from netlab.probe.ladder import is_final, mark_path
from netlab.probe.plan import Target
from netlab.probe.trace import answered
from netlab.run import Lookups, names_of
from netlab.tracing import TraceOptions, run_trace

NAME_WAIT = 0.5
"""s that a hop's line waits for names, and at the end all that are left together; the trace itself never waits, it is
asked again and again whether a line can be printed. Only real networks have slow names."""


def traceroute(options: argparse.Namespace) -> int:
    """Run the command; gives 0 when the destination answered, 1 when not."""
    from netlab.cli import NO_ANSWER, OK, _print_csv, _print_json, say

    network = choose(options.network or os.environ.get("NETLAB_NETWORK") or "live", options.seed)
    checked = TraceOptions(
        protocol=options.protocol,
        first_ttl=options.first_ttl,
        max_ttl=options.max_ttl,
        attempts=options.attempts,
        timeout=options.timeout,
        window=options.window,
        flow=options.flow,
        size=options.size,
        port=options.port,
        dont_fragment=options.dont_fragment,
        tos=options.tos,
        family=options.family,
        source=options.source,
        gap_limit=options.gap_limit,
    )
    talk = not (options.json or options.csv)
    origins = _origins(network) if options.as_numbers else None
    paper = _Paper(checked, names_of(network) if options.names else None, origins, talk)

    def begin(target: Target) -> None:
        if talk:
            version = 6 if ":" in target.address else 4
            size = packet_size(checked.protocol, version, checked.size)
            say(
                trace_text.head(
                    target.destination, target.address, checked.max_ttl, size, checked.protocol, network.name
                )
            )

    with _suspend_ends():
        trace = run_trace(options.host, checked, network, stop=paper.print_ready, notice=paper.notice, started=begin)
        try:
            for row in trace:
                paper.add(row)
        except KeyboardInterrupt:  # before the first probe, or for the second time: at once, but with the totals
            paper.hurry = True
        finally:
            trace.close()
            network.close()
        try:
            paper.finish()
        except KeyboardInterrupt:  # who ends a trace once more does not want to wait for names
            paper.hurry = True
            paper.finish()
        rows = paper.all_rows()
        if options.json or options.csv:
            responders = [row["responder"] for row in rows]
            names, numbers = paper.names(responders, 0.0), paper.numbers(responders, 0.0) or {}
            for row in rows:
                row["responder_name"], row["asn"] = names.get(row["responder"], ""), numbers.get(row["responder"])
            (_print_json if options.json else _print_csv)(rows)
        else:
            for text in trace_text.totals(rows):
                say(text)
    paper.close()
    return OK if any(map(_arrived, rows)) else NO_ANSWER


def _origins(network: Network) -> Lookups[int | None]:
    """Who knows AS numbers: the world, or else a public service that is asked by DNS."""
    locate = getattr(network, "locate", None)
    if locate is not None:
        return Lookups(lambda address: getattr(locate(address), "asn", None), None, at_once=True)
    from netlab.network.as_numbers import Origins

    return Lookups(Origins(), None)


def _arrived(row: Any) -> bool:
    """Whether this row shows the destination: its reply, or its refusal."""
    return is_final(row) and (row["outcome"] == "reply" or row["responder"] == row["address"])


class _Paper:
    """Prints hops in order, each as soon as all its probes and all hops before it are decided."""

    def __init__(
        self, options: TraceOptions, names: Lookups[str] | None, origins: Lookups[int | None] | None, talk: bool
    ) -> None:
        self._options, self._names, self._origins, self._talk = options, names, origins, talk
        self.hurry = False
        """Wait for nothing any more."""
        self._all: dict[int, Any] = {}  # sequence → row, of everything that was sent
        self._hops: dict[int, list[Any]] = {}
        self._rows: list[Any] = []
        self._complete: dict[int, float] = {}  # since when all probes of a hop are decided
        self._next = options.first_ttl
        self._printed: set[int] = set()
        self._end: int | None = None

    def names(self, addresses: Iterable[str], limit: float) -> dict[str, str]:
        return self._names.get(set(addresses), limit) if self._names else {}

    def numbers(self, addresses: Iterable[str], limit: float) -> dict[str, int | None] | None:
        return self._origins.get(set(addresses), limit) if self._origins else None

    def all_rows(self) -> list[Any]:
        """The rows of all probes in order, also of those that a hard end has left undecided."""
        rows = [row for _, row in sorted(self._all.items())]
        for row in rows:
            if isnan(row["rtt_ms"]):
                row["rtt_ms"] = row["rtt_user_ms"]  # the answer was there, the kernel's stamp was not
        return rows

    def add(self, row: Any) -> None:
        self._all[row["sequence"]] = row
        if row["outcome"] == "pending":
            return  # it is sent again, or was in flight at the end: no star
        self._rows.append(row)
        self._hops.setdefault(row["ttl"], []).append(row)
        for lookups in self._asked():
            lookups.ask(row["responder"])
        if is_final(row) and "last-ditch" not in row["flags"].split():
            self._end = row["ttl"] if self._end is None else min(self._end, row["ttl"])
        self.print_ready()

    def print_ready(self) -> bool:
        """Print the hops whose turn it is; False, because nothing in here ends a trace."""
        while self._ready(self._next):
            self._print(self._next)
            self._next += 1
        return False

    def _ready(self, ttl: int) -> bool:
        """Whether all of a hop is decided, and its names are known or were waited for long enough."""
        rows = self._hops.get(ttl, ())
        if len(rows) < self._options.attempts or self._beyond(ttl):
            return False
        if all(lookups.known(row["responder"] for row in rows) for lookups in self._asked()):
            return True
        return time.monotonic() >= self._complete.setdefault(ttl, time.monotonic()) + NAME_WAIT

    def _beyond(self, ttl: int) -> bool:
        return self._end is not None and ttl > self._end

    def notice(self, word: str, row: Any) -> None:
        """A late answer of a hop that stands on the paper already gets a line of its own."""
        if word == "sent":
            self._all[row["sequence"]] = row
        elif word == "late" and self._talk and row["ttl"] in self._printed:
            _say(trace_text.late(row, self.names([row["responder"]], 0.0)))

    def finish(self) -> None:
        """Print what is left, complete or not: the trace was ended, or its last hop was never complete."""
        left = [ttl for ttl in sorted(self._hops) if ttl not in self._printed and not self._beyond(ttl)]
        asked = left if self._talk else list(self._hops)
        responders = [row["responder"] for ttl in asked for row in self._hops[ttl]]
        limit = 0.0 if self.hurry else NAME_WAIT
        self.names(responders, limit)
        self.numbers(responders, limit)
        for ttl in left:
            self._print(ttl)

    def _print(self, ttl: int) -> None:
        self._printed.add(ttl)
        if self._talk:
            mark_path(self._rows)
            shown = self._hops[ttl]
            responders = [row["responder"] for row in shown if answered(row)]
            for text in trace_text.hop(shown, self.names(responders, 0.0), self.numbers(responders, 0.0)):
                _say(text)

    def _asked(self) -> list[Lookups[Any]]:
        return [lookups for lookups in (self._names, self._origins) if lookups]

    def close(self) -> None:
        for lookups in self._asked():
            lookups.close()


def _say(text: str) -> None:
    print(text, flush=True)


@contextmanager
def _suspend_ends() -> Iterator[None]:
    """Inside, CTRL+Z does what CTRL+C does."""
    if not hasattr(signal, "SIGTSTP") or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTSTP, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, before)
