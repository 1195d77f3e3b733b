"""`Lab`: a world whose hosts are played by the kernel of this machine, without root. Linux only.

Two processes do it. The *server* (``lab_child.py``) makes a network namespace for every host that needs one and
lends sockets of it. The *engine* (``lab_engine.py``) is the virtual internet on a real clock; it holds the other
ends of the hosts' devices. This file asks them; packets never pass through here. Both end when this process ends,
however that happens, and nothing is left behind: everything they make belongs to them.

The engine is a process, not a thread: a busy notebook cell would make packets late by 5 to 14 ms, against 0.05 ms.
Never compare figures of the lab below 0.5 ms: `Lab.lateness` says how exact it was.
"""

from __future__ import annotations

import os
import signal
import socket as sockets
import subprocess
import sys
import threading
import weakref
from collections import Counter
from collections.abc import Iterable, Sequence
from os import PathLike
from typing import Any, Literal, Self

from netlab.errors import LabUnavailable, UsageError
from netlab.internet.model import World
from netlab.internet.names import Names
from netlab.network.lab_causes import VIRTUAL, explain, explain_warning
from netlab.network.lab_channel import Ended, Refusal, close_all, unpickled
from netlab.network.lab_processes import Processes, enter, launch

MTU = 1500
"""Of a host without links."""

RESOLV_CONF = "# the names of the world are in /etc/hosts\noptions timeout:1 attempts:1\n"

LATE = 1_000_000
"""ns: a packet that comes later than this spoils a measurement in ms."""

BUCKETS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, float("inf"))
"""ms: upper ends of the lateness distribution."""

Device = Literal["auto", "tun", "veth"]


