"""What a proxy never connects to, whoever asks: addresses that only make sense inside a machine or a link.

A name is looked up once, every answer is judged, and the judged address is the one that is dialled: a name cannot point
elsewhere in between (DNS rebinding). Forms that carry another address inside are unwrapped first.
"""

from __future__ import annotations

import ipaddress

from netlab.serve.connection import DialFailed
from netlab.serve.dialing import Address, Resolve

DENIED = {
    "0.0.0.0/8": "this host on this network (RFC 1122 section 3.2.1.3)",
    "169.254.0.0/16": "link-local, and the metadata of cloud machines (RFC 3927)",
    "224.0.0.0/4": "multicast (RFC 5771)",
    "255.255.255.255/32": "broadcast (RFC 919)",
    "::/128": "unspecified (RFC 4291 section 2.5.2)",
    "fe80::/10": "link-local (RFC 4291 section 2.5.6)",
    "fd00:ec2::254/128": "the metadata of cloud machines",
    "ff00::/8": "multicast (RFC 4291 section 2.7)",
}
"""Network → why."""
_NETWORKS = {ipaddress.ip_network(network): why for network, why in DENIED.items()}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def denied(address: str) -> str:
    """Why an address may not be dialled; ``""``: it may."""
    for each in unwrapped(address):
        for network, why in _NETWORKS.items():
            if each.version == network.version and each in network:
                return why
    return ""


def unwrapped(address: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Give the address and every IPv4 address that it carries: mapped, NAT64, 6to4, Teredo."""
    outer = ipaddress.ip_address(address.partition("%")[0])
    found = [outer]
    if isinstance(outer, ipaddress.IPv6Address):
        found += [inner for inner in (outer.ipv4_mapped, outer.sixtofour) if inner]
        found += list(outer.teredo or ())
        if outer in _NAT64:
            found.append(ipaddress.IPv4Address(outer.packed[-4:]))
    return found


def guarded(resolve: Resolve) -> Resolve:
    """Give a resolver that leaves out what may not be dialled; `DialFailed` when nothing else is left."""

    def look_up(host: str, port: int) -> list[tuple[int, Address]]:
        found = resolve(host, port)
        good = [(family, address) for family, address in found if not denied(str(address[0]))]
        if found and not good:
            address = str(found[0][1][0])
            raise DialFailed("destination_ip_prohibited", f"{address} is never dialled: {denied(address)}")
        return good

    return look_up
