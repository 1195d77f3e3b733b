"""``python -m netlab web`` and ``proxy``: serve until CTRL+C, with a log line per answer and the totals at the end."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from typing import Any

from netlab.servers import LOOPBACK, ProxyServer, Server, WebServer


def web(options: argparse.Namespace) -> int:
    """Run the web server."""
    server = WebServer(options.directory, host=options.host, port=options.port, log_rows=0, on_row=_print)
    if options.host not in LOOPBACK:
        print(f"netlab: warning: others can reach this server at {server.url}", file=sys.stderr)
    return _until_interrupted(server, f"Serving {options.directory} at {server.url} (CTRL+C ends it)")


def proxy(options: argparse.Namespace) -> int:
    """Run the proxy."""
    server = ProxyServer(
        host=options.host, port=options.port, connect_timeout=options.timeout, log_rows=0, on_row=_print
    )
    return _until_interrupted(server, f"Forwarding http at {server.url} (CTRL+C ends it)")


def _until_interrupted(server: Server, text: str) -> int:
    from netlab.cli import OK, say

    say(text)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        pass
    server.stop()
    by_status = sorted(server.statuses.items(), key=lambda item: item[0] or 0)
    counts = ", ".join(f"{count} × {status or 'no answer'}" for status, count in by_status)
    say(f"{server.statuses.total()} answers" + (f": {counts}" if counts else ""))
    return OK


def _print(row: Any) -> None:
    """One line in the combined log format, with the milliseconds behind it."""
    at = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(row["started_at"] / 1e9))
    client = row["client"].rpartition(":")[0]
    line = f"{row['method']} {row['target']} {row['version']}" if row["method"] else "-"
    print(
        f'{client} - - [{at}] "{line}" {row["status"] or "-"} {row["response_bytes"]} "{row["referer"] or "-"}" '
        f'"{row["user_agent"] or "-"}" {row["total_ms"]:.3f}',
        flush=True,
    )
