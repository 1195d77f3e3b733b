"""The lab's server and the door into its hosts: one file that needs nothing but the standard library.

``lab_processes.py`` starts it in two ways, both with ``python -I -S`` so that nothing of the user's can get in the way:

    lab_child.py serve CONTROL PARENT                 make namespaces, lend sockets, until the parent ends
    lab_child.py enter USER PID MNT NET HOST COMMAND  run a command on a host

Strategy. An ordinary user may make a *user namespace*, and inside it he may make network namespaces: each
is a host of the world with the machine's own kernel as its IP stack. A host has one device, ``eth0``, whose
other end is a descriptor: a TUN, or one end of a veth pair where /dev/net/tun cannot be opened. The
descriptors go to the parent and from there to the engine; no packet ever passes through this file.

    parent ── stage 1: unshare, write the id maps ── fork ── server: pid 1 of a new PID namespace

The server is the init of its PID namespace: when it ends, for whatever reason, the kernel kills every process
of the lab, also those that left their session or ignore signals. It ends when the control socket is closed,
when the parent's pidfd becomes readable (a relative of the parent may still hold the socket), and with stage 1.

Ids are mapped to themselves: the user stays who he is, in file names, prompts and ``whoami``. Commands get
three *ambient* capabilities instead of a root that is none. When root starts the lab, all ids are mapped.

Messages: JSON, one per SOCK_SEQPACKET datagram; each request has an ``id`` that its reply repeats. An error
is ``{step, errno, message}``: the step that failed, by name. Manual pages: user_namespaces(7),
pid_namespaces(7), rtnetlink(7), packet(7), capabilities(7).
"""

from __future__ import annotations

import array
import ctypes
import errno
import fcntl
import json
import os
import select
import signal
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any, NoReturn

NEWNS, NEWUTS, NEWIPC = 0x00020000, 0x04000000, 0x08000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000

MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 8, 4096, 16384, 262144
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 47, 2
CAPABILITY_VERSION_3 = 0x20080522
AMBIENT = (10, 12, 13)
"""NET_BIND_SERVICE, NET_ADMIN, NET_RAW: what ping, traceroute -T, tcpdump, ip and low ports need."""

DESCRIPTORS = 253
"""Descriptors in one message: SCM_MAX_FD of the kernel."""
MESSAGE = 65536

TUN = "/dev/net/tun"
TUNSETIFF, IFF_TUN_NO_PI = 0x400454CA, 0x1001
NO_TUN = {errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENODEV, errno.ENXIO}
"""What open("/dev/net/tun") says where there is none for us: then veth."""
LEAST_MTU6 = 1280
"""A device with less has no IPv6; where a link has less, IPv4 learns it from its route."""
NO_IPV6 = {errno.EAFNOSUPPORT, errno.EACCES, errno.EOPNOTSUPP, errno.ENODEV}

RTM_NEWLINK, RTM_NEWADDR, RTM_NEWROUTE = 16, 20, 24
IFLA_IFNAME, IFLA_MTU, IFLA_TXQLEN, IFLA_LINKINFO, IFLA_AF_SPEC, IFLA_NET_NS_FD = 3, 4, 13, 18, 26, 28
IFF_UP, IFF_NOARP = 0x1, 0x80
SIOCETHTOOL = 0x8946
OFFLOADS = (0x17, 0x1F, 0x24, 0x2C)
"""ETHTOOL_STXCSUM, STSO, SGSO, SGRO: all off, or veth hands over half-made checksums and 64 KiB packets."""
PACKET_IGNORE_OUTGOING = 23

SYSCTLS = (
    ("ipv4/ip_unprivileged_port_start", "0"),
    ("ipv4/icmp_ratelimit", "0"),  # limits on ICMP errors are the world's business
    ("ipv6/icmp/ratelimit", "0"),
    ("ipv4/icmp_msgs_per_sec", "1000000"),  # these two: per namespace only in recent kernels
    ("ipv4/icmp_msgs_burst", "1000000"),
    ("ipv4/conf/all/rp_filter", "0"),
    ("ipv4/conf/default/rp_filter", "0"),
    ("ipv6/conf/all/disable_ipv6", "0"),  # a new namespace may inherit the machine's 1
    ("ipv6/conf/default/disable_ipv6", "0"),
    ("ipv6/conf/default/accept_dad", "0"),  # else an address cannot be bound for about 1 s
    ("ipv6/conf/default/dad_transmits", "0"),
    ("ipv6/conf/default/router_solicitations", "0"),
    ("ipv6/conf/default/accept_ra", "0"),
    ("ipv6/conf/default/autoconf", "0"),
    ("ipv6/conf/default/addr_gen_mode", "1"),  # none: no link-local address, no noise
)
"""Written before the device exists, which then inherits ``default``."""


