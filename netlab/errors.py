"""Every exception that netlab raises on purpose.

::

    NetlabError
    ├─ UsageError (ValueError)             an argument that cannot be
    ├─ PacketError (ValueError)            bytes that are not what they claim
    ├─ HTTPError                           status_hint: what a server should answer
    │   ├─ LocalProtocolError
    │   └─ RemoteProtocolError
    ├─ NetworkError (OSError)
    │   ├─ NameNotFound                    names that nobody knows, all of a list at once
    │   ├─ NoRoute                         nothing leads from here to there
    │   ├─ PermissionNeeded (PermissionError)  the system refuses; remedies say what to do
    │   ├─ LabUnavailable                  this machine cannot run the lab
    │   └─ AddressInUse                    a port is taken; owner says by whom
    └─ WorldError (ValueError)             a world that cannot be built

What the network does to a probe is a row in a table and never an exception. What the caller or the
machine does wrong is one of these, raised before anything is sent, with a text that says what to do.
"""

from __future__ import annotations

from collections.abc import Iterable

LONGEST_VALUE = 100
"""Characters of a wrong value that a message shows: nobody wants to scroll over 65 KB of payload to read why."""


class NetlabError(Exception):
    """The root: ``except NetlabError`` catches everything that netlab raises on purpose."""


class UsageError(NetlabError, ValueError):
    """An argument that cannot be: the message names it, its value and what is allowed."""

    def __init__(self, argument: str, value: object, allowed: str) -> None:
        shown = repr(value)
        if len(shown) > LONGEST_VALUE:
            shown = f"{shown[:LONGEST_VALUE]}…"
        super().__init__(f"{argument}={shown}: {allowed}")
        self.argument, self.value, self.allowed = argument, value, allowed


class PacketError(NetlabError, ValueError):
    """Bytes that are not what they claim.

    ``layer`` is the protocol, ``offset`` the byte at which reading stopped, ``needed`` and ``got`` are
    byte counts (0 when the fault is not one of length).
    """

    def __init__(self, layer: str, offset: int, needed: int, got: int, message: str = "") -> None:
        text = message or f"needs {needed} bytes, got {got}"
        super().__init__(f"{layer} at byte {offset}: {text}")
        self.layer, self.offset, self.needed, self.got = layer, offset, needed, got


class HTTPError(NetlabError):
    """A message that HTTP does not allow.

    ``status_hint`` is what a server should answer, ``rule`` the section that says so (``RFC 9112 6.1``).
    """

    def __init__(self, message: str, status_hint: int = 400, rule: str = "") -> None:
        super().__init__(message)
        self.status_hint, self.rule = status_hint, rule


class LocalProtocolError(HTTPError):
    """We were about to send something that HTTP does not allow."""


class RemoteProtocolError(HTTPError):
    """The other side sent something that HTTP does not allow."""


class NetworkError(NetlabError, OSError):
    """The network cannot do what was asked, whatever would be sent."""


class NameNotFound(NetworkError):
    """Names that the network does not know: all the bad ones of a list at once, in ``names``."""

    def __init__(self, names: str | Iterable[str], network: str = "", hint: str = "") -> None:
        self.names = [names] if isinstance(names, str) else list(names)
        where = f" on {network}" if network else ""
        super().__init__(f"cannot find {', '.join(map(repr, self.names))}{where}" + (f": {hint}" if hint else ""))


class NoRoute(NetworkError):
    """Nothing leads from ``source`` to ``destination``."""

    def __init__(self, destination: str, source: str = "", hint: str = "") -> None:
        self.destination, self.source = destination, source
        origin = f" from {source}" if source else ""
        super().__init__(f"no route to {destination}{origin}" + (f": {hint}" if hint else ""))


class PermissionNeeded(NetworkError, PermissionError):
    """The system does not let this user do it; ``remedies`` lists what would help, the easiest first."""

    def __init__(self, what: str, remedies: Iterable[str] = ()) -> None:
        self.what, self.remedies = what, list(remedies)
        super().__init__("; or ".join([what, *self.remedies]))


class LabUnavailable(NetworkError):
    """This machine cannot run the lab: ``reason`` says what is in the way, ``remedies`` what to do."""

    def __init__(self, reason: str, remedies: Iterable[str] = ()) -> None:
        self.reason, self.remedies = reason, list(remedies)
        super().__init__("; or ".join([reason, *self.remedies]))


class AddressInUse(NetworkError):
    """A port is taken; ``owner`` is the program that has it, where the system tells."""

    def __init__(self, address: str, owner: str = "", hint: str = "") -> None:
        self.address, self.owner = address, owner
        by = f" by {owner}" if owner else ""
        super().__init__(f"{address} is in use{by}" + (f": {hint}" if hint else ""))


class WorldError(NetlabError, ValueError):
    """A world that cannot be built: the message names the table, the key and the node or link."""

    def __init__(self, where: str, message: str) -> None:
        self.where = where
        super().__init__(f"{where}: {message}")
