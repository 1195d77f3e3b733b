"""The façade: it chooses the network, runs the measurement and builds the table.

Everything here is a thin function: what a probe is lives in ``probe``, how it travels in ``network``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from netlab import frames, wire
from netlab.errors import UsageError
from netlab.network import choose
from netlab.network.base import Family, Network
from netlab.probe.build import ChecksumFunction
from netlab.probe.ladder import PlanFunction
from netlab.probe.rows import Row
from netlab.probe.trace import MatchFunction
from netlab.probing import PingOptions, run_ping
from netlab.run import Lookups, names_of
from netlab.tracing import TraceOptions, run_trace

if TYPE_CHECKING:
    from pandas import DataFrame

    from netlab.internet.model import World

_current: Network | None = None


def use(network: str | World | Network | Path, seed: int = 1) -> Network:
    """Choose the network that everything from now on is measured on.

    Parameters
    ----------
    network
        ``"campus"`` or another world (a virtual network inside this process), ``"lab:campus"`` (the same world with
        real kernel packets, Linux), ``"live"`` (the real network), a `World`, a path of a world file, or a Network.
    seed
        Of everything random in a world: same seed, same tables.

    Returns
    -------
    Network
        Its repr names world and seed in one line. In a ``with`` line one world runs on from measurement to
        measurement, and the network used before comes back at the end.

    Raises
    ------
    UsageError
        When there is no such network; the message lists those there are.

    Examples
    --------
    >>> import netlab
    >>> with netlab.use("line") as network:
    ...     netlab.ping("server", count=1)["rtt_ms"].tolist()
    [22.0]
    """
    global _current
    before = _current
    chosen: Network = choose(network, seed)
    _current = chosen

    def restore() -> None:
        global _current
        _current = before

    chosen.exits.append(restore)
    return chosen


def current() -> Network:
    """Give the network in use: of `use`, else of the environment variable NETLAB_NETWORK, else the live one."""
    global _current
    if _current is None:
        _current = choose(os.environ.get("NETLAB_NETWORK") or "live")
    return _current


def network_for(network: str | World | Network | Path | None, seed: int = 1) -> Network:
    """Give the network that a call's ``network=`` means; None: the one in use."""
    return current() if network is None else choose(network, seed)


def world(description: str | Path | Mapping[str, Any] | World) -> World:
    """Give a world: by name, from a path of a TOML file, from TOML text, or from a dict.

    What nodes, links, traffic and tunnels can be told (balance, nat, tos, control, limits, loss …) is in
    ``help("netlab.internet.world")``, how to build a world in Python in ``help("netlab.internet.builder")``.

    Raises
    ------
    WorldError
        When it cannot be built; the message names table, key, node or link.

    Examples
    --------
    >>> import netlab
    >>> netlab.world("line").vantage
    'laptop'
    """
    from netlab.network.worlds import load

    return load(description)


