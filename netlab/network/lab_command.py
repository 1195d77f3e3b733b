"""``python -m netlab lab WORLD [-- COMMAND]``: a shell or a command on a host of a world, with real packets.

Standard streams, the terminal, job control and the exit status are the command's own. What the lab has to say goes to
standard error: one line before, and after a shell how exact the lab was.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from netlab.network.lab_channel import Ended
from netlab.network.lab_hosts import Lab
from netlab.network.worlds import load


def run(world: str, command: list[str], host: str | None, seed: int) -> int:
    """Run ``command`` (a shell when empty) on ``host`` (the vantage host when None); gives its exit status.

    Raises `LabUnavailable`, and `NameNotFound` or `UsageError` for what cannot be a world or host.
    """
    interactive = not command
    loaded = load(world)
    with Lab(loaded, seed, [host] if host else None) as lab:
        node = lab.names.node(host or loaded.vantage)
        leave = "leave with exit or CTRL+D" if interactive else f"runs {command[0]}"
        address = lab.names.addresses(node)[0]
        _say(f"lab:{loaded.name}, seed {seed}: on {node.name} ({address}); {leave}")
        for warning in lab.warnings:
            _say(warning)
        with _left_to_the_command():
            process = lab.popen(node.name, command or [_shell()])
            status = _wait(process)
        if interactive:
            _say_how_late(lab)
    return status


def _shell() -> str:
    """The user's own; sh for a user who may not log in."""
    shell = os.environ.get("SHELL", "")
    return shell if shutil.which(shell) and Path(shell).name not in ("nologin", "false") else "sh"


def _wait(process: subprocess.Popen[Any]) -> int:
    """The exit status as a shell gives it: 128 and the signal's number when a signal ended the command."""
    status = process.wait()
    return status if status >= 0 else 128 - status


@contextmanager
def _left_to_the_command() -> Iterator[None]:
    """CTRL+C and CTRL+\\ on the terminal reach the command too, and are its business.

    A function, and not SIG_IGN, because the command would inherit that.
    """
    numbers = (signal.SIGINT, signal.SIGQUIT)
    before = [signal.signal(number, lambda *_: None) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _say_how_late(lab: Lab) -> None:
    try:
        late = lab.lateness()
    except Ended:
        return
    if late["packets"]:
        figures = f"median {late['median_ms']:.2f} ms, 99 % below {late['p99_ms']:.2f} ms"
        _say(f"{late['packets']} packets came to hosts, late by: {figures}")
    if late["lost"]:
        lost = ", ".join(f"{where} {count}" for where, count in late["lost"].items())
        _say(f"packets that no capture knows: {lost}")


def _say(text: str) -> None:
    print(f"netlab: {text}", file=sys.stderr, flush=True)
