"""What a proxy tells a client when something goes wrong: a status, and Proxy-Status with the reason (RFC 9209).

`STATUS` is the whole map: the words are those of RFC 9209 section 2.3.
"""

from __future__ import annotations

STATUS = {
    "http_request_error": 400,  # the request breaks the syntax; the reader may know a better status
    "http_request_denied": 403,  # the client, the target's name or its port; 407 for credentials
    "destination_ip_prohibited": 403,
    "proxy_loop_detected": 508,
    "dns_error": 502,
    "dns_timeout": 504,
    "connection_refused": 502,
    "destination_ip_unroutable": 502,
    "connection_timeout": 504,
    "connection_terminated": 502,
    "http_protocol_error": 502,
    "http_upgrade_failed": 502,
    "http_response_header_section_size": 502,
    "http_response_timeout": 504,
    "http_response_incomplete": 502,  # mostly too late to say so
    "connection_limit_reached": 503,
    "proxy_internal_error": 500,
    "cache_miss": 504,
}
"""What happened → status. All words but the last are RFC 9209's; that is RFC 9111's section 5.2.1.7."""


def proxy_status(pseudonym: bytes, error: str) -> bytes:
    """Give the value of Proxy-Status."""
    return b"%s; error=%s" % (pseudonym, error.encode())
