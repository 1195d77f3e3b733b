"""What the tests of the lab share: a small world, who may run it here, and how to see what is left.

Every scenario that needs the kernel runs as whoever runs the tests, and, where that is root, also as an ordinary user
(``nobody``, with the system's Python): the lab is for people who are not root.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from netlab.network.lab import probe

ROOT = Path(__file__).parents[2]
NOBODY = 65534
SYSTEM_PYTHON = "/usr/bin/python3"

ROUND_TRIP = 0.020
"""Seconds between alice and bob."""

PAIR = """
name = "pair"
vantage = "alice"
[node]
alice = { kind = "host", address = ["192.0.2.1/24", "2001:db8::1/64"] }
bob = { kind = "host", address = ["192.0.2.2/24", "2001:db8::2/64"] }
[[link]]
ends = ["alice", "bob"]
delay_ms = 10
"""

CHAIN = """
name = "chain"
vantage = "alice"
[node]
alice = { kind = "host", address = ["192.0.2.1/24", "2001:db8:1::1/64"] }
left = { address = ["192.0.2.254/24", "2001:db8:1::fe/64", "198.51.100.1/30", "2001:db8:2::1/64"] }
right = { address = ["198.51.100.2/30", "2001:db8:2::2/64", "203.0.113.254/24", "2001:db8:3::fe/64"] }
bob = { kind = "host", name = "www.chain.example", address = ["203.0.113.1/24", "2001:db8:3::1/64"] }
carol = { kind = "host", address = ["203.0.113.2/24", "2001:db8:3::2/64"] }
[[link]]
ends = ["alice", "left"]
delay_ms = 1
[[link]]
ends = ["left", "right"]
delay_ms = 5
[[link]]
ends = ["right", "bob"]
delay_ms = 1
mtu = 1400
[[link]]
ends = ["right", "carol"]
delay_ms = 1
"""


def missing(reason: str) -> NoReturn:
    from tests.support import tools  # needs pytest, which an ordinary user's Python may not have

    tools.missing(reason)


def need_lab(device: str = "") -> None:
    """Skip the test with the doctor's reason where there is no lab, or no TUN (``device="tun"``)."""
    rows = {row["capability"]: row for row in _probed()}
    for name in ("lab", *(["lab: TUN device"] if device == "tun" else [])):
        if name not in rows or rows[name]["works"] != "yes":
            row = rows.get(name, rows["lab"])
            missing(f"{row['evidence']} ({row['remedy']})")


@functools.cache
def _probed() -> list[dict[str, str]]:
    return probe()


IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
CASES = [("me", "tun"), ("nobody", "tun"), ("nobody", "veth")] if IS_ROOT else [("me", "tun"), ("me", "veth")]
"""Who, and over which device. An ordinary user gets veth where /dev/net/tun is root's alone."""


def python_of(user: str) -> list[str]:
    """The command line of a Python that runs as this user, can import netlab and writes nothing."""
    if user == "me":
        return [sys.executable, "-B"]
    setpriv = shutil.which("setpriv")
    if not setpriv or not Path(SYSTEM_PYTHON).exists():
        missing("needs setpriv and /usr/bin/python3 to become an ordinary user: apt install util-linux python3")
    if subprocess.run([SYSTEM_PYTHON, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]).returncode:
        missing("needs Python 3.11 or newer as /usr/bin/python3 to run as an ordinary user")
    return [setpriv, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", SYSTEM_PYTHON, "-B"]


def run_as(user: str, script: str, *arguments: str, prefix: Sequence[str] = (), timeout: float = 150) -> str:
    """Run a script of tests/lab as a user; gives what it printed. It fails the test when it fails."""
    command = [*prefix, *python_of(user), str(ROOT / "tests" / "lab" / script), *arguments]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=timeout, env=environment())
    assert done.returncode == 0, f"{script} {' '.join(arguments)} as {user}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/"}


@contextmanager
def open_tun() -> Iterator[str]:
    """The path of a TUN device node that everybody may open, also where the machine's is root's alone."""
    if os.access("/dev/net/tun", os.R_OK | os.W_OK) and (os.geteuid() or os.stat("/dev/net/tun").st_mode & 0o006 == 6):
        yield "/dev/net/tun"
        return
    if os.geteuid():
        missing("needs a /dev/net/tun that this user may open: sudo chmod 0666 /dev/net/tun")
    with tempfile.TemporaryDirectory(prefix="netlab-tun-") as folder:
        os.chmod(folder, 0o755)
        path = os.path.join(folder, "tun")
        os.mknod(path, 0o600 | 0o020000, os.makedev(10, 200))
        os.chmod(path, 0o666)
        try:
            os.close(os.open(path, os.O_RDWR))
        except OSError as error:
            missing(f"needs a TUN device: {error.strerror}")
        yield path


# what is left


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie that waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def with_mark(mark: str) -> list[int]:
    """Processes that have this text in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark.encode() in (entry / "cmdline").read_bytes() and alive(int(entry.name)):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def namespaces_of(pid: int) -> set[str]:
    """``net:[4026532000]`` and so on: of a process, and those it holds by a descriptor."""
    found = set()
    for link in [*_listed(f"/proc/{pid}/ns"), *_listed(f"/proc/{pid}/fd")]:
        try:
            name = os.readlink(link)
        except OSError:
            continue
        if name.partition(":")[0] in ("net", "user", "pid", "mnt", "uts", "ipc"):
            found.add(name)
    return found


def in_use(namespaces: set[str]) -> set[str]:
    """Those of the namespaces that any process is in or holds (one that waits to be reaped holds nothing)."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return set().union(*map(namespaces_of, filter(alive, pids))) & namespaces


def _listed(folder: str) -> list[Path]:
    try:
        return list(Path(folder).iterdir())
    except OSError:
        return []


def soon(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether something becomes true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
