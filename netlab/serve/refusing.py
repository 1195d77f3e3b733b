"""What a proxy does not do for everybody: whom it refuses, and which requests (the status map is in
``http/proxy_status.py``)."""

from __future__ import annotations

from netlab.http import forwarding
from netlab.http.events import Request
from netlab.http.framing import Framing
from netlab.serve.access import REALM, host_of
from netlab.serve.connection import Connection
from netlab.serve.failure import Failed
from netlab.serve.proxy_settings import Proxy

REPLACED = "Host replaced by the target's (RFC 9112 3.2.2)"


def admit(proxy: Proxy, connection: Connection, request: Request) -> None:
    """Ask who it is; raises `Failed`."""
    access = proxy.access
    if not access.lets_in(connection.client, connection.server):
        text = f"this proxy is not for clients at {host_of(connection.client)}"
        raise Failed("http_request_denied", text, "RFC 9110 15.5.4")
    if access.asks:
        given = request.all(b"proxy-authorization")
        if len(given) > 1 or not access.knows(given[0] if given else None):
            text = "this proxy wants a name and a password"
            if given:
                text = "this proxy knows nobody with the name and the password that your client has sent"
            asks = [(b"Proxy-Authenticate", REALM)]
            raise Failed("http_request_denied", text, "RFC 9110 11.7.1", 407, asks)


def check(proxy: Proxy, connection: Connection, request: Request, how: Framing) -> str:
    """Refuse what is not forwarded, by raising `Failed`; gives what is worth noting of the rest, ``""``: nothing."""
    parts, server = request.parts, connection.server
    if parts.form == "origin":
        text = (
            "this is a proxy, and your client's request reads as if it were meant for a web server. Tell your client "
            f"to use http://{server}/ as its HTTP proxy: curl -x {server} http://…"
        )
        raise Failed("http_request_error", text, "RFC 9112 3.2.2")
    refuse_loops(proxy, request)
    if parts.form == "asterisk":
        return ""
    if parts.scheme != b"http":
        text = f"this proxy forwards only http, not {parts.scheme.decode()}; your client gets https by CONNECT"
        raise Failed("http_request_denied", text, "RFC 9110 7.4", 421)
    if request.method == b"TRACE" and how.kind != "none":
        text = "your client has sent a TRACE with content, and TRACE has none"
        raise Failed("http_request_error", text, "RFC 9110 9.3.8")
    if not forwarding.host_differs(request):
        return ""
    if proxy.strict:
        text = "in your client's request, Host and target name different hosts"
        raise Failed("http_request_error", text, "RFC 9112 3.2.2")
    return REPLACED


def check_tunnel(proxy: Proxy, request: Request) -> tuple[str, int]:
    """Refuse tunnels to where none shall lead; gives host and port."""
    port = request.parts.port or 443
    if port not in proxy.connect_ports:
        allowed = ", ".join(map(str, sorted(proxy.connect_ports)))
        text = f"tunnels through this proxy lead to port {allowed} only, not to {port}"
        raise Failed("http_request_denied", text, "RFC 9110 9.3.6")
    refuse_loops(proxy, request)
    return forwarding.host_text(request), port


def refuse_loops(proxy: Proxy, request: Request) -> None:
    """Refuse a request that this proxy has forwarded itself."""
    if forwarding.came_from(request, proxy.pseudonym):
        text = "your client's request has passed this proxy before: its name is in Via"
        raise Failed("proxy_loop_detected", text, "RFC 9110 7.6.3")
