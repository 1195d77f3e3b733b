"""Runs: rows come through, Stop works at once, mistakes become text, and nothing is left behind."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from netlab.errors import NoRoute
from netlab.widgets import runs
from netlab.widgets.runs import Row, Run

ENOUGH = 10.0


def three(stop: Callable[[], bool]) -> Iterator[Row]:
    yield from ({"n": 1}, {"n": 2}, {"n": 3})


class Endless:
    """Rows until it is told to stop, then one that was in flight."""

    def __init__(self) -> None:
        self.going = threading.Event()
        self.closed = False

    def __call__(self, stop: Callable[[], bool]) -> Iterator[Row]:
        try:
            yield {"n": 1}
            self.going.set()
            while not stop():
                time.sleep(0.005)
            yield {"n": 2, "outcome": "pending"}
        finally:
            self.closed = True


def test_driven_now() -> None:
    run = Run(three)
    run.drive_now()
    assert [row["n"] for row in run.rows] == [1, 2, 3]
    assert run.ended.is_set() and run.over.is_set() and not run.stopped and run.error == ""


def test_in_a_thread() -> None:
    run = Run(three)
    run.start()
    assert run.join(ENOUGH) and len(run.rows) == 3
    assert run not in runs.live()


def test_stop_keeps_what_was_in_flight() -> None:
    source = Endless()
    run = Run(source)
    run.start()
    assert source.going.wait(ENOUGH) and run in runs.live()
    run.stop()
    assert run.over.is_set(), "whoever watches knows at once"
    assert run.join(ENOUGH) and run.stopped and source.closed
    assert [row["n"] for row in run.rows] == [1, 2]


def test_stop_after_the_end_changes_nothing() -> None:
    run = Run(three)
    run.drive_now()
    run.stop()
    assert not run.stopped


def test_mistakes_become_text() -> None:
    def broken(stop: Callable[[], bool]) -> Iterator[Row]:
        yield {"n": 1}
        raise NoRoute("192.0.2.1")

    def strange(stop: Callable[[], bool]) -> Iterator[Row]:
        raise ZeroDivisionError("one by zero")
        yield {}

    first, second = Run(broken), Run(strange)
    first.drive_now()
    second.drive_now()
    assert first.error == "no route to 192.0.2.1" and len(first.rows) == 1
    assert second.error == "ZeroDivisionError: one by zero"


def test_rows_wait_until_they_are_due() -> None:
    moments = []
    run = Run(three, due=lambda row: 0.05 * row["n"])
    begin = time.monotonic()
    watcher = threading.Thread(target=lambda: moments.extend(_arrivals(run, begin)))
    watcher.start()
    run.start()
    watcher.join()
    assert moments == sorted(moments) and moments[-1] >= 0.15


def _arrivals(run: Run, begin: float) -> list[float]:
    seen: list[float] = []
    while len(seen) < 3:
        if len(run.rows) > len(seen):
            seen.append(time.monotonic() - begin)
        time.sleep(0.001)
    return seen


def test_a_stopped_wait_closes_the_generator() -> None:
    source = Endless()
    run = Run(source, due=lambda row: 3600.0)
    run.start()
    run.stop()
    assert run.join(ENOUGH) and run.rows == [] and source.closed


def test_a_cell_that_is_run_again_stops_its_older_panels() -> None:
    old, same, other = Endless(), Endless(), Endless()
    made = [Run(old, place=("a", 1)), Run(same, place=("a", 2)), Run(other, place=("b", 1))]
    for run in made:
        run.start()
    runs.supersede(("a", 2))
    assert [run.stopped for run in made] == [True, False, False]
    runs.stop_all()
    assert all(run.join(ENOUGH) for run in made)


def test_outside_a_notebook_there_is_no_cell() -> None:
    assert runs.cell() is None
    runs.supersede(None)


def test_the_cell_is_known_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    class Shell:
        execution_count = 7

        def get_parent(self) -> dict[str, object]:
            return {"metadata": {"cellId": "03-run"}}

    class Module:
        get_ipython = staticmethod(Shell)

    monkeypatch.setitem(sys.modules, "IPython", Module)  # type: ignore[arg-type]
    assert runs.cell() == ("03-run", 7)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, False),
        ({"NETLAB_HEADLESS": "1"}, True),
        ({"NETLAB_HEADLESS": "0"}, False),
        ({"NBGRADER_EXECUTION": "validate"}, True),
    ],
)
def test_headless(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: bool) -> None:
    for name in ("NETLAB_HEADLESS", "NBGRADER_EXECUTION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert runs.headless() is expected


def test_the_interpreters_exit_stops_a_run() -> None:
    script = (
        "import time\n"
        "from netlab.widgets.runs import Run\n"
        "def rows(stop):\n"
        "    try:\n"
        "        while not stop(): time.sleep(0.01)\n"
        "        yield {}\n"
        "    finally: print('closed', flush=True)\n"
        "Run(rows).start()\n"
        "time.sleep(0.1)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "closed\n", "")
