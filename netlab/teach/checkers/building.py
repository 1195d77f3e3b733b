"""Building the networks of a check at full speed.

While a check runs, the interpreter calls a trace function at every call of a function, so that an endless loop of a
learner's ends (see `netlab.teach.guard`). The checker's own simulations need no such watch, and are four times as
fast without.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unwatched() -> Iterator[None]:
    """Run the body without the trace function. Nothing of the learner's may run in it."""
    before = sys.gettrace()
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(before)
