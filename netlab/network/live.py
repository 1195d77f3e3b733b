"""The real network, through the sockets of the Linux kernel: `LiveNetwork`.

For every protocol the best way that this user may use is picked, at the first `identifier` or `send` of a measurement:

========  =====================================  ============================================================
protocol  with CAP_NET_RAW                        without
========  =====================================  ============================================================
icmp      raw socket (``live_raw``)               ping socket (``live_ping``), if ping_group_range lets us
udp       raw socket, port held by a UDP socket   UDP socket and its error queue (``live_udp``): always allowed
tcp       raw SYN, port held by a TCP socket      non-blocking connect and its error queue (``live_tcp``): always
========  =====================================  ============================================================

Never another protocol, and never the virtual internet unasked: `PermissionNeeded` says what would help.

*Times.* ``now()`` is ``time.monotonic_ns``. The kernel stamps packets as they leave and come in (``SO_TIMESTAMPING``);
its stamps are wall-clock and stand beside the process's own times. Receive stamps are switched on late by the
kernel, so the first channel of a measurement sends itself throw-away datagrams on loopback until they work (1 ms).

*Limits of the unprivileged ways.* The kernel writes identifier, checksums and IPv4 identification; quoted IP headers
are not seen; a UDP error whose router quoted only 8 bytes names no probe among several to one port; a TCP probe is
given up before the kernel would repeat its SYN, after 0.95 s, and the kernel may choose its source port.

Broadcast and multicast are refused. How many packets may be sent how fast is the caller's to limit.

The lab gives a socket factory of its own and is otherwise the same network.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any

from netlab import wire
from netlab.errors import NetworkError, PacketError, PermissionNeeded, UsageError
from netlab.network import live_names
from netlab.network.base import Arrival, Family, ProtocolName, Refused, Sent, Stamp, Usable
from netlab.network.live_capture import Capture
from netlab.network.live_channel import Channel, Outgoing
from netlab.network.live_hub import Factory, Hub
from netlab.network.live_names import Resolver, SystemNames
from netlab.network.live_remedies import permission_needed

PATIENCE = 5.0
"""Seconds that a measurement waits for another thread's to end."""

NUMBERS = {
    ("icmp", 4): wire.PROTOCOL_ICMP,
    ("icmp", 6): wire.PROTOCOL_ICMPV6,
    ("udp", 4): wire.PROTOCOL_UDP,
    ("udp", 6): wire.PROTOCOL_UDP,
    ("tcp", 4): wire.PROTOCOL_TCP,
    ("tcp", 6): wire.PROTOCOL_TCP,
}


