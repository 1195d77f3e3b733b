"""Ready-made requests for the raw-request editor: usual ones, odd ones, and those that servers must not fall for.

Each is written as the editor shows it: ``\\r\\n`` are the two bytes that end a line, a line break is nothing.
"""

from __future__ import annotations

from typing import NamedTuple


class Sample(NamedTuple):
    """One request."""

    key: str
    """Of its name in the catalogue, see `words`."""
    text: str
    finish: bool = True
    """Whether the client closes its direction behind it."""


END = r"\r\n"


def _lines(*lines: str, content: str = "") -> str:
    """A head: each line with its end, and the empty line."""
    return "".join(f"{line}{END}\n" for line in (*lines, "")) + content


GET, POST, HOST = "GET / HTTP/1.1", "POST / HTTP/1.1", "Host: www"

SAMPLES = (
    Sample("sample get", _lines(GET, HOST)),
    Sample("sample head", _lines("HEAD / HTTP/1.1", HOST)),
    Sample("sample missing", _lines("GET /nothing HTTP/1.1", HOST)),
    Sample("sample 1.0", _lines("GET / HTTP/1.0")),
    Sample("sample no host", _lines(GET)),
    Sample("sample two hosts", _lines(GET, HOST, "Host: other")),
    Sample("sample absolute", _lines("GET http://www/notes.txt HTTP/1.1", HOST)),
    Sample("sample two requests", _lines(GET, HOST) + _lines("GET /notes.txt HTTP/1.1", HOST)),
    Sample("sample range", _lines("GET /notes.txt HTTP/1.1", HOST, "Range: bytes=0-9")),
    Sample("sample beyond", _lines("GET /notes.txt HTTP/1.1", HOST, "Range: bytes=5000-")),
    Sample("sample not modified", _lines("GET /notes.txt HTTP/1.1", HOST, "If-None-Match: *")),
    Sample("sample dots", _lines("GET /../../etc/passwd HTTP/1.1", HOST)),
    Sample("sample encoded dots", _lines("GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1", HOST)),
    Sample("sample blank", _lines(GET, "Host : www")),
    Sample("sample folded", _lines(GET, HOST, "X-Long: one", "  two")),
    Sample("sample lf", "GET / HTTP/1.1\\n\nHost: www\\n\n\\n\n"),
    Sample("sample version", _lines("GET / HTTP/2.0", HOST)),
    Sample("sample method", _lines("get / HTTP/1.1", HOST)),
    Sample("sample trace", _lines("TRACE / HTTP/1.1", HOST)),
    Sample("sample options", _lines("OPTIONS * HTTP/1.1", HOST)),
    Sample("sample two lengths", _lines(GET, HOST, "Content-Length: 5", "Content-Length: 6", content="hello!")),
    Sample("sample sign", _lines(GET, HOST, "Content-Length: +5", content="hello")),
    Sample(
        "sample smuggling",
        _lines(POST, HOST, "Content-Length: 30", "Transfer-Encoding: chunked", content="0\\r\\n\n\\r\\n\n")
        + _lines("GET /secret HTTP/1.1", "X: y"),
    ),
    Sample(
        "sample chunked",
        _lines(POST, HOST, "Transfer-Encoding: chunked", content="5\\r\\n\nhello\\r\\n\n0\\r\\n\n\\r\\n\n"),
    ),
    Sample("sample expect", _lines(POST, HOST, "Content-Length: 5", "Expect: 100-continue"), finish=False),
    Sample("sample unfinished", f"GET / HTTP/1.1{END}\nHost: www{END}\n", finish=False),
    Sample("sample tls", r"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03"),
)
"""In the order of the list: first what works, then what must be refused, then what is never finished."""