class Failure(Exception):
    """A step that the kernel refused."""

    def __init__(self, step: str, number: int) -> None:
        super().__init__(f"{step}: {os.strerror(number)}")
        self.step, self.errno = step, number


class at:
    """``with at("mount proc"):`` gives an OSError the name of its step."""

    def __init__(self, step: str) -> None:
        self.step = step

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, OSError):
            raise Failure(self.step, error.errno or 0) from error


def main(arguments: list[str]) -> NoReturn:
    if arguments[0] == "serve":
        serve(int(arguments[1]), int(arguments[2]))
    enter([int(text) for text in arguments[1:5]], arguments[5], arguments[6:])


# --------------------------------------------------------------------------------------------- stage 1


def serve(control_number: int, parent_pid: int) -> NoReturn:
    """Stage 1: leave the machine's namespaces, then wait for the server and end as it ends."""
    control = socket.socket(fileno=control_number)
    control.set_inheritable(False)
    try:
        with at("watch the parent"):
            parent = os.pidfd_open(parent_pid)
        if os.getppid() != parent_pid:  # it died in between
            os._exit(0)
        leave()
        with at("fork"):
            pid = os.fork()
    except Failure as failure:
        send(control, error_of(failure))
        os._exit(1)
    if not pid:
        Server(control, parent).run()
    control.close()
    os.close(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_like(os.waitpid(pid, 0)[1])


def leave() -> None:
    """One unshare for all: the kernel makes the user namespace first, so that the others belong to it."""
    uid, gid = os.geteuid(), os.getegid()  # afterwards both read 65534
    mapper = fork_mapper() if uid == 0 else None
    try:
        with at("unshare user"):
            unshare(NEWUSER | NEWNS | NEWPID | NEWNET | NEWUTS | NEWIPC)
    except Failure as failure:
        with at("unshare user"):  # was it the user namespace or what came after it?
            unshare(NEWUSER)
        raise Failure("unshare net", failure.errno) from failure
    if mapper is None or not mapper():
        map_own_ids(uid, gid)


def map_own_ids(uid: int, gid: int) -> None:
    """One id to itself is all that an ordinary user may map; setgroups must be given up before gid_map."""
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with at(f"write {name}"):
            write_file(f"/proc/self/{name}", text)


def fork_mapper() -> Callable[[], bool]:
    """Root maps every id to itself (then tcpdump can drop its privileges), but only from outside: a helper
    that stays behind writes the maps of this process. Gives the function that lets it run and awaits it."""
    go, let_go = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(let_go)
        try:
            if not os.read(go, 1):
                os._exit(1)
            for name in ("uid_map", "gid_map"):
                with open(f"/proc/self/{name}") as own:
                    ranges = [line.split() for line in own]
                write_file(f"/proc/{os.getppid()}/{name}", "".join(f"{a} {a} {count}\n" for a, _, count in ranges))
        except OSError:
            os._exit(1)
        os._exit(0)
    os.close(go)

    def run() -> bool:
        os.write(let_go, b"!")
        os.close(let_go)
        return os.waitpid(pid, 0)[1] == 0

    return run


# --------------------------------------------------------------------------------------------- the server


class Server:
    """Pid 1 of the lab: makes hosts, lends sockets, hands out namespaces."""

    def __init__(self, control: socket.socket, parent: int) -> None:
        self.control, self.parent = control, parent
        self.hosts: dict[str, int] = {}
        """Host name → descriptor of its network namespace, which keeps the namespace alive."""
        self.namespaces: list[int] = []
        """Descriptors of the user, PID and mount namespace."""
        self.warnings: list[dict[str, Any]] = []
        self.options: dict[str, Any] = {}
        self.device = ""
        """tun or veth, once the first host is made."""
        self.hub = -1
        """The namespace in which the other ends of the veth pairs live."""
        self.links = 0

    def run(self) -> NoReturn:
        try:
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps the orphans of pid 1
            os.chdir("/")
            poller = select.poll()
            poller.register(self.control, select.POLLIN)
            poller.register(self.parent, select.POLLIN)
            while True:
                if self.parent in dict(poller.poll()):
                    break
                request, descriptors = receive(self.control)
                if request is None or request["do"] == "stop":
                    break
                self.answer(request, descriptors)
        except OSError:  # the parent is gone
            pass
        os._exit(0)

    def answer(self, request: dict[str, Any], descriptors: list[int]) -> None:
        try:
            self.actions[request["do"]](self, request, descriptors)
        except Failure as failure:
            send(self.control, {"id": request["id"], **error_of(failure)})
        except (KeyError, TypeError, ValueError) as mistake:
            wrong = Failure(f"request {request['do']!r} ({type(mistake).__name__}: {mistake})", errno.EINVAL)
            send(self.control, {"id": request["id"], **error_of(wrong)})
        finally:
            for number in descriptors:
                os.close(number)

    def reply(self, request: dict[str, Any], descriptors: list[int] | None = None, **fields: Any) -> None:
        send(self.control, {"id": request["id"], "reply": "ok", **fields}, descriptors or [])

    def plan(self, request: dict[str, Any], descriptors: list[int]) -> None:
        """The first request: its text comes as a memory file, since a world's names can be long."""
        with os.fdopen(os.dup(descriptors[0]), "rb") as file:
            file.seek(0)
            plan = json.load(file)
        self.options = plan["options"]
        pid = int(os.readlink("/proc/self"))  # as the outer /proc sees it
        raise_file_limit()
        with at("mount"):
            mount(None, "/", None, MS_REC | MS_PRIVATE)
            private_files(plan["files"])
        try:
            mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
        except OSError as error:  # partly covered, as in containers: then ps shows the whole machine
            self.warn("mount proc", error)
        self.namespaces = [open_namespace(kind) for kind in ("user", "pid", "mnt")]
        self.hub = open_namespace("net")
        devices = [self.make_host(host) for host in plan["hosts"]]
        self.reply(request, reply="ready", pid=pid, device=self.device, warnings=self.warnings, devices=len(devices))
        for start in range(0, len(devices), DESCRIPTORS):
            part = devices[start : start + DESCRIPTORS]
            self.reply(request, [number for number, _ in part], reply="devices", devices=[about for _, about in part])
        for number, _ in devices:
            os.close(number)

    def host(self, request: dict[str, Any], _: list[int]) -> None:
        """One host more."""
        number, about = self.make_host(request["host"])
        self.reply(request, [number], devices=[about])
        os.close(number)

    def make_host(self, host: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """A network namespace with ``eth0``: the descriptor of its other end, and what the engine must know."""
        with at("unshare net"):
            unshare(NEWNET)
            net = open_namespace("net")
        try:
            self.write_sysctls()
            link = Netlink()
            link.up("lo")
            number, about = self.make_device(link, net, host)
            self.configure(link, host)
        except Failure:
            os.close(net)
            raise
        self.hosts[host["name"]] = net
        return number, {"host": host["name"], **about}

    def make_device(self, link: Netlink, net: int, host: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        wanted = self.device or self.options.get("device", "auto")
        if wanted != "veth":
            try:
                number = make_tun(self.options.get("tun", TUN))
                self.device = "tun"
                return number, {"kind": "tun"}
            except Failure as failure:
                if wanted == "tun" or failure.step != "open tun" or failure.errno not in NO_TUN:
                    raise
                self.warnings.append({"step": failure.step, "errno": failure.errno, "key": ""})
        self.device = "veth"
        self.links += 1
        setns(self.hub, NEWNET)
        try:
            return make_veth(f"hub{self.links}", net, max(host["mtu"], LEAST_MTU6))
        finally:
            setns(net, NEWNET)

    def configure(self, link: Netlink, host: dict[str, Any]) -> None:
        """Lengths, addresses and one default route: nobody else is on the wire, so /32 and /128 will do."""
        index = socket.if_nametoindex("eth0")
        no_arp = IFF_NOARP if self.device == "veth" else 0
        queue = struct.pack("=I", host.get("queue", 1000))
        mtu = host["mtu"]
        if any(":" in text for text in host["addresses"]):
            mtu = max(mtu, LEAST_MTU6)
        with at("set up eth0"):
            if self.device == "veth":
                offloads_off("eth0")
            link.set(index, 0, attribute(IFLA_MTU, struct.pack("=I", mtu)), attribute(IFLA_TXQLEN, queue))
            link.silence(index)
            link.set(index, IFF_UP | no_arp)
        for text in host["addresses"]:
            family = socket.AF_INET6 if ":" in text else socket.AF_INET
            try:
                link.add_address(index, family, socket.inet_pton(family, text))
            except OSError as error:
                if family == socket.AF_INET or error.errno not in NO_IPV6:
                    raise Failure("add address", error.errno or 0) from error
                self.warn("ipv6", error)
        for family in (socket.AF_INET, socket.AF_INET6):
            if any((":" in text) == (family == socket.AF_INET6) for text in host["addresses"]):
                try:
                    shorter = family == socket.AF_INET and host["mtu"] < mtu
                    link.add_default_route(index, family, host["mtu"] if shorter else 0)
                except OSError as error:
                    if family == socket.AF_INET or error.errno not in NO_IPV6:
                        raise Failure("add route", error.errno or 0) from error

    def write_sysctls(self) -> None:
        gid = os.getegid()
        own = [
            ("ipv4/ping_group_range", f"{gid} {gid}"),
            ("ipv4/tcp_congestion_control", self.options.get("congestion_control", "reno")),
        ]
        for key, value in (*SYSCTLS, *own):
            try:
                write_file(f"/proc/sys/net/{key}", value)
            except OSError as error:
                if error.errno != errno.ENOENT and not key.startswith("ipv4/icmp_msgs"):
                    self.warn("write sysctl", error, key)

    def warn(self, step: str, error: OSError, key: str = "") -> None:
        warning = {"step": step, "errno": error.errno or 0, "key": key}
        if warning not in self.warnings:  # every host has the same
            self.warnings.append(warning)

    def go_to(self, host: str) -> None:
        if host not in self.hosts:
            raise Failure(f"host {host!r}", errno.ENOENT)
        with at("setns net"):
            setns(self.hosts[host], NEWNET)

    def lend(self, request: dict[str, Any], _: list[int]) -> None:
        """A socket of a host; the parent may go on configuring it. Addresses must be numeric."""
        self.go_to(request["host"])
        with at("socket"):
            made = socket.socket(request["family"], request["type"], request["protocol"])
        with made:
            for level, name, value in request.get("options", []):
                with at(f"setsockopt {level} {name}"):
                    made.setsockopt(level, name, bytes.fromhex(value) if isinstance(value, str) else value)
            if request.get("bind") is not None:
                with at("bind"):
                    made.bind(tuple(request["bind"]))
            if request.get("listen") is not None:
                with at("listen"):
                    made.listen(request["listen"])
            self.reply(request, [made.fileno()])

    def give_namespaces(self, request: dict[str, Any], _: list[int]) -> None:
        """What a wrapper needs to enter a host."""
        self.go_to(request["host"])
        self.reply(request, [*self.namespaces, self.hosts[request["host"]]])

    def sysctl(self, request: dict[str, Any], _: list[int]) -> None:
        self.go_to(request["host"])
        path = f"/proc/sys/net/{request['key']}"
        with at(f"sysctl {request['key']}"):
            with open(path) as file:
                old = file.read().strip()
            if request.get("value") is not None:
                write_file(path, str(request["value"]))
        self.reply(request, old=old)

    def counters(self, request: dict[str, Any], _: list[int]) -> None:
        """What the host's own device counted; dropped on the way out = the engine was slower than the host."""
        self.go_to(request["host"])
        with at("read counters"), open("/proc/self/net/dev") as file:
            line = next(line for line in file if line.strip().startswith("eth0:"))
        numbers = [int(text) for text in line.split(":")[1].split()]
        self.reply(request, rx=numbers[1], rx_dropped=numbers[3], tx=numbers[9], tx_dropped=numbers[11])

    actions: dict[str, Callable[[Server, dict[str, Any], list[int]], None]] = {
        "plan": plan,
        "host": host,
        "socket": lend,
        "namespaces": give_namespaces,
        "sysctl": sysctl,
        "counters": counters,
    }


# --------------------------------------------------------------------------------------------- devices


def make_tun(path: str) -> int:
    """``eth0`` of the namespace we are in; each read or write of the descriptor is one IP packet."""
    with at("open tun"):
        number = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        with at("TUNSETIFF"):
            fcntl.ioctl(number, TUNSETIFF, struct.pack("16sH22x", b"eth0", IFF_TUN_NO_PI))
    except Failure:
        os.close(number)
        raise
    return number


def make_veth(name: str, net: int, mtu: int) -> tuple[int, dict[str, Any]]:
    """``eth0`` in namespace ``net``, its twin here, and a packet socket on the twin.

    Its packets have an Ethernet header. What is sent must carry the address of eth0, or the kernel takes it for
    another machine's.
    """
    with at("make veth"):
        peer = struct.pack("=BxHiII", 0, 0, 0, 0, 0)
        peer += attribute(IFLA_IFNAME, b"eth0\0") + attribute(IFLA_NET_NS_FD, struct.pack("=I", net))
        info = attribute(1, b"veth") + attribute(2, attribute(1, peer))  # IFLA_INFO_KIND, INFO_DATA { VETH_INFO_PEER }
        link = Netlink()
        named = attribute(IFLA_IFNAME, name.encode() + b"\0")
        link.ask(RTM_NEWLINK, CREATE, bytes(16), named, attribute(IFLA_LINKINFO, info))
    try:
        write_file(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6", "1")
    except OSError:  # no IPv6, or a read-only /proc/sys
        pass
    with at("make veth"):
        offloads_off(name)
        index = socket.if_nametoindex(name)
        link.set(index, 0, attribute(IFLA_MTU, struct.pack("=I", mtu)))
        link.set(index, IFF_UP | IFF_NOARP)
        device = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        try:
            device.setsockopt(263, PACKET_IGNORE_OUTGOING, 1)  # SOL_PACKET
            device.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
            device.setblocking(False)
            device.bind((name, 3))  # ETH_P_ALL
            setns(net, NEWNET)
            mac = hardware_address("eth0")
        except OSError:
            device.close()
            raise
    return device.detach(), {"kind": "veth", "mac": mac.hex()}


def hardware_address(name: str) -> bytes:
    with socket.socket() as any_socket:
        answer = fcntl.ioctl(any_socket, 0x8927, struct.pack("16s24x", name.encode()))  # SIOCGIFHWADDR
    return answer[18:24]


def offloads_off(name: str) -> None:
    """No half-made checksums, no packets beyond the MTU: what leaves here is what a wire would carry."""
    with socket.socket() as any_socket:
        for command in OFFLOADS:
            value = array.array("I", [command, 0])
            fcntl.ioctl(any_socket, SIOCETHTOOL, struct.pack("16sP16x", name.encode(), value.buffer_info()[0]))


# --------------------------------------------------------------------------------------------- rtnetlink

REQUEST_ACK, CREATE = 0x1 | 0x4, 0x400 | 0x200


def attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


class Netlink:
    """Talks to the kernel about the network namespace that this thread is in when it is made."""

    def __init__(self) -> None:
        with at("netlink"):
            self.socket = socket.socket(16, socket.SOCK_RAW, 0)  # AF_NETLINK, NETLINK_ROUTE
            self.socket.bind((0, 0))

    def ask(self, kind: int, flags: int, body: bytes, *attributes: bytes) -> None:
        """One request; the answer is an error number, 0 when it was done."""
        data = body + b"".join(attributes)
        self.socket.send(struct.pack("=IHHII", 16 + len(data), kind, REQUEST_ACK | flags, 1, 0) + data)
        (code,) = struct.unpack_from("=i", self.socket.recv(MESSAGE), 16)
        if code:
            raise OSError(-code, os.strerror(-code))

    def set(self, index: int, flags: int, *attributes: bytes) -> None:
        self.ask(RTM_NEWLINK, 0, struct.pack("=BxHiII", 0, 0, index, flags, flags), *attributes)

    def up(self, name: str) -> None:
        with at(f"{name} up"):
            self.set(socket.if_nametoindex(name), IFF_UP)

    def silence(self, index: int) -> None:
        """No link-local address, where /proc/sys could not be written (IFLA_INET6_ADDR_GEN_MODE = none)."""
        try:
            self.set(index, 0, attribute(IFLA_AF_SPEC, attribute(socket.AF_INET6, attribute(8, b"\1"))))
        except OSError:  # no IPv6
            pass

    def add_address(self, index: int, family: int, address: bytes) -> None:
        permanent, no_dad = 0x80, 0x02 if family == socket.AF_INET6 else 0
        body = struct.pack("=BBBBI", family, len(address) * 8, permanent | no_dad, 0, index)
        self.ask(RTM_NEWADDR, CREATE, body, attribute(2, address), attribute(1, address))  # IFA_LOCAL, IFA_ADDRESS

    def add_default_route(self, index: int, family: int, mtu: int = 0) -> None:
        scope = 253 if family == socket.AF_INET else 0  # link: there is no gateway
        body = struct.pack("=BBBBBBBBI", family, 0, 0, 0, 254, 4, scope, 1, 0)  # table main, static, unicast
        metrics = [attribute(8, attribute(2, struct.pack("=I", mtu)))] if mtu else []  # RTA_METRICS { RTAX_MTU }
        self.ask(RTM_NEWROUTE, CREATE, body, attribute(4, struct.pack("=i", index)), *metrics)  # RTA_OIF


# --------------------------------------------------------------------------------------------- names


def private_files(files: dict[str, str]) -> None:
    """The world's names in place of the machine's, for the lab's processes only; nothing touches the disk.

    ``nsswitch.conf`` must not ask anybody but the files and DNS: systemd-resolved and nscd listen on Unix sockets,
    which cross network namespaces, and would answer with the machine's names.
    """
    base = next(path for path in ("/mnt", "/media", "/tmp", "/") if os.path.isdir(path))
    try:
        with open("/etc/nsswitch.conf") as file:
            lines = [line for line in file.read().splitlines() if not line.lstrip().startswith("hosts:")]
    except OSError:
        lines = []
    files = {**files, "/etc/nsswitch.conf": "\n".join([*lines, "hosts: files dns", ""])}
    mount("netlab", base, "tmpfs", 0, "size=4m,mode=755")
    try:
        for number, (path, text) in enumerate(files.items()):
            own = f"{base}/{number}"
            write_file(own, text, os.O_CREAT)
            try:
                mount(own, os.path.realpath(path), None, MS_BIND)
            except OSError as error:
                if error.errno != errno.ENOENT:  # there is none, or a dangling link
                    raise
        empty = f"{base}/empty"
        os.mkdir(empty)
        if os.path.isdir("/run/nscd"):
            mount(empty, "/run/nscd", None, MS_BIND)
    finally:
        call("umount2", base.encode(), MNT_DETACH)  # the binds keep what they need


# --------------------------------------------------------------------------------------------- a command on a host


def enter(namespaces: list[int], host: str, command: list[str]) -> NoReturn:
    """Run a command on a host, as a wrapper that waits for it and ends in the same way.

    The wrapper is an ordinary child of whoever started it, so terminal, pipes, job control and exit status are too.
    Only its child is in the PID namespace.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback for a CTRL+C that comes very early
    own_group = foreground()
    try:
        folder = os.getcwd()
    except OSError:  # removed meanwhile
        folder = "/"
    try:
        kinds = {"user": NEWUSER, "pid": NEWPID, "mnt": NEWNS, "net": NEWNET}  # user first: it allows the rest
        for number, (name, kind) in zip(namespaces, kinds.items(), strict=True):
            with at(f"setns {name}"):
                setns(number, kind)
            os.close(number)
        with at("set the host name"):
            unshare(NEWUTS)
            socket.sethostname(host)
    except Failure as failure:
        complain(f"cannot enter {host}: {failure}", 125)
    try:
        os.chdir(folder)  # setns mnt has moved us to /
    except OSError:
        pass
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    waited: set[int] = {signal.SIGCHLD, signal.SIGINT, *FORWARDED}
    before = set(signal.pthread_sigmask(signal.SIG_BLOCK, waited))
    pid = os.fork()
    if not pid:
        become(command, before)
    status = wait_and_forward(pid, waited)
    if own_group:  # a shell took the terminal and could not give it back
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        try:
            os.tcsetpgrp(0, own_group)
        except OSError:
            pass
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    end_like(status)


FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGRTMIN)
"""The last one stands for SIGKILL, which the wrapper could not hand on."""
BY_A_PROCESS = 0
"""si_code: 0 (kill) or less (tgkill, sigqueue); the terminal's CTRL+C has SI_KERNEL and reaches the command itself."""


def wait_and_forward(pid: int, waited: set[int]) -> int:
    """Wait for the command and hand on what others send to the wrapper; gives the wait status."""
    while True:
        info = signal.sigwaitinfo(waited)
        if info.si_signo == signal.SIGCHLD:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return status
        elif info.si_code <= BY_A_PROCESS and (info.si_signo != signal.SIGINT or info.si_pid == os.getppid()):
            # SIGINT only from our parent: Jupyter sends it to the whole process group, and so to the command.
            os.kill(pid, signal.SIGKILL if info.si_signo == signal.SIGRTMIN else info.si_signo)


def become(command: list[str], mask: set[int]) -> NoReturn:
    """In the child: capabilities, signals, exec."""
    try:
        raise_ambient()
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and exec would pass that on
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.execvp(command[0], command)
    except OSError as error:
        places = [os.path.join(folder, command[0]) for folder in os.get_exec_path()]
        if not any(map(os.path.exists, places)):  # errno may be EACCES, when the PATH has unreadable entries
            complain(f"{command[0]}: command not found", 127)
        complain(f"{command[0]}: {os.strerror(error.errno or 0)}", 126)


def raise_ambient() -> None:
    """Keep `AMBIENT` across exec by an ordinary user; root keeps all anyway. See capabilities(7)."""
    header = ctypes.create_string_buffer(struct.pack("=Ii", CAPABILITY_VERSION_3, 0))
    data = ctypes.create_string_buffer(24)
    call("capget", header, data)
    effective, permitted, inheritable, *high = struct.unpack("=6I", data.raw[:24])
    for capability in AMBIENT:
        inheritable |= 1 << capability
    data = ctypes.create_string_buffer(struct.pack("=6I", effective, permitted, inheritable, *high))
    call("capset", header, data)
    for capability in AMBIENT:
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability)


def foreground() -> int:
    """Our process group when it has the terminal, else 0."""
    try:
        return os.getpgrp() if os.tcgetpgrp(0) == os.getpgrp() else 0
    except OSError:
        return 0


def end_like(status: int) -> NoReturn:
    """End as another process did: the same exit code, or the same signal."""
    if not os.WIFSIGNALED(status):
        os._exit(os.waitstatus_to_exitcode(status))
    number = os.WTERMSIG(status)
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # one core dump is enough
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)


def complain(text: str, code: int) -> NoReturn:
    os.write(2, f"netlab: {text}\n".encode())
    os._exit(code)


# --------------------------------------------------------------------------------------------- messages


def send(control: socket.socket, message: dict[str, Any], descriptors: list[int] | None = None) -> None:
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    control.sendmsg([json.dumps(message).encode()], rights)


def receive(control: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """The next message and its descriptors, close-on-exec; None when the other side is gone."""
    data, ancillary, _, _ = control.recvmsg(MESSAGE, socket.CMSG_SPACE(4 * 8), socket.MSG_CMSG_CLOEXEC)
    descriptors = array.array("i")
    for level, kind, body in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(body[: len(body) - len(body) % descriptors.itemsize])
    return (json.loads(data) if data else None), list(descriptors)


def error_of(failure: Failure) -> dict[str, Any]:
    return {"reply": "error", "step": failure.step, "errno": failure.errno, "message": str(failure)}


# --------------------------------------------------------------------------------------------- the kernel

LIBC = ctypes.CDLL(None, use_errno=True)
"""``os.unshare`` and ``os.setns`` come with Python 3.12."""


def call(name: str, *arguments: object) -> None:
    if getattr(LIBC, name)(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    call("unshare", ctypes.c_int(flags))


def setns(number: int, kind: int) -> None:
    call("setns", ctypes.c_int(number), ctypes.c_int(kind))


def prctl(option: int, first: int, second: int = 0) -> None:
    call("prctl", ctypes.c_int(option), *map(ctypes.c_ulong, (first, second, 0, 0)))


def mount(source: str | None, target: str, kind: str | None, flags: int, data: str = "") -> None:
    texts = [text.encode() if text is not None else None for text in (source, target, kind)]
    call("mount", *texts, ctypes.c_ulong(flags), data.encode())


def open_namespace(kind: str) -> int:
    with at(f"open /proc/self/ns/{kind}"):
        return os.open(f"/proc/self/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)


def write_file(path: str, text: str, flags: int = 0) -> None:
    number = os.open(path, os.O_WRONLY | os.O_CLOEXEC | flags, 0o644)
    try:
        os.write(number, text.encode())
    finally:
        os.close(number)


def raise_file_limit() -> None:
    """A lab of 400 hosts needs more descriptors than the usual 1024."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    main(sys.argv[1:])