class LiveNetwork(Usable):
    """See the module; implements `netlab.network.base.Network`.

    Parameters
    ----------
    factory
        ``factory(family, type, protocol)`` opens every socket; default: `socket.socket`.
    name
        What the tables call this network.
    resolver
        Answers `resolve` and `reverse` in place of the system (and `source_for`, if it has that).
    raw
        True: raw sockets only, False: never, None: raw where allowed.
    """

    virtual = False

    def __init__(
        self,
        factory: Factory | None = None,
        name: str = "live",
        resolver: Resolver | None = None,
        raw: bool | None = None,
    ) -> None:
        self._factory: Factory = factory or _system_socket
        self._name, self._raw = name, raw
        self._resolver: Resolver = resolver or SystemNames(name)
        self._lock = threading.Lock()
        self._driver: int | None = None
        """The thread whose measurement runs, None: none."""
        self._hub: Hub | None = None
        self._channels: dict[tuple[int, int], Channel] = {}
        self._send_another: Callable[[bytes], Sent | Refused | None] | None = None
        """The raw channel's way for packets like one that it has sent."""
        self._capture = Capture(name)
        self._epoch = time.time_ns() - time.monotonic_ns()

    # what it is

    @property
    def name(self) -> str:
        return self._name

    @property
    def epoch(self) -> int:
        return self._epoch

    def __repr__(self) -> str:
        return f"<netlab network: {self._name}, real time>"

    # a measurement

    def begin(self) -> None:
        if not sys.platform.startswith("linux"):
            raise PermissionNeeded(
                f"probing the real network needs Linux, and this is {sys.platform}",
                ['netlab.use("campus") measures on the virtual internet, which works everywhere'],
            )
        if self._driver == threading.get_ident() or not self._lock.acquire(timeout=PATIENCE):
            raise NetworkError(
                f"another measurement is running on {self.name}: let it end (or close its iterator) first, "
                "or give this one a network of its own"
            )
        self._driver = threading.get_ident()
        try:
            self._hub = Hub(self._factory)
            self._epoch = self._hub.epoch
        except BaseException:
            self._release()
            raise

    def end(self) -> None:
        hub, self._hub = self._hub, None
        if hub is None:
            return
        self._send_another = None
        try:
            for channel in dict.fromkeys(self._channels.values()):
                channel.close()
            self._channels.clear()
            hub.close()
        finally:
            self._release()

    def _release(self) -> None:
        self._driver = None
        self._lock.release()

    def close(self) -> None:
        self.end()

    # names and addresses

    def resolve(self, name: str, family: Family | None = None) -> list[str]:
        return self._resolver.resolve(name, family)

    def reverse(self, address: str) -> str:
        return self._resolver.reverse(address)

    def source_for(self, destination: str, source: str | None = None) -> str:
        own: Callable[[str, str | None], str] | None = getattr(self._resolver, "source_for", None)
        if own is not None:
            return own(destination, source)
        if self._hub is not None and "%" in destination:
            self._hub.zones[wire.to_text(wire.to_packed(destination))] = live_names.zone_of(destination)
        found = live_names.source_for(self._factory, destination, source)
        if self._hub is not None:
            self._hub.own.add(found)
        return found

    def identifier(self, protocol: ProtocolName, family: Family) -> int:
        number = NUMBERS.get((protocol, family))
        if number is None:
            raise UsageError("protocol", protocol, "must be 'icmp', 'udp' or 'tcp', with family 4 or 6")
        return self._channel(family, number).identifier(number)

    # packets

    def now(self) -> int:
        return time.monotonic_ns()

    def send(self, packet: bytes, fragment: bool = True) -> Sent | Refused:
        """Send one IP packet; ``fragment=False`` refuses IPv6 packets too long for the link, as DF does in IPv4."""
        result = self._send_another(packet) if self._send_another is not None else None
        if result is None:
            result = self._send_checked(packet, fragment)
        if isinstance(result, Sent):
            self._capture.sent(result.at + self._epoch, result.packet)
        return result

    def _send_checked(self, packet: bytes, fragment: bool) -> Sent | Refused:
        try:
            outgoing = Outgoing.parse(packet, fragment)
        except PacketError as error:
            return Refused(f"invalid argument: {error}")
        if live_names.is_group(wire.to_packed(outgoing.destination)):
            return Refused("broadcast and multicast addresses are not probed")
        return self._channel(outgoing.version, outgoing.protocol).send(outgoing)

    def receive(self, until: int) -> Arrival | Stamp | None:
        hub = self._measuring()
        inbox = hub.inbox
        while not inbox:
            hub.wait(min([until, *(due for channel in self._channels.values() if (due := channel.due()) is not None)]))
            now = time.monotonic_ns()
            for channel in self._channels.values():
                channel.expire(now)
            if now >= until and not inbox:
                return None
        event = inbox.popleft()
        if isinstance(event, Arrival):
            self._capture.delivered(event.at + self._epoch if event.stamp is None else event.stamp, event.packet)
        return event

    # what was seen

    def packets(self) -> Sequence[dict[str, Any]]:
        return self._capture.rows()

    def to_pcap(self, path: str | PathLike[str], node: str | None = None, link: str | None = None) -> int:
        return self._capture.write(path, node, link)

    # channels

    def _measuring(self) -> Hub:
        if self._hub is None:
            raise NetworkError("no measurement is running on this network: call begin() first")
        return self._hub

    def _channel(self, version: int, protocol: int) -> Channel:
        found = self._channels.get((version, protocol))
        if found is None:
            hub = self._measuring()
            found = self._channels[version, protocol] = self._open(hub, version, protocol)
            hub.warm_up()
        return found

    def _open(self, hub: Hub, version: int, protocol: int) -> Channel:
        """The best way that is allowed; raises `PermissionNeeded`."""
        try:
            if self._raw is not False:
                try:
                    return self._open_raw(hub, version)
                except PermissionError:
                    pass
            if self._raw is not True:
                try:
                    return _open_unprivileged(hub, version, protocol)
                except PermissionError:
                    pass
        except OSError as error:
            raise NetworkError(error.errno, f"cannot open a socket for IPv{version} here: {error.strerror}") from None
        raise permission_needed(version, protocol, self._raw)

    def _open_raw(self, hub: Hub, version: int) -> Channel:
        from netlab.network.live_raw import RawChannel

        for (known, _), channel in self._channels.items():
            if known == version and isinstance(channel, RawChannel):
                return channel
        opened = RawChannel(hub, version)
        if version == 4:
            self._send_another = opened.send_another
        return opened


def _open_unprivileged(hub: Hub, version: int, protocol: int) -> Channel:
    if protocol in (wire.PROTOCOL_ICMP, wire.PROTOCOL_ICMPV6):
        from netlab.network.live_ping import PingChannel

        return PingChannel(hub, version)
    if protocol == wire.PROTOCOL_UDP:
        from netlab.network.live_udp import UdpChannel

        return UdpChannel(hub, version)
    if protocol == wire.PROTOCOL_TCP:
        from netlab.network.live_tcp import TcpChannel

        return TcpChannel(hub, version)
    raise PermissionError


def _system_socket(family: int, kind: int, protocol: int) -> socket.socket:
    return socket.socket(family, kind, protocol)
