"""What must hold in a running lab, as a script, so that an ordinary user's Python can run it without pytest.

    scenarios.py NAME DEVICE [TUN]

One function per scenario; an assertion that fails ends the script with its traceback. ``test_lab.py`` runs them.
"""

from __future__ import annotations

import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from netlab import wire
from netlab.errors import LabUnavailable, NameNotFound, NetworkError, UsageError
from netlab.network.base import Arrival, Sent
from netlab.network.lab import Lab, LabNetwork
from netlab.network.worlds import load
from tests.support.lab import CHAIN, PAIR, ROUND_TRIP, alive, in_use, namespaces_of, soon, with_mark

DEVICE: Any
TUN: str
TEXT = {"capture_output": True, "text": True, "timeout": 20}


def make(world: str, hosts: Any = None) -> Lab:
    return Lab(load(world), hosts=hosts, device=DEVICE, tun=TUN)


# commands


def commands() -> None:
    """A command on a host is an ordinary child of ours: the user, the streams, the status; and it is on that host."""
    with make(CHAIN) as lab:
        assert lab.device == DEVICE, lab.device

        def shell(text: str, host: str = "alice", **options: Any) -> subprocess.CompletedProcess[str]:
            return lab.run(host, ["sh", "-c", text], **{**TEXT, **options})

        status = shell("grep CapEff /proc/self/status").stdout.split()[1]
        assert int(status, 16) & 0x3400 == 0x3400, status
        if os.geteuid():
            assert int(status, 16) == 0x3400, status
        assert shell("id -u; id -g").stdout.split() == [str(os.geteuid()), str(os.getegid())]
        assert shell("hostname").stdout == "alice\n"
        assert shell("hostname", host="bob").stdout == "bob\n", "a further host is made when it is asked for"
        assert lab.hosts == ["alice", "bob"]

        # names: the world's, and nobody else's
        bob = ["2001:db8:3::1", "www.chain.example", "bob.chain.example", "bob"]
        assert shell("getent hosts bob").stdout.split() == bob
        assert shell("getent ahostsv4 www.chain.example").stdout.split()[0] == "203.0.113.1"
        assert shell("grep ^hosts: /etc/nsswitch.conf").stdout == "hosts: files dns\n"
        assert len(shell("cat /etc/hosts").stdout.splitlines()) == 2 + 14, "localhost, and every address of the world"
        assert shell(f"getent hosts {socket.gethostname()}.invalid").returncode == 2
        assert "nameserver" not in shell("cat /etc/resolv.conf").stdout
        assert "chain" not in Path("/etc/hosts").read_text()

        # what it sees
        assert "fe80" not in shell("cat /proc/net/if_inet6").stdout
        assert shell("cat /proc/sys/net/ipv4/tcp_congestion_control").stdout == "reno\n"
        if "mount proc" not in {warning["step"] for warning in lab._run().ready["warnings"]}:
            assert len(shell("ls -d /proc/[0-9]*").stdout.split()) <= 4, "the server, the shell and ls"
        assert "mtu 1400" in shell("ip -o link show eth0", "bob").stdout

        # streams, status, signals, environment
        assert lab.run("alice", ["cat"], input="through", **TEXT).stdout == "through"
        assert shell("exit 7").returncode == 7
        assert shell("kill -KILL $$").returncode == -signal.SIGKILL
        assert shell("kill -SEGV $$").returncode == -signal.SIGSEGV
        assert shell("yes | head -1; echo ${PIPESTATUS}").stderr == "", "SIGPIPE is as usual"
        assert lab.run("alice", ["no-such-program"], **TEXT).returncode == 127
        assert lab.run("alice", ["/etc/hosts"], **TEXT).returncode == 126
        os.environ["http_proxy"] = "http://proxy.invalid"
        assert shell("echo $http_proxy").stdout == "\n"
        assert shell("echo $http_proxy", env={**os.environ, "http_proxy": "bob"}).stdout == "bob\n"
        assert shell("pwd").stdout.strip() == os.getcwd()
        for wrong in (lambda: lab.run("left", ["true"]), lambda: lab.popen("alice", "true")):
            try:
                wrong()
            except UsageError as error:
                assert "router" in str(error) or "list" in str(error)
            else:
                raise AssertionError("a router has no kernel, and a command is a list")


