"""Runs what a learner wrote so that it cannot hurt: a deadline, no stderr, errors told in one sentence.

A check must never raise for a learner's mistake, and a single word on stderr costs all points when nbgrader
grades. So everything that is printed is caught, warnings and logging are off, and an endless loop ends by a trace
function: the interpreter calls it before every instruction of the learner's code, and it raises when time is up.
That works on every system (alarm signals do not exist on Windows) and in the kernel's main thread. What it cannot
stop: a single endless call inside C code, and a loop that catches everything with a bare ``except``.
"""

from __future__ import annotations

import contextlib
import dis
import functools
import io
import linecache
import logging
import sys
import sysconfig
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

DEADLINE = 3.0
"""Seconds that a check may take: ten times what the slowest right answer needs, far less than nbgrader's 30."""
SHOWN = 60
"""Characters of a value that a message shows."""

_OURS = tuple(
    str(Path(path).resolve())
    for path in {
        str(Path(__file__).parent.parent),
        *(sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    }
)


class OutOfTime(BaseException):
    """Not an ``Exception``, so that ``except Exception`` in an endless loop does not swallow it."""


@contextlib.contextmanager
def guarded(seconds: float = DEADLINE) -> Iterator[io.StringIO]:
    """Run the body silently and within ``seconds``; what it prints is in the value of the ``with``."""
    limit = time.monotonic() + seconds
    printed = io.StringIO()

    def watch(frame: FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
        if not is_learners(frame.f_code.co_filename):
            return None
        frame.f_trace_opcodes = True  # by lines alone, ``while True: pass`` is one line for ever
        if time.monotonic() > limit:
            raise OutOfTime
        return watch

    before, level = sys.gettrace(), logging.root.manager.disable
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        sys.settrace(watch)
        try:
            yield printed
        finally:
            sys.settrace(before)
            logging.disable(level)


@functools.lru_cache(maxsize=4096)
def is_learners(filename: str) -> bool:
    """True for code that neither netlab nor Python nor an installed package brought."""
    if filename.startswith("<frozen"):
        return False
    return not str(Path(filename).absolute()).startswith(_OURS)


def unwritten(error: BaseException) -> bool:
    """True when the answer is still the placeholder that raises ``NotImplementedError``."""
    return isinstance(error, NotImplementedError) and own_line(error) is not None


def own_line(error: BaseException) -> str | None:
    """Give the learner's own line in which ``error`` came up, ``None`` when none of their code was running."""
    found = None
    for frame, number in traceback.walk_tb(error.__traceback__):
        if is_learners(frame.f_code.co_filename):
            found = linecache.getline(frame.f_code.co_filename, number).strip() or f"line {number} of the cell"
    return found


def by_hand(error: BaseException) -> bool:
    """True when a ``raise`` of the learner's own made ``error``; false when Python, or what they called, did.

    The last instruction of the innermost frame tells: a raise statement, or an unpacking, a call, a subscript. Code of
    netlab counts as the learner's when it stands in for it, so when none of the learner's was running.
    """
    inner = error.__traceback__
    while inner is not None and inner.tb_next is not None:
        inner = inner.tb_next
    if inner is None:
        return False
    code = inner.tb_frame.f_code
    raised = code.co_code[inner.tb_lasti] == dis.opmap["RAISE_VARARGS"]
    return raised and (is_learners(code.co_filename) or own_line(error) is None)


def tell(error: BaseException) -> str:
    """Say in one sentence what went wrong in the learner's code."""
    line = own_line(error)
    return f"Your function stopped with {what(error)}" + (f" at this line:\n    {line}" if line else ".")


def what(error: BaseException) -> str:
    """The name of an exception, and what it says."""
    name, text = type(error).__name__, _text(error)
    return f"{name} ({text})" if text else name


def show(value: Any, limit: int = SHOWN) -> str:
    """Give ``repr(value)`` on one line, shortened; any object at all may come in."""
    try:
        text = " ".join(repr(value).split())
    except Exception:
        text = f"<a {type(value).__name__}>"
    if " at 0x" in text:  # the address of an object says nothing, and differs in every run
        text = f"<a {type(value).__name__}>"
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _text(error: BaseException) -> str:
    try:
        text = " ".join(str(error).split())
    except Exception:
        return ""
    return text if len(text) <= 160 else text[:159] + "…"
