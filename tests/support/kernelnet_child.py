"""The process behind ``kernelnet.py``: it makes network namespaces, and opens sockets and runs commands in them.

Standard library only, run as ``python -I -S kernelnet_child.py <control descriptor> <pid of the test process>``.

Stage 1 enters a new user, mount, PID and network namespace (see user_namespaces(7)) and forks stage 2, which is
process 1 of the PID namespace: when it ends, the kernel ends everything in there. It ends when the test process does,
however that happens: at the end of file on the control socket, at the test process's pidfd, or with stage 1 by
PR_SET_PDEATHSIG. Namespaces, devices and routes live as long as a descriptor names them: nothing is left behind.

Messages are JSON, one per datagram of a SOCK_SEQPACKET socket; each reply repeats the request's ``id``.
"""

from __future__ import annotations

import array
import ctypes
import json
import os
import select
import signal
import socket
import struct
import sys
from typing import Any

NEWNS, NEWUSER, NEWPID, NEWNET = 0x00020000, 0x10000000, 0x20000000, 0x40000000
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 1, 24, 38, 47, 4
IP_PKTINFO = 8
FIRST_INDEX = 10
"""Interface numbers, different for all devices: where both ends of a cable have the same, the kernel takes its time to
notice that it is plugged in (linkwatch_urgent_event in net/core/link_watch.c), and link-local addresses come late."""
MS_PRIVATE_RECURSIVE = 16384 | 262144
MS_PROC = 14
LAST_CAPABILITY = 40

libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    control, parent = socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])
    watch = os.pidfd_open(parent)
    if os.getppid() != parent:
        return
    try:
        uid, gid = os.geteuid(), os.getegid()
        step("unshare", libc.unshare(NEWUSER | NEWNS | NEWPID | NEWNET))
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            write(f"/proc/self/{name}", text)
    except OSError as error:
        reply(control, {"id": 0, "error": f"no user namespace: {error}"})
        return
    child = os.fork()
    if child == 0:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        Server(control, watch).serve()
        os._exit(0)
    control.close()
    os.close(watch)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.waitpid(child, 0)


