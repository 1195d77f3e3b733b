"""Who may use a proxy: clients by their address, and by a password (RFC 7617).

A proxy that everybody can use is used by everybody, within hours, and for nothing good. So this machine alone may,
unless networks are named; and credentials are compared in a time that does not depend on how much of them is right.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hmac import compare_digest

from netlab.errors import UsageError
from netlab.serve.guard import Network, network_of, unwrapped

REALM = b'Basic realm="netlab", charset="UTF-8"'


class Access:
    """Clients and users; without users, no password is asked for."""

    def __init__(self, clients: Iterable[str] = (), users: Mapping[str, str] | None = None) -> None:
        self._networks = [_network(each) for each in ([clients] if isinstance(clients, str) else clients)]
        self._tokens = [_token(*pair) for pair in _pairs(users)]
        self._lets_in = lru_cache(1024)(self._judge)

    @property
    def open(self) -> bool:
        """Whether clients of other machines may come."""
        return bool(self._networks)

    @property
    def shared(self) -> bool:
        """Whether several people use the proxy: from other machines, or with names of their own."""
        return self.open or len(self._tokens) > 1

    @property
    def asks(self) -> bool:
        """Whether a password is asked for."""
        return bool(self._tokens)

    @property
    def first(self) -> bytes:
        """The credentials of the first user, for the proxy's own use; ``b""``: none are needed."""
        return self._tokens[0] if self._tokens else b""

    def lets_in(self, client: str, server: str) -> bool:
        """Whether a client may come; both addresses as a connection tells them, with their ports."""
        return is_local(client, server) or self._lets_in(host_of(client))

    def _judge(self, address: str) -> bool:
        try:
            inner = unwrapped(address)
        except ValueError:
            return False
        return any(each.version == net.version and each in net for each in inner for net in self._networks)

    def knows(self, credentials: bytes | None) -> bool:
        """Whether the value of Proxy-Authorization is one of ours. All are compared, however early one fits."""
        given = b""
        if credentials is not None:
            scheme, _, token = credentials.partition(b" ")
            given = token.strip(b" ") if scheme.lower() == b"basic" else b""
        found = False
        for token in self._tokens:
            found |= compare_digest(token, given)
        return found


def host_of(place: str) -> str:
    """The address without its port, and without brackets."""
    return place.rpartition(":")[0].strip("[]") if ":" in place else place


@lru_cache(1024)
def is_local(client: str, server: str) -> bool:
    """Whether a client is on this machine: it comes from loopback, from the very address that it has connected to, or
    by a Unix socket."""
    address = host_of(client)
    try:
        inner = unwrapped(address)
    except ValueError:
        return client == "unix" or client == ""
    return address == host_of(server) or any(each.is_loopback for each in inner)


def _network(text: object) -> Network:
    network = network_of(text)
    if network is None:
        raise UsageError("allow_clients", text, 'must be an address or a network, such as "192.0.2.0/24"')
    if network.prefixlen == 0:
        raise UsageError("allow_clients", text, "is everybody: name the networks of those who shall use the proxy")
    return network


def _pairs(users: Mapping[str, str] | None) -> list[tuple[str, str]]:
    if users is None:
        return []
    if not isinstance(users, Mapping):
        raise UsageError("users", "(not shown)", "must be a dict: name → password")
    if not users:  # a table that is read, and happens to be empty, must not open the proxy to everybody
        raise UsageError("users", users, "has nobody in it; leave it out to ask for no password")
    for name, password in users.items():
        if not isinstance(name, str) or not isinstance(password, str) or not name or not password or ":" in name:
            raise UsageError("users", name, "must be a name without a colon, with a password, both text")
    return list(users.items())


def _token(name: str, password: str) -> bytes:
    return b64encode(f"{name}:{password}".encode())
