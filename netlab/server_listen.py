"""Listening sockets: where a server may be, and who has a port that is taken."""

from __future__ import annotations

import errno
import os
import re
import socket
import warnings

from netlab.errors import AddressInUse, NetworkError, UsageError

BACKLOG = 1024
"""Connections that the kernel completes before they are accepted."""
OTHER_PORT = "stop that program, or take another port; 0 is any free one"
OWN_SOCKET = "close that socket, or stop() the server that has it, or take another port; 0 is any free one"
THIS = "this program itself"
LOOPBACK = re.compile(r"localhost|::1|(::ffff:)?127(\.\d{1,3}){1,3}")
"""What means this machine; the prefix: IPv4, written as IPv6. Other names may begin with 127, too."""


def is_loopback(host: str) -> bool:
    """Whether a name or address always means this machine itself."""
    return LOOPBACK.fullmatch(host) is not None


def check_host(host: str, public: bool, name: str = "host") -> None:
    """Refuse an address that others can reach, unless that is asked for; then warn. ``name`` is the argument's."""
    if not isinstance(host, str):
        raise UsageError(name, host, "must be an address or a name of this machine, as text")
    if is_loopback(host):
        return
    if not public:
        raise UsageError(
            name, host, "others could reach the server there; say public=True (--public) if that is what you want"
        )
    warnings.warn(f"others can reach this server at {host or 'every address'}", stacklevel=3)


def check_listener(listener: socket.socket) -> None:
    """Refuse what does not listen."""
    good = isinstance(listener, socket.socket) and listener.fileno() != -1 and listener.type == socket.SOCK_STREAM
    if not good or not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        text = "must be a socket that listens, such as socket.create_server(('127.0.0.1', 0)) gives"
        raise UsageError("listener", listener, text)


def is_unix(listener: socket.socket) -> bool:
    """Whether a listener is a file, or a name, of this machine (Windows has none)."""
    return listener.family == getattr(socket, "AF_UNIX", None)


def place_of(listener: socket.socket) -> tuple[str, int]:
    """Where a listener that was handed in is: address and port, or the path of a Unix socket and 0; Linux's Unix
    sockets without a file have an ``@`` in front of their names."""
    address = listener.getsockname()
    if isinstance(address, tuple):
        return str(address[0]), int(address[1])
    path = os.fsdecode(address)
    return (f"@{path[1:]}" if path[:1] == "\0" else path), 0


def listen(host: str, port: int) -> list[socket.socket]:
    """Open the listening sockets of a host; raises `AddressInUse` with the owner."""
    if host == "":
        return [_listen(socket.AF_INET6, "::", port, dual=True)] if socket.has_dualstack_ipv6() else [
            _listen(socket.AF_INET, "0.0.0.0", port)
        ]  # fmt: skip
    if host == "localhost":
        return _listen_on_both(port)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror:
        raise UsageError("host", host, "must be an address or a name of this machine, such as 127.0.0.1") from None
    return [_listen(found[0][0], str(found[0][4][0]), port)]


def _listen_on_both(port: int) -> list[socket.socket]:
    """IPv4's and IPv6's loopback, with the same port."""
    for _ in range(20):
        first = _listen(socket.AF_INET, "127.0.0.1", port)
        try:
            return [first, _listen(socket.AF_INET6, "::1", first.getsockname()[1])]
        except AddressInUse:
            first.close()
            if port:
                raise
        except NetworkError:
            return [first]  # there is no IPv6 here
    raise NetworkError(errno.EADDRINUSE, "no port is free on both 127.0.0.1 and ::1")


def _listen(family: int, host: str, port: int, dual: bool = False) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        elif hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if dual else 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            owner = owner_of(port)
            hint = OWN_SOCKET if owner.startswith(THIS) else OTHER_PORT
            raise AddressInUse(f"{host}:{port}", owner, hint) from None
        if error.errno == errno.EACCES:
            raise NetworkError(error.errno, f"ports below 1024 belong to root; take another than {port}") from None
        if error.errno == errno.EADDRNOTAVAIL:
            text = f"{host} is no address of this machine; 127.0.0.1 is the machine itself, '' are all its addresses"
            raise NetworkError(error.errno, text) from None
        raise NetworkError(error.errno, f"cannot listen at {host}:{port}: {error.strerror}") from None
    return listener


def owner_of(port: int) -> str:
    """Who listens at a TCP port: ``nginx (process 4711)``, or `THIS` for the process that asks; ``""`` where the system
    does not tell (Linux does)."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as lines:
                for line in list(lines)[1:]:
                    words = line.split()
                    if words[3] == "0A" and int(words[1].rpartition(":")[2], 16) == port:  # 0A: listening
                        inodes.add(f"socket:[{words[9]}]")
        except OSError:
            continue
    # First this process: its children may have inherited the socket.
    own = str(os.getpid())
    for process in sorted(filter(str.isdecimal, os.listdir("/proc") if inodes else []), key=lambda each: each != own):
        try:
            for descriptor in os.listdir(f"/proc/{process}/fd"):
                if os.readlink(f"/proc/{process}/fd/{descriptor}") in inodes:
                    with open(f"/proc/{process}/comm", encoding="utf-8") as name:
                        program = THIS if process == own else name.read().strip()
                        return f"{program} (process {process})"
        except OSError:
            continue  # it is somebody else's, or has ended
    return ""
