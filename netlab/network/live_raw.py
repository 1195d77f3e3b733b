"""Raw sockets: packets leave exactly as they were built, and answers arrive whole. Needs CAP_NET_RAW.

*Sending.* One ``IPPROTO_RAW`` socket per IP version takes whole packets, header included (``IP_HDRINCL``, raw(7)).
The kernel writes into them only the total length, the IPv4 header checksum, and an identification of 0; so that the
packet is known, an identification of 0 is replaced here first, by a random one. Such a packet is never fragmented: an
packet longer than the MTU that may be cut up goes through a second socket, where the kernel makes the header.

*Ports.* Every source port that is used is held by a bound socket, so that the kernel gives it to nobody else, sends no
port unreachable to answering UDP, and resets what answers a SYN (nobody listens there), which leaves no half-open
connection at the other side.

*The second packet of a kind* (see `kind_of`) needs none of the checks that the first one passed: a measurement sends
many packets that are alike, and the time between two of them should be the network's and not ours.

*Hearing* is in ``live_raw_hear.py``.
"""

from __future__ import annotations

import os
import select
import socket
import struct
from functools import partial

from netlab import wire
from netlab.network import linux
from netlab.network.base import Refused, Sent
from netlab.network.live_channel import FRAGMENT, IPV4_HEADER, PLAIN_IPV4, Outgoing
from netlab.network.live_datagram import header_fields, set_fragmenting
from netlab.network.live_errqueue import QueuedError
from netlab.network.live_hub import Hub, attach
from netlab.network.live_raw_hear import Hearing
from netlab.network.live_sender import STAMPED, Sender
from netlab.wire.checksum import ones_complement_sum

KINDS = {wire.PROTOCOL_UDP: socket.SOCK_DGRAM, wire.PROTOCOL_TCP: socket.SOCK_STREAM}
"""Protocols with ports, and the kind of socket that holds one."""

LEAST_IPV6_MTU, ANY_PORT = 1280, 33434
"""Every link carries IPv6 packets of 1280 bytes (RFC 8200 section 5)."""

DONT_FRAGMENT = 0x40
"""In byte 6 of the IPv4 header."""

LENGTH_TO_FLAGS = struct.Struct("!HHH")
"""Bytes 2 to 7 of the IPv4 header: total length, identification, flags and fragment offset."""

Where = tuple[str, int]