class Server:
    """Stage 2."""

    def __init__(self, control: socket.socket, watch: int) -> None:
        self.control, self.watch = control, watch
        self.namespaces: dict[str, int] = {}
        self.listening: dict[int, socket.socket] = {}
        self.running: dict[int, int] = {}
        self.ended: dict[int, int] = {}
        self.waiting: dict[int, int] = {}
        self.poll = select.poll()

    def serve(self) -> None:
        step("mount", libc.mount(None, b"/", None, MS_PRIVATE_RECURSIVE, None))
        libc.mount(b"proc", b"/proc", b"proc", MS_PROC, None)  # may fail in a container: ps then shows the machine
        wake, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake_write)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for descriptor in (self.control.fileno(), self.watch, wake):
            self.poll.register(descriptor, select.POLLIN)
        while True:
            for descriptor, _ in self.poll.poll():
                if descriptor == self.watch:
                    return
                if descriptor == wake:
                    os.read(wake, 4096)
                    self.reap()
                elif descriptor in self.listening:
                    self.answer(self.listening[descriptor])
                elif not self.obey():
                    return

    def obey(self) -> bool:
        data, descriptors = receive(self.control)
        if not data:
            return False
        request = json.loads(data)
        try:
            answer, lent = getattr(self, f"do_{request['do']}")(request, descriptors)
            if answer is not None:
                reply(self.control, {"id": request["id"], **answer}, lent)
        except OSError as error:
            reply(self.control, {"id": request["id"], "errno": error.errno, "error": str(error)})
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
            self.reap()
        return True

    # ── requests: each gives an answer (None: it is given later) and the sockets to lend ──────────────────────────

    def do_build(self, plan: dict[str, Any], _: list[int]) -> tuple[dict[str, Any], list[socket.socket]]:
        for host in plan["hosts"]:
            step("unshare", libc.unshare(NEWNET))
            self.namespaces[host["name"]] = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            for key, value in host["sysctls"].items():
                sysctl(key, value)
        for number, (a, device_a, b, device_b, mtu) in enumerate(plan["links"]):
            self.enter(a)
            with Netlink() as netlink:
                netlink.veth(FIRST_INDEX + 2 * number, device_a, self.namespaces[b], device_b, mtu)
        for host in plan["hosts"]:
            self.enter(host["name"])
            with Netlink() as netlink:
                for device in ["lo", *host["devices"]]:
                    netlink.up(device)
                for device, address in host["addresses"]:
                    netlink.address(device, address)
        for host in plan["hosts"]:
            self.enter(host["name"])
            with Netlink() as netlink:
                for to, via in host["routes"]:
                    netlink.route(to, via)
            for protocol, port in host["listen"]:
                self.listen(protocol, port)
        return {}, []

    def do_socket(self, request: dict[str, Any], _: list[int]) -> tuple[dict[str, Any] | None, list[socket.socket]]:
        """Open a socket; without privilege: in a process that has dropped all capabilities, for the kernel to judge."""
        if request["privileged"]:
            self.enter(request["host"])
            return {}, [socket.socket(*request["socket"])]
        child = os.fork()
        if child:
            return None, []
        answer: dict[str, Any] = {"id": request["id"]}
        lent = []
        try:
            self.enter(request["host"])
            drop_capabilities()
            lent = [socket.socket(*request["socket"])]
        except OSError as error:
            answer.update(errno=error.errno, error=str(error))
        finally:
            reply(self.control, answer, lent)
            os._exit(0)

    def do_start(self, request: dict[str, Any], streams: list[int]) -> tuple[dict[str, Any], list[socket.socket]]:
        """Run a command with the three streams that came along."""
        child = os.fork()
        if child == 0:
            try:
                signal.set_wakeup_fd(-1)
                for number in (signal.SIGCHLD, signal.SIGINT):
                    signal.signal(number, signal.SIG_DFL)
                self.enter(request["host"])
                if not request["privileged"]:
                    drop_capabilities()
                    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
                else:
                    keep_capabilities()
                for number, stream in enumerate(streams):
                    os.dup2(stream, number)
                os.execvpe(request["argv"][0], request["argv"], request["environment"])
            except BaseException as error:
                os.write(2, f"{request['argv'][0]}: {error}\n".encode())
            finally:
                os._exit(127)
        self.running[child] = child
        return {"command": child}, []

    def do_wait(self, request: dict[str, Any], _: list[int]) -> tuple[dict[str, Any] | None, list[socket.socket]]:
        command = request["command"]
        if command in self.ended:
            return {"status": self.ended.pop(command)}, []
        self.waiting[command] = request["id"]
        return None, []

    def do_signal(self, request: dict[str, Any], _: list[int]) -> tuple[dict[str, Any], list[socket.socket]]:
        if request["command"] in self.running:
            os.kill(request["command"], request["number"])
        return {}, []

    def do_sysctl(self, request: dict[str, Any], _: list[int]) -> tuple[dict[str, Any], list[socket.socket]]:
        self.enter(request["host"])
        write(f"/proc/sys/net/{request['key']}", request["value"])
        return {}, []

    def do_route(self, request: dict[str, Any], _: list[int]) -> tuple[dict[str, Any], list[socket.socket]]:
        self.enter(request["host"])
        with Netlink() as netlink:
            netlink.route(request["to"], request["via"])
        return {}, []

    # ── its parts ────────────────────────────────────────────────────────────────────────────────────────────────

    def enter(self, host: str) -> None:
        step("setns", libc.setns(self.namespaces[host], NEWNET))

    def listen(self, protocol: str, port: int) -> None:
        """Keep a port open: TCP accepts and closes, UDP port 7 echoes, other UDP is silent."""
        for family in (socket.AF_INET, socket.AF_INET6):
            kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
            opened = socket.socket(family, kind | socket.SOCK_NONBLOCK)
            if family == socket.AF_INET6:
                opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
            else:
                opened.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
            opened.bind(("", port))
            if protocol == "tcp":
                opened.listen(4096)
            self.listening[opened.fileno()] = opened
            self.poll.register(opened, select.POLLIN)

    def answer(self, opened: socket.socket) -> None:
        try:
            if opened.type == socket.SOCK_STREAM:
                opened.accept()[0].close()
            else:
                data, asked, _, sender = opened.recvmsg(
                    65535, 64
                )  # which of our addresses was asked, to answer from it
                if opened.getsockname()[1] == 7:
                    opened.sendmsg([data], asked, 0, sender)
        except OSError:
            pass  # who asked is gone

    def reap(self) -> None:
        while True:
            try:
                child, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not child:
                return
            if self.running.pop(child, None) is None:
                continue
            code = os.waitstatus_to_exitcode(status)
            if child in self.waiting:
                reply(self.control, {"id": self.waiting.pop(child), "status": code})
            else:
                self.ended[child] = code


