"""A web server and a client on hosts that the lab's engine process plays: our TCP against the kernel's.

`netlab.network.lab_hosts.Lab.call` calls these functions in that process. They only begin something, or tell how far it
has come, since packets wait meanwhile; the process drives the engine on a real clock, and the same handlers run as in a
virtual world.
"""

from __future__ import annotations

import hashlib
import time
from typing import Any

from netlab.http import writer
from netlab.http.events import Data, EndOfMessage, Response
from netlab.http.reader import Limits, Reader
from netlab.internet.engine import Engine
from netlab.serve.answers import Site
from netlab.serve.connection import Address, Connection, DialFailed, Gone, Handler, Late
from netlab.serve.files import Directory
from netlab.serve.virtual import VirtualLoop
from netlab.serve.web import serve

LIMITS = Limits(head=64 * 1024)

_loops: list[VirtualLoop] = []
"""What runs in this process."""
_fetched: list[dict[str, Any]] = []


def serve_folder(engine: Engine, host: str, directory: str, port: int = 80) -> int:
    """Serve a folder on a host of the world; gives the port."""
    site = Site(Directory(directory), _no_log, time.time_ns)
    loop = VirtualLoop(engine, host, _nobody)
    _loops.append(loop)
    return loop.listen(port, lambda connection: serve(connection, site))


def fetch(engine: Engine, host: str, address: str, port: int, target: str, timeout: float) -> int:
    """Begin to get something from an address; gives the number by which `fetched` knows it."""
    found: dict[str, Any] = {"done": False, "status": None, "bytes": 0, "sha256": "", "error": "", "ms": 0.0}
    _fetched.append(found)
    loop = VirtualLoop(engine, host, _nobody)
    _loops.append(loop)
    loop.start(
        lambda connection: _get(connection, found, (6 if ":" in address else 4, (address, port)), target, timeout)
    )
    return len(_fetched) - 1


def fetched(engine: Engine, number: int) -> dict[str, Any]:
    """Tell how far it is: done, status, bytes and sha256 of the content, error, ms."""
    return _fetched[number]


def _get(connection: Connection, found: dict[str, Any], address: Address, target: str, timeout: float) -> Handler:
    began, content, reader = connection.now(), hashlib.sha256(), Reader("client", LIMITS)
    connection.within(timeout)
    try:
        stream = yield from connection.dial_one_of([address])
        fields = [(b"Host", address[1][0].encode()), (b"Connection", b"close")]
        yield from stream.send(writer.request_head(b"GET", target.encode(), fields))
        while not isinstance(event := reader.next_event(b"GET"), EndOfMessage):
            if isinstance(event, Response):
                found["status"] = event.status
            elif isinstance(event, Data):
                content.update(event.data)
                found["bytes"] += len(event.data)
            else:
                reader.feed((yield from stream.receive()))
    except (DialFailed, Gone, Late) as failure:
        found["error"] = f"{type(failure).__name__}: {failure}"
    found |= {"done": True, "sha256": content.hexdigest(), "ms": (connection.now() - began) / 1e6}


def _nobody(host: str, port: int) -> list[Address]:
    """Nothing is looked up here."""
    return []


def _no_log(row: Any, request_head: bytes, response_head: bytes) -> None:
    """Nobody reads it."""