def ping(
    destination: str | Sequence[str],
    count: int | None = 4,
    interval: float = 1.0,
    timeout: float = 2.0,
    deadline: float | None = None,
    ttl: int = 64,
    size: int | Sequence[int] = 56,
    pattern: bytes | str = b"\x00",
    dont_fragment: bool = False,
    tos: int = 0,
    protocol: Literal["icmp", "udp", "tcp"] = "icmp",
    port: int | None = None,
    family: Family | None = None,
    source: str | None = None,
    checksum: ChecksumFunction | None = None,
    network: str | World | Network | None = None,
    *,
    kind: Literal["echo", "timestamp", "syn", "ack"] | None = None,
    flow_label: int = 0,
    adaptive: bool = False,
) -> DataFrame:
    """Send probes to one or many destinations and give a table with one row per probe; delays in ms.

    Parameters
    ----------
    destination
        Host name or address, or a list of them (all are probed side by side).
    count
        Probes per destination. None: until CTRL+C or ``deadline`` (not on a virtual network).
    interval
        Seconds from one probe to the next of the same destination; on the live network at least 0.01.
    timeout
        Seconds after which a probe counts as lost. An answer that comes later makes its row ``late``.
    deadline
        Seconds after which everything stops; what is in flight then is ``pending``, not lost.
    ttl
        Time to live (IPv6: hop limit), 1 to 255.
    size
        Bytes of payload; the packet is 28 (IPv4) or 48 (IPv6) longer. A list is swept through, round and round.
    pattern
        What the payload is filled with behind its first 8 bytes: bytes, or hexadecimal digits as text.
    dont_fragment
        Set DF (IPv4): routers answer "fragmentation needed" instead of cutting the packet up.
    tos
        The 8 bits of TOS (DSCP and ECN; IPv6: traffic class).
    protocol
        ``"icmp"``: echo request. ``"udp"``: a datagram to ``port`` (default 33434), "port unreachable" shows that the
        host is there. ``"tcp"``: a SYN to ``port`` (default 80).
    port
        Destination port of UDP and TCP.
    family
        4 or 6; None: what the name's first address is.
    source
        Our own address; on a virtual network also the name of the host to start from.
    checksum
        Your own checksum function, ``function(message: bytes) -> int``; the message's checksum field is 0. A wrong one
        shows as lost probes. Where the kernel writes the checksum itself (ping sockets) it has no effect.
    network
        As in `use`, for this call only; None: the one in use.
    kind
        ``"echo"`` or ``"timestamp"`` (ICMP), ``"syn"`` or ``"ack"`` (TCP); None: the first.
    flow_label
        IPv6 flow label, 20 bits.
    adaptive
        Send the next probe as soon as the last one is answered, at the latest after ``interval``.

    Returns
    -------
    DataFrame
        PROBES. The columns to begin with: ``destination``, ``ttl``, ``attempt`` (int64), ``responder`` (str),
        ``rtt_ms`` (float64, NaN: no answer), ``outcome`` (category: reply, time-exceeded, unreachable, late, timeout,
        pending, not-sent), ``detail`` (str). What the network does to a probe is always a row; ``request`` and
        ``answer`` hold the packets, for `explain` (``b""``: none).

    Raises
    ------
    UsageError
        For an argument that cannot be. NameNotFound, NoRoute, PermissionNeeded: see `netlab.errors`. All are raised
        before anything is sent.

    Examples
    --------
    >>> import netlab
    >>> _ = netlab.use("line")
    >>> netlab.ping("server", count=2)[["attempt", "responder", "rtt_ms", "outcome"]]
       attempt        responder  rtt_ms outcome
    0        1  203.0.113.80      22.0   reply
    1        2  203.0.113.80      22.0   reply

    Source
    ------
    RFC 792 and RFC 4443 section 4 (echo), RFC 1122 section 3.2.2.6, RFC 2681 (round-trip delay).
    """
    chosen = network_for(network)
    options = PingOptions(
        count, interval, timeout, deadline, ttl, size, pattern, dont_fragment, tos, flow_label, protocol, kind, port,
        family, source, checksum, adaptive,
    )  # fmt: skip
    rows = list(run_ping(destination, options, chosen, on_interrupt=_say_interrupted))
    return frames.probes(complete(rows, chosen))


def pinging(
    destination: str | Sequence[str],
    *,
    network: str | World | Network | None = None,
    stop: Callable[[], bool] | None = None,
    **arguments: Any,
) -> Iterator[Row]:
    """Ping row by row: an iterator of rows of PROBES, each as soon as it is decided; arguments as in `ping`.

    ``stop`` is asked now and then, at least 20 times a second on a real clock; when it says True, the measurement ends
    and what is in flight becomes ``pending``. A duplicate or late answer changes its row in place. ``frames.probes``
    makes the table.
    """
    chosen = network_for(network)
    options = PingOptions(**arguments)
    rows: list[Row] = []
    for row in run_ping(destination, options, chosen, stop=stop):
        rows.append(row)
        complete([row], chosen)
        yield row
    complete([row for row in rows if row["outcome"] == "late"], chosen)


