"""`wait`: what happens when nobody does anything for a while, in a world that runs on."""

from __future__ import annotations

from typing import Any

from netlab.errors import UsageError

SECOND = 1_000_000_000


def wait(seconds: float) -> None:
    """Let virtual time pass in the network in use, while one of its servers is open.

    Parameters
    ----------
    seconds
        Of world time; no real time passes.

    Raises
    ------
    UsageError
        The network is a real one, or its world does not run on, because no server is open in it.

    Examples
    --------
    >>> import netlab
    >>> site = netlab.teach.folder({"index.html": 100})
    >>> with netlab.use("line") as network, netlab.WebServer(site, host="server", port=80):
    ...     netlab.teach.wait(60)
    ...     network.now() // 10**9
    60
    """
    from netlab import api
    from netlab.probing import seconds as checked

    network: Any = api.current()
    if not network.virtual or not network.held:
        raise UsageError("network", network.name, "time is let pass in a virtual world in which a server is open")
    length = checked("seconds", seconds, above=0.0)
    with network.driving() as engine:
        engine.advance(engine.now + int(length * SECOND))
