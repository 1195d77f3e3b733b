"""However much passes through the proxy, it never holds much of it."""

import contextlib
import os
import re
import subprocess
import sys
import threading

import pytest

from tests.support.nginx import nginx
from tests.support.proxying import origin_that, read_all, read_head
from tests.support.tools import missing, need

pytestmark = pytest.mark.network

SIZE = 300_000_000
MOST = 4 << 20
PROXY = """
import sys, netlab, netlab.serve.moving
netlab.serve.moving.CAN_SPLICE = sys.argv[1] == "splice" and netlab.serve.moving.CAN_SPLICE
# What has no length may be kept, up to an eighth of the cache, until it turns out to be larger.
with netlab.ProxyServer(port=0, cache=sys.argv[1] == "cache" and 8 << 20) as proxy:
    print(proxy.url, flush=True)
    sys.stdin.read()
"""


class Measured:
    """A proxy in a process of its own."""

    def __init__(self, process):
        self.url, self._folder = process.stdout.readline().strip(), f"/proc/{process.pid}"

    def _bytes(self, name):
        with open(f"{self._folder}/status") as status:
            return int(re.search(rf"{name}:\s*(\d+) kB", status.read())[1]) * 1024

    @contextlib.contextmanager
    def growth(self):
        """Gives a list, which has the most by which its memory has grown, when it is over."""
        with open(f"{self._folder}/clear_refs", "w") as reset:
            reset.write("5")  # VmHWM begins anew: proc(5)
        before, grown = self._bytes("VmRSS"), []
        yield grown
        grown.append(self._bytes("VmHWM") - before)


@pytest.fixture(params=["splice", "copy", "cache"])
def proxy(request):
    if not os.path.exists("/proc/self/clear_refs"):
        missing("needs Linux's /proc/PID/clear_refs, which tells the most memory that a process had")
    with subprocess.Popen(
        [sys.executable, "-c", PROXY, request.param], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Measured(process)
        process.stdin.close()
        process.wait(10)


def curl(proxy, *options):
    command = [need("curl", "curl"), "-s", "-f", "-m", "120", "-x", proxy.url, *options]
    return subprocess.run(command, check=True, capture_output=True, timeout=150).stdout


def sparse(folder, name, size):
    with open(folder / name, "wb") as file:
        file.truncate(size)


def test_a_large_download_costs_no_memory(proxy, tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    sparse(site, "huge.bin", SIZE)
    sparse(site, "some.bin", 1_000_000)
    rules = f'location /chunked/ {{ alias {site}/; sub_filter_types *; sub_filter "never" "there"; }}'
    with nginx(tmp_path, site, rules) as address:
        for path in ("", "chunked/"):
            curl(proxy, "-o", os.devnull, f"http://{address}/{path}some.bin")
            with proxy.growth() as grown:
                got = curl(proxy, "-o", os.devnull, "-w", "%{size_download}", f"http://{address}/{path}huge.bin")
            assert got == b"%d" % SIZE and grown[0] < MOST, path


@pytest.mark.parametrize("how", ["length", "chunked"])
def test_a_large_upload_costs_no_memory(proxy, tmp_path, how):
    size = 200_000_000
    sparse(tmp_path, "huge.bin", size)
    sparse(tmp_path, "some.bin", 1_000_000)
    got = threading.Event()

    def talk(sock, seen):
        _, rest = read_head(sock)
        count, tail = len(rest), rest[-5:]
        while True:
            data = sock.recv(1 << 20)
            count, tail = count + len(data), (tail + data)[-5:]
            if not data or (tail == b"0\r\n\r\n" if how == "chunked" else count >= seen[0]):
                break
        seen.append(count)
        got.set()
        sock.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
        read_all(sock)

    fields = ["-H", "Expect:"] + (["-H", "Transfer-Encoding: chunked"] if how == "chunked" else [])
    for name, length in (("some.bin", 1_000_000), ("huge.bin", size)):
        with origin_that(talk) as (address, seen):
            seen.append(length)
            with proxy.growth() as grown:
                curl(proxy, *fields, "-T", str(tmp_path / name), f"http://{address}/")
            assert got.wait(10) and seen[1] >= length
    assert grown[0] < MOST
