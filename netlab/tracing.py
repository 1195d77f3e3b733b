"""Traceroute as students and the command ask for it, without tables: check what was typed, then run it.

Two steps: the ladder of TTLs, and, when the destination stayed silent, the last-ditch check. Both are sessions of one
measurement on one network, and their probes are numbered through.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from netlab.errors import NetworkError, UsageError
from netlab.network.base import Family, Network
from netlab.probe.build import COOKIE_BYTES, Builder, packet_size
from netlab.probe.ladder import GAP_LIMIT, LAST_DITCH_TTL, Ladder, OwnPlan, PlanFunction, is_final, mark_path
from netlab.probe.plan import Target
from netlab.probe.rows import Row, add_flag
from netlab.probe.session import Notice
from netlab.probe.trace import MatchFunction, Steering, TraceSession
from netlab.probing import DEFAULT_PORT, LARGEST_PAYLOAD, MOST_PROBES, SECOND, find_targets, one_of, seconds, secret_key
from netlab.probing import whole as whole_number
from netlab.run import measure

LEAST_PAYLOAD = COOKIE_BYTES + 2
"""The cookie, and the two bytes that keep a checksum as it should be."""


@dataclass(slots=True, eq=False)
class TraceOptions:
    """The arguments of `netlab.traceroute`, checked; times in seconds as typed."""

    protocol: Literal["icmp", "udp", "tcp"] = "icmp"
    first_ttl: int = 1
    max_ttl: int = 30
    attempts: int = 3
    timeout: float = 3.0
    window: int = 16
    flow: Literal["paris", "classic"] = "paris"
    size: int = 32
    port: int | None = None
    dont_fragment: bool = False
    tos: int = 0
    family: Family | None = None
    source: str | None = None
    plan: PlanFunction | None = None
    match: MatchFunction | None = None
    gap_limit: int | None = GAP_LIMIT

    def __post_init__(self) -> None:
        one_of("protocol", self.protocol, ("icmp", "udp", "tcp"))
        self.first_ttl = whole_number("first_ttl", self.first_ttl, 1, 255)
        self.max_ttl = whole_number("max_ttl", self.max_ttl, 1, 255)
        if self.first_ttl > self.max_ttl:
            raise UsageError("first_ttl", self.first_ttl, f"must not be larger than max_ttl, which is {self.max_ttl}")
        self.attempts = whole_number("attempts", self.attempts, 1, 100)
        self.timeout = seconds("timeout", self.timeout, above=0.0)
        self.window = whole_number("window", self.window, 1, 1000)
        one_of("flow", self.flow, ("paris", "classic"))
        one_of("family", self.family, (None, 4, 6))
        self.size = whole_number("size", self.size, LEAST_PAYLOAD, LARGEST_PAYLOAD[self.family or 6] - 8)
        if self.port is not None:
            if self.protocol == "icmp":
                raise UsageError("port", self.port, "ICMP has no ports; leave it out, or take protocol='udp' or 'tcp'")
            self.port = whole_number("port", self.port, 1, 65_535)
        self.tos = whole_number("tos", self.tos, 0, 255)
        if not isinstance(self.dont_fragment, bool):
            raise UsageError("dont_fragment", self.dont_fragment, "must be True or False")
        if self.source is not None and not isinstance(self.source, str):
            raise UsageError("source", self.source, "must be an address (on a virtual network also a name), as text")
        if self.gap_limit is not None:
            self.gap_limit = whole_number("gap_limit", self.gap_limit, 1, 255)
        for name in ("plan", "match"):
            piece = getattr(self, name)
            if piece is not None and not callable(piece):
                raise UsageError(name, piece, "give a function")


def run_trace(
    destination: str,
    options: TraceOptions,
    network: Network,
    *,
    stop: Callable[[], bool] | None = None,
    notice: Notice | None = None,
    on_interrupt: Callable[[], None] | None = None,
    started: Callable[[Target], None] | None = None,
) -> Generator[Row, None, None]:
    """Traceroute: give the row of every probe as soon as it is decided.

    A late answer changes its row in place; at the end `mark_path` adds the flags that need the whole path.
    """
    rows: list[Row] = []
    ended: list[bool] = []

    def interrupted() -> None:
        ended.append(True)
        if on_interrupt is not None:
            on_interrupt()

    def stopping() -> bool:
        if stop is not None and stop():
            ended.append(True)
        return bool(ended)

    network.begin()
    try:
        target = one_target(destination, network, options.family, options.source)
        builder = builder_for(options, network, target)
        plan: Steering = (
            OwnPlan(options.plan, target, options.size)
            if options.plan is not None
            else Ladder(target, options.first_ttl, options.max_ttl, options.attempts, options.size, options.gap_limit)
        )
        session = trace_session(plan, builder, options, network, notice=notice, match=options.match)
        if started is not None:
            started(target)
        for row in measure(session, network, stop=stopping, on_interrupt=interrupted):
            rows.append(row)
            yield row
        silent = not any(map(is_final, rows)) and options.plan is None
        if silent and rows and not ended:
            yield from _last_ditch(rows, target, options, network, session.numbers, stopping, interrupted, notice)
    finally:
        mark_path(rows)
        network.end()


def _last_ditch(
    rows: list[Row],
    target: Target,
    options: TraceOptions,
    network: Network,
    numbers: int,
    stop: Callable[[], bool],
    interrupted: Callable[[], None],
    notice: Notice | None,
) -> Iterator[Row]:
    """One more probe, which no TTL limits: ICMP, or the same protocol where ICMP is not allowed."""
    protocol = options.protocol
    try:
        network.identifier("icmp", 6 if ":" in target.address else 4)
        protocol = "icmp"
    except NetworkError:
        pass
    builder = builder_for(options, network, target, protocol)
    plan = Ladder(target, LAST_DITCH_TTL, LAST_DITCH_TTL, 1, options.size, None)
    session = trace_session(plan, builder, options, network, notice=notice, first_number=numbers + 1)
    for row in measure(session, network, stop=stop, on_interrupt=interrupted):
        add_flag(row, "last-ditch")
        rows.append(row)
        yield row


def one_target(destination: str, network: Network, family: Family | None, source: str | None) -> Target:
    """Resolve the one destination of a path measurement."""
    if not isinstance(destination, str) or not destination.strip():
        raise UsageError("destination", destination, "must be one host name or IP address, as text")
    return find_targets(destination, network, family, source)[0]


def builder_for(options: TraceOptions, network: Network, target: Target, protocol: Any = None) -> Builder:
    """The packets of a path measurement; opens what its protocol needs, and checks the size."""
    protocol = protocol or options.protocol
    family: Family = 6 if ":" in target.address else 4
    head = 20 if family == 4 else 40
    if packet_size(protocol, family, options.size) - head > LARGEST_PAYLOAD[family]:
        raise UsageError("size", options.size, f"must be at most {LARGEST_PAYLOAD[family] - 8} bytes in IPv{family}")
    return Builder(
        protocol,
        {family: network.identifier(protocol, family)},
        secret_key(network, [target]),
        port=options.port or DEFAULT_PORT[protocol] or 0,
        tos=options.tos,
        dont_fragment=options.dont_fragment,
        flows=options.flow,
    )


def trace_session(
    plan: Steering,
    builder: Builder,
    options: TraceOptions,
    network: Network,
    *,
    notice: Notice | None = None,
    match: MatchFunction | None = None,
    adaptive: bool = True,
    first_number: int = 1,
) -> TraceSession:
    """A session for a steered plan with these options."""
    return TraceSession(
        plan,
        builder,
        timeout=int(options.timeout * SECOND),
        network=network.name,
        epoch=network.epoch,
        virtual=network.virtual,
        window=options.window,
        adaptive=adaptive,
        match=match,
        notice=notice,
        first_number=first_number,
    )


def check_total(probes: int, network: Network) -> None:
    """Hold a measurement of a real destination to a number of probes that nobody minds."""
    if not network.virtual and network.name == "live" and probes > MOST_PROBES:
        raise UsageError("count", probes, f"makes more than {MOST_PROBES} probes to a real destination; take fewer")