def traceroute(
    destination: str,
    protocol: Literal["icmp", "udp", "tcp"] = "icmp",
    first_ttl: int = 1,
    max_ttl: int = 30,
    attempts: int = 3,
    timeout: float = 3.0,
    window: int = 16,
    flow: Literal["paris", "classic"] = "paris",
    size: int = 32,
    port: int | None = None,
    dont_fragment: bool = False,
    tos: int = 0,
    family: Family | None = None,
    source: str | None = None,
    names: bool = False,
    plan: PlanFunction | None = None,
    match: MatchFunction | None = None,
    network: str | World | Network | None = None,
    *,
    gap_limit: int | None = 5,
    as_numbers: bool = False,
) -> DataFrame:
    """Find the routers on the way to a destination: a table with one row per probe; delays in ms.

    Each probe leaves with a TTL that is used up somewhere; the router there says "time exceeded" and shows its address.
    A probe that gets as far as it can is answered differently: by a reply, or by "port unreachable" and its like.

    Parameters
    ----------
    destination
        Host name or address.
    protocol
        ``"icmp"``: echo requests. ``"udp"``: datagrams to a port where nobody should be (33434). ``"tcp"``: SYNs to
        ``port`` (80). On Linux all three work without root.
    first_ttl, max_ttl
        TTLs (IPv6: hop limits) to begin and end with, 1 to 255.
    attempts
        Probes per TTL.
    timeout
        Seconds after which a probe is given up. A probe is given up sooner, flagged ``early``, when its hop or a later
        one answers much faster (3 and 10 times the RTT there); an answer after that is ``late`` and keeps its RTT.
    window
        Probes in flight at once.
    flow
        ``"paris"``: all probes look alike to load balancers and take one way. ``"classic"``: each is a flow of its
        own, as in the first traceroutes, and the table may mix several ways.
    size
        Bytes of payload, at least 10; the packet is 28 (IPv4) or 48 (IPv6) longer. TCP probes carry none.
    port
        Destination port of UDP (the first) and TCP.
    dont_fragment, tos, family, source
        As in `ping`.
    names
        Look up the names of the responders, at most a second longer; in a virtual world they are always there.
    plan
        Your own plan: a generator function ``plan(rows)`` that yields TTLs, or pairs of TTL and attempt; ``rows`` is a
        list that grows with the answered probes. Stop rule and last-ditch check are then yours, too.
    match
        Your own matching: ``match(answer, requests)`` gets an incoming packet and a dict of sequence number → packet
        sent; it returns the sequence number of the probe that is answered, or None. A wrong one shows in the table.
    network
        As in `use`, for this call only.
    gap_limit
        Silent hops in a row after which it ends; None: go on to ``max_ttl``.
    as_numbers
        Fill ``asn`` on the real network, too, at most a second longer: asks a public service by DNS about every
        responder (not about private addresses). Needs dnspython. In a world the numbers are always there.

    Returns
    -------
    DataFrame
        PROBES, as for `ping`, ordered as sent. Silent hops are rows with the outcome ``timeout``. Words in ``flags``:
        ``beyond-end`` (sent before the end was known), ``early``, ``loop``, ``repeated-hop``, ``last-ditch`` (a final
        try with TTL 255 where the destination was silent), ``one-at-a-time`` (answers could not have been told apart
        otherwise), ``no-quote`` (the system hides what the router quoted), ``quote-differs`` (see `quote_diff`).

    Raises
    ------
    UsageError
        For an argument that cannot be. NameNotFound, NoRoute, PermissionNeeded: see `netlab.errors`. All are raised
        before anything is sent.

    Examples
    --------
    >>> import netlab
    >>> _ = netlab.use("line")
    >>> hops = netlab.traceroute("server", attempts=1, window=1)
    >>> hops[["ttl", "responder", "rtt_ms", "outcome"]]
       ttl     responder  rtt_ms        outcome
    0    1     192.0.2.1     2.0  time-exceeded
    1    2  198.51.100.2     6.0  time-exceeded
    2    3  198.51.100.6    12.0  time-exceeded
    3    4  203.0.113.80    22.0          reply

    Source
    ------
    RFC 792, RFC 1812 section 4.3 and RFC 4443 section 3 (the errors), RFC 4884, 4950 and 5837 (what they may carry).
    """
    chosen = network_for(network)
    options = TraceOptions(
        protocol, first_ttl, max_ttl, attempts, timeout, window, flow, size, port, dont_fragment, tos, family, source,
        plan, match, gap_limit,
    )  # fmt: skip
    yes_or_no("names", names)
    origins = origins_for(chosen, as_numbers)
    rows = complete(list(run_trace(destination, options, chosen, on_interrupt=_say_interrupted)), chosen)
    return frames.probes(with_as_numbers(with_names(rows, chosen, names), origins))


