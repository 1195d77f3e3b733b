"""What a proxy shows of its work: both sides of an exchange, another try, HAR, details."""

import json

import jsonschema
import pytest

import netlab
from netlab.errors import UsageError
from netlab.proxy_views import comparison, inspection, request_again
from tests.support.proxying import (
    always,
    answering,
    ask,
    client_of,
    get,
    origin_that,
    read_answer,
    read_head,
    without_names,
)

pytestmark = pytest.mark.network

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: s=1\r\nKeep-Alive: 5\r\n\r\nhi"


@pytest.fixture
def proxy():
    with netlab.ProxyServer(port=0) as proxy:
        yield proxy


# -- inspect --------------------------------------------------------------------------------------------------------


def test_every_line_of_both_sides_is_there_with_what_became_of_it(proxy):
    with origin_that(always(OK)) as (address, seen), client_of(proxy) as sock:
        sock.sendall(f"GET http://{address}/a HTTP/1.1\r\nHost: lie\r\nTE: x\r\nCookie: c\r\nX: 1\r\n\r\n".encode())
        back = read_answer(sock)[0]
    table = proxy.inspect(0)
    assert list(table.columns) == ["message", "line", "received", "sent", "change"]
    requests, answers = table[table["message"] == "request"], table[table["message"] == "answer"]
    hidden = b"Cookie: (left out)\r\n"
    assert b"".join(requests["sent"]) == seen[0].replace(b"Cookie: c\r\n", hidden)
    assert b"".join(requests["received"]).startswith(b"GET http://")
    assert b"".join(answers["received"]) == OK[:-2].replace(b"s=1", b"(left out)")
    assert b"".join(answers["sent"]) == back.replace(b"s=1", b"(left out)")
    change = dict(zip(requests["received"] + requests["sent"], requests["change"]))
    assert change[b"TE: x\r\n"] == "removed" and change[b"Via: 1.1 netlab\r\n"] == "added"
    assert change[hidden * 2] == change[b"X: 1\r\n" * 2] == "kept"
    assert requests["change"].iloc[0] == "changed"
    assert (requests["received"] == b"\r\n").sum() == (requests["sent"] == b"\r\n").sum() == 1


def test_a_refused_request_and_an_answer_of_the_proxy_itself(proxy):
    get(proxy, "169.254.169.254")
    table = proxy.inspect(-1)
    assert set(table["change"]) == {"refused", "added"}
    assert set(table.loc[table["message"] == "answer", "change"]) == {"added"}


