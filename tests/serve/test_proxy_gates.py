"""Other people's judges of the proxy: curl, a linter of HTTP, and slow clients; nginx is in test_proxy_nginx.py."""

import base64
import contextlib
import hashlib
import http.client
import json
import os
import subprocess
import threading
import time
from operator import itemgetter

import pytest

import netlab
from netlab.errors import UsageError
from tests.support.idle import processor_ms
from tests.support.proxying import always, answering, origin_that, read_head, without_names
from tests.support.tools import need, need_module

pytestmark = pytest.mark.network


@pytest.fixture
def proxy():
    with netlab.ProxyServer(port=0) as proxy:
        yield proxy


# -- curl ---------------------------------------------------------------------------------------------------------


class Curl:
    """Runs curl in a folder of its own, at the web server or, with ``proxy``, through it."""

    def __init__(self, folder, server, proxy=None):
        self.program, self.folder, self.url = need("curl", "curl"), folder, server.url.rstrip("/")
        self.through = ["-x", proxy.url] if proxy else []

    def run(self, *options, path="/index.html"):
        command = [self.program, "-s", "-m", "10", "--path-as-is", *self.through, *options, self.url + path]
        return subprocess.run(command, capture_output=True, cwd=self.folder, timeout=20)

    def __call__(self, *options, path="/index.html"):
        return self.run(*options, path=path).stdout

    def status(self, *options, path="/index.html"):
        return self("-o", os.devnull, "-w", "%{http_code}", *options, path=path).decode()

    def answer(self, *options, path="/index.html"):
        """Give the status of the answer, its end-to-end fields, and a hash of its content."""
        content = self("-D", "fields", *options, path=path)
        heads = (self.folder / "fields").read_bytes().split(b"\r\n\r\n")
        start, *lines = [each for each in heads if each][-1].split(b"\r\n")
        fields = [tuple(line.split(b": ", 1)) for line in lines]
        of_one_hop = (b"connection", b"via", b"date", b"keep-alive", b"transfer-encoding")
        kept = sorted((each for each in fields if each[0].lower() not in of_one_hop), key=itemgetter(0))
        return start.split(b" ")[1], kept, hashlib.sha256(b"" if "-I" in options else content).hexdigest()


@pytest.fixture
def direct(server, tmp_path_factory):
    return Curl(tmp_path_factory.mktemp("direct"), server)


@pytest.fixture
def through(server, proxy, tmp_path_factory):
    return Curl(tmp_path_factory.mktemp("through"), server, proxy)


