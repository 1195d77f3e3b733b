"""Path MTU: the largest packet that gets through, hop by hop, as a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from netlab import frames
from netlab.api import complete, network_for, with_names, yes_or_no
from netlab.network.base import Family, Network, Refused, Sent
from netlab.probe.build import packet_size
from netlab.probe.path_mtu import MtuRow, PathMtu
from netlab.probe.rows import Row
from netlab.probing import one_of
from netlab.run import measure
from netlab.tracing import TraceOptions, builder_for, one_target, trace_session

if TYPE_CHECKING:
    from pandas import DataFrame

    from netlab.internet.model import World


def path_mtu(
    destination: str,
    protocol: Literal["icmp", "udp"] = "udp",
    max_ttl: int = 30,
    timeout: float = 3.0,
    port: int | None = None,
    family: Family | None = None,
    source: str | None = None,
    names: bool = False,
    network: str | World | Network | Path | None = None,
) -> DataFrame:
    """Find the largest packet that passes, hop by hop: a table with one row per hop; sizes in bytes of the IP packet.

    Large packets that must not be fragmented go to each hop. Routers whose next link is too narrow say so; where they
    do not ("black hole"), the size is found by halving. On a real network it takes seconds per black hole, since loss
    has to be ruled out.

    Parameters
    ----------
    destination
        Host name or address.
    protocol
        ``"udp"``: datagrams to a port where nobody should be. ``"icmp"``: echo requests; the destination's replies are
        as large, so the way back has to carry them, too.
    max_ttl
        TTL to give up at, 1 to 255.
    timeout, port, family, source, names
        As in `traceroute`.
    network
        As in `use`, for this call only.

    Returns
    -------
    DataFrame
        PATH_MTU, from our own machine (``ttl`` 0) to the destination: ``destination`` (str), ``ttl`` (int64),
        ``responder``, ``responder_name`` (str, ``""``: silent hop), ``mtu`` (Int32: the largest packet from here that
        passes this hop towards the next one; at the destination, that arrives; ``<NA>``: not known), ``evidence`` (str:
        ``"interface"`` our machine refuses larger ones, ``"too big message"`` of this router, ``"black hole"`` behind
        this hop larger ones vanish without a word, ``"search"`` nothing larger came as far), ``probes`` (int64, sent
        with this TTL; ``ttl`` 0: refused by our machine), ``detail`` (str), ``network`` (category), ``address`` (str).

        The path MTU is the ``mtu`` of the last row.

    Raises
    ------
    UsageError
        For an argument that cannot be. NameNotFound, NoRoute, PermissionNeeded: see `netlab.errors`. All are raised
        before anything is sent.

    Examples
    --------
    >>> import netlab
    >>> from netlab.api_mtu import path_mtu
    >>> _ = netlab.use("campus")
    >>> path_mtu("www")[["ttl", "responder", "mtu", "evidence"]]
       ttl     responder   mtu         evidence
    0    0    192.0.2.10  1500        interface
    1    1     192.0.2.1  1500           search
    2    2  198.51.100.2  1400  too big message
    3    3  203.0.113.80  1400           search

    Source
    ------
    RFC 1191 (IPv4), RFC 8201 (IPv6), RFC 4821 (search without messages), RFC 2923 (black holes).
    """
    chosen = network_for(network)
    search = MtuSearch(
        destination,
        chosen,
        protocol=protocol,
        max_ttl=max_ttl,
        timeout=timeout,
        port=port,
        family=family,
        source=source,
    )
    yes_or_no("names", names)
    rows = list(search.run(on_interrupt=_say_interrupted))
    return frames.table(search.results(with_names(complete(rows, chosen), chosen, names)), frames.PATH_MTU)


class MtuSearch:
    """One run of `path_mtu`, for who wants to see it grow: arguments as there, checked at once.

    `run` gives the row of PROBES of every probe; `results` the rows of PATH_MTU, at any time.
    """

    def __init__(self, destination: str, network: Network, *, protocol: str = "udp", **arguments: Any) -> None:
        one_of("protocol", protocol, ("icmp", "udp"))  # a SYN carries no payload
        self.destination, self.network = destination, network
        self.options = TraceOptions(protocol=cast(Any, protocol), dont_fragment=True, **arguments)
        self.plan: PathMtu | None = None

    def run(
        self, stop: Callable[[], bool] | None = None, on_interrupt: Callable[[], None] | None = None
    ) -> Iterator[Row]:
        """Measure: give the row of every probe as soon as it is decided."""
        network, options = self.network, self.options
        network.begin()
        try:
            target = one_target(self.destination, network, options.family, options.source)
            builder = builder_for(options, network, target)
            header = packet_size(options.protocol, 6 if ":" in target.address else 4, 0)
            self.plan = PathMtu(target, header, options.max_ttl)
            session = trace_session(self.plan, builder, options, network)
            yield from measure(session, _whole(network), stop=stop, on_interrupt=on_interrupt)
        finally:
            network.end()

    def results(self, rows: list[Row]) -> list[MtuRow]:
        """The rows of PATH_MTU, from what was answered up to now; ``rows`` are those of `run`, for names."""
        if self.plan is None or not rows:
            return []
        first = rows[0]
        names = {row["responder"]: row["responder_name"] for row in rows}
        names[""] = ""
        if hasattr(self.network, "locate"):
            names.setdefault(first["source"], self.network.reverse(first["source"]))
        return [
            {
                **result,
                "destination": self.destination,
                "responder_name": names.get(result["responder"], ""),
                "network": first["network"],
                "address": self.plan.target.address,
            }
            for result in self.plan.results()
        ]


class _Whole:
    """A network whose packets are never cut up, in IPv6 neither: there no bit in the header could say so."""

    def __init__(self, network: Network) -> None:
        self._network: Any = network

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)

    def send(self, packet: bytes) -> Sent | Refused:
        result: Sent | Refused = self._network.send(packet, fragment=False)
        return result


def _whole(network: Network) -> Network:
    can_be_told = "fragment" in signature(network.send).parameters
    return cast(Network, _Whole(network)) if can_be_told else network


def _say_interrupted() -> None:
    print("Interrupted: the table holds what was measured up to now.")
