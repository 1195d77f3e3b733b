"""Real Linux kernels as hosts and routers, wired like a world: `KernelNet`.

Every node of a `World` becomes a network namespace with the kernel's own IP, ICMP, UDP and TCP, every link a pair of
veth devices, every shortest path a static route. All of it lives inside one new user namespace, so neither root nor any
program is needed, and nothing stays behind, even when the test process is killed (see ``kernelnet_child.py``).

Taken over from the world: addresses, MTU, routes, open ports, ``down`` links and nodes, ``answers_echo``,
``initial_ttl``, the rate of ICMP errors (else they are not limited, but those of IPv4 routes that lead nowhere: 5 at
once, then one per second). Delays, losses and firewalls are not.

>>> with KernelNet(world) as kernel:                          # doctest: +SKIP
...     kernel.run("laptop", ["ping", "-c1", "203.0.113.80"])
...     kernel.network("laptop", raw=False)                    # a LiveNetwork that measures from there
"""

from __future__ import annotations

import array
import functools
import ipaddress
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from netlab.internet.model import World
from netlab.internet.names import Names
from netlab.network.live import LiveNetwork
from tests.support.tools import missing

CHILD = Path(__file__).with_name("kernelnet_child.py")
ANSWER_WITHIN = 20.0
"""s for a request; building ten hosts takes 0.1 s on an idle machine."""

SYSCTLS = {
    # The mask, not only the limit: even a limit of 0 uses up the tokens of those errors that a route sends
    # (ip_error in net/ipv4/route.c), which are 5 in a burst and then one per second, whatever is set here.
    "ipv4/icmp_ratemask": "0",
    "ipv4/icmp_ratelimit": "0",
    "ipv6/icmp/ratelimit": "0",
    "ipv4/icmp_msgs_per_sec": "1000000",
    "ipv4/icmp_msgs_burst": "1000000",
    "ipv4/conf/all/rp_filter": "0",
    "ipv4/conf/default/rp_filter": "0",
    "ipv6/conf/all/disable_ipv6": "0",
    "ipv6/conf/default/disable_ipv6": "0",
    "ipv6/conf/default/accept_dad": "0",
    "ipv6/conf/default/dad_transmits": "0",
    "ipv6/conf/default/router_solicitations": "0",
    "ipv6/conf/default/accept_ra": "0",
    "ipv4/ip_unprivileged_port_start": "0",
}
FORWARDING = {"ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1"}

Address = ipaddress.IPv4Interface | ipaddress.IPv6Interface


class Unavailable(Exception):
    """This machine does not let us make network namespaces; the text says why."""


