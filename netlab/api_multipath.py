"""Multipath: all links that packets to a destination may take, as a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from netlab import frames
from netlab.api import complete, network_for, with_names, yes_or_no
from netlab.errors import UsageError
from netlab.network.base import Family, Network
from netlab.probe.multipath import ATTEMPTS, MOST_PROBES, Multipath
from netlab.probe.multipath_links import LinkRow, links
from netlab.probe.rows import Row
from netlab.probe.stopping import BRANCH_POINTS, StopFunction, checked, rule
from netlab.probing import LEAST_INTERVAL, SECOND, is_loopback, one_of, seconds
from netlab.probing import whole as whole_number
from netlab.run import measure
from netlab.tracing import TraceOptions, builder_for, one_target, trace_session

if TYPE_CHECKING:
    from pandas import DataFrame

    from netlab.internet.model import World

LIVE_INTERVAL = 0.02
"""s between two probes on the live network: 50 a second to everybody together, to one router mostly less than 10."""


def multipath(
    destination: str,
    confidence: float = 0.95,
    stop: StopFunction | None = None,
    protocol: Literal["icmp", "udp", "tcp"] = "udp",
    max_ttl: int = 30,
    timeout: float = 3.0,
    window: int = 16,
    port: int | None = None,
    size: int = 32,
    family: Family | None = None,
    source: str | None = None,
    network: str | World | Network | Path | None = None,
    *,
    per: Literal["node", "path"] = "node",
    first_ttl: int = 1,
    attempts: int = ATTEMPTS,
    tos: int = 0,
    names: bool = False,
    neighbours: bool = True,
    interval: float | None = None,
    most_probes: int = MOST_PROBES,
) -> DataFrame:
    """Find all paths to a destination: a table with one row per link between two routers.

    Load balancers send the packets of different connections different ways. This sends many flows (with other port
    numbers, or ICMP checksums) at each router, until a stopping rule says that a further way is unlikely.

    Parameters
    ----------
    destination
        Host name or address.
    confidence
        That no next hop of a router was missed, above 0 and at most 0.9999. 0.95 takes 6 flows for a router with a
        single next hop, and 96 for one with 16.
    stop
        Your own stopping rule instead: ``stop(found)`` gives how many flows through a router are enough when ``found``
        next hops have been seen. One that is content too early shows: links are missing.
    protocol
        ``"udp"``: flows differ in the destination port. ``"tcp"``: in the source port (SYNs to ``port``). ``"icmp"``:
        in the checksum.
    first_ttl, max_ttl
        TTLs (IPv6: hop limits) to begin and end with, 1 to 255.
    timeout, window, port, size, family, source, tos, names
        As in `traceroute`.
    network
        As in `use`, for this call only.
    per
        ``"node"``: the confidence is that of each router. ``"path"``: of the whole path, with up to 16 routers that
        branch; takes about twice the probes.
    attempts
        Silent probes of a flow after which a hop counts as silent, if it never answers anybody. Elsewhere a lost probe
        is repeated up to 6 times.
    neighbours
        Also look for balancers that go by the destination's address, with a few probes to addresses that differ in the
        last 8 bits. They end at the routers before the destination, where such an address shares the way.
    interval
        Seconds from one probe to the next. None: 0.02 on the live network, where 0.01 is the least, and 0 elsewhere.
    most_probes
        It ends after so many, 1 to 10,000, whatever is unknown then.

    Returns
    -------
    DataFrame
        LINKS: ``destination`` (str), ``ttl`` (int64, of the far end), ``near``, ``far`` (str, addresses; ``""``: a hop
        that does not answer; ``near`` of TTL 1 is our own address), ``near_name``, ``far_name`` (str), ``flows``,
        ``probes`` (int64, seen to take this link), ``balancer`` (category, what the near router is: none, flow, packet,
        destination or unknown), ``certain`` (bool), ``network`` (category), ``address`` (str, destination as resolved),
        ``protocol`` (category), ``sent`` (int64, probes of the whole measurement, the same in all rows).

        ``certain`` is False where something else explains what was seen as well: behind a balancer that decides per
        packet (two probes of one flow go different ways there), behind a route that changed meanwhile, or for a silent
        hop beside others that answer. A router that is met at two TTLs (ways of unequal length) has links at both.
        Links of neighbouring addresses are not in the table; ``balancer`` tells of them. A link may lead over routers
        that take nothing off the TTL, as in an MPLS tunnel that hides them: no probe can show those.

    Raises
    ------
    UsageError
        For an argument that cannot be. NameNotFound, NoRoute, PermissionNeeded: see `netlab.errors`. All are raised
        before anything is sent.

    Examples
    --------
    >>> import netlab
    >>> from netlab.api_multipath import multipath
    >>> _ = netlab.use("line")
    >>> multipath("server")[["ttl", "near", "far", "flows", "balancer", "certain"]]
       ttl          near           far  flows balancer  certain
    0    1    192.0.2.10     192.0.2.1      6     none     True
    1    2     192.0.2.1  198.51.100.2      6     none     True
    2    3  198.51.100.2  198.51.100.6      6     none     True
    3    4  198.51.100.6  203.0.113.80      6     none     True

    Source
    ------
    Augustin, Friedman, Teixeira 2007 (MDA); Veitch et al. 2009 (the exact rule); Vermeulen et al. 2020 (addresses).
    """
    chosen = network_for(network)
    arguments = {name: value for name, value in locals().items() if name in ARGUMENTS}
    measurement = Measurement(destination, chosen, **arguments)
    yes_or_no("names", names)
    rows = list(measurement.run(on_interrupt=_say_interrupted))
    return frames.table(measurement.links(with_names(complete(rows, chosen), chosen, names)), frames.LINKS)


ARGUMENTS = (
    "confidence", "stop", "protocol", "max_ttl", "timeout", "window", "port", "size", "family", "source", "per",
    "first_ttl", "attempts", "tos", "neighbours", "interval", "most_probes",
)  # fmt: skip


class Measurement:
    """One run of `multipath`, for who wants to see it grow: arguments as there, checked at once.

    `run` gives the row of PROBES of every probe; `links` the rows of LINKS, at any time.
    """

    def __init__(
        self,
        destination: str,
        network: Network,
        *,
        confidence: float = 0.95,
        stop: StopFunction | None = None,
        per: Literal["node", "path"] = "node",
        neighbours: bool = True,
        interval: float | None = None,
        most_probes: int = MOST_PROBES,
        attempts: int = ATTEMPTS,
        **arguments: Any,
    ) -> None:
        self.destination, self.network = destination, network
        self.options = TraceOptions(**{"protocol": "udp", **arguments}, attempts=attempts)
        one_of("per", per, ("node", "path"))
        points = BRANCH_POINTS if per == "path" else 1
        self.stop = checked(rule(_confidence(confidence), points) if stop is None else stop)
        self.neighbours = yes_or_no("neighbours", neighbours)
        self.interval = None if interval is None else seconds("interval", interval, least=0.0)
        self.most_probes = whole_number("most_probes", most_probes, 1, 10_000)
        self.plan: Multipath | None = None

    def run(
        self, stop: Callable[[], bool] | None = None, on_interrupt: Callable[[], None] | None = None
    ) -> Iterator[Row]:
        """Measure: give the row of every probe as soon as it is decided."""
        network, options = self.network, self.options
        network.begin()
        try:
            target = one_target(self.destination, network, options.family, options.source)
            builder = builder_for(options, network, target)
            self.plan = Multipath(
                target,
                self.stop,
                options.first_ttl,
                options.max_ttl,
                options.size,
                options.attempts,
                int(self._interval(target.address) * SECOND),
                self.most_probes,
                self.neighbours,
            )
            session = trace_session(self.plan, builder, options, network)
            yield from measure(session, network, stop=stop, on_interrupt=on_interrupt)
        finally:
            network.end()

    def _interval(self, address: str) -> float:
        considerate = self.network.name == "live" and not is_loopback(address)
        if self.interval is None:
            return LIVE_INTERVAL if considerate else 0.0
        if considerate and self.interval < LEAST_INTERVAL:
            allowed = f"must be at least {LEAST_INTERVAL} s on a real network; faster is possible on a virtual one"
            raise UsageError("interval", self.interval, allowed)
        return self.interval

    def links(self, rows: list[Row]) -> list[LinkRow]:
        """The rows of LINKS, from what was answered up to now; ``rows`` are those of `run`, for names."""
        if self.plan is None or not rows:
            return []
        first = rows[0]
        names = {row["responder"]: row["responder_name"] for row in rows}
        names[""] = ""
        if hasattr(self.network, "locate"):
            names.setdefault(first["source"], self.network.reverse(first["source"]))
        common = {
            "destination": self.destination,
            "network": first["network"],
            "address": self.plan.target.address,
            "protocol": first["protocol"],
            "sent": sum(row["outcome"] != "not-sent" for row in rows),
        }
        return [
            {**link, **common, "near_name": names.get(link["near"], ""), "far_name": names.get(link["far"], "")}
            for link in links(self.plan.sightings, self.stop)
        ]


def _confidence(value: float) -> float:
    try:
        number = nan if isinstance(value, str | bytes | bool) else float(value)
    except (TypeError, ValueError):
        number = nan
    if not 0 < number <= 0.9999:
        raise UsageError("confidence", value, "must be a number above 0 and at most 0.9999, such as 0.95")
    return number


def _say_interrupted() -> None:
    print("Interrupted: the table holds what was measured up to now.")
