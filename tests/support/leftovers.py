"""What this test process has left on the machine: processes, listening ports, named network namespaces.

A process is ours when we are its parent, when it carries our mark in its environment (that survives a parent's death),
or when it is a fork of ours that nobody waits for. Linux only; elsewhere there is nothing to report.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

MARK = "NETLAB_TEST_PROCESS"
# Python's own helpers live as long as the process that started them.
PYTHON_HELPERS = (b"multiprocessing.resource_tracker", b"multiprocessing.forkserver")
LISTEN = "0A"  # the state's number in /proc/net/tcp
PROC = Path("/proc")


def leftovers(mark: str) -> list[str]:
    """Return one line for each thing that is still there and should not be."""
    if not sys.platform.startswith("linux"):
        return []
    return [*processes(mark), *listening()]


def processes(mark: str) -> list[str]:
    own = os.getpid()
    own_command = command_of(own)
    needle = f"{MARK}={mark}".encode()
    found = []
    for entry in PROC.iterdir():
        if not entry.name.isdigit() or int(entry.name) == own:
            continue
        pid = int(entry.name)
        try:
            state, parent = state_of(pid)
            command = command_of(pid)
            marked = needle in (entry / "environ").read_bytes().split(b"\0")
        except PermissionError:
            marked = False
        except (FileNotFoundError, ProcessLookupError):
            continue
        fork = parent == 1 and command == own_command
        if state in "ZX" or any(helper in command for helper in PYTHON_HELPERS):
            continue
        if parent == own or marked or fork:
            found.append(f"process {pid}: {command.replace(bytes(1), b' ').decode(errors='replace').strip()[:150]}")
    return found


def listening() -> list[str]:
    """Return the TCP ports on which this process itself still listens."""
    own = set()
    for descriptor in (PROC / "self" / "fd").iterdir():
        try:
            own.add(os.readlink(descriptor))
        except OSError:
            continue
    found = []
    for table in ("tcp", "tcp6"):
        for line in (PROC / "self" / "net" / table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTEN and f"socket:[{fields[9]}]" in own:
                found.append(f"listening TCP port {int(fields[1].rpartition(':')[2], 16)}")
    return found


def namespaces() -> set[str]:
    """Return the names that `ip netns` would list: shared by the whole machine, not only by us."""
    folder = Path("/run/netns")
    return {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()


def command_of(pid: int) -> bytes:
    return (PROC / str(pid) / "cmdline").read_bytes()


def state_of(pid: int) -> tuple[str, int]:
    # The command's name stands in brackets and may contain anything, also brackets: read behind the last one.
    fields = (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    return fields[0], int(fields[1])