def tracing(
    destination: str,
    *,
    network: str | World | Network | Path | None = None,
    stop: Callable[[], bool] | None = None,
    **arguments: Any,
) -> Iterator[Row]:
    """Traceroute row by row: rows of PROBES, each as soon as it is decided; arguments as in `traceroute`.

    ``stop`` as in `pinging`. A late answer changes its row in place, and the end of the trace adds flags to rows.
    """
    names = yes_or_no("names", arguments.pop("names", False))
    chosen = network_for(network)
    origins = origins_for(chosen, arguments.pop("as_numbers", False))
    options = TraceOptions(**arguments)
    rows: list[Row] = []
    for row in run_trace(destination, options, chosen, stop=stop):
        rows.append(row)
        complete([row], chosen)
        yield row
    with_as_numbers(with_names(complete(rows, chosen), chosen, names), origins)


def yes_or_no(name: str, value: Any) -> bool:
    """Give ``value`` if it is True or False; raises UsageError for everything else, so that "no" is no yes."""
    if not isinstance(value, bool):
        raise UsageError(name, value, "must be True or False")
    return value


def with_names(rows: list[Row], network: Network, wanted: bool) -> list[Row]:
    """Look up the names of the responders, within a limit, after everything has been measured."""
    if wanted and not network.virtual:
        lookups = names_of(network)
        names = lookups.get({row["responder"] for row in rows})
        lookups.close()
        for row in rows:
            row["responder_name"] = names.get(row["responder"], "") or row["responder_name"]
    return rows


def origins_for(network: Network, wanted: bool) -> Callable[[str], int | None] | None:
    """Who is asked for AS numbers; None: nobody, because nobody wants that or the network's world knows them.

    Raises UsageError when they are wanted and cannot be asked for.
    """
    if not yes_or_no("as_numbers", wanted) or hasattr(network, "locate"):
        return None
    from netlab.network.as_numbers import Origins

    return Origins()


def with_as_numbers(rows: list[Row], origins: Callable[[str], int | None] | None) -> list[Row]:
    """Look up the AS numbers of the responders, within a limit, after everything has been measured."""
    if origins is not None:
        lookups = Lookups(origins, None)
        numbers = lookups.get({row["responder"] for row in rows})
        lookups.close()
        for row in rows:
            row["asn"] = numbers.get(row["responder"])
    return rows


def complete(rows: list[Row], network: Network) -> list[Row]:
    """Add what is known about the responders without asking anybody: names and places of a world."""
    locate: Callable[[str], Any] | None = getattr(network, "locate", None)
    if locate is None:
        return rows
    known: dict[str, Any] = {}
    for row in rows:
        responder = row["responder"]
        if not responder:
            continue
        if responder not in known:
            known[responder] = (locate(responder), network.reverse(responder))
        node, name = known[responder]
        row["responder_name"] = name
        if node is not None:
            row["asn"], row["place"] = node.asn, node.place
            if node.latitude is not None:
                row["latitude"], row["longitude"] = node.latitude, node.longitude
    return rows


