"""Whether a server idles: the processor time of its own thread, whatever other tests of this process left running."""

from __future__ import annotations

import time
from typing import Any


def processor_ms(server: Any, seconds: float) -> float:
    """How long the server's thread computes while we wait so many seconds."""
    clock = time.pthread_getcpuclockid(server._place._thread.ident)
    began = time.clock_gettime(clock)
    time.sleep(seconds)
    return (time.clock_gettime(clock) - began) * 1e3
