"""Measuring in the lab: `LabNetwork` is the live network with sockets borrowed from a host of a world.

What is measured is real: packets of this machine's kernel, its stamps, its TCP. What lies between the hosts is a
world, carried by the engine process. `Lab` (in ``lab_hosts.py``) is the hosts and processes; `probe` tries whether
this machine can do it.
"""

from __future__ import annotations

import socket as sockets
import subprocess
from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Self

from netlab.errors import LabUnavailable, NoRoute
from netlab.internet.engine import Engine
from netlab.internet.model import EPOCH, Node, World
from netlab.internet.names import Names
from netlab.network.base import Usable
from netlab.network.files import write_packets
from netlab.network.lab_causes import TUN, VIRTUAL, explain, explain_warning
from netlab.network.lab_channel import Ended, Refusal, close_all
from netlab.network.lab_hosts import Device, Lab, need_linux
from netlab.network.lab_processes import make_hosts, start_server
from netlab.network.live import LiveNetwork
from netlab.network.virtual import _check
from netlab.network.worlds import load

__all__ = ["Lab", "LabNetwork", "probe"]


class LabNetwork(LiveNetwork, Usable):
    """A world with real hosts, as a network to measure on; implements `netlab.network.base.Network`.

    The lab starts with the first measurement (or `start`), and ends with `close`, with the ``with`` block, or with
    this process.

    Parameters
    ----------
    world
        A World, or what `netlab.world` takes: a name, a path, TOML text or a dict.
    seed, hosts, device
        As in `Lab`.
    vantage
        The host to measure from; default: the world's vantage host.
    """

    def __init__(
        self,
        world: World | str | Path | dict[str, Any],
        seed: int = 1,
        hosts: Iterable[str] | None = None,
        vantage: str | None = None,
        device: Device = "auto",
    ) -> None:
        world = load(world)
        self.world, self.seed = world, seed
        self.lab = Lab(world, seed, hosts, device)
        self.vantage = self.lab.names.node(vantage or world.vantage).name
        self._from = self.vantage
        self._held = 0
        self._seen: list[dict[str, Any]] = []
        self._map = Engine(world, seed, capture=False)
        """For questions about routes; the world that runs is in the engine process."""
        super().__init__(factory=self._borrow, name=f"lab:{world.name}", resolver=_Resolver(self.lab.names))

    def __repr__(self) -> str:
        return f"<netlab network: {self.name}, seed {self.seed}, {len(self.world.nodes)} nodes, real time>"

    # life

    def start(self) -> None:
        """Start the lab now; raises `LabUnavailable`."""
        self.lab.start()

    def begin(self) -> None:
        self.lab.start()
        super().begin()
        self._from = self.vantage

    def close(self) -> None:
        """End the measurement and the lab, with every program in it."""
        super().close()
        self.lab.close()

    def hold(self) -> None:
        self._held += 1
        self.lab.start()

    def release(self) -> None:
        self._held = max(0, self._held - 1)
        if not self._held:
            if self.lab.running:
                self._seen = list(self.packets())  # they can still be asked for
            self.close()

    def __enter__(self) -> Self:
        try:
            return super().__enter__()
        except BaseException:  # then there will be no __exit__
            self.__exit__()
            raise

    # hosts

    def _borrow(self, family: int, kind: int, protocol: int) -> sockets.socket:
        return self.lab.socket(self._from, family, kind, protocol)

    def source_for(self, destination: str, source: str | None = None) -> str:
        """As in `Network`; ``source`` may also name another host: then this measurement starts there."""
        names = self.lab.names
        node = names.node(source or self._from)
        self._from = node.name
        path = self._map.path(node.name, destination)
        own = names.source_for(node, destination, source, towards=path[1] if len(path) > 1 else "")
        if len(path) == 1 and not self._map.is_local(node.name, destination):
            raise NoRoute(destination, own, f"{node.name} knows no way there")
        return super().source_for(destination, own)

    def socket(self, host: str, *arguments: Any, **options: Any) -> sockets.socket:
        """A socket of a host: `Lab.socket`."""
        return self.lab.socket(host, *arguments, **options)

    def popen(self, host: str, command: Sequence[str | PathLike[str]], **options: Any) -> subprocess.Popen[Any]:
        """Start a program on a host: `Lab.popen`."""
        return self.lab.popen(host, command, **options)

    def run(
        self, host: str, command: Sequence[str | PathLike[str]], **options: Any
    ) -> subprocess.CompletedProcess[Any]:
        """Run a program on a host: `Lab.run`."""
        return self.lab.run(host, command, **options)

    # the truth

    def locate(self, address: str) -> Node | None:
        """The node that has this address, with its place and AS number."""
        return self.lab.names.node_of(address)

    def packets(
        self, background: bool = False, node: str | None = None, link: str | None = None
    ) -> Sequence[dict[str, Any]]:
        """Rows of PACKETS of the whole world, the last 10,000: what every machine did with every packet.

        ``background``: also the latest packets of background traffic. ``node``, ``link``: only what was seen there.
        """
        _check("node", node, self.world.nodes)
        _check("link", link, [each.name for each in self.world.links])
        if not self.lab.running:
            seen = self._seen
            return [row for row in seen if node in (None, row["at"]) and link in (None, row["link"])]
        return self._on_our_clock(self.lab.tell("packets", background=background, node=node, link=link))

    def to_pcap(self, path: str | PathLike[str], node: str | None = None, link: str | None = None) -> int:
        return write_packets(path, self.packets(node=node, link=link), self.name)

    def path(self, destination: str, source: str | None = None) -> list[str]:
        """The names of the nodes that a packet really passes, both ends included; it ends where it would be dropped."""
        names = self.lab.names
        return self._map.path(names.node(source or self.vantage).name, names.resolve(destination)[0])

    def truth(self) -> list[dict[str, Any]]:
        """Where the time of every delivered packet went: one row per link, see `Engine.truth`."""
        return self._on_our_clock(self.lab.tell("truth")) if self.lab.running else []

    def losses(self, background: bool = False) -> dict[str, int]:
        """How many packets the world really dropped, by reason."""
        found: dict[str, int] = self.lab.tell("losses", background=background) if self.lab.running else {}
        return found

    def lateness(self) -> dict[str, Any]:
        """How exact the lab has been: see `Lab.lateness`."""
        return self.lab.lateness()

    def _on_our_clock(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The engine counts from the start of the world; here it is the wall clock."""
        shift = self.epoch + self.lab.start_ns - EPOCH
        for row in rows:
            row["time"] += shift
        return rows


class _Resolver:
    """The world's names for `LiveNetwork`."""

    def __init__(self, names: Names) -> None:
        self.resolve, self.reverse = names.resolve, names.reverse


# ── can this machine do it? ────────────────────────────────────────────────────────────────────────────────────


def probe() -> list[dict[str, str]]:
    """Rows of CAPABILITIES, found by making a host for a moment: capability, works (yes or no), evidence, remedy."""
    try:
        ready = _try()
    except LabUnavailable as no:
        return [_capability("lab", no.reason, "; or ".join(no.remedies), works=False)]
    rows = [_capability("lab", f"a host with a kernel of its own was made, its device is a {ready['device']}")]
    warnings = {warning["step"]: explain_warning(**warning) for warning in ready["warnings"]}
    found = {"lab: TUN device": ("open tun", f"{TUN} can be opened"), "lab: IPv6": ("ipv6", "hosts have IPv6")}
    for capability, (step, evidence) in found.items():
        trouble = warnings.pop(step, None)
        rows.append(_capability(capability, *trouble, works=False) if trouble else _capability(capability, evidence))
    rows += [_capability("lab: settings of hosts", *trouble, works=False) for trouble in warnings.values()]
    return rows


def _try() -> dict[str, Any]:
    """Stage 1, the server and one host, without an engine."""
    need_linux()
    server = start_server()
    try:
        ready = make_hosts(server.channel, TRIAL)
        close_all(server.channel.more()[1])
        return ready
    except Refusal as refusal:
        raise LabUnavailable(*explain(refusal.step, refusal.errno or 0)) from None
    except Ended as ended:
        raise LabUnavailable(f"the lab did not start: {ended}", [VIRTUAL]) from None
    finally:
        server.end()


TRIAL = {
    "hosts": [{"name": "trial", "addresses": ["192.0.2.1", "2001:db8::1"], "mtu": 1500}],
    "files": {"/etc/hosts": ""},
    "options": {},
}
"""A plan with one host."""


def _capability(capability: str, evidence: str, remedy: str = "", works: bool = True) -> dict[str, str]:
    return {"capability": capability, "works": "yes" if works else "no", "evidence": evidence, "remedy": remedy}
