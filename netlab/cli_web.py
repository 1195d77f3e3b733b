"""``python -m netlab web`` and ``proxy``: serve until CTRL+C, with a log line per answer and the totals at the end."""

from __future__ import annotations

import argparse
import ssl
import sys
import threading
import warnings
from collections.abc import Mapping
from typing import Any

from netlab.errors import UsageError
from netlab.formats.clf import line
from netlab.servers import ProxyServer, Server, WebServer


def web(options: argparse.Namespace) -> int:
    """Run the web server."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        server = WebServer(
            options.directory, host=options.host, port=options.port, public=options.public, cors=options.cors,
            ssl_context=_certificate(options.cert, options.key), log_rows=0, on_row=_print,
        )  # fmt: skip
    for warning in caught:
        print(f"netlab: warning: {warning.message}", file=sys.stderr)
    return _until_interrupted(server, f"Serving {options.directory} at {server.url} (CTRL+C ends it)")


def _certificate(cert: str | None, key: str | None) -> ssl.SSLContext | None:
    """Load a certificate and its key; raises UsageError for what is none."""
    if cert is None:
        if key is not None:
            raise UsageError("--key", key, "goes with --cert")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(cert, key)
    except (OSError, ValueError) as error:
        raise UsageError("--cert", cert, f"must be a PEM file with a certificate, and --key its key: {error}") from None
    return context


def proxy(options: argparse.Namespace) -> int:
    """Run the proxy."""
    server = ProxyServer(
        host=options.host, port=options.port, connect_timeout=options.timeout, log_rows=0, on_row=_print
    )
    return _until_interrupted(server, f"Forwarding http at {server.url} (CTRL+C ends it)")


def _until_interrupted(server: Server, text: str) -> int:
    from netlab.cli import OK, say

    try:
        say(text)  # inside: who reads it can be quick with CTRL+C
        threading.Event().wait()
    except KeyboardInterrupt:
        pass
    server.stop()
    by_status = sorted(server.statuses.items(), key=lambda item: item[0] or 0)
    counts = ", ".join(f"{count} × {status or 'no answer'}" for status, count in by_status)
    say(f"{server.statuses.total()} answers" + (f": {counts}" if counts else ""))
    return OK


def _print(row: Mapping[str, Any]) -> None:
    """One line in the combined log format, with the milliseconds behind it."""
    print(line(row), flush=True)
