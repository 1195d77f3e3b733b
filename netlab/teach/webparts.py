"""What the learner's own parts of a web server hand to the real one (notebook 09): a request, a path, or a refusal.

`netlab.WebServer` takes a function ``parse_head`` that gives a ``netlab.http.events.Request``, and a function
``map_path`` that gives a ``netlab.http.paths.Path``. Both have parts that a learner need not think about; these fill
them in.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from netlab.errors import RemoteProtocolError, UsageError
from netlab.http import grammar
from netlab.http.events import Request
from netlab.http.paths import Path
from netlab.http.reader import http_version, request_target

if TYPE_CHECKING:
    from netlab.http.events import Field

STATUSES = range(400, 600)


def refuse(status: int, why: str) -> RemoteProtocolError:
    """Make the exception with which a server refuses a request: ``raise netlab.teach.refuse(400, "no blank")``.

    Parameters
    ----------
    status
        Of the answer, 400 to 599.
    why
        What is wrong, for the page and the log.

    Examples
    --------
    >>> import netlab
    >>> raise netlab.teach.refuse(400, "two Host fields")
    Traceback (most recent call last):
    netlab.errors.RemoteProtocolError: two Host fields
    """
    if isinstance(status, bool) or status not in STATUSES:
        raise UsageError("status", status, "must be a status from 400 to 599")
    return RemoteProtocolError(str(why), status)


def request(method: bytes, target: bytes, version: bytes, fields: Iterable[tuple[bytes, bytes]]) -> Request:
    """Make a request of its parts. Whether method, target and version are well-formed is looked at here.

    Parameters
    ----------
    method, target, version
        The three words of the request line, as bytes.
    fields
        Pairs of name and value, as bytes, in the order of the head.

    Raises
    ------
    RemoteProtocolError
        400 or 505: for such a request line a server answers with an error.

    Examples
    --------
    >>> import netlab
    >>> netlab.teach.request(b"GET", b"/", b"HTTP/1.1", [(b"Host", b"www")]).get(b"host")
    b'www'
    """
    pairs = list(fields)
    given = [method, target, version, *(text for pair in pairs for text in _pair(pair))]
    for text in given:
        if not isinstance(text, bytes):
            raise UsageError("request", text, "must be bytes, as they stand in the head")
    if not grammar.METHOD.fullmatch(method):
        raise refuse(400, f"method {method[:20]!r}")
    return Request(method, target, request_target(method, target), http_version(version), tuple(pairs))


def _pair(pair: Field) -> Field:
    if not isinstance(pair, tuple) or len(pair) != 2:
        raise UsageError("fields", pair, "must be pairs: (name, value)")
    return pair


def path(names: Iterable[str], target: bytes) -> Path:
    """Make a path of its names; whether it means a folder, and its query, are taken from ``target``.

    Examples
    --------
    >>> import netlab
    >>> netlab.teach.path(["photos", "a b.jpg"], b"/photos/a%20b.jpg?size=2")
    Path(names=('photos', 'a b.jpg'), folder=False, query=b'size=2')
    """
    found = tuple(names) if not isinstance(names, str | bytes) else ()
    if isinstance(names, str | bytes) or not all(isinstance(name, str) for name in found):
        raise UsageError("names", names, 'must be a list of texts, such as ["photos", "a.jpg"]')
    raw, _, query = target.partition(b"?")
    return Path(found, raw.rpartition(b"/")[2] in (b"", b"."), query)
