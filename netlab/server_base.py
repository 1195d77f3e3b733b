"""What the web server and the proxy have in common: a place where they are, and a log as a table.

Port 0 takes a free one; a taken one gives `AddressInUse` with the owner, where the system tells who that is. A server
made again at the same address and port in this process (a notebook's cell that is run a second time) first stops the
one before, if that is of the same kind.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

from netlab.errors import AddressInUse, UsageError
from netlab.http.secret_fields import without_secrets
from netlab.probing import seconds, whole
from netlab.serve.connection import Accept
from netlab.serve.exchange import AddRow
from netlab.serve.log import Heads, Log
from netlab.server_place import Place

if TYPE_CHECKING:
    from pandas import DataFrame

OnRow = Callable[[dict[str, Any]], None]
LOG_ROWS = 10_000
"""The latest rows are kept; the counters count all."""

_running: weakref.WeakValueDictionary[tuple[str, str, int], Server] = weakref.WeakValueDictionary()


def rows_to_keep(log_rows: int) -> int:
    """Check an argument of both servers."""
    return whole("log_rows", log_rows, 0, 10_000_000)


def noting(log: Log, on_row: OnRow | None) -> AddRow:
    """Give what the handlers call with a row and its heads; see the argument of both servers."""
    if on_row is None:
        return log.add
    if not callable(on_row):
        raise UsageError("on_row", on_row, "must be a function that takes a row of the log, as a dict")

    def add(row: Sequence[Any], *heads: bytes) -> None:
        log.add(row, *heads)
        latest = log.latest()
        try:
            on_row(latest)
        except (Exception, SystemExit) as fault:  # the client has done nothing: its connection goes on
            told = f"on_row raised {type(fault).__name__}: {fault}; the server goes on, and so do the rows"
            warnings.warn(told, RuntimeWarning, stacklevel=2)

    return add


class Server:
    """What the two servers share: listeners, a thread with its loop, a log."""

    kind = ""

    def __init__(
        self,
        place: Place,
        accept: Accept,
        log: Log,
        secure: bool = False,
    ) -> None:
        self._place, self._secure, self._log = place, secure, log
        self.statuses = log.statuses
        """How many answers of each status there were, all counted."""
        before = _running.get(place.key) if place.port else None
        if before is not None and before._place.running:
            if before.kind != self.kind:
                hint = "call its stop(), or take another port; port=0 gives a free one"
                raise AddressInUse(f"{place.host}:{place.port}", f"a {before.kind} of this program", hint)
            before.stop(grace=0)
        place.open(accept, self.kind)
        _running[place.key] = self

    @property
    def host(self) -> str:
        """Where it listens: an address, or the name of a host in a world."""
        return self._place.host

    @property
    def port(self) -> int:
        """Where it listens; never 0."""
        return self._place.port

    @property
    def url(self) -> str:
        """Where it is, such as ``http://127.0.0.1:8080/``."""
        host = f"[{self.host}]" if ":" in self.host else self.host or "localhost"
        port = "" if self.port == 80 and not self._secure else f":{self.port}"
        return f"http{'s' if self._secure else ''}://{host}{port}/"

    def __repr__(self) -> str:
        state = "running" if self._place.running else "stopped"
        return f"<netlab {self.kind}: {self.url}, {state}, {self.statuses.total()} answers>"

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        return self._place.connections

    @property
    def log(self) -> DataFrame:
        """EXCHANGES: one row per request so far, refused ones included; times in ms."""
        from netlab import frames

        self._settle()
        return frames.from_columns(self._log.columns(), frames.EXCHANGES)

    def details(self, index: int) -> dict[str, Any]:
        """Everything about row ``index`` of `log`, what the table has no column for included.

        Returns
        -------
        dict
            All columns of EXCHANGES and: referer, user_agent, reason (of the status line), request_head_bytes,
            request_body_bytes, response_head_bytes, response_body_bytes, framing (length, chunked, close, none),
            conditional_result, range, keep_alive, close_reason, head_ms, handler_ms, first_byte_ms (to the first byte
            of the answer), respond_ms, throughput_bytes_s (of the answer, from its first byte on); ``request_head`` and
            ``response_head`` are bytes, kept for the latest 1,000 requests and without passwords and cookies; of a
            request that was refused or cut off, what there was of its head. A value that does not exist is None.

        Raises
        ------
        UsageError
            When there is no such row.
        """
        row, (request_head, response_head, *_) = self._row(index)
        return {
            **row,
            "request_head": without_secrets(request_head),
            "response_head": without_secrets(response_head),
        }

    def _row(self, index: int) -> tuple[dict[str, Any], Heads]:
        """Give a row of the log, and its heads as they were sent."""
        self._settle()
        good = hasattr(index, "__index__") and not isinstance(index, bool)
        try:
            return self._log.row(int(index) if good else len(self._log))
        except IndexError as error:
            raise UsageError("index", index, f"must be a row's number; the log has {error.args[0]} rows") from None

    def to_clf(self) -> str:
        """Give the log in the combined log format of Apache and nginx, with the milliseconds behind each line."""
        from netlab.formats.clf import line

        return "".join(line(row) + "\n" for row in self._plain_rows())

    def to_json(self) -> str:
        """Give the log as JSON: a list of objects with everything that `details` has, but the heads."""
        import json

        return json.dumps(self._plain_rows(), indent=1)

    def to_har(self) -> dict[str, Any]:
        """Give the log as a HAR 1.2 document, which browsers and other tools read; write it with ``json.dump``.

        Passwords and cookies are left out; times that do not exist are -1. Fields are there for the latest 1,000.
        """
        from netlab.formats.har import har

        self._settle()
        rows = [{**row, "request_head": heads[0], "response_head": heads[1]} for row, heads in self._log.rows()]
        return har(rows, self.url)

    def _plain_rows(self) -> list[dict[str, Any]]:
        self._settle()
        return [row for row, _ in self._log.rows()]

    def _settle(self) -> None:
        self._place.settle()

    def stop(self, grace: float = 3.0) -> None:
        """Accept nobody any more, let answers be finished for ``grace`` seconds, close; may be called again."""
        self._place.stop(seconds("grace", grace, least=0.0))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
