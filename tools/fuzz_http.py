"""Feed whatever a coverage-guided fuzzer comes up with to the HTTP core: events or `HTTPError`, and nothing else.

    python -m tools.fuzz_http --seconds 600            fuzz, and write what was done into docs/fuzzing.md
    python -m tools.fuzz_http --seconds 10 --quiet     a short run that writes nothing

The fuzzer is atheris (``pip install atheris``, Linux). The first byte of an input chooses what is tried:

* a request, or the response to a GET, HEAD or CONNECT, through the reader, whole and once more in pieces: the events
  must be the same, whatever the pieces;
* a request target through `map_path`: a path inside the folder or a refusal;
* the fields Range, If-None-Match and If-Modified-Since, Accept and Accept-Encoding through what reads them.

Each run starts with examples of everything that HTTP/1.1 has, so that the fuzzer begins behind the first line.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from netlab.errors import HTTPError

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "fuzzing.md"
METHODS = (b"GET", b"HEAD", b"CONNECT")
SEEDS = (
    b"\0GET /a?b=c HTTP/1.1\r\nHost: h\r\n\r\n",
    b"\0POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: h\r\n\r\n",
    b"\0PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"b\"\r\nhello\r\n0\r\nT: t\r\n\r\n",
    b"\0CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n\x16\x03\x01",
    b"\0OPTIONS * HTTP/1.0\r\nConnection: keep-alive, x\r\n\r\n",
    b"\0GET http://[2001:db8::1]:80/ HTTP/1.1\r\nHost: [2001:db8::1]\r\nExpect: 100-continue\r\n\r\n",
    b"\1HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"\1HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    b"\1HTTP/1.0 304 Not Modified\r\n\r\n",
    b"\4/a/%2e%2e/b%2Fc?d#e",
    b"\5bytes=0-1,4-5,-3,7-",
    b"\6W/\"a\", \"b\", *\nSun, 06 Nov 1994 08:49:37 GMT",
    b"\7text/html;q=0.5, application/json, */*;q=0\ngzip;q=1.0, identity; q=0.5, *;q=0",
)  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz_http", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--quiet", action="store_true", help="write nothing into the document")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        _fuzz(options.child, options.seconds)
    begun = time.time()
    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(SEEDS):
            Path(folder, str(number)).write_bytes(seed)
        argv = [sys.executable, "-m", "tools.fuzz_http", "--child", folder, "--seconds", str(options.seconds)]
        done = subprocess.run(argv, capture_output=True, text=True, cwd=DOCUMENT.parent.parent)
    said = done.stderr.splitlines()
    status = [line for line in said if line.startswith("#") and " cov: " in line]
    print("\n".join([*status[-1:], *[line for line in said if "Error" in line or "stat::" in line]]))
    if done.returncode:
        print(done.stdout[-4000:], done.stderr[-4000:], file=sys.stderr)
        return 1
    if not options.quiet:
        inputs = next(line.split()[-1] for line in said if line.startswith("stat::number_of_executed_units"))
        DOCUMENT.write_text(_report(time.time() - begun, int(inputs), status[-1]), encoding="utf-8")
    return 0


def _report(seconds: float, inputs: int, status: str) -> str:
    words = status.split()
    coverage, features = words[words.index("cov:") + 1], words[words.index("ft:") + 1]
    return (
        "# The HTTP core under a fuzzer\n\n"
        "Written by `python -m tools.fuzz_http`; what is tried stands at the top of that file.\n\n"
        f"* run: {time.strftime('%Y-%m-%d', time.gmtime())}, {seconds / 60:.0f} minutes, Python "
        f"{sys.version.split()[0]}, atheris on one CPU\n"
        f"* inputs tried: {inputs:,}, chosen by what they newly reached ({coverage} places, {features} features)\n"
        "* exceptions other than `HTTPError`: 0; inputs whose events depended on how they were cut: 0\n"
    )


def _fuzz(corpus: str, seconds: int) -> None:
    import atheris

    with atheris.instrument_imports(include=["netlab.http"]):
        import netlab.http.conditional
        import netlab.http.dates
        import netlab.http.negotiation
        import netlab.http.paths
        import netlab.http.ranges
        import netlab.http.reader  # noqa: F401
    flags = [f"-max_total_time={seconds}", "-max_len=2048", "-print_final_stats=1", f"-artifact_prefix={corpus}/"]
    atheris.Setup([sys.argv[0], corpus, *flags], one_input)
    atheris.Fuzz()
    os._exit(0)


def one_input(data: bytes) -> None:
    """Try one input; raises for everything that must not happen."""
    if not data:
        return
    kind, rest = data[0] % 8, data[1:]
    try:
        if kind < 4:
            _read(kind, rest)
        else:
            _FIELDS[kind - 4](rest)
    except HTTPError:
        pass


def _read(kind: int, data: bytes) -> None:
    role, method = ("server", b"") if kind == 0 else ("client", METHODS[kind - 1])
    size = 1 + len(data) % 7
    whole = _events(role, method, [data])
    pieces = _events(role, method, [data[at : at + size] for at in range(0, len(data), size)])
    if whole != pieces:
        raise AssertionError(f"{whole} in one piece, {pieces} in pieces of {size}")


def _events(role: Any, method: bytes, pieces: Sequence[bytes]) -> list[Any]:
    from netlab.http.events import Data, EndOfMessage
    from netlab.http.reader import Reader

    reader, events = Reader(role), []
    try:
        for piece in [*pieces, b""]:
            reader.feed(piece)
            while (event := reader.next_event(method)) is not None:
                if isinstance(event, Data) and events and isinstance(events[-1], Data):
                    event = Data(events.pop().data + event.data)
                events.append(event)
                if isinstance(event, EndOfMessage):
                    reader.next_message()
    except HTTPError:
        if events and isinstance(events[-1], Data):
            events.pop()  # how much of the content came before the fault depends on the pieces
        events.append("refused")  # of several faults, the one that is seen first is told
    return events


def _path(data: bytes) -> None:
    from netlab.http.paths import map_path

    names = map_path(data).names
    if any(name in ("..", ".", "") or "/" in name or "\0" in name for name in names):
        raise AssertionError(f"{data!r} leads to {names}")


def _range(data: bytes) -> None:
    from netlab.http.ranges import select

    size = len(data) * 3
    for part in select([data], size) or ():
        if not 0 <= part.first < part.first + part.length <= size:
            raise AssertionError(f"{data!r} gives {part} of {size} bytes")


def _conditions(data: bytes) -> None:
    from netlab.http import conditional, dates

    tags, _, date = data.partition(b"\n")
    for strong in (True, False):
        conditional.matches([tags], b'"b"', strong)
    dates.read_date(date, 1_700_000_000)


def _negotiate(data: bytes) -> None:
    from netlab.http import negotiation

    accept, _, codings = data.partition(b"\n")
    negotiation.wants_json([accept])
    if negotiation.content_coding([codings], [b"br", b"gzip"]) not in (b"", b"br", b"gzip", b"identity"):
        raise AssertionError(f"{codings!r} chooses what is not there")


_FIELDS = (_path, _range, _conditions, _negotiate)


if __name__ == "__main__":
    sys.exit(main())
