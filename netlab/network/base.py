"""The seam between probing and any network: whole IP packets out, whole IP packets in.

Everything that netlab measures goes through the methods of `Network`. The virtual internet, the lab and
the live network implement it, and one conformance suite holds all of them to it. Times are integer
nanoseconds on the network's own monotonic clock; ``epoch`` turns them into wall-clock nanoseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any, Literal, NamedTuple, Protocol, Self, runtime_checkable

Family = Literal[4, 6]
ProtocolName = Literal["icmp", "udp", "tcp"]
"""``icmp`` means ICMPv4 or ICMPv6, whichever the packet's family asks for."""


class Sent(NamedTuple):
    """A packet has left. ``number`` names it in a later `Stamp`."""

    number: int
    packet: bytes
    """The IP packet as it left: where the kernel fills in fields, as far as they are known."""
    at: int
    """Monotonic ns, taken by this process just before the packet was handed over."""
    rebuilt: bool = False
    """True: the kernel wrote (part of) the headers and ``packet`` was put together by netlab."""


class Refused(NamedTuple):
    """The machine did not send the packet: a row with outcome ``not-sent``, and ``reason`` as its detail."""

    reason: str
    mtu: int | None = None
    """The limit that the packet broke, when it was too long."""


class Arrival(NamedTuple):
    """An IP packet that came in."""

    packet: bytes
    at: int
    """Monotonic ns, taken by this process (virtual: the exact instant of delivery)."""
    stamp: int | None = None
    """Wall-clock ns of the kernel's receive stamp, where there is one."""
    rebuilt: bool = False
    """True: the kernel hid (part of) the headers and ``packet`` was put together by netlab."""
    number: int | None = None
    """The `Sent.number` that this answers, where the system tells (TCP connect); else None."""


class Stamp(NamedTuple):
    """The kernel's wall-clock time (ns) of the moment at which packet ``number`` left; may come after the answer."""

    number: int
    at: int


@runtime_checkable
class Network(Protocol):
    """What the probing loop may ask of a network.

    A measurement is ``begin() … end()``. ``begin`` takes the network's lock (one driver at a time) and opens
    what it needs lazily; a virtual network starts its world anew at its epoch there, unless it is held by a
    ``with`` block. ``end`` closes the sockets of the measurement; `packets` still works after it.
    """

    @property
    def name(self) -> str:
        """What the tables call it: ``live``, ``lab:campus``, ``virtual:campus``."""

    @property
    def epoch(self) -> int:
        """Wall-clock ns at ``now() == 0``."""

    @property
    def exits(self) -> list[Callable[[], None]]:
        """See `Usable`."""

    @property
    def virtual(self) -> bool:
        """True when time is simulated: nothing ever waits, and `now` moves only in `receive`."""

    def begin(self) -> None: ...

    def end(self) -> None: ...

    def close(self) -> None: ...

    def resolve(self, name: str, family: Family | None = None) -> list[str]:
        """All addresses of a name or address literal, the preferred first; raises `NameNotFound`."""

    def reverse(self, address: str) -> str:
        """The name of an address, ``""`` when it has none. May be slow: never called while probes are timed."""

    def source_for(self, destination: str, source: str | None = None) -> str:
        """Our address towards ``destination`` (``source`` checked if given); raises `NoRoute`, `PermissionNeeded`."""

    def identifier(self, protocol: ProtocolName, family: Family) -> int:
        """The ICMP identifier or source port to build packets with; opens what the protocol needs.

        Raises `PermissionNeeded` when this user may not send this protocol here.
        """

    def now(self) -> int: ...

    def send(self, packet: bytes) -> Sent | Refused:
        """Send one IP packet as it is (TTL, TOS, DF, flow label, source included)."""

    def receive(self, until: int) -> Arrival | Stamp | None:
        """The next thing that happens, or None when ``now()`` has reached ``until``."""

    def packets(self) -> Sequence[dict[str, Any]]:
        """Rows of PACKETS: all since the measurement (or the ``with`` block) began; real networks: the last 10,000."""

    def to_pcap(self, path: str | PathLike[str], node: str | None = None, link: str | None = None) -> int:
        """Write `packets` as pcapng, all or those seen at a node or on a link; gives how many were written."""


class Usable:
    """What lets ``netlab.use(x)`` stand in a ``with`` line: the network is held inside and left behind afterwards."""

    _exits: list[Callable[[], None]] | None = None

    @property
    def exits(self) -> list[Callable[[], None]]:
        """What the ends of ``with`` lines call, the last first; ``use`` adds what puts back the network of before."""
        if self._exits is None:
            self._exits = []
        return self._exits

    def hold(self) -> None:
        """From now on one world runs on from measurement to measurement."""

    def release(self) -> None:
        """Undo `hold`."""

    def __enter__(self) -> Self:
        self.hold()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        if self.exits:
            self.exits.pop()()