class Netlink:
    """The few rtnetlink(7) requests that are needed, in the present network namespace."""

    REQUEST_ACK, CREATE = 5, 0x600
    NEWLINK, NEWADDR, NEWROUTE = 16, 20, 24
    KINDS = {"blackhole": 6, "unreachable": 7, "prohibit": 8}

    def __enter__(self) -> Netlink:
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self.socket.setsockopt(270, 11, 1)  # NETLINK_EXT_ACK: readable errors
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def veth(self, index: int, name: str, other_namespace: int, other: str, mtu: int) -> None:
        """A cable: one end here, the other in another namespace."""
        common = attribute(4, struct.pack("=I", mtu))
        peer = link(index + 1, 0) + attribute(3, other.encode() + b"\0") + common
        peer += attribute(28, struct.pack("=I", other_namespace))
        kind = attribute(1, b"veth\0") + attribute(2, attribute(1, peer))
        body = link(index, 0) + attribute(3, name.encode() + b"\0") + common + attribute(18, kind)
        self.ask(self.NEWLINK, self.CREATE, body, f"veth {name}")

    def up(self, name: str) -> None:
        self.ask(self.NEWLINK, 0, link(socket.if_nametoindex(name), 1), f"up {name}")

    def address(self, name: str, text: str) -> None:
        family, packed, length = prefix(text)
        flags = 0x80 if family == socket.AF_INET else 0x82  # permanent; no duplicate address detection
        body = struct.pack("=BBBBI", family, length, flags, 0, socket.if_nametoindex(name))
        self.ask(self.NEWADDR, self.CREATE, body + attribute(2, packed) + attribute(1, packed), f"address {text}")

    def route(self, to: str, via: str) -> None:
        """A route by way of an address, or blackhole, unreachable, prohibit; it replaces one to the same prefix."""
        family, packed, length = prefix(to)
        kind = self.KINDS.get(via, 1)
        body = struct.pack("=BBBBBBBBI", family, length, 0, 0, 254, 4, 0, kind, 0) + attribute(1, packed)
        if kind == 1:
            body += attribute(5, socket.inet_pton(family, via))
        self.ask(self.NEWROUTE, 0x500, body, f"route {to} via {via}")

    def ask(self, kind: int, flags: int, body: bytes, what: str) -> None:
        self.socket.send(struct.pack("=IHHII", 16 + len(body), kind, self.REQUEST_ACK | flags, 1, 0) + body)
        answer = self.socket.recv(65536)
        code = -struct.unpack_from("=i", answer, 16)[0]
        if code:
            raise OSError(code, f"{what}: {os.strerror(code)}")


def link(index: int, up: int) -> bytes:
    return struct.pack("=BxHiII", 0, 0, index, up, up)


def attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def prefix(text: str) -> tuple[int, bytes, int]:
    address, _, length = text.partition("/")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return family, socket.inet_pton(family, address), int(length)


def sysctl(key: str, value: str) -> None:
    """Some keys are missing in some kernels, and read-only in some containers: then the default has to do."""
    try:
        write(f"/proc/sys/net/{key}", value)
    except OSError:
        pass


def drop_capabilities() -> None:
    """All sets of this process, so that not even exec by uid 0 brings one back."""
    for capability in range(LAST_CAPABILITY + 1):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    capset(0)


def keep_capabilities() -> None:
    """Let a command that is not uid 0 keep NET_BIND_SERVICE, NET_ADMIN and NET_RAW over exec (capabilities(7))."""
    capset((1 << LAST_CAPABILITY + 1) - 1, inheritable=1 << 10 | 1 << 12 | 1 << 13)
    for capability in (10, 12, 13):
        libc.prctl(PR_CAP_AMBIENT, 2, capability, 0, 0)


def capset(permitted: int, inheritable: int = 0) -> None:
    low, high = permitted & 0xFFFFFFFF, permitted >> 32
    header = struct.pack("=II", 0x20080522, 0)
    step("capset", libc.capset(header, struct.pack("=6I", low, low, inheritable, high, high, 0)))


def step(name: str, result: int) -> None:
    if result:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def reply(control: socket.socket, answer: dict[str, Any], lent: list[socket.socket] | None = None) -> None:
    descriptors = array.array("i", [opened.fileno() for opened in lent or []])
    control.sendmsg(
        [json.dumps(answer).encode()],
        [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)] if lent else [],
    )
    for opened in lent or []:
        opened.close()


def receive(control: socket.socket) -> tuple[bytes, list[int]]:
    data, ancillary, _, _ = control.recvmsg(1 << 18, socket.CMSG_SPACE(4 * 8), socket.MSG_CMSG_CLOEXEC)
    descriptors = array.array("i")
    for level, kind, content in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(content[: len(content) - len(content) % 4])
    return data, list(descriptors)


if __name__ == "__main__":
    main()
