"""`capabilities`: every row says what was really tried."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from netlab import wire
from netlab.errors import NetworkError, PermissionNeeded
from netlab.network import doctor
from netlab.network.worlds import load
from tests.support.kernelnet import KernelNet, kernel_net

pytestmark = pytest.mark.network

ROOT = Path(__file__).parents[2]
COLUMNS = ["capability", "works", "evidence", "remedy"]


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelNet]:
    with kernel_net(load("line"), ping_sockets=False) as running:
        yield running


@pytest.fixture(scope="module")
def rows() -> dict[str, doctor.Row]:
    return {row["capability"]: row for row in doctor.capabilities()}


def inside(kernel: KernelNet, privileged: bool, host: str = "laptop") -> dict[str, list[str]]:
    """What the doctor says on a machine of its own, without the lab, which is not the subject here."""
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from netlab.network import doctor; doctor._lab = lambda: []\n"
        "for row in doctor.capabilities(): print(*row.values(), sep='|')"
    )
    done = kernel.run(host, [sys.executable, "-c", code], privileged=privileged)
    assert done.returncode == 0, done.stderr
    return {line.split("|")[0]: line.split("|")[1:] for line in done.stdout.splitlines()}


def test_each_row_has_the_columns_of_capabilities(rows: dict[str, doctor.Row]) -> None:
    for row in rows.values():
        assert list(row) == COLUMNS
        assert row["works"] in ("yes", "no", "partly")
        assert row["evidence"]
        assert all(isinstance(value, str) for value in row.values())


def test_what_does_not_work_has_a_remedy_or_cannot_be_helped(rows: dict[str, doctor.Row]) -> None:
    assert all(row["remedy"] == "" for row in rows.values() if row["works"] == "yes")


def test_everything_is_looked_at(rows: dict[str, doctor.Row]) -> None:
    wanted = {"virtual internet", "raw ICMP, IPv4", "raw ICMP, IPv6", "ping socket, IPv4", "ping socket, IPv6"}
    wanted |= {"UDP error queue", "TCP connect", "kernel send stamps", "kernel receive stamps", "IPv6"}
    wanted |= {"/dev/net/tun", "user namespaces", "lab", *doctor.TOOLS}
    assert wanted <= set(rows)


def test_the_virtual_internet_always_works(rows: dict[str, doctor.Row]) -> None:
    assert rows["virtual internet"]["works"] == "yes"
    assert next(iter(rows)) == "virtual internet"


def test_an_unprivileged_user_reads_why_and_what_to_do(kernel: KernelNet) -> None:
    found = inside(kernel, privileged=False)
    assert found["raw ICMP, IPv4"][0] == "no"
    assert "has no CAP_NET_RAW" in found["raw ICMP, IPv4"][1]
    assert "setcap cap_net_raw+ep" in found["raw ICMP, IPv4"][2]
    value = " ".join(kernel.run("laptop", ["cat", "/proc/sys/net/ipv4/ping_group_range"]).stdout.split())
    for version in (4, 6):
        works, evidence, remedy = found[f"ping socket, IPv{version}"]
        assert works == "no"
        assert f'net.ipv4.ping_group_range is "{value}"' in evidence
        assert f"this process has group {os.getegid()}" in evidence
        assert "sysctl -w net.ipv4.ping_group_range" in remedy


def test_udp_tcp_and_stamps_need_no_privilege(kernel: KernelNet) -> None:
    found = inside(kernel, privileged=False)
    for capability in ("UDP error queue", "TCP connect", "kernel send stamps", "kernel receive stamps"):
        assert found[capability][0] == "yes", found[capability]


def test_ping_sockets_work_when_they_are_open(kernel: KernelNet) -> None:
    kernel.sysctl("r1", "ipv4/ping_group_range", f"{os.getegid()} {os.getegid()}")
    found = inside(kernel, False, "r1")
    for version in (4, 6):
        works, evidence, _ = found[f"ping socket, IPv{version}"]
        assert works == "yes"
        assert f'net.ipv4.ping_group_range is "{os.getegid()} {os.getegid()}"' in evidence


def test_a_privileged_user_has_raw_sockets(kernel: KernelNet) -> None:
    found = inside(kernel, privileged=True)
    assert found["raw ICMP, IPv4"][0] == found["raw ICMP, IPv6"][0] == "yes"


def test_ipv6_without_a_way_out_works_partly(kernel: KernelNet) -> None:
    assert inside(kernel, privileged=False)["IPv6"][0] == "yes"
    kernel.route("laptop", "::/0", "unreachable")
    kernel.route("laptop", "2001:db8::/32", "unreachable")
    assert inside(kernel, privileged=False)["IPv6"][0] == "partly"


def test_no_ipv6_at_all_is_said(kernel: KernelNet) -> None:
    kernel.sysctl("r3", "ipv6/conf/all/disable_ipv6", "1")
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from netlab.network import doctor; print(doctor._ipv6())"
    output = kernel.run("r3", [sys.executable, "-c", code]).stdout
    assert "'works': 'no'" in output
    assert "disable_ipv6=0" in output


def test_a_missing_program_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.shutil, "which", lambda *_, **__: None)
    assert doctor._tool("mtr", "mtr-tiny") == {
        "capability": "mtr",
        "works": "no",
        "evidence": "not found",
        "remedy": "sudo apt install mtr-tiny",
    }


def test_other_systems_are_told_to_use_the_virtual_internet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.sys, "platform", "darwin")
    rows = doctor.capabilities()
    assert [row["works"] for row in rows[:2]] == ["yes", "no"]
    assert 'netlab.use("campus")' in rows[1]["remedy"]
    assert len(rows) == 2 + len(doctor.TOOLS)


def test_a_trip_that_fails_is_a_row_and_no_exception() -> None:
    def lost() -> doctor.Trip:
        raise NetworkError("127.0.0.1 did not answer")

    def forbidden() -> doctor.Trip:
        raise PermissionNeeded("ICMP over IPv4 is not allowed here: because of this", ["do that"])

    assert doctor._try("it", lost, remedy="never") == doctor.row("it", "no", "127.0.0.1 did not answer")
    assert doctor._try("it", forbidden, remedy="do this") == doctor.row("it", "no", "because of this", "do this")


def test_without_a_lab_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(doctor.importlib, "import_module", missing)
    assert doctor._lab() == [doctor.row("lab", "no", "this netlab has no lab")]


def test_nothing_leaves_the_machine(kernel: KernelNet) -> None:
    """Its only cable carries nothing while the doctor looks around, but what a kernel says unasked."""
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from netlab.network import doctor; doctor._lab = lambda: []\n"
        "doctor.capabilities()"
    )
    with kernel.socket("server", socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(EVERYTHING)) as tap:
        assert kernel.run("server", [sys.executable, "-c", code]).returncode == 0
        send = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'', ('192.0.2.10', 9))"
        assert kernel.run("server", [sys.executable, "-c", send]).returncode == 0
        tap.settimeout(10)
        left: list[str] = []
        while not left or "192.0.2.10 UDP" not in left[-1]:  # the tap must see this one, after all that came before
            packet, (_, protocol, kind, *_) = tap.recvfrom(65_536)
            if kind == socket.PACKET_OUTGOING and protocol in (0x0800, 0x86DD) and not _stays(packet):
                left.append(wire.summary(packet))
    assert len(left) == 1, left


EVERYTHING = 3
"""ETH_P_ALL of Linux."""


def _stays(packet: bytes) -> bool:
    """Loopback; and in IPv6 what kernels send by themselves: to multicasts, and neighbour discovery (RFC 4861)."""
    if packet[0] >> 4 == 4:
        return packet[16] == 127
    return packet[24] == 0xFF or packet[24:40] == bytes(15) + b"\x01" or (packet[6] == 58 and 133 <= packet[40] <= 137)
