"""What a test needs from the machine: it is there, or the test is skipped with the name of what is missing.

With the environment variable NETLAB_REQUIRE_TOOLS=1, as .ci/run sets it, such a skip is a failure: a machine that
should have everything cannot quietly test less.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from typing import NoReturn

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def need(program: str, debian_package: str) -> str:
    """Return the program's path, or skip the test (fail under the switch) and name the Debian package that has it."""
    found = find(program)
    if found is None:
        missing(f"needs {program}: apt install {debian_package}")
    return found


def need_browser() -> str:
    """Return the path of Chromium, when playwright is installed too."""
    need_module("playwright")
    for name in BROWSERS:
        found = find(name)
        if found is not None:
            return found
    missing("needs a browser: apt install chromium")


def need_module(name: str, extra: str = "test") -> None:
    """Skip unless this Python package can be imported; ``extra`` is the one of pyproject.toml that brings it."""
    if importlib.util.find_spec(name) is None:
        missing(f"needs the Python package {name}: pip install -e '.[{extra}]'")


def missing(reason: str) -> NoReturn:
    """Skip the running test for this reason; fail it when the machine was said to have everything."""
    if os.environ.get("NETLAB_REQUIRE_TOOLS") == "1":
        pytest.fail(f"{reason} (and NETLAB_REQUIRE_TOOLS=1 allows no skip)", pytrace=False)
    pytest.skip(reason)


def find(program: str) -> str | None:
    # A normal user's PATH on Debian has no sbin, where some of these tools live.
    return shutil.which(program, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin")