def signals() -> None:
    """Signals reach the command, SIGKILL too."""
    # Two runs of this, side by side, must not take each other's commands for their own.
    long, longer = f"4711.{os.getpid()}", f"4712.{os.getpid()}"
    with make(PAIR) as lab:
        trap = "trap 'echo int; exit 3' INT; trap 'echo term; exit 4' TERM; echo ready; while :; do sleep 0.05; done"
        for number, said, status in ((signal.SIGINT, "int\n", 3), (signal.SIGTERM, "term\n", 4)):
            with lab.popen("alice", ["sh", "-c", trap], stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout and process.stdout.readline() == "ready\n"
                process.send_signal(number)
                assert process.stdout.read() == said
                assert process.wait(5) == status
        with lab.popen("alice", ["sleep", long]) as process:
            assert soon(lambda: len(with_mark(long)) == 2, 5)
            process.kill()
        assert process.returncode == -signal.SIGKILL
        assert soon(lambda: not with_mark(long), 5)
        started = time.monotonic()
        try:
            lab.run("alice", ["sleep", longer], capture_output=True, timeout=0.3)
        except subprocess.TimeoutExpired:
            assert time.monotonic() - started < 3
        assert soon(lambda: not with_mark(longer), 5)


# packets


def checksums() -> None:
    """Every packet that a host's kernel sends is whole, no longer than its link allows, and has right checksums."""
    with make(PAIR, ["bob"]) as lab:
        data = os.urandom(200_000)
        for family, address in ((socket.AF_INET, "192.0.2.2"), (socket.AF_INET6, "2001:db8::2")):
            server = lab.socket("bob", family, bind=(address, 80), listen=5)
            client = lab.socket("alice", family)
            with server, client:
                client.settimeout(20)
                client.connect((address, 80))
                got = bytearray()
                peer, _ = server.accept()
                with peer:
                    client.setblocking(False)
                    left = memoryview(data)
                    while len(got) < len(data):
                        try:
                            left = left[client.send(left) :] if left else left
                        except BlockingIOError:
                            pass
                        peer.settimeout(0.005)
                        try:
                            got += peer.recv(65536)
                        except TimeoutError:
                            pass
                assert bytes(got) == data
            with lab.socket("alice", family, socket.SOCK_DGRAM) as udp:
                udp.sendto(b"nobody listens", (address, 9))
                udp.sendto(bytes(4000), (address, 9))
        lab.run("alice", ["ping", "-c", "2", "-i", "0.1", "-s", "1200", "bob"], **TEXT)
        rows = lab.tell("packets", background=False, node=None, link=None)
        assert len(rows) > 600, len(rows)
        seen = set()
        for row in rows:
            packet = wire.parse(row["data"])
            assert len(row["data"]) <= 1500, row["summary"]
            assert not isinstance(packet, wire.IPv4) or packet.checksum is None, row["summary"]
            message = wire.transport(packet)
            if message is not None and not _is_fragment(packet):
                seen.add(type(message).__name__)
                assert message.checksum is None, row["summary"]
        assert seen >= {"TCP", "UDP", "EchoRequest", "EchoReply", "DestinationUnreachable"}, seen
        assert lab.lateness()["lost"] == {}
        counters = lab.counters("alice")
        assert counters["tx"] > 100 and counters["tx_dropped"] == 0, counters


def _is_fragment(packet: wire.IPv4 | wire.IPv6) -> bool:
    if isinstance(packet, wire.IPv4):
        return packet.more_fragments or packet.fragment_offset > 0
    return packet.next_header == 44


def quiet() -> None:
    """A host says nothing unasked: no router solicitation, duplicate address detection or multicast report."""
    with make(PAIR, "all") as lab:
        time.sleep(1.5)  # unsettled hosts send their first within 1 s
        assert [lab.counters(host)["tx"] for host in ("alice", "bob")] == [0, 0]
        for key, value in (("addr_gen_mode", 0), ("accept_ra", 1), ("router_solicitations", 3)):
            lab.sysctl("bob", f"ipv6/conf/eth0/{key}", value)
        restart = "ip link set eth0 down; ip link set eth0 up"
        assert lab.run("bob", ["sh", "-c", restart], **TEXT).returncode == 0
        assert soon(lambda: lab.counters("bob")["tx"] > 0, 3), "this test would not notice a noise"


# sockets


def borrowed() -> None:
    """Sockets of a host work here, go on being configurable, and no subprocess inherits them."""
    with make(PAIR) as lab:
        kinds = [
            (socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
            (socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6),
            (socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW),
            (socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW),
            (socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP),
            (socket.AF_INET6, socket.SOCK_DGRAM, socket.IPPROTO_ICMPV6),
            (socket.AF_INET, socket.SOCK_STREAM, 0),
            (socket.AF_INET, socket.SOCK_DGRAM, 0),
            (socket.AF_PACKET, socket.SOCK_RAW, 0),
        ]
        for family, kind, protocol in kinds:
            with lab.socket("alice", family, kind, protocol) as one:
                assert (one.family, one.type) == (family, kind)
                assert not one.get_inheritable()
        options = [(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1), (socket.SOL_SOCKET, socket.SO_LINGER, bytes(8))]
        with lab.socket("alice", options=options, bind=("192.0.2.1", 80), listen=1) as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 7)
            server.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0\0")
            assert server.getsockname() == ("192.0.2.1", 80)
            assert server.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 1
        for mistake, number in (({"bind": ("203.0.113.9", 80)}, 99), ({"type": 77}, 22)):
            try:
                lab.socket("alice", **mistake)  # type: ignore[arg-type]
            except OSError as error:
                assert error.errno == number, error
            else:
                raise AssertionError("a host has only its own addresses")
        try:
            lab.socket("carol")
        except NameNotFound as error:
            assert "alice, bob" in str(error)
        assert lab.sysctl("alice", "ipv4/tcp_sack", 0) == "1"
        assert lab.sysctl("alice", "ipv4/tcp_sack") == "0"
        assert lab.sysctl("bob", "ipv4/tcp_sack") == "1"
        before = set(os.listdir("/proc/self/fd"))
        inheritable = [each for each in before if int(each) > 2 and _inheritable(int(each))]
        assert inheritable == []


def _inheritable(number: int) -> bool:
    try:
        return os.get_inheritable(number)
    except OSError:  # the one that listed them
        return False


def times() -> None:
    """The lab keeps the world's times: a round trip, and a TCP connection, which takes one."""
    with make(PAIR, ["bob"]) as lab:
        out = lab.run("alice", ["ping", "-n", "-c", "100", "-i", "0.01", "192.0.2.2"], **TEXT).stdout
        rtts = sorted(float(line.partition("time=")[2].split()[0]) for line in out.splitlines() if "time=" in line)
        assert len(rtts) == 100, out
        excess = [rtt - ROUND_TRIP * 1000 for rtt in rtts]
        print(f"RTT excess at 100 packets a second, ms: median {statistics.median(excess):.3f}, 99 % {excess[98]:.3f}")
        late = lab.lateness()
        print("late:", {key: late[key] for key in ("packets", "median_ms", "p99_ms", "max_ms", "over_1_ms", "lost")})
        assert -0.05 <= excess[0] < 5, excess
        assert late["packets"] >= 200
        assert sum(late["distribution"].values()) == late["packets"]
        with lab.socket("bob", bind=("192.0.2.2", 80), listen=5):
            took = []
            for _ in range(5):
                with lab.socket("alice") as client:
                    started = time.monotonic()
                    client.connect(("192.0.2.2", 80))
                    took.append(time.monotonic() - started)
        print(f"connect, ms: {[round(each * 1000, 2) for each in took]}")
        assert ROUND_TRIP - 0.0005 < min(took) < 1.9 * ROUND_TRIP, took


def overload() -> None:
    """A host that sends faster than the engine takes loses packets before any capture, and the lab says how many."""
    with make(PAIR) as lab:
        engine = lab._run().engine.popen.pid
        with lab.socket("alice", socket.AF_INET, socket.SOCK_DGRAM) as udp:
            os.kill(engine, signal.SIGSTOP)
            sent = 30_000 if DEVICE == "veth" else 5_000
            for _ in range(sent):
                udp.sendto(b"x", ("192.0.2.2", 9))
            os.kill(engine, signal.SIGCONT)

        def accounted() -> bool:
            told = lab.tell("lateness")
            lost = lab.lateness()["lost"].get("alice", 0)
            return lost > 0 and bool(told["counts"]["sent"] + lost == sent)

        assert soon(accounted, 10), (sent, lab.tell("lateness")["counts"], lab.lateness()["lost"])


# real programs


def tools() -> None:
    """ping, traceroute (UDP, ICMP, TCP) and mtr report the world, by its names."""
    with make(CHAIN) as lab:

        def run(*command: str) -> str:
            done = lab.run("alice", list(command), **TEXT)
            assert done.returncode == 0, (command, done.stdout, done.stderr)
            return str(done.stdout)

        for version in ("-4", "-6"):
            assert " 0% packet loss" in run("ping", version, "-n", "-c", "2", "-i", "0.1", "bob")
        for kind in ("", "-I", "-T"):
            for version in ("-4", "-6"):
                out = run("traceroute", *([kind] if kind else []), version, "-q", "1", "-w", "2", "carol")
                names = [line.split()[1] for line in out.splitlines()[1:]]
                assert names == [f"{each}.chain.example" for each in ("left", "right", "carol")], out
        if "mtr" in sys.argv:
            for kind in ((), ("-u",), ("-T",)):
                out = run("mtr", "-4", "--raw", "-c", "1", "-m", "3", "-G", "0.5", *kind, "carol")
                hops = dict(line.split()[1:3] for line in out.splitlines() if line.startswith("h "))
                assert [hops[each] for each in "012"] == ["192.0.2.254", "198.51.100.2", "203.0.113.2"], out


def tcpdump() -> None:
    """tcpdump sees a host's packets, as an ordinary user."""
    with make(PAIR) as lab:
        command = ["tcpdump", "-n", "-l", "-i", "eth0", "-c", "2", "icmp"]
        with lab.popen("alice", command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr and process.stdout
            heard = [process.stderr.readline()]
            while heard[-1] and "listening on eth0" not in heard[-1]:
                heard.append(process.stderr.readline())
            assert "listening on eth0" in heard[-1], heard
            lab.run("alice", ["ping", "-4", "-c", "1", "bob"], **TEXT)
            lines = process.stdout.read().splitlines()
            assert process.wait(5) == 0
        assert ["request" in lines[0], "reply" in lines[1]] == [True, True], lines


def web() -> None:
    """curl fetches by name from a server on another host, on port 80, over IPv4 and IPv6."""
    with make(CHAIN, ["bob"]) as lab:
        # Its handler would ask DNS for its own name while it starts: give it an address.
        command = [sys.executable, "-m", "http.server", "--bind", "::", "80", "--directory", "/etc"]
        quiet_streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with lab.popen("bob", command, **quiet_streams) as server:
            fetch = ["curl", "-sS", "--retry", "50", "--retry-delay", "0", "--retry-connrefused", "--max-time", "15"]
            for version in ("-4", "-6"):
                done = lab.run("alice", [*fetch, version, "http://www.chain.example/hosts"], **TEXT)
                assert "www.chain.example" in done.stdout, (done.stdout, done.stderr)
            server.terminate()
        assert server.returncode == -signal.SIGTERM


# machines that do not allow everything


def refused() -> None:
    """Where TUN cannot be opened it is veth, and where the lab cannot be, the reason and a remedy are given."""
    with Lab(load(PAIR), tun="/no/such/tun") as lab:
        assert lab.device == "veth"
        assert lab.warnings == ["there is no /dev/net/tun; veth pairs are used instead"]
    wrong = {"/no/such/tun": "there is no /dev/net/tun", "/dev/null": "TUNSETIFF: Inappropriate ioctl"}
    for tun, reason in wrong.items():
        lab = Lab(load(PAIR), device="tun", tun=tun)
        for _ in range(2):
            try:
                lab.start()
            except LabUnavailable as error:
                assert error.reason.startswith(reason), error
                assert 'netlab.use("campus")' in error.remedies[-1]
            else:
                raise AssertionError("this is no TUN device")
        assert not lab.running
    network = LabNetwork(PAIR, device="tun")
    network.lab._options["tun"] = "/no/such/tun"
    restored = []
    network.exits.append(lambda: restored.append(True))
    try:
        with network:
            raise AssertionError("this is no TUN device")
    except LabUnavailable:
        assert restored == [True], "what was in use before is in use again"


def container() -> None:
    """With /proc/sys read-only and /proc partly covered, as in containers, the lab works and says what it lacks."""
    from netlab.network.lab import probe

    with make(PAIR, ["bob"]) as lab:
        assert any("/proc/sys cannot be written" in each for each in lab.warnings), lab.warnings
        assert any("the machine's /proc" in each for each in lab.warnings), lab.warnings
        for family, address in ((socket.AF_INET, "192.0.2.2"), (socket.AF_INET6, "2001:db8::2")):
            with lab.socket("bob", family, bind=(address, 80), listen=1), lab.socket("alice", family) as client:
                client.settimeout(5)
                client.connect((address, 80))
        assert "fe80" not in lab.run("alice", ["cat", "/proc/net/if_inet6"], **TEXT).stdout
    rows = probe()
    assert rows[0]["works"] == "yes" and [row["works"] for row in rows if row["capability"] == "lab: settings of hosts"]


def none() -> None:
    """No user namespaces: probe and start say so."""
    from netlab.network.lab import probe

    (row,) = probe()
    assert row["works"] == "no" and "user namespaces are switched off (user.max_user_namespaces=0)" in row["evidence"]
    assert "sysctl user.max_user_namespaces=10000" in row["remedy"]
    try:
        LabNetwork(PAIR).begin()
    except LabUnavailable as error:
        assert error.reason == row["evidence"]
    else:
        raise AssertionError("nothing can have started")


def many() -> None:
    """More hosts than one message can carry descriptors; they are all there, and all go."""
    count = 300
    hosts = [f'h{i} = {{ kind = "host", address = ["2001:db8:{i:x}::1/64"] }}' for i in range(1, count + 1)]
    inner = ", ".join(f'"2001:db8:{i:x}::fe/64"' for i in range(1, count + 1))
    links = [f'[[link]]\nends = ["h{i}", "hub"]\ndelay_ms = 1' for i in range(1, count + 1)]
    world = ['name = "many"', 'vantage = "h1"', "[node]", *hosts, f"hub = {{ address = [{inner}] }}", *links]
    started = time.monotonic()
    lab = Lab(load("\n".join(world)), hosts="all", device=DEVICE, tun=TUN)
    lab.start()
    print(f"{count} hosts: start {time.monotonic() - started:.2f} s", end="")
    assert len(lab.hosts) == count
    assert " 0% packet loss" in lab.run("h1", ["ping", "-c", "1", "h300"], **TEXT).stdout
    started = time.monotonic()
    lab.close()
    print(f", close {time.monotonic() - started:.2f} s")


# the network


def network() -> None:
    """`LabNetwork` measures with the kernel's packets and stamps, and knows what every machine did with them."""
    network = LabNetwork(CHAIN, device=DEVICE)
    network.lab._options["tun"] = TUN
    assert repr(network) == "<netlab network: lab:chain, seed 1, 5 nodes, real time>"
    assert network.path("bob") == ["alice", "left", "right", "bob"]
    assert (network.packets(), network.truth(), network.losses()) == ([], [], {}) and not network.lab.running
    with network:
        for family, destination in ((4, "203.0.113.1"), (6, "2001:db8:3::1")):
            assert network.resolve("bob", family)[0] == destination
            assert network.reverse(destination) == "www.chain.example"
            network.begin()
            arrival, sent = _echo(network, family, destination)
            assert wire.transport(wire.parse(arrival.packet)).payload == b"through the lab"
            rtts = [arrival.at - sent.at]
            while min(rtts) >= 100_000_000 and len(rtts) < 5:  # other work held it up
                arrival, sent = _echo(network, family, destination)
                rtts.append(arrival.at - sent.at)
            assert 13_900_000 < min(rtts) < 100_000_000, rtts
            network.end()
        rows = network.packets()
        here = [row for row in rows if row["summary"].startswith("192.0.2.1 > 203.0.113.1 ICMP echo request")]
        assert [(row["at"], row["action"]) for row in here[:4]] == [
            ("alice", "sent"), ("left", "forwarded"), ("right", "forwarded"), ("bob", "delivered")], here  # fmt: skip
        assert abs(here[0]["time"] - time.time_ns()) < 60_000_000_000
        assert {row["at"] for row in network.packets(node="left")} == {"left"}
        truth = [row for row in network.truth() if row["number"] == here[0]["number"]]
        assert [row["propagation_ms"] for row in truth] == [1, 5, 1]
        from tempfile import TemporaryDirectory

        with TemporaryDirectory() as folder:
            path = Path(folder, "lab.pcapng")
            assert network.to_pcap(path) == len(rows)
            assert [packet for _, packet, _ in wire.pcapng.parse(path.read_bytes())] == [row["data"] for row in rows]

        # a hop's error, from another host
        network.begin()
        source = network.source_for("192.0.2.1", "carol")
        assert source == "203.0.113.2"
        arrival, _ = _echo(network, 4, "192.0.2.1", source="carol", ttl=1)
        assert wire.parse(arrival.packet).source == "203.0.113.254"
        network.end()
        network.begin()
        assert network.source_for("203.0.113.1") == "192.0.2.1", "and the next one starts at the vantage again"
        network.end()
        count = len(network.packets())
    assert not network.lab.running
    assert len(network.packets()) == count, "they can still be asked for"


def _echo(network: LabNetwork, family: int, destination: str, source: str | None = None, ttl: int = 64) -> Any:
    own = network.source_for(destination, source)
    identifier = network.identifier("icmp", family)  # type: ignore[arg-type]
    if family == 4:
        message = wire.icmpv4.EchoRequest(identifier, 1, b"through the lab").to_bytes()
        packet = wire.IPv4(own, destination, wire.PROTOCOL_ICMP, message, ttl=ttl).to_bytes()
    else:
        message = wire.icmpv6.EchoRequest(identifier, 1, b"through the lab").to_bytes(own, destination)
        packet = wire.IPv6(own, destination, wire.PROTOCOL_ICMPV6, message, hop_limit=ttl).to_bytes()
    sent = network.send(packet)
    assert isinstance(sent, Sent), sent
    until = network.now() + 3_000_000_000
    while (event := network.receive(until)) is not None:
        if isinstance(event, Arrival):
            return event, sent
    raise AssertionError("no answer within 3 s")


# what is left


def kill() -> None:
    """Kill -9 of stage 1 or of the server ends everything, and the lab can be started again."""
    for victim in ("stage 1", "server"):
        mark = f"{time.monotonic_ns() % 10**9}.25"
        lab = make(PAIR, "all")
        lab.start()
        processes = lab._run()
        pids = [processes.server.popen.pid, int(processes.ready["pid"]), processes.engine.popen.pid]
        lab.run("alice", ["sh", "-c", f"setsid nohup sleep {mark} >/dev/null 2>&1 & trap '' TERM"], **TEXT)
        assert soon(lambda: len(with_mark(mark)) == 1, 5)  # noqa: B023
        namespaces = namespaces_of(pids[1]) - namespaces_of(os.getpid())
        os.kill(pids[0 if victim == "stage 1" else 1], signal.SIGKILL)
        assert soon(lambda: not with_mark(mark) and not any(map(alive, pids)), 1), victim  # noqa: B023
        assert soon(lambda: not in_use(namespaces), 1), victim  # noqa: B023
        try:
            lab.counters("alice")
        except NetworkError as error:
            assert "has ended" in str(error)
        else:
            raise AssertionError("nobody can have answered")
        assert not lab.running
        assert lab.counters("alice")["rx"] == 0, "a new lab"
        lab.close()


def hold() -> None:
    """Start a lab with an orphan in it, say what there is, and wait to be killed (or for the end of standard input)."""
    lab = make(PAIR, "all")
    lab.start()
    processes = lab._run()
    mark = sys.argv[-1]
    orphans = f"setsid nohup sleep {mark} >/dev/null 2>&1 & setsid ping -q bob >/dev/null 2>&1 &"
    lab.run("alice", ["sh", "-c", orphans], **TEXT)
    shell = lab.popen("bob", ["sh", "-c", f"trap '' TERM HUP INT; echo {mark}; while :; do sleep {mark}; done"],
                      stdout=subprocess.PIPE)  # fmt: skip
    assert shell.stdout and shell.stdout.readline()
    print(os.getpid(), processes.server.popen.pid, processes.ready["pid"], processes.engine.popen.pid, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    DEVICE = sys.argv[2]
    TUN = sys.argv[3]
    globals()[sys.argv[1]]()