def test_what_the_proxy_answers_by_itself_is_not_called_refused():
    fresh = OK.replace(b"Keep-Alive: 5", b"Cache-Control: max-age=60")
    with origin_that(always(fresh)) as (address, _), origin_that(lambda sock, seen: None) as (other, _):
        with netlab.ProxyServer(port=0, cache=True, connect_ports=[int(other.rpartition(":")[2])]) as proxy:
            for _ in range(2):
                get(proxy, address)
            ask(proxy, f"CONNECT {other} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        assert proxy.log["cache"].tolist() == ["stored", "hit", ""] and proxy.log["status"].tolist() == [200] * 3
        for row in (1, 2):
            requests = proxy.inspect(row).query("message == 'request'")
            assert set(requests["change"]) == {"answered"} and set(requests["sent"]) == {b""}


@pytest.mark.parametrize(
    ("data", "line", "status"),
    [
        (b"PUT http://h/a HTTP/1.1\r\nHost : h\r\n\r\n", ("PUT", "http://h/a", "HTTP/1.1"), 400),
        (b"GET http://h/ HTTP/2.0\r\nHost: h\r\n\r\n", ("GET", "http://h/", "HTTP/2.0"), 505),
        (b"CONNECT h HTTP/1.1\r\nHost: h\r\n\r\n", ("CONNECT", "h", "HTTP/1.1"), 400),
        (b"GET http://h/" + b"a" * 9000, ("", "", ""), 414),
        (b"\x16\x03\x01", ("", "", ""), 400),
    ],
)
def test_the_row_of_a_refused_request_shows_what_it_was(proxy, data, line, status):
    with client_of(proxy) as sock:
        sock.sendall(data)
        assert b" %d " % status in sock.recv(100)
        sock.recv(65_536)
    row = proxy.details(0)
    assert (row["method"], row["target"], row["version"], row["status"]) == (*line, status)
    assert row["request_head"] == data and row["request_bytes"] == len(data)
    assert row["total_ms"] == row["queue_ms"] > 0
    assert set(proxy.inspect(0).query("message == 'request'")["change"]) == {"refused"}


def test_the_time_in_which_no_head_came_is_in_the_row():
    with netlab.ProxyServer(port=0, limits={"head_time": 0.2}) as proxy, client_of(proxy) as sock:
        sock.sendall(b"GET http://h/ HTTP/1.1\r\nHo")
        assert sock.recv(100).startswith(b"HTTP/1.1 408 ")
        row = proxy.details(0)
    assert row["target"] == "http://h/" and row["total_ms"] >= 150


@pytest.mark.parametrize(
    "data",
    [
        b"GET http://h/ HTTP/1.1\r\nProxy-Authorization : Basic c2VjcmV0\r\nHost: h\r\n\r\n",
        b"GET http://h/ HTTP/1.1\r\nProxy-Authorization:\r\n Basic c2VjcmV0\r\nHost: h\r\n\r\n",
        b"GET http://h/ HTTP/1.1\nCookie: c2VjcmV0\nHost: h\n\n",
        b"GET http://h/ HTTP/1.1\r\nAuthorization : c2VjcmV0\r\nHost: h\r\n\r\n",
        b"GET http://h/ HTTP/1.1\r\nProxy-Authorization: c2VjcmV0\0\r\nHost: h\r\n\r\n",
        b"GET http://ada:c2VjcmV0@h/ HTTP/1.1\r\nHost: h\r\n\r\n",
    ],
)
def test_a_refused_head_tells_no_secrets_either(proxy, data):
    with client_of(proxy) as sock:
        sock.sendall(data)
        assert sock.recv(100).startswith(b"HTTP/1.1 400 ")
        sock.recv(65_536)
    row = proxy.details(0)
    assert b"left" in row["request_head"] and row["status"] == 400
    shown = [str(row), proxy.log.to_string(), proxy.inspect(0).to_string(), proxy.to_json(), json.dumps(proxy.to_har())]
    assert not any("c2VjcmV0" in text for text in shown)


@pytest.mark.parametrize("index", [5, -9, "0", None, True])
def test_rows_that_do_not_exist(proxy, index):
    with pytest.raises(UsageError, match="index"):
        proxy.inspect(index)
    with pytest.raises(UsageError, match="index"):
        proxy.replay(index)


def test_lines_that_have_nothing_to_do_with_each_other_are_no_change():
    rows = inspection((b"GET / HTTP/1.1\r\nA: 1\r\n\r\n", b"", b"GET / HTTP/1.1\r\nB: 2\r\n\r\n", b""))
    assert [(row["received"], row["sent"], row["change"]) for row in rows][1:3] == [
        (b"A: 1\r\n", b"", "removed"), (b"", b"B: 2\r\n", "added"),
    ]  # fmt: skip


# -- replay ---------------------------------------------------------------------------------------------------------


def test_a_request_is_sent_again_and_both_answers_are_compared(proxy):
    second = b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\nX-New: 1\r\n\r\ngone"
    with origin_that(answering(OK, second)) as (address, seen):
        get(proxy, address, "/a?b", fields="Cookie: c\r\nAccept: text/html\r\nX: 1\r\n")
        table = proxy.replay(0, headers={"Accept": "image/png", "X": None})
    parts = table.set_index("part")
    assert parts.loc["status"].tolist() == ["200 OK", "404 Not Found", False]
    assert parts.loc["content bytes"].tolist() == ["2", "4", False]
    assert parts.loc["x-new"].tolist() == ["", "1", False] and parts.loc["via"].tolist() == ["1.1 netlab"] * 2 + [True]
    assert parts.loc["set-cookie"].tolist() == ["(left out)", "", False]
    assert b"Cookie: c" in seen[1] and b"Accept: image/png" in seen[1] and b"X: 1" not in seen[1]
    assert seen[1].startswith(b"GET /a?b HTTP/1.1\r\n")
    assert proxy.log["status"].tolist() == [200, 404]


def test_with_a_password_too_and_with_content():
    def talk(sock, seen):
        rest = b""
        while True:
            head, rest = read_head(sock, rest)
            if not head:
                return
            while len(rest) < 5 and (piece := sock.recv(100)):
                rest += piece
            seen.append(rest)
            rest = b""
            sock.sendall(OK)

    users = {"ada": "secret"}
    with (
        origin_that(talk) as (address, seen),
        netlab.ProxyServer(port=0, users=users) as proxy,
        client_of(proxy) as sock,
    ):
        fields = "Proxy-Authorization: Basic YWRhOnNlY3JldA==\r\nContent-Length: 5\r\n"
        sock.sendall(f"PUT http://{address}/ HTTP/1.1\r\nHost: h\r\n{fields}\r\nhello".encode())
        read_answer(sock)
        with pytest.raises(UsageError, match="content"):
            proxy.replay(0)
        table = proxy.replay(0, content=b"again")
    assert table["replayed"].iloc[0] == "200 OK" and seen == [b"hello", b"again"]


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", b"CONNECT h:22 HTTP/1.1\r\nHost: h\r\n\r\n", b"bad\r\n\r\n"]
)
def test_what_cannot_be_sent_again(proxy, data):
    ask(proxy, data)
    with pytest.raises(UsageError):
        proxy.replay(0)


