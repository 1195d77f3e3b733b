"""How long the command takes to start: whole processes, against a Python that does nothing."""

from __future__ import annotations

from statistics import median

from benchmarks.common import PYTHON, command, interleave, spread, timed, verdict

TITLE = "Start-up: whole processes"


def run() -> None:
    ping = [PYTHON, "-m", "netlab", "ping", "-c1", "127.0.0.1"]
    subjects = {
        "python -c pass": [PYTHON, "-c", "pass"],
        "python -c 'import netlab'": [PYTHON, "-c", "import netlab"],
        "python -m netlab ping -c1 127.0.0.1": ping,
    }
    for argv in subjects.values():
        command(argv)  # compiles what is not compiled yet
    times = interleave({name: lambda argv=argv: timed(lambda: command(argv)) for name, argv in subjects.items()}, 11)
    for name, values in times.items():
        print(f"  {name}: {spread(values, 'ms', 1e3)}")
    nothing, imported, whole = (median(values) for values in times.values())
    print(verdict("ping -c1 / python -c pass", whole / nothing, 3))
    print(verdict("import netlab adds", (imported - nothing) * 1e3, 60, unit="ms"))
