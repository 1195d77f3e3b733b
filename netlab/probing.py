"""Measurements as students and the command ask for them, without tables: check what was typed, then run it.

Every argument is checked before a socket is opened, every name is resolved before a packet is sent; what cannot be
is a `UsageError`, `NameNotFound`, `NoRoute` or `PermissionNeeded` that says what to do instead.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from operator import index
from typing import Any, Literal

from netlab.errors import NameNotFound, UsageError
from netlab.network.base import Family, Network
from netlab.probe.build import COOKIE_BYTES, Builder, ChecksumFunction, packet_size
from netlab.probe.plan import Probe, Target, ping_plan
from netlab.probe.rows import Row
from netlab.probe.session import Notice, ProbeSession
from netlab.run import measure

SECOND = 1_000_000_000
LEAST_INTERVAL = 0.01
"""s between two probes of one destination on a real network: a measurement is no attack. Loopback is free."""
LEAST_SPACING = 1_000_000
"""ns between any two probes to real destinations, as fping has it by default with -i 1."""
MOST_PROBES = 100_000
"""Against real destinations in one call."""
MOST_TARGETS = 4096
DEFAULT_PORT = {"icmp": None, "udp": 33434, "tcp": 80}
LEAST_UDP_PAYLOAD = COOKIE_BYTES + 2
"""Below that there is no room for the probe's cookie and number, and answers could be taken for each other's."""
LARGEST_PAYLOAD = {4: 65_535 - 20, 6: 65_535}  # behind the IP header; RFC 791, RFC 8200 section 3


@dataclass(slots=True, eq=False)
class PingOptions:
    """The arguments of `netlab.ping`, checked; times in seconds as typed."""

    count: int | None = 4
    interval: float = 1.0
    timeout: float = 2.0
    deadline: float | None = None
    ttl: int = 64
    size: int | Sequence[int] = 56
    pattern: bytes | str = b"\x00"
    dont_fragment: bool = False
    tos: int = 0
    flow_label: int = 0
    protocol: Literal["icmp", "udp", "tcp"] = "icmp"
    kind: Literal["echo", "timestamp", "syn", "ack"] | None = None
    port: int | None = None
    family: Family | None = None
    source: str | None = None
    checksum: ChecksumFunction | None = None
    adaptive: bool = False

    def __post_init__(self) -> None:
        self.count = None if self.count is None else whole("count", self.count, 1, 10_000_000)
        self.interval = seconds("interval", self.interval, least=0.0)
        self.timeout = seconds("timeout", self.timeout, above=0.0)
        if self.deadline is not None:
            self.deadline = seconds("deadline", self.deadline, above=0.0)
        self.ttl = whole("ttl", self.ttl, 1, 255)
        self.tos = whole("tos", self.tos, 0, 255)
        self.flow_label = whole("flow_label", self.flow_label, 0, 0xFFFFF)
        one_of("protocol", self.protocol, ("icmp", "udp", "tcp"))
        one_of("family", self.family, (None, 4, 6))
        self.kind = check_kind(self.protocol, self.kind)
        if self.port is not None:
            if self.protocol == "icmp":
                raise UsageError("port", self.port, "ICMP has no ports; leave it out, or take protocol='udp' or 'tcp'")
            self.port = whole("port", self.port, 1, 65_535)
        least = LEAST_UDP_PAYLOAD if self.protocol == "udp" else 0
        self.size = [whole("size", size, least, LARGEST_PAYLOAD[self.family or 6] - 8) for size in self.sizes]
        for name in ("dont_fragment", "adaptive"):
            yes_or_no(name, getattr(self, name))
        if self.source is not None and not isinstance(self.source, str):
            raise UsageError("source", self.source, "must be an address (on a virtual network also a name), as text")
        self.pattern = check_pattern(self.pattern)
        if self.checksum is not None and not callable(self.checksum):
            raise UsageError("checksum", self.checksum, "give a function that takes bytes and returns 0 to 65535")

    @property
    def sizes(self) -> list[int]:
        single = isinstance(self.size, str | bytes) or not hasattr(self.size, "__iter__")
        listed: list[Any] = [self.size] if single else list(self.size)  # type: ignore[arg-type]
        if not listed:
            raise UsageError("size", self.size, "an empty list; give one size or several")
        return listed


def whole(name: str, value: Any, least: int, most: int, of: str = "") -> int:
    """Give ``value`` as an int, also from numpy; raises UsageError unless it is a whole number in this range. ``of`` is
    the unit that the message tells, in the plural."""
    try:
        number = index(value)
    except TypeError:
        number = least - 1
    if isinstance(value, bool) or not least <= number <= most:
        raise UsageError(name, value, f"must be a whole number{f' of {of},' if of else ''} from {least} to {most}")
    return number


def seconds(name: str, value: Any, least: float | None = None, above: float | None = None) -> float:
    """Give ``value`` as a float, also from numpy; raises UsageError unless it is a time in range, at most a day."""
    try:
        number = nan if isinstance(value, str | bytes | bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = nan
    good = isfinite(number) and number <= 86_400
    if not good or (least is not None and number < least) or (above is not None and number <= above):
        limit = f"at least {least:g}" if least is not None else f"more than {above:g}"
        raise UsageError(name, value, f"must be a number of seconds, {limit} and at most 86400")
    return number


def yes_or_no(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise UsageError(name, value, "must be True or False")


def one_of(name: str, value: object, allowed: Sequence[object]) -> None:
    if value not in allowed or isinstance(value, bool):
        raise UsageError(name, value, f"must be one of {', '.join(map(repr, allowed))}")


def check_kind(protocol: str, kind: str | None) -> Any:
    """Give the kind of probe: by protocol, the first is the default."""
    kinds = {"icmp": ("echo", "timestamp"), "udp": ("echo",), "tcp": ("syn", "ack")}[protocol]
    one_of("kind", kind, (None, *kinds))
    return kind or kinds[0]


def check_pattern(pattern: object) -> bytes:
    """Give the pattern as bytes; a text is read as hexadecimal digits, as ``ping -p`` does."""
    if isinstance(pattern, str):
        try:
            pattern = bytes.fromhex(pattern)
        except ValueError:
            raise UsageError(
                "pattern", pattern, "a text must be pairs of hexadecimal digits, such as 'c0ffee'"
            ) from None
    if not isinstance(pattern, bytes | bytearray) or not pattern:
        raise UsageError("pattern", pattern, "must be at least one byte, such as b'\\xc0' or 'c0ffee'")
    return bytes(pattern)


def find_targets(
    destinations: str | Sequence[str], network: Network, family: Family | None, source: str | None
) -> list[Target]:
    """Resolve everything that is to be probed, and find our address towards each; all bad names are named at once."""
    single = isinstance(destinations, str | bytes) or not hasattr(destinations, "__iter__")
    listed: list[Any] = [destinations] if single else list(destinations)
    if not listed or len(listed) > MOST_TARGETS:
        raise UsageError("destination", destinations, f"give 1 to {MOST_TARGETS} names or addresses")
    bad, addresses = [], []
    hint = ""
    for name in listed:
        if not isinstance(name, str) or not name.strip():
            raise UsageError("destination", name, "must be a host name or an IP address, as text, or a list of them")
        try:
            addresses.append(network.resolve(name, family)[0])
        except NameNotFound as error:
            bad += error.names
            hint = str(error).partition(": ")[2]
    if bad:
        raise NameNotFound(bad, network.name, hint if len(bad) == 1 else "")
    return [
        Target(name, address, network.source_for(address, source))
        for name, address in zip(listed, addresses, strict=True)
    ]


def is_loopback(address: str) -> bool:
    return address.startswith("127.") or address == "::1"


def be_considerate(options: PingOptions, targets: Sequence[Target], network: Network) -> int:
    """Hold measurements of real destinations to a rate nobody minds; gives the spacing between targets (ns)."""
    if network.virtual or network.name != "live" or all(is_loopback(target.address) for target in targets):
        return 0
    if options.interval < LEAST_INTERVAL:
        raise UsageError(
            "interval",
            options.interval,
            f"must be at least {LEAST_INTERVAL} s on a real network; faster is possible on a virtual one",
        )
    if options.count is not None and options.count * len(targets) > MOST_PROBES:
        raise UsageError(
            "count", options.count, f"makes more than {MOST_PROBES} probes to real destinations; take fewer"
        )
    return LEAST_SPACING


def run_ping(
    destination: str | Sequence[str],
    options: PingOptions,
    network: Network,
    *,
    stop: Callable[[], bool] | None = None,
    notice: Notice | None = None,
    on_interrupt: Callable[[], None] | None = None,
    started: Callable[[list[Target]], None] | None = None,
) -> Iterator[Row]:
    """Ping: give the row of every probe as soon as it is decided (see `ProbeSession` for what changes later)."""
    if options.count is None and network.virtual:
        raise UsageError("count", None, "a virtual network has no CTRL+C to wait for: give a number")
    network.begin()
    try:
        targets = find_targets(destination, network, options.family, options.source)
        families: set[Family] = {6 if ":" in target.address else 4 for target in targets}
        check_sizes(options, families)
        spacing = be_considerate(options, targets, network)
        identifier: dict[int, int] = {f: network.identifier(options.protocol, f) for f in sorted(families)}
        builder = Builder(
            options.protocol,
            identifier,
            key=secret_key(network, targets),
            port=options.port or DEFAULT_PORT[options.protocol] or 0,
            pattern=bytes(options.pattern) if not isinstance(options.pattern, str) else bytes.fromhex(options.pattern),
            tos=options.tos,
            flow_label=options.flow_label,
            dont_fragment=options.dont_fragment,
            kind=options.kind or "echo",
            checksum=options.checksum,
        )
        plan = ping_plan(
            targets,
            options.count,
            int(options.interval * SECOND),
            options.ttl,
            options.sizes,
            options.adaptive,
            spacing,
            int(LEAST_INTERVAL * SECOND) if spacing else 0,
        )
        if options.checksum is not None:
            # A function that cannot be used fails here, before anything is sent.
            builder.build(Probe(targets[0], options.ttl, 1, 0, options.sizes[0]), 1)
        session = ProbeSession(
            plan,
            builder,
            timeout=int(options.timeout * SECOND),
            network=network.name,
            epoch=network.epoch,
            virtual=network.virtual,
            deadline=None if options.deadline is None else int(options.deadline * SECOND),
            notice=notice,
        )
        if started is not None:
            started(targets)
        yield from measure(session, network, stop=stop, on_interrupt=on_interrupt)
    finally:
        network.end()


def check_sizes(options: PingOptions, families: set[Family]) -> None:
    for family in families:
        if options.kind == "timestamp" and family == 6:
            raise UsageError(
                "kind", "timestamp", "ICMPv6 has no timestamp messages (RFC 4443); take kind='echo' or family=4"
            )
        for size in options.sizes:
            head = 20 if family == 4 else 40
            if packet_size(options.protocol, family, size, options.kind or "echo") - head > LARGEST_PAYLOAD[family]:
                raise UsageError(
                    "size", size, f"must be at most {LARGEST_PAYLOAD[family] - 8} bytes of payload in IPv{family}"
                )


def secret_key(network: Network, targets: Sequence[Target]) -> int:
    """Give the cookies' key: unpredictable on real networks, from the seed on a virtual one (same call, same bytes)."""
    if network.virtual:
        import random

        seed = getattr(network, "seed", 0)
        words = "/".join(["cookie", str(seed), str(network.now()), *(target.address for target in targets[:8])])
        return random.Random(words).getrandbits(64)
    return int.from_bytes(os.urandom(8), "big")
