"""What a proxy has done to a request and its answer, and what another try gives: rows for two tables.

`inspection` sets what came in beside what went out, line by line; `comparison` sets two answers beside each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from netlab.errors import HTTPError, UsageError
from netlab.http.events import Data, EndOfMessage, Field, Request, Response
from netlab.http.forwarding import HOP_BY_HOP
from netlab.http.reader import Reader, request_head
from netlab.http.secret_fields import HIDDEN, is_secret, without_secrets
from netlab.http.writer import field_line

INSPECTION: dict[str, str] = {"message": "str", "line": "int64", "received": "bytes", "sent": "bytes", "change": "str"}
COMPARISON: dict[str, str] = {"part": "str", "logged": "str", "replayed": "str", "same": "bool"}

CHANGES = {"equal": "kept", "delete": "removed", "insert": "added", "replace": "changed"}
NOT_REPLAYED = HOP_BY_HOP | {b"host", b"content-length", b"expect"}


# -- both sides of an exchange --------------------------------------------------------------------------------------


def inspection(heads: Sequence[bytes], refused: bool = True) -> list[dict[str, Any]]:
    """Give rows of INSPECTION for the four heads of an exchange: from the client, to the client, to the origin, from
    the origin. ``refused``: what a request that went no further is called; if not that, the proxy could answer it."""
    from_client, to_client, to_origin, from_origin = map(without_secrets, heads)
    if to_origin:
        rows = list(_beside("request", from_client, to_origin))
    else:
        rows = list(_alone("request", from_client, b"", "refused" if refused else "answered"))
    if from_origin:
        return [*rows, *_beside("answer", from_origin, to_client)]
    return [*rows, *_alone("answer", b"", to_client)]


def _beside(message: str, received: bytes, sent: bytes) -> Iterator[dict[str, Any]]:
    before, after = _lines(received), _lines(sent)
    line = 0
    for what, first, last, begin, end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        old, new = before[first:last], after[begin:end]
        for number in range(max(len(old), len(new))):
            line += 1
            came, went = old[number : number + 1], new[number : number + 1]
            change = CHANGES[what] if came and went else "removed" if came else "added"
            if change == "changed" and _name(came[0]) != _name(went[0]):
                yield _row(message, line, came[0], b"", "removed")
                line += 1
                yield _row(message, line, b"", went[0], "added")
            else:
                yield _row(message, line, b"".join(came), b"".join(went), change)


def _alone(message: str, received: bytes, sent: bytes, change: str = "") -> Iterator[dict[str, Any]]:
    """One that went no further, or came from the proxy itself."""
    for line, text in enumerate(_lines(received or sent), 1):
        if received:
            yield _row(message, line, text, b"", change)
        else:
            yield _row(message, line, b"", text, "added")


def _lines(head: bytes) -> list[bytes]:
    return [line + b"\r\n" for line in head.removesuffix(b"\r\n").split(b"\r\n")] if head else []


def _name(line: bytes) -> bytes:
    """What a line is about: a field's name, or the start line."""
    return line.partition(b":")[0].lower() if b" " not in line.partition(b":")[0] else b"start line"


def _row(message: str, line: int, received: bytes, sent: bytes, change: str) -> dict[str, Any]:
    return {"message": message, "line": line, "received": received, "sent": sent, "change": change}


# -- once more ------------------------------------------------------------------------------------------------------


def request_again(head: bytes, headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> tuple[Request, list[Field]]:
    """Read a logged request, and give it with the fields for another try; ``headers`` replace those of their name, and
    a value of None takes one away."""
    try:
        request = request_head(head.removesuffix(b"\r\n\r\n"))
    except HTTPError:
        raise UsageError("index", "(its row)", "has no request that could be sent again") from None
    given: list[tuple[bytes, bytes | None]] = []
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        try:
            pair = name.encode("latin-1"), None if value is None else value.encode("latin-1")
            field_line(pair[0], pair[1] or b"")
        except (ValueError, AttributeError, HTTPError):
            raise UsageError("headers", (name, value), "must be a name and a value that HTTP can carry") from None
        if pair[0].lower() in NOT_REPLAYED:
            raise UsageError("headers", name, "is said by netlab itself, from the request and the content")
        given.append(pair)
    replaced = NOT_REPLAYED | {name.lower() for name, _ in given}
    kept = [(name, value) for name, value in request.fields if name.lower() not in replaced]
    return request, [*kept, *((name, value) for name, value in given if value is not None)]


def comparison(logged_head: bytes, logged_size: int, answer: bytes, method: bytes) -> list[dict[str, Any]]:
    """Give rows of COMPARISON: status and fields of both answers, and how much content they had."""
    first, _ = _answer(without_secrets(logged_head), b"HEAD")
    second, content = _answer(answer, method)
    second_size = str(len(content)) if second else ""
    rows = [("status", _status(first), _status(second))]
    names = list(dict.fromkeys(name.lower() for each in (first, second) if each for name, _ in each.fields))
    rows += [(name.decode(), _values(first, name), _values(second, name)) for name in names]
    rows.append(("content bytes", str(logged_size), second_size))
    return [{"part": part, "logged": old, "replayed": new, "same": old == new} for part, old, new in rows]


def _answer(data: bytes, method: bytes) -> tuple[Response | None, bytes]:
    """The final answer in these bytes; its content as far as it has come."""
    reader, response, content = Reader("client"), None, b""
    reader.feed(data)
    reader.feed(b"")
    try:
        while (event := reader.next_event(method)) is not None:
            if isinstance(event, Response):
                response = event
            elif isinstance(event, Data):
                content += event.data
            elif isinstance(event, EndOfMessage):
                if response is None or response.status >= 200:
                    break
                reader.next_message()
    except HTTPError:
        pass  # it broke off
    return response, content


def _status(response: Response | None) -> str:
    return f"{response.status} {response.reason.decode('latin-1')}" if response else ""


def _values(response: Response | None, name: bytes) -> str:
    values = ", ".join(value.decode("latin-1") for value in response.all(name)) if response else ""
    return HIDDEN if is_secret(name) and values else values