@pytest.mark.parametrize(
    "headers", [{"Host": "x"}, {"Connection": "x"}, {"a b": "c"}, {"a": "b\r\nc"}, {"a": 5}, {"Content-Length": "5"}]
)
def test_headers_that_cannot_be_replayed(headers):
    with pytest.raises(UsageError, match="headers"):
        request_again(b"GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n", headers)


def test_an_answer_in_chunks_and_one_that_broke_off_are_compared_too():
    chunked = b"HTTP/1.1 103 E\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
    rows = {row["part"]: row for row in comparison(b"HTTP/1.1 200 OK\r\n\r\n", 2, chunked, b"GET")}
    assert rows["content bytes"]["same"] and rows["status"]["same"]
    assert comparison(b"", 0, b"", b"GET")[0]["replayed"] == ""


# -- HAR ------------------------------------------------------------------------------------------------------------

TIME = r"^\d{4}(-\d\d){2}T\d\d(:\d\d){2}\.\d{3}(Z|[+-]\d\d:\d\d)$"
NUMBER, TEXT = {"type": "number"}, {"type": "string"}
PAIRS = {
    "type": "array",
    "items": {"type": "object", "required": ["name", "value"], "properties": {"name": TEXT, "value": TEXT}},
}


def thing(**properties):
    return {"type": "object", "required": list(properties), "properties": properties}


# HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/), what it demands of a log without pages.
HAR = thing(
    log=thing(
        version={"const": "1.2"},
        creator=thing(name=TEXT, version=TEXT),
        entries={
            "type": "array",
            "items": thing(
                startedDateTime={"type": "string", "pattern": TIME},
                time={"type": "number", "minimum": 0},
                request=thing(
                    method=TEXT, url={"type": "string", "pattern": "^https?://"}, httpVersion=TEXT,
                    cookies={"type": "array"}, headers=PAIRS, queryString=PAIRS, headersSize={"type": "integer",
                    "minimum": -1},
                    bodySize={"type": "integer", "minimum": -1},
                ),
                response=thing(
                    status={"type": "integer", "minimum": 0}, statusText=TEXT, httpVersion=TEXT,
                    cookies={"type": "array"},
                    headers=PAIRS, content=thing(size={"type": "integer", "minimum": 0}, mimeType=TEXT),
                    redirectURL=TEXT,
                    headersSize={"type": "integer", "minimum": -1}, bodySize={"type": "integer", "minimum": -1},
                ),
                cache={"type": "object"},
                timings={
                    **thing(send={"minimum": 0}, wait={"minimum": 0}, receive={"minimum": 0}, blocked=NUMBER,
                    dns=NUMBER, connect=NUMBER, ssl=NUMBER),
                    "additionalProperties": {"type": "number", "minimum": -1},
                },
            ),
        },
    )
)  # fmt: skip


