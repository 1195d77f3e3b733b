"""What servers and clients in a world share: which world is meant, its names, and what may be said of its TCP."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from ipaddress import ip_interface
from typing import TYPE_CHECKING, Any

from netlab.errors import UsageError
from netlab.serve.connection import Address
from netlab.server_listen import is_loopback

if TYPE_CHECKING:
    from netlab.internet.tcp_options import Options
    from netlab.network.lab import LabNetwork
    from netlab.network.virtual import VirtualNetwork

EVERY_ADDRESS = ("", "0.0.0.0", "::")
"""What means all addresses of this machine."""
OPTIONS = ("mss", "nagle", "delayed_ack", "send_buffer", "receive_buffer", "initial_window")
"""What may be said of TCP."""


def world_of(host: str, network: Any) -> Any:
    """The network with a world in which ``host`` is; None: it is this machine."""
    if not isinstance(host, str) or is_loopback(host) or host in EVERY_ADDRESS:
        return None
    from netlab.api import network_for

    chosen = network_for(network)
    return chosen if chosen.virtual or hasattr(chosen, "lab") else None


def resolve(network: VirtualNetwork | LabNetwork, host: str, port: int) -> list[Address]:
    """Find a name in the world."""
    return [
        (int(socket.AF_INET6), (address, port, 0, 0)) if ":" in address else (int(socket.AF_INET), (address, port))
        for address in network.resolve(host)
    ]


def networks_of(world: Any) -> list[str]:
    """All networks of a world, such as ``192.0.2.0/24``."""
    interfaces = (ip_interface(address) for node in world.world.nodes.values() for address in node.addresses)
    return list(dict.fromkeys(str(each.network) for each in interfaces))


def only_virtual(**given: Any) -> None:
    """Refuse what only a virtual host can be told."""
    for name, value in given.items():
        if value is not None:
            text = 'is for hosts of a virtual world (netlab.use("campus"), host="www"): a real one is as fast as it is'
            raise UsageError(name, value, text)


def only_in_world(**given: Any) -> None:
    """Refuse what only a host of a world can be told."""
    for name, value in given.items():
        if value is not None:
            raise UsageError(name, value, 'is for hosts of a world: netlab.use("campus"), then host="www"')


def tcp_options(tcp: Mapping[str, Any] | None) -> Options:
    """Check what somebody says of TCP."""
    from netlab.serve.virtual import QUICK

    if tcp is None:
        return QUICK
    if not isinstance(tcp, Mapping):
        raise UsageError("tcp", tcp, f"must be a dict with names out of {', '.join(OPTIONS)}")
    for name, value in tcp.items():
        if name not in OPTIONS:
            raise UsageError("tcp", name, f"there is no such option; there are {', '.join(OPTIONS)}")
        default = getattr(QUICK, name)
        kind = int if default is None else type(default)
        if type(value) is not kind and not (name == "mss" and value is None):
            raise UsageError(
                f"tcp[{name!r}]", value, "must be True or False" if kind is bool else "must be a whole number"
            )
    return QUICK._replace(**tcp).checked()
