"""``python -m benchmarks [NAME ...]``: run the benchmarks (all, or those named) and print their figures."""

from __future__ import annotations

import os
import platform
import sys
from importlib import import_module

from benchmarks.common import ROUNDS, Missing

NAMES = ("start", "rtt", "many", "engine", "lab", "trace", "web", "proxy")


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    print(
        f"Python {platform.python_version()}, {platform.system()} {platform.release()}, {os.cpu_count()} CPUs; ", end=""
    )
    print(f"subjects interleaved, {ROUNDS} rounds; median (smallest–largest)")
    for name in names or NAMES:
        module = import_module(f"benchmarks.{name}")
        print(f"\n{module.TITLE}")
        try:
            module.run()
        except Missing as missing:
            print(f"  left out: {missing.what} is missing")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
