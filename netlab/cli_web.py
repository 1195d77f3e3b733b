"""``python -m netlab web`` and ``proxy``: serve until CTRL+C, with a log line per answer and the totals at the end.

The lines have a thread of their own (see ``cli_lines.py``): the server does not wait for whoever reads them.
"""

from __future__ import annotations

import argparse
import signal
import ssl
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from netlab.cli_lines import Lines, missing_lines
from netlab.errors import UsageError
from netlab.formats.clf import line
from netlab.servers import ProxyServer, Server, WebServer

OPTIONS = {"directory": "the folder", "host": "--host", "port": "--port", "headers": "--header"}
"""What the command's user calls the arguments of `WebServer`."""


def web(options: argparse.Namespace) -> int:
    """Run the web server."""
    lines = Lines(sys.stdout)
    with _in_words_of_the_command(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        server = WebServer(
            options.directory, host=options.host, port=options.port, public=options.public, cors=options.cors,
            gzip=options.gzip, headers=[_header(text) for text in options.header],
            ssl_context=_certificate(options.cert, options.key), log_rows=0, on_row=lambda row: lines.say(line(row)),
        )  # fmt: skip
    for warning in caught:
        print(f"netlab: warning: {warning.message}", file=sys.stderr)
    return _until_interrupted(server, lines, f"Serving {options.directory} at {server.url} (CTRL+C ends it)")


@contextmanager
def _in_words_of_the_command() -> Iterator[None]:
    """Let an error name what was typed, not what it is called in Python."""
    try:
        yield
    except UsageError as error:
        value = ": ".join(error.value) if isinstance(error.value, tuple) else error.value
        allowed = error.allowed.replace("public=True (--public)", "--public")
        raise UsageError(OPTIONS.get(error.argument, error.argument), value, allowed) from None


def _header(text: str) -> tuple[str, str]:
    """Take a field apart; raises UsageError for what is none."""
    name, colon, value = text.partition(":")
    if not colon:
        raise UsageError("--header", text, "must be a name, a colon and a value, such as 'Cache-Control: max-age=60'")
    return name, value.strip(" \t")


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
    lines = Lines(sys.stdout)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        server = ProxyServer(
            host=options.host, port=options.port, connect_timeout=options.timeout, allow_clients=options.allow,
            allow_targets=options.allow_target, connect_ports=[443, *options.connect_port], cache=_size(options.cache),
            users=_users(options.users), pseudonym=options.pseudonym, forwarded=options.forwarded,
            strict=options.strict, log_rows=0, on_row=lambda row: lines.say(line(row)),
        )  # fmt: skip
    for warning in caught:
        print(f"netlab: warning: {warning.message}", file=sys.stderr)
    return _until_interrupted(server, lines, f"Forwarding http at {server.url} (CTRL+C ends it)")


def _size(mib: int | None) -> int | bool:
    """Give the bytes of a cache; False: none."""
    if mib is None:
        return False
    if not 1 <= mib <= 1 << 20:
        raise UsageError("--cache", mib, "must be a whole number of MiB, from 1 to 1048576")
    return mib << 20


def _users(file: str | None) -> dict[str, str] | None:
    """Read names and passwords; raises UsageError for what is not such a file. No line of it is ever shown."""
    if file is None:
        return None
    try:
        with open(file, encoding="utf-8") as opened:
            lines = [line.rstrip("\r\n") for line in opened]
    except (OSError, UnicodeError) as error:
        raise UsageError("--users", file, f"must be a file that can be read: {error}") from None
    users = {}
    for number, text in enumerate(lines, 1):
        name, colon, password = text.partition(":")
        if text and not (name and colon and password):
            raise UsageError("--users", file, f"line {number} must be name:password")
        if text:
            users[name] = password
    if not users:
        raise UsageError("--users", file, "has no line name:password")
    return users


def _until_interrupted(server: Server, lines: Lines, text: str) -> int:
    """Serve until CTRL+C, or until no line of the log can be written any more; the totals come in both cases."""
    from netlab.cli import OK

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # `kill`, and a shell that ends, mean the same
    try:
        lines.begin(text)  # inside: who reads it can be quick with CTRL+C
        lines.over.wait()
    except KeyboardInterrupt:
        pass
    try:
        server.stop()
    except KeyboardInterrupt:  # once more: no time for those who are still being answered
        server.stop(grace=0)
    totals = _totals(server)
    if not lines.finish(totals):  # the log's reader is gone, or does not read: the totals may reach somebody else
        unread = "" if isinstance(lines.fault, BrokenPipeError) else f" ({missing_lines(lines.missing)})"
        Lines(sys.stderr).begin().finish(totals + unread)
    if lines.fault is not None:
        raise lines.fault
    return OK


def _totals(server: Server) -> str:
    by_status = sorted(server.statuses.items(), key=lambda item: item[0] or 0)
    counts = ", ".join(f"{count} × {status or 'no answer'}" for status, count in by_status)
    return f"{server.statuses.total()} answers" + (f": {counts}" if counts else "")
