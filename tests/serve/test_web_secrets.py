"""What the web server's log keeps for itself: passwords and cookies, which it has seen and nobody needs to read."""

import pytest

import netlab
from tests.support.asking import ask, get

pytestmark = pytest.mark.network

FIELDS = {"Authorization": "Basic c2VjcmV0", "Proxy-Authorization": "Basic c2VjcmV0", "Cookie": "id=c2VjcmV0"}


def everything(server):
    rows = range(len(server.log))
    return repr([server.details(row) for row in rows]) + server.to_json() + server.to_clf() + repr(server.to_har())


def test_details_leave_passwords_and_cookies_out(server):
    get(server, "/index.html", **FIELDS, Accept="text/html")
    head = server.details(0)["request_head"]
    assert "c2VjcmV0" not in everything(server)
    assert all(f"\r\n{name}: (left out)\r\n".encode() in head for name in FIELDS)
    assert head.startswith(b"GET /index.html HTTP/1.1\r\n") and b"\r\nAccept: text/html" in head


@pytest.mark.parametrize("end", [b"\r\nX : wrong\r\n\r\n", b"", b"\r\n folded c2VjcmV0\r\n\r\n"])
def test_heads_that_were_refused_or_cut_off_do_so_too(server, end):
    ask(server, b"GET / HTTP/1.1\r\nHost: h\r\nCookie: id=c2VjcmV0" + end)
    assert b"\r\nCookie: (left out)" in server.details(0)["request_head"]
    assert "c2VjcmV0" not in everything(server)


def test_an_answer_does_not_show_the_cookie_that_it_set(site):
    with netlab.WebServer(site, port=0, headers={"Set-Cookie": "id=c2VjcmV0"}) as server:
        _, fields, _ = get(server, "/index.html")
        assert fields["Set-Cookie"] == "id=c2VjcmV0"
        assert b"\r\nSet-Cookie: (left out)\r\n" in server.details(0)["response_head"]
        assert "c2VjcmV0" not in everything(server)


def test_a_client_sees_its_own(server):
    phases = netlab.fetch(server.url, headers=FIELDS, network="live")
    assert b"".join(phases["request"]).count(b"c2VjcmV0") == len(FIELDS)
    assert "c2VjcmV0" not in everything(server)
