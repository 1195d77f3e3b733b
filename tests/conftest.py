"""What holds for every test: quiet surroundings, repeatable examples, and nothing left behind.

`NETLAB_HYPOTHESIS_PROFILE=recorded` makes the property tests try 2,500 examples each instead of 60.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support.leftovers import MARK, leftovers, namespaces

PATIENCE = 5.0
"""s within which whatever a test has stopped must be gone."""

# The machine of the person who runs the tests must not change what they say.
os.environ.pop("NETLAB_NETWORK", None)
os.environ["NETLAB_HEADLESS"] = "1"
os.environ[MARK] = uuid.uuid4().hex

# Shells start what runs in the background with interrupts ignored, and so would everything that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Derandomised: the same examples in every run, so that a red run stays red; no deadline, for machines are busy.
quiet = {"derandomize": True, "database": None, "deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("quick", max_examples=60, **quiet)
settings.register_profile("recorded", max_examples=2500, **quiet)
settings.load_profile(os.environ.get("NETLAB_HYPOTHESIS_PROFILE", "quick"))


SPLIT = ("tests/notebooks/test_round_trip.py", "tests/notebooks/test_execution.py")
"""Files whose tests take minutes, and share nothing but what is made for their parameter."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """``--dist loadfile``, but a file of `SPLIT` may be shared out by parameter: no worker is left alone with it."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class LoadFileOrParameter(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file, parameter = nodeid.partition("::")[0], nodeid.partition("[")[2]
            return f"{file}[{parameter}" if file in SPLIT else file

    # The files in the order in which the workers list them, not by their number of tests: see below.
    config.option.loadscopereorder = False
    return LoadFileOrParameter(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Several workers begin with what is slow: at the end none waits for another."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session", autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """After the last test of this process: no process, no listening port, no named network namespace of ours."""
    before = namespaces()
    known = leftovers(os.environ[MARK])  # a plugin of pytest listens, too
    yield
    # Other people's namespaces come and go on a shared machine, so names count only where we are alone.
    alone = os.environ.get("NETLAB_REQUIRE_TOOLS") == "1"
    deadline = time.monotonic() + PATIENCE
    while found := [
        *(each for each in leftovers(os.environ[MARK]) if each not in known),
        *(f"namespace {name}" for name in namespaces() - before if alone),
    ]:
        if time.monotonic() > deadline:
            pytest.fail("the tests left behind:\n  " + "\n  ".join(found), pytrace=False)
        time.sleep(0.05)


@pytest.fixture(autouse=True)
def the_network_in_use_stays_as_it_was() -> Iterator[None]:
    """A test that says ``netlab.use(...)`` says it for itself alone."""
    api = sys.modules.get("netlab.api")
    before = getattr(api, "_current", None)
    yield
    if api := sys.modules.get("netlab.api"):
        api._current = before  # type: ignore[attr-defined]
