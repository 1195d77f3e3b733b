"""What all benchmarks share: interleaved rounds, medians with their spread, and lines that can be compared."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

ROUNDS = max(5, int(os.environ.get("NETLAB_BENCH_ROUNDS") or 5))
"""At least five, or a spread means nothing."""


@dataclass
class Missing(Exception):
    """A peer that is not on this machine; the benchmark says so and goes on."""

    what: str


def interleave(subjects: dict[str, Callable[[], float]], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Run every subject once per round, in turn, so that a slow minute of the machine hits all of them alike."""
    results: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(rounds):
        for name, subject in subjects.items():
            results[name].append(subject())
    return results


def spread(values: Sequence[float], unit: str, scale: float = 1.0) -> str:
    """Give ``12.3 ms (11.9–14.0)``: median, smallest and largest."""
    low, middle, high = (value * scale for value in (min(values), median(values), max(values)))
    return f"{middle:.4g} {unit} ({low:.4g}–{high:.4g})"


def verdict(name: str, value: float, limit: float, at_most: bool = True, unit: str = "×") -> str:
    """Give one line that compares a figure with its target."""
    good = value <= limit if at_most else value >= limit
    sign = "at most" if at_most else "at least"
    return f"  {'met   ' if good else 'MISSED'}  {name}: {value:.4g} {unit} (target: {sign} {limit:g} {unit})"


def aim(value: float, wanted: float) -> str:
    """Give one line that says how far a figure, larger is better, is on the way from its target to what it aims at."""
    return f"          {'reached' if value >= wanted else 'short of'} the aim of {wanted:g} ×"


def timed(action: Callable[[], object]) -> float:
    """Give the seconds that a call takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def command(argv: Sequence[str], check: bool = True) -> str:
    """Run a command and give what it printed; PYTHONDONTWRITEBYTECODE is taken off, or every start would compile."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(argv, capture_output=True, text=True, env=environment, check=False)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def need(program: str, package: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise Missing(f"{program} (Debian package {package})")
    return path


PYTHON = sys.executable
