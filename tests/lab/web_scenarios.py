"""Our TCP against the kernel's, as a script that an ordinary user's Python can run without pytest or pandas.

web_scenarios.py DEVICE TUN
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

from netlab.network.lab import LabNetwork
from netlab.network.lab_hosts import Lab
from netlab.network.worlds import load
from netlab.servers import WebServer

SIZE = 10 << 20
LOST = "lost on the link"
LOSSY = """
name = "lossy-pair"
vantage = "alice"
[node]
alice = { kind = "host", address = ["192.0.2.1/24", "2001:db8::1/64"] }
middle = { kind = "router", address = ["192.0.2.254/24", "198.51.100.254/24", "2001:db8::ff/64", "2001:db8:1::ff/64"] }
bob = { kind = "host", address = ["198.51.100.2/24", "2001:db8:1::2/64"] }
[[link]]
ends = ["alice", "middle"]
delay_ms = 1
loss = 0.002
[[link]]
ends = ["middle", "bob"]
delay_ms = 1
rate_mbps = 80
queue = 100
"""
"""Of some 7,200 segments of 10 MiB about 14 are lost, and a full queue drops more."""


def make_folder(folder: Path) -> str:
    """Put 10 MiB of anything into a folder; gives their hash."""
    data = Random(4).randbytes(SIZE)
    (folder / "big.bin").write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def curl_fetches_from_us(network: LabNetwork, folder: Path, expected: str, address: str = "198.51.100.2") -> None:
    """Real curl on a real host, over the kernel's TCP, from a host that the engine plays."""
    port = network.lab.call("netlab.serve.in_engine:serve_folder", host="bob", directory=str(folder), port=0)
    command = ["curl", "-s", "-g", "--max-time", "100", f"http://{address}:{port}/big.bin"]
    done = network.run("alice", command, capture_output=True)
    assert done.returncode == 0, done
    assert hashlib.sha256(done.stdout).hexdigest() == expected
    assert network.lab.hosts == ["alice"], "bob is played by the engine"
    assert network.losses().get(LOST, 0) > 0, "nothing was lost, so nothing was proved"


def we_fetch_from_a_real_server(network: LabNetwork, folder: Path, expected: str) -> None:
    """Our client, on a host that the engine plays, from a server on a real host's socket."""
    with WebServer(folder, host="alice", port=80, network=network):
        found = fetched(network, "192.0.2.1", 80)
        assert network.lab.hosts == ["alice"]
        assert network.losses().get(LOST, 0) > 0, "nothing was lost, so nothing was proved"
    assert (found["error"], found["status"], found["bytes"]) == ("", 200, SIZE), found
    assert found["sha256"] == expected


def fetched(network: LabNetwork, address: str, port: int) -> dict[str, Any]:
    """Let bob, whom the engine plays, get the big file."""
    request = {"host": "bob", "address": address, "port": port, "target": "/big.bin", "timeout": 90}
    number = network.lab.call("netlab.serve.in_engine:fetch", **request)
    deadline = time.monotonic() + 100
    found: dict[str, Any] = {"done": False}
    while not found["done"] and time.monotonic() < deadline:
        time.sleep(0.1)  # asked more often, it would get slower
        found = network.lab.call("netlab.serve.in_engine:fetched", number=number)
    return found


def main(device: Any, tun: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        expected = make_folder(folder)
        network = LabNetwork(LOSSY)
        network.lab = Lab(load(LOSSY), device=device, tun=tun)
        with network:
            curl_fetches_from_us(network, folder, expected)
            we_fetch_from_a_real_server(network, folder, expected)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