def test_har_is_valid_and_its_times_add_up(proxy):
    def echo(sock, seen):
        sock.sendall(sock.recv(100))

    with origin_that(always(OK)) as (address, _), origin_that(echo) as (other, _):
        get(proxy, address, "/x?a=1&b=", fields="Cookie: secret\r\nAuthorization: secret\r\n")
        get(proxy, address)
        ask(proxy, b"not http\r\n\r\n")
        without_names(proxy)
        get(proxy, "no-such-host.invalid")
        with netlab.ProxyServer(port=0, connect_ports=[int(other.rpartition(":")[2])]) as tunnels:
            with client_of(tunnels) as sock:
                sock.sendall(f"CONNECT {other} HTTP/1.1\r\nHost: {other}\r\n\r\nhello".encode())
                while sock.recv(100):
                    pass
            tunnels.stop()
        documents = [proxy.to_har(), tunnels.to_har()]
    for document in documents:
        jsonschema.validate(document, HAR)
        assert "secret" not in json.dumps(document) and "NaN" not in json.dumps(document)
    entries = documents[0]["log"]["entries"]
    for entry, total in zip(entries, proxy.log["total_ms"]):
        timings = entry["timings"]
        assert sum(value for name, value in timings.items() if name != "ssl" and value > 0) == pytest.approx(
            entry["time"]
        )
        assert entry["time"] == pytest.approx(total)
    assert entries[0]["request"]["url"] == f"http://{address}/x?a=1&b="
    assert entries[0]["request"]["queryString"] == [{"name": "a", "value": "1"}, {"name": "b", "value": ""}]
    assert entries[0]["serverIPAddress"] == "127.0.0.1" and entries[1]["timings"]["connect"] == -1
    assert documents[1]["log"]["entries"][0]["request"]["url"] == f"https://{other}/"


# -- details --------------------------------------------------------------------------------------------------------


def test_details_have_everything_about_an_exchange(proxy):
    with origin_that(always(OK)) as (address, _):
        back = get(
            proxy, address, fields="Referer: r\r\nUser-Agent: u\r\nRange: bytes=0-\r\nVia: 1.0 first\r\nCookie: c\r\n"
        )
    row = proxy.details(0)
    assert row["response_bytes"] == len(back) == row["response_head_bytes"] + row["response_body_bytes"]
    assert row["request_bytes"] == row["request_head_bytes"] + row["request_body_bytes"]
    assert row["request_head"].endswith(b"Cookie: (left out)\r\n\r\n") and row["response_head"] + b"hi" == back.replace(
        b"s=1", b"(left out)"
    )
    expected = {
        "referer": "r", "user_agent": "u", "range": "bytes=0-", "via": "1.0 first", "reason": "OK", "framing": "length",
        "keep_alive": True, "close_reason": "", "family": "IPv4", "attempt": 1, "conditional_result": "",
        "reused": False,
        "upstream": address, "upstream_ip": "127.0.0.1", "cache": "", "error": "", "rule": "", "version": "HTTP/1.1",
        "tunnel_up_bytes": None, "tunnel_down_bytes": None, "network": "live", "connection": 1, "request": 1,
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    assert 0 < row["head_ms"] <= row["first_byte_ms"] <= row["total_ms"] and row["throughput_bytes_s"] > 0
    assert row["forwarded_head"].startswith(b"GET / HTTP/1.1") and row["origin_head"].startswith(b"HTTP/1.1 200 OK")
