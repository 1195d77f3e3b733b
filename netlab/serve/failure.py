"""An exchange that cannot be carried out, and what the client is told about it."""

from __future__ import annotations

from collections.abc import Sequence

from netlab.http.dates import write_date
from netlab.http.events import Field
from netlab.http.pages import PAGE_FIELDS, error_page
from netlab.http.proxy_status import STATUS, proxy_status
from netlab.serve.exchange import RETRY_AFTER


class Failed(Exception):
    """``kind`` is a word of RFC 9209 section 2.3, ``rule`` what was broken, if that is it."""

    def __init__(self, kind: str, reason: str, rule: str = "", status: int = 0, fields: Sequence[Field] = ()) -> None:
        super().__init__(reason)
        self.kind, self.reason, self.rule, self.fields = kind, reason, rule, fields
        self.status = status or STATUS.get(kind, 502)


def page(failure: Failed, pseudonym: bytes, second: int) -> tuple[list[Field], bytes]:
    """Give fields and content of the answer that tells a client; ``second`` is the time, since 1970."""
    content = error_page(failure.status, failure.reason, failure.rule)
    fields: list[Field] = [
        (b"Date", write_date(second)),
        *PAGE_FIELDS,
        (b"Proxy-Status", proxy_status(pseudonym, failure.kind)),
        *failure.fields,
    ]
    if failure.status == 503:
        fields.append((b"Retry-After", b"%d" % RETRY_AFTER))
    return [*fields, (b"Content-Length", b"%d" % len(content))], content