class RawChannel:
    """All protocols of one IP version. Opening raises PermissionError without CAP_NET_RAW."""

    def __init__(self, hub: Hub, version: int) -> None:
        self._hub, self._version = hub, version
        self._family = socket.AF_INET if version == 4 else socket.AF_INET6
        self._sender = self._open_sender(socket.IPPROTO_RAW)
        self._fragmenting: dict[int, Sender] = {}
        self._hearing = Hearing(hub, version)
        self._kinds: dict[bytes, Where] = {}
        """Kinds of IPv4 packets that were sent, and where they went."""
        self._first: dict[int, int] = {}
        self._held: list[socket.socket] = []
        self._asking: socket.socket | None = None
        """Connected to ask for a path MTU; nothing is sent on it."""

    def identifier(self, protocol: int) -> int:
        if protocol not in self._first:
            if protocol in KINDS:
                self._first[protocol] = self._hold(protocol, 0)
            else:  # random, and not the process number, which containers share; 0 looks unset
                self._first[protocol] = int.from_bytes(os.urandom(2), "big") or 1
            self._hearing.hear(protocol, self._first[protocol])
        return self._first[protocol]

    def send(self, outgoing: Outgoing) -> Sent | Refused:
        refused = self._prepare(outgoing)
        if refused is not None:
            return refused
        where = self._where(outgoing.destination)
        may_fragment = outgoing.plain and not outgoing.dont_fragment
        if self._version == 4:
            packet = _as_the_kernel_sends(outgoing.packet)
        else:
            packet = outgoing.packet
            if may_fragment and len(packet) > self._path_mtu(packet, where):
                return self._send_fragmented(outgoing, where)
        result = self._hand_over(packet, where)
        if may_fragment and isinstance(result, Refused) and result.mtu is not None:
            return self._send_fragmented(outgoing, where)
        if self._version == 4 and outgoing.plain:
            self._kinds[kind_of(packet)] = where
        return result

    def send_another(self, packet: bytes) -> Sent | Refused | None:
        """Send an IPv4 packet that leaves just as it is, if one of its kind was sent before; None: nothing was done."""
        where = self._kinds.get(kind_of(packet))
        if where is None or not _is_right(packet):
            return None
        result = self._hand_over(packet, where)
        if isinstance(result, Refused) and result.mtu is not None and not packet[6] & DONT_FRAGMENT:
            return self._send_fragmented(Outgoing.parse(packet), where)
        return result

    def _hand_over(self, packet: bytes, where: Where) -> Sent | Refused:
        return self._sender.send(packet, partial(self._sender.socket.sendto, packet, where), rebuilt=False)

    def _path_mtu(self, packet: bytes, where: Where) -> int:
        """What the kernel knows of the way there: an IPv6 packet that is longer would never arrive in one piece."""
        if len(packet) <= LEAST_IPV6_MTU:
            return LEAST_IPV6_MTU
        if self._asking is None:
            self._asking = self._hub.open(self._family, socket.SOCK_DGRAM, 0, [])
        try:
            self._asking.connect((where[0], ANY_PORT, *where[2:]))
            return self._asking.getsockopt(linux.SOL_IPV6, linux.IPV6_MTU)
        except OSError:
            return len(packet)  # sending will say what is wrong

    def _send_fragmented(self, outgoing: Outgoing, where: Where) -> Sent | Refused:
        """Let the kernel make the header and cut the packet up; only the identification is then unknown."""
        sender = self._fragmenting.get(outgoing.protocol)
        if sender is None:
            sender = self._fragmenting[outgoing.protocol] = self._open_sender(outgoing.protocol)
            attach(sender.socket, linux.NOTHING)
            set_fragmenting(sender.socket, self._version, True)
        control = header_fields(outgoing, self._hub.zones.get(outgoing.destination, 0))
        call = sender.socket.sendmsg
        return sender.send(outgoing.packet, lambda: call([outgoing.payload], control, 0, where), rebuilt=True)

    def _open_sender(self, protocol: int) -> Sender:
        receive_errors = (linux.SOL_IP, linux.IP_RECVERR, 1)  # for the MTU of a packet that is too long
        if self._version == 6:
            receive_errors = (linux.SOL_IPV6, linux.IPV6_RECVERR, 1)
        opened = self._hub.open(self._family, socket.SOCK_RAW, protocol, [receive_errors, STAMPED])
        # A path MTU that the kernel remembers would hide, from a second search, the hop that told it.
        set_fragmenting(opened, self._version, False)
        sender = Sender(self._hub, opened, _nothing)
        self._hub.watch(opened, sender.ready, select.EPOLLERR)
        return sender

    def _where(self, destination: str) -> Where:
        if self._version == 4:
            return (destination, 0)
        return (destination, 0, 0, self._hub.zones.get(destination, 0))  # type: ignore[return-value]

    def _prepare(self, outgoing: Outgoing) -> Refused | None:
        """Make sure that the source is ours and that its answers are heard."""
        if outgoing.source not in self._hub.own:
            with self._hub.factory(self._family, socket.SOCK_DGRAM, 0) as probe:
                zones = self._hub.zones
                zone = zones.get(outgoing.source, zones.get(outgoing.destination, 0))
                try:
                    probe.bind((outgoing.source, 0) if self._version == 4 else (outgoing.source, 0, 0, zone))
                except OSError as error:
                    return Refused(linux.reason(error))
            self._hub.own.add(outgoing.source)
        protocol, payload = outgoing.protocol, outgoing.payload
        if protocol in KINDS:
            port = int.from_bytes(payload[:2], "big")
            if not self._hearing.hears(protocol, port):
                try:
                    self._hold(protocol, port)
                except OSError:
                    return Refused(f"source port {port} is in use")
                self._hearing.hear(protocol, port)
        else:
            start = 4 if protocol in (wire.PROTOCOL_ICMP, wire.PROTOCOL_ICMPV6) else 0
            self._hearing.hear(protocol, int.from_bytes(payload[start : start + 2], "big"))
        return None

    def _hold(self, protocol: int, port: int) -> int:
        """Bind a source port (0: the kernel chooses), and throw away what comes in there."""
        held = self._hub.open(self._family, KINDS[protocol], 0, [(linux.SOL_IPV6, linux.IPV6_V6ONLY, 1)])
        try:
            held.bind(("", port))
            attach(held, linux.NOTHING)
        except OSError:
            held.close()
            raise
        self._held.append(held)
        return int(held.getsockname()[1])

    def due(self) -> int | None:
        return None

    def expire(self, now: int) -> None:
        """Nothing here ends by itself."""

    def close(self) -> None:
        self._hearing.close()
        for sender in (self._sender, *self._fragmenting.values()):
            self._hub.forget(sender.socket)
        for held in self._held if self._asking is None else [*self._held, self._asking]:
            held.close()


def _nothing(error: QueuedError) -> None:
    """ICMP errors come in on the raw ICMP socket, whole."""


def kind_of(packet: bytes) -> bytes:
    """What all probes of an IPv4 measurement share: protocol, addresses, and source port or ICMP identifier.

    With it are the first two bytes of every message and the third pair of every segment, which do not change either.
    """
    return packet[9:10] + packet[12:22] + packet[24:26]


def _is_right(packet: bytes) -> bool:
    """Whether this is a whole IPv4 packet without options, and the kernel would change nothing in its header."""
    length, identification, flags = LENGTH_TO_FLAGS.unpack_from(packet, 2)
    whole = packet[0] == PLAIN_IPV4 and length == len(packet) and not flags & FRAGMENT
    named = identification or packet[6] & DONT_FRAGMENT  # with DF it may be 0 (RFC 6864)
    return bool(whole and named and ones_complement_sum(packet[:IPV4_HEADER]) == 0xFFFF)


def _as_the_kernel_sends(packet: bytes) -> bytes:
    """An IPv4 packet with the fields that the kernel would write: identification, total length, header checksum."""
    end = (packet[0] & 15) * 4
    identification, flags = packet[4:6], packet[6]
    right = int.from_bytes(packet[2:4], "big") == len(packet)
    if identification == b"\0\0" and not flags & DONT_FRAGMENT:  # with DF it stays 0 (RFC 6864)
        identification, right = os.urandom(2), False
    if right and wire.checksum(packet[:end]) == 0:
        return packet
    header = packet[:2] + len(packet).to_bytes(2, "big") + identification + packet[6:10] + b"\0\0" + packet[12:end]
    return header[:10] + wire.checksum(header).to_bytes(2, "big") + header[12:] + packet[end:]
