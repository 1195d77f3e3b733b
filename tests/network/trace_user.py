"""Traces over real kernel routers, as a script: an ordinary user's Python runs it. Prints protocol, version and TTLs.

Sockets are opened by processes without any capability, under the user id of whoever runs this.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from netlab.network.worlds import load
from netlab.tracing import TraceOptions, run_trace

TOOLS = "tests.support.tools"


def main() -> None:
    if TOOLS not in sys.modules:  # it needs pytest, which this Python may not have, and only says why tests are skipped
        sys.modules[TOOLS] = ModuleType(TOOLS)
        sys.modules[TOOLS].missing = sys.exit  # type: ignore[attr-defined]
    from tests.network.trace_bench import SERVER, chain, path_of, straight
    from tests.support.kernelnet import KernelNet

    protocols: tuple[Any, ...] = ("icmp", "udp", "tcp")
    with KernelNet(load(chain())) as kernel:
        for protocol in protocols:
            for family, to in SERVER.items():
                rows = list(run_trace(to, TraceOptions(protocol), kernel.network(raw=False)))
                found = path_of(rows)
                assert found == straight(family), found
                print(protocol, family, list(found))


if __name__ == "__main__":
    main()
