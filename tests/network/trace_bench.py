"""What the tests of traceroute on real kernels share: a long row of routers, and a path read from any table.

`chain` is a world of hosts and routers in a row, for `tests.support.kernelnet`: laptop, r1 to rN, server, IPv4 and IPv6
on every link. Router k answers from `router(k)`, where it faces the laptop.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from netlab import wire
from netlab.network.live_rebuild import header_length
from tests.support.kernelnet import KernelNet

ALL_FRAMES = 0x0003
"""ETH_P_ALL of linux/if_ether.h."""
ROUTERS = 12
PREFIX = {4: 24, 6: 64}


def of_server(number: int) -> dict[int, str]:
    """An address of the last link's network; the last router's is number 1."""
    return {4: f"203.0.113.{number}", 6: f"2001:db8:99::{number}"}


def near(link: int) -> dict[int, str]:
    """The end of link 1, 2, … that faces the laptop; not of the last one."""
    return {4: f"198.51.100.{4 * link - 3}", 6: f"2001:db8:{link:x}::1"}


def router(number: int) -> dict[int, str]:
    """The address that router 1, 2, … answers from."""
    return {4: f"198.51.100.{4 * number - 2}", 6: f"2001:db8:{number:x}::2"}


LAPTOP, SERVER = near(1), of_server(80)


def chain(more: Iterable[int] = (), last_mtu: int = 1500, routers: int = ROUTERS) -> dict[str, Any]:
    """The world. ``more``: numbers of further addresses of the server; ``last_mtu``: of the link to it."""
    names = ["laptop", *(f"r{number}" for number in range(1, routers + 1)), "server"]
    nodes: dict[str, dict[str, Any]] = {
        name: {"kind": "router" if name[0] == "r" else "host", "address": []} for name in names
    }
    for link, (one, other) in enumerate(pairwise(names[:-1]), start=1):
        nodes[one]["address"] += [f"{near(link)[4]}/30", f"{near(link)[6]}/64"]
        nodes[other]["address"] += [f"{router(link)[4]}/30", f"{router(link)[6]}/64"]
    for name, numbers in ((names[-2], [1]), ("server", [80, *more])):
        nodes[name]["address"] += [f"{of_server(n)[family]}/{bits}" for n in numbers for family, bits in PREFIX.items()]
    nodes["server"]["open"] = ["tcp/80", "udp/7"]
    links = [{"ends": list(ends), "delay_ms": 0} for ends in pairwise(names)]
    links[-1]["mtu"] = last_mtu
    return {"name": "chain", "vantage": "laptop", "node": nodes, "link": links}


def on_laptop(kernel: KernelNet, *argv: str, privileged: bool = True, timeout: float = 30.0) -> str:
    """What a command says that ends well."""
    done = kernel.run("laptop", argv, timeout, privileged)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


Packet = wire.IPv4 | wire.IPv6
Path = dict[int, set[tuple[str, str]]]
"""For every TTL up to the end: who answered with which mark, ``("", "")`` for a lost probe."""


def path_of(rows: Iterable[Mapping[str, Any]]) -> Path:
    """The path that a table shows, without what flew beyond its end and without the last-ditch check."""
    found: Path = {}
    for row in rows:
        if not {"beyond-end", "last-ditch"} & set(row["flags"].split()):
            found.setdefault(row["ttl"], set()).add((row["responder"], row["mark"]))
    return dict(sorted(found.items()))


def straight(family: int, end: str = "", routers: int = ROUTERS) -> Path:
    """The whole chain, without marks."""
    last = end or SERVER[family]
    return {**{ttl: {(router(ttl)[family], "")} for ttl in range(1, routers + 1)}, routers + 1: {(last, "")}}


class PlayedPath:
    """Routers that say what a test wants, behind a real one: a thread on r1, which drops what goes to ``destination``.

    Router n answers from `router(n)`; from TTL ``hops`` on the destination itself answers (port unreachable, echo
    reply; no TCP). Use it with ``with``, and only with a destination of its own.

    Parameters
    ----------
    quote
        Bytes quoted behind the IP header; None: everything.
    together
        The first so many probes are answered together, the last one first.
    extensions
        What a Time Exceeded carries besides.
    silent
        TTLs whose router never answers.
    quoted_ttl, changed
        What the routers see as the TTL, and what becomes of a probe on its way to them.
    slow
        Seconds that routers take, by TTL, once all that is asked for ``together`` has been answered.
    service
        What a service of the destination says to every UDP datagram.
    """

    def __init__(
        self,
        kernel: KernelNet,
        destination: str,
        hops: int = 6,
        quote: int | None = None,
        together: int = 1,
        extensions: Sequence[Any] = (),
        silent: Iterable[int] = (),
        quoted_ttl: int = 1,
        changed: Callable[[Packet], Packet] = lambda packet: packet,
        slow: Mapping[int, float] | None = None,
        service: bytes | None = None,
    ) -> None:
        self._kernel, self.destination, self._hops = kernel, destination, hops
        self._quote, self._together, self._extensions = quote, together, tuple(extensions)
        self._silent, self._quoted_ttl, self._changed = set(silent), quoted_ttl, changed
        self._slow, self._service = slow or {}, service
        self._family = 6 if ":" in destination else 4
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._play, daemon=True)
        self.story: list[tuple[str, int]] = []
        """("probe", TTL) and ("answer", TTL), as they came and went."""
        self.probes: list[bytes] = []

    @property
    def answers(self) -> list[int]:
        """The TTLs whose probes were answered."""
        return [ttl for what, ttl in self.story if what == "answer"]

    def __enter__(self) -> PlayedPath:
        self._kernel.route("r1", f"{self.destination}/{32 if self._family == 4 else 128}", "blackhole")
        self._tap = self._kernel.socket("r1", socket.AF_PACKET, socket.SOCK_DGRAM)
        self._tap.bind(("eth0", ALL_FRAMES))
        family = socket.AF_INET if self._family == 4 else socket.AF_INET6
        self._out = self._kernel.socket("r1", family, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._tap.close()
        self._out.close()

    def _play(self) -> None:
        waiting: list[tuple[float, Packet]] = []
        while not self._ended.is_set():
            due = [each for each in waiting if each[0] <= time.monotonic()]
            if due and len(self.probes) >= self._together:
                for each in reversed(due):
                    waiting.remove(each)
                    self._answer(each[1])
            if not select.select([self._tap], [], [], 0.01)[0]:
                continue
            data = self._tap.recv(65_535)
            if data[0] >> 4 != self._family or (packet := wire.parse(data)).destination != self.destination:
                continue
            ttl = ttl_of(packet)
            self.story.append(("probe", ttl))
            self.probes.append(data)
            slow = self._slow.get(ttl, 0.0) if len(self.probes) > self._together else 0.0
            waiting.append((time.monotonic() + slow, packet))

    def _answer(self, probe: Packet) -> None:
        ttl = ttl_of(probe)
        if ttl in self._silent:
            return
        packet = self._answer_to(self._changed(probe), ttl)
        self._out.sendto(packet, (probe.source, 0))
        self.story.append(("answer", ttl))

    def _answer_to(self, probe: Packet, ttl: int) -> bytes:
        seen = with_ttl(probe, self._quoted_ttl)
        original = seen[: header_length(seen) + self._quote] if self._quote is not None else seen
        end, back = ttl >= self._hops, wire.parse(self.probes[0]).source
        who = self.destination if end else router(ttl)[self._family]
        asked = wire.transport(probe)
        if end and self._service is not None and isinstance(asked, wire.UDP):
            said = wire.UDP(asked.destination_port, asked.source_port, self._service).to_bytes(who, back)
            if isinstance(probe, wire.IPv4):
                return wire.IPv4(who, back, wire.PROTOCOL_UDP, said).to_bytes()
            return wire.IPv6(who, back, wire.PROTOCOL_UDP, said).to_bytes()
        if isinstance(probe, wire.IPv4):
            body: bytes
            if not end:
                body = wire.icmpv4.TimeExceeded(0, original, self._extensions).to_bytes()
            elif probe.protocol == wire.PROTOCOL_ICMP:
                echo = wire.icmpv4.parse(probe.payload)
                assert isinstance(echo, wire.icmpv4.EchoRequest)
                body = wire.icmpv4.EchoReply(echo.identifier, echo.sequence, echo.payload).to_bytes()
            else:
                body = wire.icmpv4.DestinationUnreachable(3, original).to_bytes()
            return wire.IPv4(who, back, wire.PROTOCOL_ICMP, body, ttl=65 - min(ttl, self._hops)).to_bytes()
        if not end:
            body = wire.icmpv6.TimeExceeded(0, original, self._extensions).to_bytes(who, back)
        elif probe.next_header == wire.PROTOCOL_ICMPV6:
            echo6 = wire.icmpv6.parse(probe.payload, probe.source, probe.destination)
            assert isinstance(echo6, wire.icmpv6.EchoRequest)
            body = wire.icmpv6.EchoReply(echo6.identifier, echo6.sequence, echo6.payload).to_bytes(who, back)
        else:
            body = wire.icmpv6.DestinationUnreachable(4, original).to_bytes(who, back)
        return wire.IPv6(who, back, wire.PROTOCOL_ICMPV6, body, hop_limit=65 - min(ttl, self._hops)).to_bytes()


def ttl_of(packet: Packet) -> int:
    return packet.ttl if isinstance(packet, wire.IPv4) else packet.hop_limit


def with_ttl(packet: Packet, ttl: int) -> bytes:
    if isinstance(packet, wire.IPv4):
        return replace(packet, ttl=ttl).to_bytes()
    return replace(packet, hop_limit=ttl).to_bytes()


def played(family: int, hops: int = 6, end: str = "") -> Path:
    """The path that a `PlayedPath` shows."""
    return {**{ttl: {(router(ttl)[family], "")} for ttl in range(1, hops)}, hops: {(end, "")}}
