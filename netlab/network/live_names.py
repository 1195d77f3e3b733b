"""Names, addresses and routes of the machine itself: `resolve`, `reverse` and `source_for` of a live network.

The system's own resolver answers (hosts file, DNS), and the kernel's routing table: a UDP socket that is connected,
without sending anything, has the source address that the kernel would use (RFC 6724 for IPv6).
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from contextlib import suppress
from typing import Protocol

from netlab import wire
from netlab.errors import NameNotFound, NoRoute, PermissionNeeded
from netlab.network import linux
from netlab.network.base import Family
from netlab.network.live_hub import Factory

ANY_PORT = 33434
"""To connect to; nothing is sent there."""

FAMILIES = {None: socket.AF_UNSPEC, 4: socket.AF_INET, 6: socket.AF_INET6}


class Resolver(Protocol):
    """Who answers for names in place of the system; an own ``source_for`` is used as well, if it has one."""

    def resolve(self, name: str, family: Family | None = None) -> list[str]: ...

    def reverse(self, address: str) -> str: ...


class SystemNames:
    """The names that this machine knows."""

    def __init__(self, network: str) -> None:
        self._network = network

    def resolve(self, name: str, family: Family | None = None) -> list[str]:
        """All addresses, in the order in which the system would try them."""
        if not name or "\0" in name:
            raise NameNotFound(name, self._network, "a name or an address is needed")
        if family != 6 and name[-1].isdigit():
            with suppress(OSError):  # an address as it should be is its own answer, and nobody is asked
                return [wire.to_text(socket.inet_pton(socket.AF_INET, name))]
        try:
            # As bytes, or Python would load its tables of the world's scripts for a plain "127.0.0.1".
            host = name.encode("ascii") if name.isascii() else name
            found = socket.getaddrinfo(host, None, FAMILIES[family], socket.SOCK_DGRAM)
        except UnicodeError:  # a label is empty, longer than 63 bytes, or not IDNA
            raise NameNotFound(name, self._network, "this is not a host name") from None
        except socket.gaierror as error:
            raise NameNotFound(name, self._network, _why(name, family, error)) from None
        except OSError as error:
            raise NameNotFound(name, self._network, str(error.strerror or error).lower()) from None
        return list(dict.fromkeys(_canonical(address) for *_, address in found))

    def reverse(self, address: str) -> str:
        """The name of an address, ``""`` when it has none."""
        try:
            # Not getnameinfo: in Python 3.11.2 (Debian 12) no other thread goes on while that waits for an answer.
            return socket.gethostbyaddr(address)[0]
        except (OSError, UnicodeError):
            return ""


def _canonical(address: tuple[object, ...]) -> str:
    text, _, zone = str(address[0]).partition("%")
    if not zone and len(address) == 4 and address[3]:
        zone = _interface(int(str(address[3])))
    plain = wire.to_text(wire.to_packed(text))
    return f"{plain}%{zone}" if zone else plain


def _interface(index: int) -> str:
    try:
        return socket.if_indextoname(index)
    except OSError:
        return str(index)


def _why(name: str, family: Family | None, error: socket.gaierror) -> str:
    try:
        version = ipaddress.ip_address(name.partition("%")[0]).version
    except ValueError:
        if error.errno == socket.EAI_AGAIN:
            return "no name server answers"
        return f"it has no IPv{family} address, or does not exist" if family else ""
    if family and version != family:
        return f"that is an IPv{version} address, and IPv{family} was asked for"
    return "no such address or interface"


def zone_of(address: str) -> int:
    """The interface index in ``fe80::1%eth0``; 0 when there is none. Raises `NoRoute` for an unknown interface."""
    zone = address.partition("%")[2]
    if not zone or zone.isdigit():
        return int(zone or 0)
    try:
        return socket.if_nametoindex(zone)
    except OSError:
        raise NoRoute(address, hint=f"there is no interface {zone!r}") from None


def source_for(factory: Factory, destination: str, source: str | None) -> str:
    """The address that the kernel would send from; nothing is sent. See `Network.source_for`."""
    version = wire.family(destination)
    plain = destination.partition("%")[0]
    refuse_groups(plain)
    family = FAMILIES[version]
    if source is not None and wire.family(source) != version:
        raise NoRoute(destination, source, f"the source must be an IPv{version} address, like the destination")
    try:
        with factory(family, socket.SOCK_DGRAM, 0) as probe:
            if source is not None:
                _bind(probe, destination, source)
            where = (plain, ANY_PORT) if version == 4 else (plain, ANY_PORT, 0, zone_of(destination))
            probe.connect(where)
            return wire.to_text(wire.to_packed(probe.getsockname()[0]))
    except PermissionError as error:
        if error.errno == errno.EACCES and version == 4 and _is_broadcast(factory, plain):
            raise _one_machine(plain, "a broadcast address") from None
        raise NoRoute(destination, source or "", linux.reason(error)) from None
    except OSError as error:
        if isinstance(error, NoRoute):
            raise
        hint = "a link-local address needs its interface, as in fe80::1%eth0" if _needs_zone(destination) else ""
        raise NoRoute(destination, source or "", hint or linux.reason(error)) from None


def _bind(probe: socket.socket, destination: str, source: str) -> None:
    plain = source.partition("%")[0]
    zone = zone_of(source) or zone_of(destination)
    try:
        probe.bind((plain, 0) if ":" not in plain else (plain, 0, 0, zone))
    except OSError:
        raise NoRoute(destination, source, "that is not an address of this machine") from None


def refuse_groups(destination: str) -> None:
    """Raise `PermissionNeeded` for a multicast address: one probe would be answered by many machines."""
    packed = wire.to_packed(destination)
    if is_group(packed):
        kind = "the broadcast address" if packed == b"\xff" * 4 else "a multicast address"
        raise _one_machine(destination, kind)


def is_group(packed: bytes) -> bool:
    """Multicast (RFC 5771, RFC 4291), or the limited broadcast 255.255.255.255."""
    return packed[0] == 0xFF if len(packed) == 16 else packed[0] >> 4 == 14 or packed == b"\xff" * 4


def _one_machine(destination: str, kind: str) -> PermissionNeeded:
    what = f"{destination} is {kind}: many machines would answer one probe, so netlab does not send there"
    return PermissionNeeded(what, ["give the address of one machine"])


def _is_broadcast(factory: Factory, destination: str) -> bool:
    """Whether SO_BROADCAST is what was missing (a ``prohibit`` route gives the same errno)."""
    try:
        with factory(socket.AF_INET, socket.SOCK_DGRAM, 0) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            probe.connect((destination, ANY_PORT))
    except OSError:
        return False
    return True


def _needs_zone(destination: str) -> bool:
    packed = wire.to_packed(destination)
    return len(packed) == 16 and packed[0] == 0xFE and packed[1] & 0xC0 == 0x80 and "%" not in destination
