"""Web servers and clients in the lab: on real hosts over the kernel's TCP, and our TCP against the kernel's."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import netlab
from netlab.errors import AddressInUse, UsageError
from netlab.network.lab import LabNetwork
from tests.lab.web_scenarios import LOSSY, curl_fetches_from_us, fetched, make_folder, we_fetch_from_a_real_server
from tests.support.lab import CASES, IS_ROOT, need_lab, open_tun, run_as
from tests.support.tools import missing

pytestmark = pytest.mark.lab

ORDINARY = [device for user, device in CASES if not IS_ROOT or user != "me"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_text('<img src="a.png">')
    (tmp_path / "a.png").write_bytes(b"x")
    return tmp_path


def need_curl() -> None:
    if not shutil.which("curl"):
        missing("needs curl: apt install curl")


# -- real hosts -----------------------------------------------------------------------------------------------------


def test_a_server_and_a_client_on_real_hosts(folder: Path) -> None:
    need_lab()
    with netlab.use("lab:line") as network, netlab.WebServer(folder, host="server", port=80) as server:
        page = netlab.fetch_page(server.url)
        named = netlab.fetch("http://[2001:db8:3::80]/a.png", source="laptop")
        assert server.url == "http://server/" and set(server.log["network"]) == {"lab:line"}
        with network.socket("server", bind=("203.0.113.80", 81), listen=5):  # type: ignore[attr-defined]
            with pytest.raises(AddressInUse, match="server:81"):
                netlab.WebServer(folder, host="203.0.113.80", port=81)
        packets = network.packets()
    assert page.groupby("object")["status"].max().tolist() == [200, 200]
    assert set(page["network"]) == {"lab:line"} and set(page["address"]) == {"203.0.113.80"}
    connect = page[page["phase"] == "connect"]["duration_ms"].iloc[0]
    assert 22 <= connect < 500, "a round trip of the world, and what this machine adds"
    assert named["status"].max() == 200
    assert any(row["protocol"] == "tcp" and row["at"] == "r2" for row in packets), "it went through the world"


def test_real_curl_through_a_proxy_on_a_real_host(folder: Path) -> None:
    need_lab()
    need_curl()
    expected = make_folder(folder)
    with netlab.use("lab:line") as network, netlab.WebServer(folder, host="server", port=80):
        with netlab.ProxyServer(host="laptop", port=8000) as proxy:
            command = ["curl", "-s", "-x", "http://laptop:8000", "http://server/big.bin"]
            done = network.run("laptop", command, capture_output=True, timeout=60)  # type: ignore[attr-defined]
            assert hashlib.sha256(done.stdout).hexdigest() == expected
            assert proxy.log["status"].tolist() == [200] and set(proxy.log["network"]) == {"lab:line"}


def test_client_proxy_and_origin_on_three_hosts_do_in_the_lab_what_they_do_in_the_world(folder: Path) -> None:
    need_lab()
    logs = []
    for world in ("transatlantic", "lab:transatlantic"):
        with netlab.use(world), netlab.WebServer(folder, host="www", port=80) as server:
            with netlab.ProxyServer(host="near", port=8000) as proxy:
                for _ in range(2):
                    assert netlab.fetch("http://www/a.png", proxy=proxy.url)["status"].max() == 200
                logs.append(proxy.log)
            assert server.log["client"].str.startswith("192.0.2.80:").all(), "the origin sees the proxy"
    virtual, real = logs
    for column in ("method", "target", "version", "status", "reused", "upstream", "upstream_ip", "error"):
        assert real[column].tolist() == virtual[column].tolist(), column
    assert real["client"].str.startswith("192.0.2.10:").all() and set(real["network"]) == {"lab:transatlantic"}
    for column in ("connect_ms", "wait_ms"):  # the same ocean, and what this machine adds
        extra = (real[column] - virtual[column]).dropna()
        assert len(extra) and extra.between(-2, 500).all(), column


def test_what_only_a_virtual_host_can_be_told_is_refused_in_the_lab(folder: Path) -> None:
    with pytest.raises(UsageError, match="virtual"):
        netlab.WebServer(folder, host="server", network="lab:line", service_ms=5)
    with pytest.raises(UsageError, match="virtual"):
        netlab.fetch("http://server/", network="lab:line", tcp={"mss": 536})


# -- our TCP against the kernel's -----------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["198.51.100.2", "[2001:db8:1::2]"])
def test_curl_fetches_10_mib_from_our_tcp_over_a_lossy_link(folder: Path, address: str) -> None:
    need_lab()
    need_curl()
    with LabNetwork(LOSSY) as network:
        curl_fetches_from_us(network, folder, make_folder(folder), address)


def test_our_client_fetches_10_mib_from_a_real_server_over_a_lossy_link(folder: Path) -> None:
    need_lab()
    with LabNetwork(LOSSY) as network:
        we_fetch_from_a_real_server(network, folder, make_folder(folder))


def test_our_client_fetches_from_pythons_own_server(folder: Path) -> None:
    need_lab()
    expected = make_folder(folder)
    command = [sys.executable, "-m", "http.server", "80", "--bind", "192.0.2.1", "--directory", str(folder)]
    quiet = subprocess.DEVNULL
    with LabNetwork(LOSSY) as network, network.popen("alice", command, stdout=quiet, stderr=quiet) as process:
        try:
            deadline = time.monotonic() + 20
            found = fetched(network, "192.0.2.1", 80)
            while "refused" in found["error"] and time.monotonic() < deadline:  # it is not there yet
                found = fetched(network, "192.0.2.1", 80)
        finally:
            process.kill()
    assert found["sha256"] == expected


@pytest.mark.parametrize("device", ORDINARY)
def test_both_work_for_an_ordinary_user(device: str) -> None:
    need_lab()
    need_curl()
    user = "nobody" if IS_ROOT else "me"
    if device == "tun":
        with open_tun() as path:
            run_as(user, "web_scenarios.py", device, path, timeout=200)
    else:
        run_as(user, "web_scenarios.py", device, "/dev/net/tun", timeout=200)
