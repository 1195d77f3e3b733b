"""Where a proxy may connect to: what a client could not reach without it, it shall not reach through it (SSRF).

The strategy:

1. A name is looked up once, every answer is judged, and the judged address is the one that is dialled: a name cannot
   point elsewhere in between (DNS rebinding). What counts is the address, never the text: ``127.1`` and ``0x7f000001``
   are addresses, too, for those who look names up.
2. Addresses that carry another one inside are unwrapped: both must pass.
3. Nobody reaches `DENIED`. A client on this machine reaches everything else, as it could without the proxy; one from
   elsewhere reaches public addresses only, which is everything but `NOT_PUBLIC`.
4. The proxy never connects to itself.
5. Exceptions are made by name, address or network, and only by whoever runs the proxy.

The tables are written out, because `ipaddress.is_global` means something else in every version of Python, and takes
``64:ff9b::7f00:1``, which is this machine behind NAT64, for a global address.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from netlab.errors import UsageError

IP = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

DENIED = {
    "0.0.0.0/8": "this host on this network (RFC 1122 section 3.2.1.3)",
    "100.100.100.200/32": "the metadata of cloud machines (Alibaba)",
    "168.63.129.16/32": "the metadata of cloud machines (Azure)",
    "169.254.0.0/16": "link-local, and the metadata of cloud machines (RFC 3927)",
    "192.0.0.192/32": "the metadata of cloud machines (Oracle)",
    "224.0.0.0/4": "multicast (RFC 5771)",
    "255.255.255.255/32": "broadcast (RFC 919)",
    "::/128": "unspecified (RFC 4291 section 2.5.2)",
    "fe80::/10": "link-local (RFC 4291 section 2.5.6)",
    "fd00:ec2::254/128": "the metadata of cloud machines (Amazon)",
    "ff00::/8": "multicast (RFC 4291 section 2.7)",
}
"""Network → why nobody reaches it."""

NOT_PUBLIC = {
    "10.0.0.0/8": "private (RFC 1918)",
    "100.64.0.0/10": "shared by a provider's customers (RFC 6598)",
    "127.0.0.0/8": "the proxy's own machine (RFC 1122 section 3.2.1.3)",
    "172.16.0.0/12": "private (RFC 1918)",
    "192.0.0.0/24": "for protocols (RFC 6890)",
    "192.0.2.0/24": "documentation (RFC 5737)",
    "192.88.99.0/24": "relays of 6to4 (RFC 7526)",
    "192.168.0.0/16": "private (RFC 1918)",
    "198.18.0.0/15": "measurements in a laboratory (RFC 2544)",
    "198.51.100.0/24": "documentation (RFC 5737)",
    "203.0.113.0/24": "documentation (RFC 5737)",
    "240.0.0.0/4": "reserved (RFC 1112 section 4)",
    "::1/128": "the proxy's own machine (RFC 4291 section 2.5.3)",
    "64:ff9b:1::/48": "translation inside a network (RFC 8215)",
    "100::/64": "discard (RFC 6666)",
    "2001::/23": "for protocols, Teredo among them (RFC 2928, RFC 4380)",
    "2001:db8::/32": "documentation (RFC 3849)",
    "3fff::/20": "documentation (RFC 9637)",
    "5f00::/16": "segment routing inside a network (RFC 9602)",
    "fc00::/7": "private (RFC 4193)",
    "fec0::/10": "private, in the past (RFC 3879)",
}
"""Network → why a client from elsewhere does not reach it."""

GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
"""All IPv6 addresses that have been given out (RFC 4291 section 2.4)."""
NAT64 = ipaddress.ip_network("64:ff9b::/96")
MAPPED = ipaddress.ip_network("::ffff:0:0/96")
COMPATIBLE = ipaddress.ip_network("::/96")


def unwrapped(address: str) -> list[IP]:
    """Give the address and every IPv4 address that it carries: mapped and compatible (RFC 4291 section 2.5.5), NAT64
    (RFC 6052), 6to4 (RFC 3056), Teredo with its server (RFC 4380). A mapped one is only what it carries."""
    outer = ipaddress.ip_address(address.partition("%")[0])
    if not isinstance(outer, ipaddress.IPv6Address):
        return [outer]
    if outer in MAPPED:
        return [ipaddress.IPv4Address(outer.packed[-4:])]
    found: list[IP] = [outer]
    if outer.sixtofour:
        found.append(outer.sixtofour)
    found += list(outer.teredo or ())
    if outer in NAT64 or (outer in COMPATIBLE and int(outer) > 0xFFFF):
        found.append(ipaddress.IPv4Address(outer.packed[-4:]))
    return found


def denied(address: str) -> str:
    """Why nobody may reach an address; ``""``: somebody may."""
    return next((why for each in unwrapped(address) if (why := _within(each, _DENIED))), "")


def not_public(address: str) -> str:
    """Why an address is not public; ``""``: it is."""
    for each in unwrapped(address):
        if why := _within(each, _DENIED) or _within(each, _NOT_PUBLIC):
            return why
        if each.version == 6 and each not in GLOBAL_UNICAST and each not in NAT64:
            return "not given out (RFC 4291 section 2.4)"
    return ""


def _within(address: IP, networks: Sequence[tuple[Network, str]]) -> str:
    return next((why for network, why in networks if address.version == network.version and address in network), "")


_DENIED = [(ipaddress.ip_network(network), why) for network, why in DENIED.items()]
_NOT_PUBLIC = [(ipaddress.ip_network(network), why) for network, why in NOT_PUBLIC.items()]


class Guard:
    """Judges the addresses that a name has.

    Parameters
    ----------
    exceptions
        Names (``intranet.example``; ``.example`` and all below it), addresses and networks that anybody may reach.
    public
        Networks that count as public: those of a virtual world.
    own
        Gives the addresses and the port that the proxy listens at; the address ``""`` is every one.
    """

    def __init__(
        self,
        exceptions: Iterable[str] = (),
        public: Iterable[str] = (),
        own: Callable[[], tuple[Sequence[str], int]] = lambda: ((), 0),
    ) -> None:
        self._names, self._networks = _exceptions(exceptions)
        self._public = [ipaddress.ip_network(each) for each in public]
        self._own = own
        self._why = lru_cache(1024)(self._judge)

    def why_not(self, host: str, address: str, port: int, local: bool, server: str = "") -> str:
        """Why a client may not reach an address that ``host`` has; ``""``: it may.

        Parameters
        ----------
        local
            Whether the client is on this machine.
        server
            The proxy's address that the client has connected to.
        """
        if port == self._own()[1] and self._is_own(address, server):
            return "it is this proxy itself"
        return self._why(host.lower().rstrip("."), address, local)

    def _is_own(self, address: str, server: str) -> bool:
        own, _ = self._own()
        inner = {str(each) for each in unwrapped(address)}
        if "" in own:  # every address of this machine
            return server in inner or any(ipaddress.ip_address(each).is_loopback for each in inner)
        return not inner.isdisjoint(own)

    def _judge(self, host: str, address: str, local: bool) -> str:
        if host in self._names or any(host.endswith(name) for name in self._names if name.startswith(".")):
            return ""
        inner = unwrapped(address)
        if self._all_in(inner, self._networks):
            return ""
        if why := denied(address):
            return why
        if local or self._all_in(inner, self._public):
            return ""
        return not_public(address)

    @staticmethod
    def _all_in(addresses: Sequence[IP], networks: Sequence[Network]) -> bool:
        return all(any(each.version == net.version and each in net for net in networks) for each in addresses)


def _exceptions(given: Iterable[str]) -> tuple[frozenset[str], list[Network]]:
    """Sort out what somebody typed."""
    names, found = set(), []
    for each in [given] if isinstance(given, str) else given:
        network = network_of(each)
        if network is not None:
            found.append(network)
        elif isinstance(each, str) and each.strip(".") and each.isascii() and not set(each) & set(" /:@*,"):
            names.add(each.lower().rstrip("."))
        else:
            text = 'must be a name such as "intranet.example" (".example": all below it), an address or a network'
            raise UsageError("allow_targets", each, text)
    return frozenset(names), found


def network_of(text: object) -> Network | None:
    """Read an address or a network; None: it is neither."""
    try:
        return ipaddress.ip_network(text, strict=False) if isinstance(text, str) else None
    except ValueError:
        return None