class Lab:
    """Real hosts in a world.

    Parameters
    ----------
    world
        The world; it stays as it is.
    seed
        Of everything random in it.
    hosts
        Hosts that get a kernel of their own at once, besides the vantage host; ``"all"``: all. Others are simulated
        until a socket or a command on them is asked for.
    device
        ``"tun"``, ``"veth"``, or ``"auto"``: veth where /dev/net/tun cannot be opened.
    congestion_control
        Of the hosts' TCP: ``reno``, which the lessons' formulas are about, or ``cubic``. The machine's own would
        differ from one machine to the next.
    tun
        Path of the TUN device.
    """

    def __init__(
        self,
        world: World,
        seed: int = 1,
        hosts: Iterable[str] | None = None,
        device: Device = "auto",
        congestion_control: Literal["reno", "cubic"] = "reno",
        tun: str = "/dev/net/tun",
    ) -> None:
        if device not in ("auto", "tun", "veth"):
            raise UsageError("device", device, "must be 'auto', 'tun' or 'veth'")
        self.world, self.seed = world, seed
        self.names = LabNames(world)
        self._hosts = self._choose(hosts)
        self._options = {"device": device, "congestion_control": congestion_control, "tun": tun}
        self._processes: Processes | None = None
        self._end: weakref.finalize[[], Lab] | None = None
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        return f"<Lab {self.world.name}, seed {self.seed}>"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # life

    def start(self) -> None:
        """Make the namespaces and start the engine, unless they run: 0.3 s, with 200 hosts 0.6 s.

        Raises `LabUnavailable` with what is in the way and what to do about it.
        """
        self._run()

    def close(self) -> None:
        """End every process of the lab, also commands that still run in it."""
        with self._lock:
            end, self._end, self._processes = self._end, None, None
        if end is not None:
            end()

    @property
    def running(self) -> bool:
        return self._processes is not None

    @property
    def hosts(self) -> list[str]:
        """The hosts that have a kernel of their own now."""
        real = self._processes.hosts if self._processes else set(self._hosts)
        return [name for name in self.world.nodes if name in real]

    @property
    def device(self) -> str:
        """What the hosts' eth0 is: ``tun`` or ``veth``."""
        return str(self._run().ready["device"])

    @property
    def warnings(self) -> list[str]:
        """What this machine does not allow, and the lab does without."""
        return [explain_warning(**warning)[0] for warning in self._run().ready["warnings"]]

    @property
    def start_ns(self) -> int:
        """Monotonic ns at which the world's time was 0."""
        return self._run().start

    def _run(self) -> Processes:
        with self._lock:
            if self._processes is None:
                need_linux()
                try:
                    self._processes = launch(self.world, self.seed, self._plan())
                except Refusal as refusal:
                    raise LabUnavailable(*explain(refusal.step, refusal.errno or 0)) from None
                except Ended as ended:
                    raise LabUnavailable(f"the lab did not start: {ended}", [VIRTUAL]) from ended
                self._end = weakref.finalize(self, self._processes.end)
            return self._processes

    # a host's sockets and commands

    def socket(
        self,
        host: str,
        family: int = sockets.AF_INET,
        type: int = sockets.SOCK_STREAM,
        protocol: int = 0,
        *,
        options: Sequence[tuple[int, int, int | bytes]] = (),
        bind: tuple[Any, ...] | None = None,
        listen: int | None = None,
    ) -> sockets.socket:
        """A socket of a host, raw and packet sockets too. It stays on that host and may be configured further.

        Addresses must be numeric: `names` knows the world's names, this process's getaddrinfo does not.
        """
        plain = [[level, name, value.hex() if isinstance(value, bytes) else value] for level, name, value in options]
        fields = {"family": int(family), "type": int(type), "protocol": int(protocol), "bind": bind, "listen": listen}
        _, (number,) = self._ask("socket", host, options=plain, **fields)
        return sockets.socket(fileno=number)

    def popen(self, host: str, command: Sequence[str | PathLike[str]], **options: Any) -> subprocess.Popen[Any]:
        """`subprocess.Popen` on a host: standard streams, terminal, signals and exit status as usual.

        The environment is this process's without ``*_proxy``, unless ``env`` gives another. Files are the real ones.
        """
        if isinstance(command, str) or not command:
            raise UsageError("command", command, "must be a list: the program and its arguments")
        if options.get("env") is None:
            options["env"] = {name: text for name, text in os.environ.items() if not name.lower().endswith("_proxy")}
        _, descriptors = self._ask("namespaces", host)
        try:
            wrapper = enter(descriptors, self.names.node(host).name, [os.fspath(each) for each in command])
            return Program(wrapper, pass_fds=[*descriptors, *options.pop("pass_fds", ())], **options)
        finally:
            close_all(descriptors)

    def run(
        self,
        host: str,
        command: Sequence[str | PathLike[str]],
        *,
        input: Any = None,
        capture_output: bool = False,
        timeout: float | None = None,
        check: bool = False,
        **options: Any,
    ) -> subprocess.CompletedProcess[Any]:
        """`subprocess.run` on a host."""
        if input is not None:
            options["stdin"] = subprocess.PIPE
        if capture_output:
            options["stdout"] = options["stderr"] = subprocess.PIPE
        with self.popen(host, command, **options) as process:
            try:
                out, err = process.communicate(input, timeout)
            except BaseException:
                process.kill()
                raise
        if check and process.returncode:
            raise subprocess.CalledProcessError(process.returncode, list(command), out, err)
        return subprocess.CompletedProcess(list(command), process.returncode, out, err)

    def sysctl(self, host: str, key: str, value: object = None) -> str:
        """A setting of a host, such as ``ipv4/tcp_sack`` (below /proc/sys/net): its old value; ``value`` sets it."""
        reply, _ = self._ask("sysctl", host, key=key, value=None if value is None else str(value))
        return str(reply["old"])

    def counters(self, host: str) -> dict[str, int]:
        """What a host's device has counted: packets rx, rx_dropped, tx, tx_dropped.

        ``tx_dropped``: the host sent faster than the engine took; these packets are in no capture.
        """
        reply, _ = self._ask("counters", host)
        return {name: reply[name] for name in ("rx", "rx_dropped", "tx", "tx_dropped")}

    def _ask(self, do: str, host: str, **fields: Any) -> tuple[dict[str, Any], list[int]]:
        """Ask the server about a host, which becomes a real one."""
        processes = self._run()
        name = self._host(host)
        try:
            with self._lock:
                if name not in processes.hosts:
                    processes.add_host(self._about(name))
            return processes.server.channel.ask(do, host=name, **fields)
        except Refusal as refusal:
            raise OSError(refusal.errno or 0, refusal.message) from None
        except Ended:
            self.close()  # what is left of it
            raise

    # the truth

    def tell(self, what: str, **fields: Any) -> Any:
        """Ask the engine: packets, truth, path, losses or lateness."""
        try:
            _, (number,) = self._run().engine.channel.ask(what, **fields)
        except Ended:
            self.close()
            raise
        return unpickled(number)

    def call(self, function: str, **arguments: Any) -> Any:
        """Call a function of netlab's in the engine process, for programs on hosts that the engine plays itself.

        ``function`` is ``"module:name"``; it gets the engine and the arguments, and must not take long: packets wait.
        Arguments and value are what JSON can hold.
        """
        try:
            reply, _ = self._run().engine.channel.ask("call", function=function, arguments=arguments)
        except Ended:
            self.close()
            raise
        return reply["value"]

    def lateness(self) -> dict[str, Any]:
        """How exact the lab has been: by how much packets reached the hosts later than in the world.

        ``packets`` (how many are counted, the last 100,000), ``median_ms``, ``p99_ms``, ``max_ms``, ``over_1_ms``
        (packets), ``distribution`` ({upper end in ms: packets}), ``lost`` ({host or reason: packets}, of packets that
        no capture knows).
        """
        told: dict[str, Any] = self.tell("lateness")
        late: list[int] = told["late"]
        lost = {reason: count for reason, count in told["counts"].items() if reason not in ("sent", "delivered")}
        for host in self.hosts:
            dropped = self.counters(host)["tx_dropped"] + told["dropped"].get(host, 0)
            if dropped:
                lost[host] = dropped
        distribution = Counter(next(end for end in BUCKETS if ns / 1e6 <= end) for ns in late)
        return {
            "packets": len(late),
            "median_ms": late[len(late) // 2] / 1e6 if late else 0.0,
            "p99_ms": late[min(len(late) - 1, len(late) * 99 // 100)] / 1e6 if late else 0.0,
            "max_ms": late[-1] / 1e6 if late else 0.0,
            "over_1_ms": sum(ns > LATE for ns in late),
            "distribution": {end: distribution[end] for end in BUCKETS},
            "lost": lost,
        }

    # what the processes are told

    def _plan(self) -> dict[str, Any]:
        files = {"/etc/hosts": hosts_file(self.names), "/etc/resolv.conf": RESOLV_CONF}
        return {"hosts": [self._about(name) for name in self._hosts], "files": files, "options": self._options}

    def _about(self, name: str) -> dict[str, Any]:
        mtus = [link.mtu for link in self.world.links if name in link.ends]
        addresses = self.names.addresses(self.world.nodes[name])
        return {"name": name, "addresses": addresses, "mtu": min(mtus, default=MTU)}

    def _choose(self, hosts: Iterable[str] | None) -> list[str]:
        if hosts == "all":
            return [node.name for node in self.world.nodes.values() if node.kind == "host"]
        listed = [hosts] if isinstance(hosts, str) else list(hosts or ())
        return list(dict.fromkeys(self._host(name) for name in (self.world.vantage, *listed)))

    def _host(self, name: str) -> str:
        node = self.names.node(name)
        if node.kind != "host":
            raise UsageError("host", name, f"{node.name} is a router, and routers are always simulated; give a host")
        return node.name


def need_linux() -> None:
    if not sys.platform.startswith("linux"):
        raise LabUnavailable("the lab needs Linux", [VIRTUAL])


class Program(subprocess.Popen[Any]):
    """A program on a host. What we see is its wrapper, which hands signals on; SIGKILL needs another name for that."""

    def send_signal(self, sig: int) -> None:
        super().send_signal(signal.SIGRTMIN if sig == signal.SIGKILL else sig)


class LabNames(Names):
    """The names of a world, on the lab."""

    def _where(self) -> str:
        return f"lab:{self.world.name}"


def hosts_file(names: Names) -> str:
    """The world's names as /etc/hosts: the DNS name first, so that it is the canonical one."""
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
    for node in names.world.nodes.values():
        own = dict.fromkeys((names.hostname(node), f"{node.name}.{names.world.name}.example", node.name))
        lines += [f"{address} {' '.join(own)}" for address in names.addresses(node)]
    return "\n".join([*lines, ""])