MATRIX = [
    ([], "/index.html", "200"),
    ([], "/big.bin", "200"),
    (["--http1.0"], "/big.bin", "200"),
    (["-I"], "/big.bin", "200"),
    (["-r", "0-0"], "/big.bin", "206"),
    (["-r", "-5"], "/big.bin", "206"),
    (["-r", "5-"], "/big.bin", "206"),
    (["-r", "99999999-"], "/big.bin", "416"),
    (["-z", "Thu, 01 Jan 2037 00:00:00 GMT"], "/index.html", "304"),
    (["--compressed"], "/words.txt", "200"),
    (["-H", "Accept-Encoding: gzip"], "/words.txt", "200"),
    ([], "/sub/", "200"),
    (["-H", "Accept: application/json"], "/sub/", "200"),
    ([], "/sub", "301"),
    ([], "//sub", "301"),
    (["-X", "OPTIONS"], "/index.html", "204"),
    (["-X", "FOO"], "/index.html", "501"),
    (["-d", "a=b"], "/index.html", "405"),
    ([], "/nothing", "404"),
    *(
        ([], path, "404")
        for path in (
            "/../outside.txt", "/%2e%2e/outside.txt", "/sub/..%2f..%2foutside.txt", "/sub/%2e%2e/%2e%2e/outside.txt",
            "/link.txt", "/.secret", "/sub/%00", "/%5c..%5coutside.txt", "/..;/outside.txt", "/%252e%252e/outside.txt",
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(("options", "path", "status"), MATRIX)
def test_curl_gets_the_same_with_and_without_the_proxy(direct, through, proxy, site, options, path, status):
    import gzip

    (site / "words.txt").write_text("the same words again and again\n" * 1_000)
    (site / "words.txt.gz").write_bytes(gzip.compress((site / "words.txt").read_bytes(), mtime=0))
    one, two = direct.answer(*options, path=path), through.answer(*options, path=path)
    assert one[0].decode() == status and two == one
    assert len(proxy.log) == 1 and proxy.log["error"].iloc[0] == ""


def test_curl_gets_several_ranges_at_once(direct, through):
    """The boundary is another one each time; the rest is the same."""
    pages = [curl("-i", "-r", "0-1,4-5", path="/big.bin") for curl in (direct, through)]
    boundaries = [page.partition(b"boundary=")[2].partition(b"\r\n")[0] for page in pages]
    one, two = (page.replace(of, b"").partition(b"\r\n\r\n")[2] for page, of in zip(pages, boundaries, strict=True))
    assert all(page.startswith(b"HTTP/1.1 206 ") for page in pages) and one == two and b"Content-Range" in one


def test_http_1_0_through_the_proxy_has_no_chunks_and_ends(proxy, tmp_path):
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    with origin_that(always(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + chunked)) as (address, _):
        command = [need("curl", "curl"), "-s", "-m", "10", "--http1.0", "--raw", "-i", "-x", proxy.url]
        said = subprocess.run([*command, f"http://{address}/"], capture_output=True, timeout=20)
    assert said.returncode == 0 and said.stdout.endswith(b"\r\n\r\nhello")
    assert b"chunked" not in said.stdout.lower() and b" 103 " not in said.stdout
    assert b"\r\nConnection: close\r\n" in said.stdout


def test_curl_resumes_and_asks_only_for_what_changed(through, site):
    big = (site / "big.bin").read_bytes()
    half = through.folder / "half.bin"
    half.write_bytes(big[:1_000_000])
    through("-C", "-", "-o", str(half), path="/big.bin")
    assert half.read_bytes() == big
    assert through.status("--etag-save", "tag.txt") == "200" and through.status("--etag-compare", "tag.txt") == "304"


def test_options_for_the_proxy_and_for_the_origin(through, server, proxy):
    own = through("-i", "-X", "OPTIONS", "--request-target", "*")
    assert own.startswith(b"HTTP/1.1 204 ") and b"\r\nAllow: GET, HEAD, POST, PUT, DELETE, CONNECT" in own
    origins = through("-i", "-X", "OPTIONS", "--request-target", server.url.rstrip("/"))
    assert origins.startswith(b"HTTP/1.1 204 ") and b"\r\nAllow: GET, HEAD, OPTIONS\r\n" in origins
    assert server.log["target"].tolist() == ["*"] and proxy.log["upstream"].iloc[0] == ""


def test_curl_uses_a_connection_again(through, server):
    urls = [f"{server.url}{name}" for name in ("big.bin", "index.html")]
    said = through("-o", os.devnull, "-o", os.devnull, "-o", os.devnull, "-w", "%{num_connects} ", *urls)
    assert said == b"1 0 0 "


def receiving(sock, seen):
    """An origin that says 100 to those who wait for it, and 201 when it has all."""
    head, rest = read_head(sock)
    if b"\r\nexpect: 100-continue" in head.lower():
        sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    if b"chunked" in head.lower():
        while not rest.endswith(b"\r\n0\r\n\r\n"):
            rest += sock.recv(65_536)
        content = b""
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            content, rest = content + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    else:
        content, length = rest, int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        while len(content) < length:
            content += sock.recv(65_536)
    seen.append(hashlib.sha256(content).hexdigest())
    sock.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize("waits", [False, True], ids=["", "100-continue"])
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_an_upload_arrives_byte_for_byte(proxy, tmp_path, waits, chunked):
    data = os.urandom(1_500_000)
    (tmp_path / "upload.bin").write_bytes(data)
    fields = ["-H", "Expect: 100-continue" if waits else "Expect:"]
    source = "-" if chunked else "upload.bin"
    with origin_that(receiving) as (address, seen), open(tmp_path / "upload.bin", "rb") as opened:
        command = [need("curl", "curl"), "-s", "-m", "20", "-v", "-x", proxy.url, "--expect100-timeout", "15", *fields]
        command += ["-T", source, f"http://{address}/in"]
        began = time.monotonic()
        said = subprocess.run(command, stdin=opened, capture_output=True, cwd=tmp_path, timeout=30)
        took = time.monotonic() - began
    assert said.returncode == 0 and b"< HTTP/1.1 201 Created" in said.stderr
    assert seen == [hashlib.sha256(data).hexdigest()] and took < 10
    assert (b"< HTTP/1.1 100 Continue" in said.stderr) == waits


def test_an_upload_that_the_origin_refuses_need_not_be_sent(through, server):
    (through.folder / "upload.bin").write_bytes(bytes(3_000_000))
    began = time.monotonic()
    said = through("-i", "-T", "upload.bin", "-H", "Expect: 100-continue", "--expect100-timeout", "8")
    assert said.startswith(b"HTTP/1.1 405 ") and b"\r\nAllow: GET, HEAD, OPTIONS\r\n" in said
    assert time.monotonic() - began < 5 and server.log["request_bytes"].iloc[0] < 10_000
    assert through.status() == "200"


def test_connect_leads_to_a_port_that_was_named_and_to_no_other(server, site, tmp_path_factory):
    with netlab.ProxyServer(port=0, connect_ports=[server.port]) as proxy:
        curl = Curl(tmp_path_factory.mktemp("tunnel"), server, proxy)
        assert curl.answer("-p", path="/big.bin")[2] == hashlib.sha256((site / "big.bin").read_bytes()).hexdigest()
        curl.url = "http://127.0.0.1:22"
        said = curl.run("-p", "-w", "%{http_connect}", path="/")
        assert said.returncode == 56 and said.stdout == b"403"
        assert proxy.log["method"].tolist() == ["CONNECT"] * 2 and proxy.log["status"].tolist() == [200, 403]
        assert proxy.log["tunnel_down_bytes"].iloc[0] > 3_000_000
    assert server.log["status"].tolist() == [200]


USER, PASSWORD = "ada.of.london", "open-sesame"


def everything_told(proxy):
    """All that the proxy tells anybody of what it has seen."""
    index = range(len(proxy.log))
    tables = [proxy.log.to_csv(), *(proxy.inspect(i).to_csv() for i in index), *(repr(proxy.details(i)) for i in index)]
    return "\n".join([*tables, repr(proxy), proxy.to_clf(), proxy.to_json(), json.dumps(proxy.to_har())])


def test_a_password_is_asked_for_and_nothing_of_it_is_ever_told(server, site, tmp_path_factory):
    ports = {"connect_ports": [server.port]}
    with netlab.ProxyServer(port=0, users={USER: PASSWORD}, **ports) as proxy:
        curl = Curl(tmp_path_factory.mktemp("users"), server, proxy)
        right, wrong = ["--proxy-user", f"{USER}:{PASSWORD}"], ["--proxy-user", f"{USER}:wrong-secret"]
        statuses = [curl.status(*who) for who in (right, wrong, [])]
        tunnels = [curl("-o", os.devnull, "-p", "-w", "%{http_connect}", *who) for who in (right, wrong, [])]
        told = everything_told(proxy)
        assert proxy.log["status"].tolist() == [200, 407, 407] * 2
    assert statuses == ["200", "407", "407"] and tunnels == [b"200", b"407", b"407"]
    for user in (f"{USER}:{PASSWORD}", f"{USER}:wrong-secret"):
        for secret in (*user.split(":"), base64.b64encode(user.encode()).decode()):
            assert secret not in told and secret not in everything_of(server)
    with pytest.raises(UsageError) as refused:
        netlab.ProxyServer(port=0, users={USER: PASSWORD.encode()})
    assert PASSWORD not in str(refused.value)


def everything_of(server):
    return server.log.to_csv() + server.to_json() + "".join(repr(server.details(i)) for i in range(len(server.log)))


# -- a linter -----------------------------------------------------------------------------------------------------


ONLY_THE_STATUS = {"STATUS_BAD_REQUEST", "STATUS_URI_TOO_LONG"}
"""Notes that every answer of this status gets, whatever is in it."""


def serious(answer, content):
    """What the linter finds wrong with an answer of Python's client."""
    need_module("httplint", "bench")
    from httplint import HttpResponseLinter
    from httplint.note import levels

    linter = HttpResponseLinter()
    linter.process_response_topline(b"HTTP/1.1", str(answer.status).encode(), answer.reason.encode())
    linter.process_headers([(name.encode(), value.encode()) for name, value in answer.getheaders()])
    linter.feed_content(content)
    linter.finish_content(True)
    found = [note for note in linter.notes if note.level in (levels.WARN, levels.BAD)]
    return [str(note) for note in found if type(note).__name__ not in ONLY_THE_STATUS]


def fetched(where, target, fields=(), method="GET", sent=b""):
    """Give an answer, with its content and what the linter says."""
    with contextlib.closing(http.client.HTTPConnection(where.host, where.port, timeout=10)) as connection:
        connection.request(method, target, body=sent or None, headers=dict(fields))
        answer = connection.getresponse()
        content = answer.read()
    return answer, content, serious(answer, content)


PAGES = [
    ("/index.html", {}, 200), ("/index.html", {"Range": "bytes=0-3"}, 206), ("/nothing", {}, 404),
    ("/index.html", {"If-None-Match": "*"}, 304), ("/sub/", {}, 200), ("/sub", {}, 301), ("/big.bin", {}, 200),
    ("/big.bin", {"Range": "bytes=0-3,8-9"}, 206), ("/big.bin", {"Range": "bytes=99999999-"}, 416),
]  # fmt: skip


@pytest.mark.parametrize("cache", [False, True], ids=["", "cache"])
@pytest.mark.parametrize(("path", "fields", "status"), PAGES)
def test_a_linter_has_no_more_to_say_than_of_the_origin_s_own_answer(server, path, fields, status, cache):
    direct, content, said = fetched(server, path, fields)
    with netlab.ProxyServer(port=0, cache=cache) as proxy:
        for _ in range(2):
            answer, passed, says = fetched(proxy, server.url.rstrip("/") + path, fields)
            assert answer.status == direct.status == status
            assert len(passed) == len(content) and set(says) <= set(said), says
            names = {name.lower() for name, _ in answer.getheaders()}
            lost = {name.lower() for name, _ in direct.getheaders()} - names - {"connection", "keep-alive"}
            assert lost == set() and names >= {"via", "date"}


def test_a_linter_has_no_more_to_say_of_answers_that_are_framed_anew(proxy):
    answers = [
        b'HTTP/1.1 200 OK\r\nDate: Sat, 28 Nov 2026 10:00:00 GMT\r\nCache-Control: no-cache\r\nETag: "1"\r\n'
        b"Content-Type: text/plain;charset=utf-8\r\n%s" % framed
        for framed in (
            b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", b"Connection: close\r\n\r\nhello",
            b"Content-Length: 5\r\nKeep-Alive: timeout=5\r\nConnection: keep-alive\r\n\r\nhello",
        )
    ]  # fmt: skip
    for raw in answers:
        with origin_that(answering(raw)) as (address, _):
            answer, content, says = fetched(proxy, f"http://{address}/")
        assert (answer.status, content, says) == (200, b"hello", [])


KEPT = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nCache-Control: max-age=60\r\n\r\nhi"


def test_a_linter_has_nothing_to_say_of_the_proxy_s_own_pages(server):
    """One of each status that the proxy has of its own."""
    silent = threading.Event()

    def never(sock, seen):
        silent.wait(10)

    limits = {"answer_time": 0.3}
    options = {"users": {"ada": "l"}, "limits": limits, "cache": True, "cache_decision": lambda *_: "perhaps"}
    user = {"Proxy-Authorization": "Basic YWRhOmw="}
    with (
        netlab.ProxyServer(port=0, **options) as proxy,
        origin_that(answering(b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n")) as (lying, _),
        origin_that(never) as (mute, _),
        origin_that(always(KEPT)) as (kept, _),
    ):
        without_names(proxy)
        fetched(proxy, f"http://{kept}/", user)  # it is stored; the next one meets the decision
        for target, more, method, status in (
            ("/", {}, "GET", 400),
            (server.url, {"Content-Length": "1,1"}, "GET", 400),
            ("http://169.254.169.254/", {}, "GET", 403),
            (f"http://{kept}/", {"Proxy-Authorization": "Basic eDp5"}, "GET", 407),
            ("https://a.test/", {}, "GET", 421),
            (server.url, {f"X-{number}": "1" for number in range(150)}, "GET", 431),
            (server.url + "x" * 9_000, {}, "GET", 414),
            (f"http://{kept}/", {}, "GET", 500),
            ("http://a.test/", {}, "GET", 502),
            (f"http://{lying}/", {}, "GET", 502),
            (f"http://{mute}/", {}, "GET", 504),
            (server.url, {"Cache-Control": "only-if-cached"}, "GET", 504),
            (server.url, {"Via": "1.1 netlab"}, "GET", 508),
            ("*", {}, "OPTIONS", 204),
        ):
            answer, _, says = fetched(proxy, target, {**user, **more}, method)
            assert (target, answer.status, says) == (target, status, [])
        silent.set()


# -- slow clients -------------------------------------------------------------------------------------------------


def in_use(proxy):
    """Descriptors, but for the empty pipes that the proxy keeps for the next content, and threads."""
    return len(os.listdir("/proc/self/fd")) - 2 * len(proxy._place._loop.pipes._free), threading.active_count()


SLOW = {
    "heads": (["-H", "-i", "1"], 408, "http_request_error"),
    "contents": (["-B", "-i", "1"], 408, "http_request_error"),
    "readers": (["-X", "-w", "1", "-y", "2", "-z", "1"], 200, "the client took nothing of the answer for too long"),
}


@pytest.mark.parametrize(("options", "status", "error"), SLOW.values(), ids=SLOW)
def test_slow_clients_hold_nobody_up_and_leave_nothing(server, options, status, error):
    program, curl = need("slowhttptest", "slowhttptest"), need("curl", "curl")
    limits = {"head_time": 2.0, "body_time": 2.0, "write_time": 2.0, "answer_time": 2.0, "pool_time": 0.5}
    with netlab.ProxyServer(port=0, limits=limits) as proxy:
        before = in_use(proxy)
        slow = [program, *options, "-c", "50", "-l", "4", "-r", "50", "-d", f"{proxy.host}:{proxy.port}"]
        quick = [curl, "-s", "-m", "1", "-o", os.devnull, "-x", proxy.url, f"{server.url}index.html"]
        with subprocess.Popen(
            [*slow, "-u", f"{server.url}big.bin"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as running:
            time.sleep(1.5)
            most = proxy.connections
            done = [subprocess.run(quick, timeout=10).returncode for _ in range(3)]
            running.wait(30)
        assert done == [0, 0, 0] and most > 20
        end = time.monotonic() + 10
        while (proxy.connections or server.connections or in_use(proxy)[0] > before[0]) and time.monotonic() < end:
            time.sleep(0.05)
        assert (proxy.connections, server.connections) == (0, 0)
        assert in_use(proxy)[0] <= before[0] and in_use(proxy)[1] <= before[1]
        assert processor_ms(proxy, 0.5) < 100
        log = proxy.log
        assert ((log["status"] == status) & (log["error"] == error)).sum() == 50 and log["total_ms"].max() < 15_000
        assert subprocess.run(quick, timeout=10).returncode == 0


def test_a_cap_for_each_client_leaves_room_for_the_others(server):
    program, curl = need("slowhttptest", "slowhttptest"), need("curl", "curl")
    limits = {"head_time": 3.0, "per_client": 10}
    with netlab.ProxyServer(port=0, limits=limits) as proxy:
        slow = [program, "-H", "-i", "1", "-c", "50", "-l", "3", "-r", "50", "-d", f"{proxy.host}:{proxy.port}"]
        quick = [curl, "-s", "-m", "1", "-o", os.devnull, "-w", "%{http_code}", "-x", proxy.url]
        with subprocess.Popen(
            [*slow, "-u", f"{server.url}big.bin"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as running:
            time.sleep(1.5)
            same, other = (
                subprocess.run([*quick, *more, f"{server.url}index.html"], capture_output=True, timeout=10).stdout
                for more in ([], ["--interface", "127.0.0.2"])
            )
            running.wait(30)
        assert (same, other) == (b"503", b"200")
        assert "connection_limit_reached" in set(proxy.log["error"])