def _say_interrupted() -> None:
    print("Interrupted: the table holds what was measured up to now.")


def explain(packet: bytes) -> DataFrame:
    """Take a packet, or HTTP messages, apart: one row per field, in the order of the bytes.

    Parameters
    ----------
    packet
        A whole IP packet, such as a ``request`` or ``answer`` of a PROBES table; or what one side of a connection said
        in HTTP, such as a ``request`` or ``answer`` of a PHASES table.

    Returns
    -------
    DataFrame
        FIELDS: ``layer`` (str), ``offset`` (int64, byte in the packet), ``bits`` (str, counted from that byte),
        ``field``, ``value``, ``meaning``, ``defined_in`` (str). Bytes that are no packet give rows that say so, and so
        does HTTP that breaks a rule; ``b""`` gives none.

    Raises
    ------
    UsageError
        When it is given something else than bytes.

    Examples
    --------
    >>> import netlab
    >>> _ = netlab.use("line")
    >>> request = netlab.ping("server", count=1)["request"][0]
    >>> netlab.explain(request)[["offset", "field", "value"]].head(2)
       offset          field value
    0       0        version     4
    1       0  header length     5
    >>> netlab.explain(b"GET / HTTP/1.1\\r\\nHost: www\\r\\n\\r\\n")["field"].tolist()[:3]
    ['method', 'target', 'version']
    """
    from netlab.http import fields

    if not isinstance(packet, bytes | bytearray | memoryview):
        raise UsageError("packet", packet, "must be bytes: one value of the columns request or answer")
    data = bytes(packet)
    return frames.fields(fields.fields(data) if fields.is_http(data) else wire.fields(data))


def doctor() -> DataFrame:
    """Say what this machine allows: a table of capability, whether it works, the evidence, and the remedy (all str).

    It tries things out on loopback and in namespaces of its own and sends nothing to anybody.
    """
    from netlab.network.doctor import capabilities

    return frames.capabilities(capabilities())


def to_pcap(frame: DataFrame, path: str | os.PathLike[str]) -> int:
    """Write a table's ``request`` and ``answer`` packets as pcapng, for Wireshark; gives how many were written.

    Times are ``sent_at`` and, for the answer, ``sent_at`` + ``rtt_ms``.
    """
    from netlab.network.files import write
    from netlab.wire.pcapng import to_pcapng

    frames.need_columns(frame, ["sent_at", "request", "answer"])
    packets: list[tuple[int, bytes, str]] = []
    columns = ["sent_at", "rtt_ms", "request", "answer", "destination", "attempt", "outcome"]
    rows: list[dict[Any, Any]] = frame[columns].to_dict("records")
    for row, sent in zip(rows, frames.wall_ns(frame["sent_at"]), strict=True):
        if sent is None:
            continue
        comment = f"{row['destination']} attempt {row['attempt']}"
        packets.append((sent, row["request"], comment))
        if row["answer"]:
            rtt = 0 if row["rtt_ms"] != row["rtt_ms"] else round(row["rtt_ms"] * 1e6)
            packets.append((sent + rtt, row["answer"], f"{comment}: {row['outcome']}"))
    packets.sort(key=lambda packet: packet[0])
    write(path, to_pcapng(packets))
    return len(packets)


def alive(frame: DataFrame) -> tuple[bool, str]:
    """Say whether the destination of a PROBES table is there, and why one may think so."""
    rows: list[dict[Any, Any]] = frame[["outcome", "responder", "address", "detail"]].to_dict("records")
    reasons = []
    for row in rows:
        outcome, responder, detail = row["outcome"], row["responder"], row["detail"]
        if outcome in ("reply", "late") or (outcome == "unreachable" and responder == row["address"]):
            return True, f"{responder} answered" + (f" ({detail})" if detail else "")
        if outcome in ("unreachable", "time-exceeded"):
            reasons.append(f"{responder} said: {detail}")
    return False, reasons[0] if reasons else "nobody answered, which does not prove that nobody is there"