class KernelNet:
    """See the module. ``ping_sockets``: whether an unprivileged process may open ping sockets."""

    def __init__(self, world: World, ping_sockets: bool = True) -> None:
        if not sys.platform.startswith("linux"):
            raise Unavailable("network namespaces need Linux")
        self.world = world
        self._lock = threading.Lock()
        self._requests = itertools.count(1)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control = ours
        ours.settimeout(ANSWER_WITHIN)
        with theirs:
            self._child = subprocess.Popen(
                [sys.executable, "-I", "-S", str(CHILD), str(theirs.fileno()), str(os.getpid())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        try:
            self._ask("build", **plan(world, ping_sockets))
        except (OSError, EOFError) as error:
            self.close()
            raise Unavailable(f"cannot make network namespaces: {error}") from None

    def network(self, host: str = "", raw: bool | None = True) -> LiveNetwork:
        """A live network that measures from ``host`` (default: the vantage), with raw sockets or without privilege.

        ``raw=None``: an unprivileged process that tries raw sockets first.
        """
        host = host or self.world.vantage
        names = Names(self.world)
        resolver = SimpleNamespace(resolve=names.resolve, reverse=names.reverse)
        return LiveNetwork(self.factory(host, privileged=raw is True), f"kernel:{host}", resolver, raw)

    def factory(self, host: str, privileged: bool = True) -> Any:
        """``factory(family, type, protocol)`` opens sockets in ``host``."""
        return functools.partial(self.socket, host, privileged=privileged)

    def socket(self, host: str, family: int, kind: int, protocol: int = 0, privileged: bool = True) -> socket.socket:
        """A socket of ``host``; unprivileged: opened by a process without any capability."""
        _, descriptors = self._ask("socket", host=host, socket=[family, kind, protocol], privileged=privileged)
        return socket.socket(fileno=descriptors[0])

    def run(
        self, host: str, argv: Sequence[str], timeout: float = 30.0, privileged: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in ``host`` to its end: exit status and output. Killed after ``timeout`` seconds."""
        with Running(self, host, argv, privileged) as running:
            return running.finish(timeout)

    def start(self, host: str, argv: Sequence[str], privileged: bool = True) -> Running:
        """Start a command in ``host``; a context manager that kills it at the end."""
        return Running(self, host, argv, privileged)

    def sysctl(self, host: str, key: str, value: str) -> None:
        """Write /proc/sys/net/``key`` of ``host``."""
        self._ask("sysctl", host=host, key=key, value=value)

    def route(self, host: str, to: str, via: str) -> None:
        """Add or replace a route: ``via`` an address, or ``blackhole``, ``unreachable``, ``prohibit``."""
        self._ask("route", host=host, to=to, via=via)

    @property
    def pid(self) -> int:
        """The process outside of the PID namespace whose end is the end of everything."""
        return self._child.pid

    def close(self) -> None:
        self._control.close()
        try:
            self._child.wait(ANSWER_WITHIN)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def __enter__(self) -> KernelNet:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(
        self, what: str, descriptors: Sequence[int] = (), within: float = ANSWER_WITHIN, **request: Any
    ) -> tuple[dict[str, Any], list[int]]:
        with self._lock:
            number = next(self._requests)
            message = json.dumps({"id": number, "do": what, **request}).encode()
            lent = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
            self._control.settimeout(within)
            self._control.sendmsg([message], lent)
            while True:
                data, got = _receive(self._control)
                answer = json.loads(data)
                if answer["id"] in (number, 0):
                    break
        if "error" in answer:
            raise OSError(answer.get("errno"), answer["error"])
        return answer, got


class Running:
    """A command in a host; its output goes to ``output`` (both streams of a terminal: stdout, and stderr apart)."""

    def __init__(self, kernel: KernelNet, host: str, argv: Sequence[str], privileged: bool) -> None:
        self._kernel, self.argv = kernel, list(argv)
        self.stdout, out = _pipe()
        self.stderr, err = _pipe()
        with open(os.devnull, "rb") as nothing:
            answer, _ = kernel._ask(
                "start",
                [nothing.fileno(), out, err],
                host=host,
                argv=self.argv,
                privileged=privileged,
                environment={**os.environ, "LC_ALL": "C", "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"},
            )
        os.close(out)
        os.close(err)
        self._command = answer["command"]
        self._collected: dict[str, bytes] = {}
        self._readers = [
            threading.Thread(target=self._collect, args=(name, pipe), daemon=True)
            for name, pipe in (("out", self.stdout), ("err", self.stderr))
        ]
        for reader in self._readers:
            reader.start()

    def _collect(self, name: str, descriptor: int) -> None:
        with open(descriptor, "rb") as stream:
            self._collected[name] = stream.read()

    def finish(self, timeout: float = 30.0) -> subprocess.CompletedProcess[str]:
        """Wait for its end."""
        for reader in self._readers:
            reader.join(timeout)
        if any(reader.is_alive() for reader in self._readers):
            self.stop()
            raise subprocess.TimeoutExpired(self.argv, timeout)
        answer, _ = self._kernel._ask("wait", command=self._command)
        texts = [self._collected[name].decode(errors="replace") for name in ("out", "err")]
        return subprocess.CompletedProcess(self.argv, answer["status"], *texts)

    def stop(self, number: int = signal.SIGKILL) -> None:
        self._kernel._ask("signal", command=self._command, number=number)
        for reader in self._readers:
            reader.join(5)

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def kernel_net(world: World, ping_sockets: bool = True) -> KernelNet:
    """A `KernelNet`, or the test is skipped with the reason why this machine cannot have one."""
    try:
        return KernelNet(world, ping_sockets)
    except Unavailable as unavailable:
        missing(f"needs network namespaces: {unavailable}")


# ── from a world to addresses, devices and routes ────────────────────────────────────────────────────────────────


def plan(world: World, ping_sockets: bool) -> dict[str, Any]:
    """What the child has to build."""
    addresses = {name: [ipaddress.ip_interface(each) for each in node.addresses] for name, node in world.nodes.items()}
    devices: dict[str, list[str]] = {name: [] for name in world.nodes}
    placed: dict[str, list[tuple[str, str]]] = {name: [] for name in world.nodes}
    neighbours: dict[str, list[tuple[str, dict[int, str]]]] = {name: [] for name in world.nodes}
    links = []
    used: set[tuple[str, Address]] = set()
    for each in world.links:
        a, b = each.ends
        if each.down or world.nodes[a].down or world.nodes[b].down:
            continue
        ends = [(name, f"eth{len(devices[name])}") for name in each.ends]
        for name, device in ends:
            devices[name].append(device)
        links.append([ends[0][0], ends[0][1], ends[1][0], ends[1][1], each.mtu])
        shared = _shared(addresses[a], addresses[b], used, each.ends)
        for name, device in ends:
            for own in addresses[name]:
                if any(own.network == pair[0].network for pair in shared) and (name, own) not in used:
                    used.add((name, own))
                    placed[name].append((device, str(own)))
        neighbours[a].append((b, {pair[1].version: str(pair[1].ip) for pair in shared}))
        neighbours[b].append((a, {pair[0].version: str(pair[0].ip) for pair in shared}))
    for name, own_addresses in addresses.items():
        placed[name] += [("lo", str(each)) for each in own_addresses if (name, each) not in used]
    hosts = []
    for name, node in world.nodes.items():
        sysctls = {**SYSCTLS, "ipv4/ip_default_ttl": str(node.initial_ttl)}
        if ping_sockets:  # a new namespace lets nobody; once open, it cannot be closed again from inside
            sysctls["ipv4/ping_group_range"] = f"{os.getegid()} {os.getegid()}"
        sysctls |= {f"ipv6/conf/{which}/hop_limit": str(node.initial_ttl) for which in ("all", "default")}
        if node.kind == "router":
            sysctls |= FORWARDING
        if not node.answers_echo:
            sysctls |= {"ipv4/icmp_echo_ignore_all": "1", "ipv6/icmp/echo_ignore_all": "1"}
        if node.icmp is not None:
            spacing = str(int(1000 / node.icmp.rate))
            sysctls |= {"ipv4/icmp_ratelimit": spacing, "ipv6/icmp/ratelimit": spacing, "ipv4/icmp_ratemask": "6168"}
        routes = _routes(name, world, addresses, neighbours)
        hosts.append(
            {
                "name": name,
                "sysctls": sysctls,
                "devices": devices[name],
                "addresses": placed[name],
                "routes": routes,
                "listen": [list(port) for port in node.open],
            }
        )
    return {"hosts": hosts, "links": links}


def _shared(
    first: list[Address], second: list[Address], used: set[tuple[str, Address]], ends: tuple[str, str]
) -> list[tuple[Address, Address]]:
    """The addresses of both ends that share a prefix: one pair per IP version, those first that no link has yet."""
    pairs = [(one, other) for one in first for other in second if one.network == other.network and one.ip != other.ip]
    pairs.sort(key=lambda pair: (ends[0], pair[0]) in used or (ends[1], pair[1]) in used)
    return list({pair[0].version: pair for pair in reversed(pairs)}.values())


def _routes(
    name: str,
    world: World,
    addresses: dict[str, list[Address]],
    neighbours: dict[str, list[tuple[str, dict[int, str]]]],
) -> list[tuple[str, str]]:
    """Static routes by the fewest hops; among equals, by the order of the links."""
    routes: dict[str, str] = {}
    own = {each.network for each in addresses[name]}
    first_hop: dict[str, dict[int, str]] = {name: {}}
    queue = deque([name])
    while queue:
        here = queue.popleft()
        for neighbour, gateways in neighbours[here]:
            if neighbour in first_hop:
                continue
            if here != name and world.nodes[here].kind == "host":
                continue  # hosts do not forward
            first_hop[neighbour] = gateways if here == name else first_hop[here]
            queue.append(neighbour)
            for each in addresses[neighbour]:
                via = first_hop[neighbour].get(each.version)
                if via and each.network not in own:
                    routes.setdefault(str(each.network), via)
    if world.nodes[name].kind == "host" and neighbours[name]:
        gateways = neighbours[name][0][1]  # as in a world: what a host does not know goes to its first link
        routes |= {("0.0.0.0/0", "::/0")[version == 6]: via for version, via in gateways.items()}
    for route in world.nodes[name].routes:
        version = ipaddress.ip_network(route.to).version
        gateway = dict(neighbours[name]).get(route.via, {}).get(version)
        routes[route.to] = gateway or route.via
    return list(routes.items())


def _pipe() -> tuple[int, int]:
    return os.pipe2(os.O_CLOEXEC)


def _receive(control: socket.socket) -> tuple[bytes, list[int]]:
    data, ancillary, _, _ = control.recvmsg(1 << 16, socket.CMSG_SPACE(4 * 8), socket.MSG_CMSG_CLOEXEC)
    if not data:
        raise EOFError("the child ended")
    descriptors = array.array("i")
    for level, kind, content in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(content[: len(content) - len(content) % 4])
    return data, list(descriptors)
