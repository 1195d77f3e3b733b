"""What to do when the system does not let this user probe: `PermissionNeeded` with the values that were found."""

from __future__ import annotations

import os
import sys

from netlab import wire
from netlab.errors import PermissionNeeded
from netlab.network import linux

VIRTUAL = 'netlab.use("campus") measures on the virtual internet, which needs no permission'


def permission_needed(version: int, protocol: int, raw: bool | None) -> PermissionNeeded:
    """The error for a protocol that neither way could send; ``raw`` as in `LiveNetwork`."""
    what = _what(version, protocol)
    found = []
    remedies = [VIRTUAL]
    pings = protocol in (wire.PROTOCOL_ICMP, wire.PROTOCOL_ICMPV6)
    if raw is not False:
        found.append(f"raw sockets are refused ({_who()} has no CAP_NET_RAW)")
    if raw is not True and pings:
        found.append(ping_sockets_refused())
        remedies.append(open_ping_sockets())
    if pings:
        remedies.append('protocol="udp" and protocol="tcp" need no permission')
    if raw is not False:
        remedies.append(allow_raw_sockets())
        remedies.append("in a container: start it with --cap-add NET_RAW")
    if raw is not True and not pings:
        found.append("only raw sockets can send this protocol")
    return PermissionNeeded(f"{what} is not allowed here: " + ", and ".join(found), remedies)


def ping_sockets_refused() -> str:
    value = linux.ping_groups()
    if not value:
        return "ping sockets are refused (there is no net.ipv4.ping_group_range)"
    first, _, last = value.partition(" ")
    whom = "lets nobody" if int(first) > int(last) else f"leaves out {_groups()}"
    return f'ping sockets are refused (net.ipv4.ping_group_range is "{value}" and {whom})'


def open_ping_sockets() -> str:
    return 'an administrator can open ping sockets: sudo sysctl -w net.ipv4.ping_group_range="0 2147483647"'


def allow_raw_sockets() -> str:
    return f"give this Python raw sockets: sudo setcap cap_net_raw+ep {os.path.realpath(sys.executable)}"


def _what(version: int, protocol: int) -> str:
    if protocol == wire.PROTOCOL_ICMP:
        return "ICMP over IPv4"
    if protocol == wire.PROTOCOL_ICMPV6:
        return "ICMP over IPv6"
    name = {wire.PROTOCOL_UDP: "UDP", wire.PROTOCOL_TCP: "TCP"}.get(protocol, f"protocol {protocol}")
    return f"{name} over IPv{version}"


def _who() -> str:
    return f"uid {os.geteuid()}" if hasattr(os, "geteuid") else "this user"


def _groups() -> str:
    if not hasattr(os, "getegid"):
        return "this user"
    groups = sorted({os.getegid(), *os.getgroups()})
    return ("group " if len(groups) == 1 else "groups ") + ", ".join(map(str, groups))
