"""An exchange that cannot be carried out, and what the client is told about it.

Whoever reads such a page has asked an origin and hears a proxy, mostly without knowing that there is one. So every
sentence says who it is about: *this proxy*, *the origin*, or *your client*, which is the program that has asked.
"""

from __future__ import annotations

from collections.abc import Sequence

from netlab.http.dates import write_date
from netlab.http.events import Field
from netlab.http.pages import PAGE_FIELDS, error_page
from netlab.http.proxy_status import STATUS, proxy_status
from netlab.serve.exchange import RETRY

MEANING = {
    "http_request_error": "Your client has sent this proxy a request that breaks a rule; it went no further.",
    "http_request_denied": "This proxy refuses this request; it went no further.",
    "destination_ip_prohibited": "This proxy refuses to connect to this origin; the request went no further.",
    "proxy_loop_detected": "This proxy has been given a request that it has forwarded itself: it goes in circles.",
    "dns_error": "This proxy found no address for the origin's name.",
    "dns_timeout": "This proxy waits no longer for the address of the origin.",
    "connection_refused": "This proxy has called the origin, and the call was refused.",
    "destination_ip_unroutable": "This proxy knows no way to the origin.",
    "connection_timeout": "This proxy has called the origin, and nobody has answered the call in time.",
    "connection_terminated": "The origin was connected, and has ended the connection without an answer to this proxy.",
    "http_protocol_error": "The origin has sent an answer that breaks a rule; this proxy passes no such answer on.",
    "http_upgrade_failed": "The origin has changed the protocol; this proxy cannot pass that on.",
    "http_response_header_section_size": "The head of the origin's answer is too long for this proxy.",
    "http_response_timeout": "The origin is connected, and has not answered this proxy in time.",
    "http_response_incomplete": "The origin's answer has broken off on its way to this proxy.",
    "connection_limit_reached": "This proxy has too many connections at the moment; the origin was not asked.",
    "proxy_internal_error": "Something went wrong inside this proxy; it is not the origin's fault.",
    "cache_miss": "This proxy has no answer in its cache, and was not to ask the origin.",
}
"""What the page begins with, by the word of RFC 9209."""

OF_STATUS = {
    407: "This proxy wants to know who you are; the request went no further.",
    408: "Your client's request did not arrive completely at this proxy in time.",
    414: "The address in your client's request is too long for this proxy.",
    421: "This proxy does not forward requests of this kind.",
    431: "The head of your client's request is too long for this proxy.",
    501: "This proxy does not know how to do what your client has asked for.",
    505: "This proxy speaks HTTP/1.1 with its clients.",
}
"""The same for a status that says more than the word."""


class Failed(Exception):
    """``kind`` is a word of RFC 9209 section 2.3, ``rule`` what was broken, if that is it."""

    def __init__(self, kind: str, reason: str, rule: str = "", status: int = 0, fields: Sequence[Field] = ()) -> None:
        super().__init__(reason)
        self.kind, self.reason, self.rule, self.fields = kind, reason, rule, fields
        self.status = status or STATUS.get(kind, 502)


def page(failure: Failed, pseudonym: bytes, second: int) -> tuple[list[Field], bytes]:
    """Give fields and content of the answer that tells a client; ``second`` is the time, since 1970."""
    meaning = OF_STATUS.get(failure.status) or MEANING[failure.kind]
    content = error_page(failure.status, failure.reason, failure.rule, meaning)
    fields: list[Field] = [
        (b"Date", write_date(second)),
        *PAGE_FIELDS,
        (b"Proxy-Status", proxy_status(pseudonym, failure.kind)),
        *failure.fields,
    ]
    if failure.status == 503:
        fields.append(RETRY)
    return [*fields, (b"Content-Length", b"%d" % len(content))], content
