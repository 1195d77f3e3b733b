"""``python -m netlab web``: serve a folder until CTRL+C, with a log line per answer and the totals at the end."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from typing import Any

from netlab.servers import WebServer


def web(options: argparse.Namespace) -> int:
    """Run the command."""
    from netlab.cli import OK, say

    server = WebServer(options.directory, host=options.host, port=options.port, log_rows=0, on_row=_print)
    if options.host not in ("127.0.0.1", "::1", "localhost"):
        print(f"netlab: warning: others can reach this server at {server.url}", file=sys.stderr)
    say(f"Serving {options.directory} at {server.url} (CTRL+C ends it)")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        pass
    server.stop()
    counts = ", ".join(f"{count} × {status}" for status, count in sorted(server.statuses.items()))
    say(f"{server.statuses.total()} answers" + (f": {counts}" if counts else ""))
    return OK


def _print(row: Any) -> None:
    """One line in the combined log format, with the milliseconds behind it."""
    at = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(row["started_at"] / 1e9))
    client = row["client"].rpartition(":")[0]
    line = f"{row['method']} {row['target']} {row['version']}" if row["method"] else "-"
    print(
        f'{client} - - [{at}] "{line}" {row["status"]} {row["response_bytes"]} "{row["referer"] or "-"}" '
        f'"{row["user_agent"] or "-"}" {row["total_ms"]:.3f}',
        flush=True,
    )
