"""Other people's judges: the tests of Python's own web server, a linter of HTTP, and curl."""

import hashlib
import http.client
import importlib
import io
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import pytest

import netlab
from tests.support.idle import processor_ms
from tests.support.tools import missing, need, need_module

pytestmark = pytest.mark.network

# Three of the twelve ask for what RFC 9110 and 9112 forbid, or what would open a hole.
REPLACED = {
    "test_browser_cache_with_If_None_Match_header": "If-None-Match: * is false if the file exists: 304 (9110 13.1.2)",
    "test_path_without_leading_slash": "a target without a slash has none of the four forms, so 400 (9112 3.2)",
    "test_get_dir_redirect_location_domain_injection_bug": "an encoded slash is no separator, https is not served here",
}


def cpython_tests():
    """The test case, as Python brings it; Debian has it in a package of its own."""
    try:
        return importlib.import_module("test.test_httpservers")
    except ImportError:
        missing("needs Python's own tests: apt install libpython3.11-testsuite (of the same version)")


class Outside:
    """Stands in for the thread in which they start their server: ours is another process, in its folder."""

    def __init__(self, test_object, request_handler, tls=None):
        self.test_object = test_object

    def start(self):
        command = [sys.executable, "-m", "netlab", "web", tempfile.gettempdir(), "-p0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        url = self.process.stdout.readline().split(" at ")[1].split()[0]
        threading.Thread(target=self.process.stdout.read, daemon=True).start()
        self.test_object.HOST, port = url.removeprefix("http://").strip("/").split(":")
        self.test_object.PORT = int(port)
        self.test_object.server_started.set()

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(10)
        self.process.stdout.close()

    def join(self, timeout=None):
        self.process.wait(timeout)


def run_them(monkeypatch, folder, replaced):
    """Run the twelve; give the names of those that fail."""
    module = cpython_tests()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(module, "TestServerThread", Outside)
    case = module.SimpleHTTPServerTestCase

    def check(self, response, status, data=None):
        """As theirs, but for HTTP/1.0 and an end of the connection, which a server of HTTP/1.1 does not give."""
        body = response.read()
        self.assertTrue(response)
        self.assertEqual(response.status, status)
        if data:
            self.assertEqual(data, body)
        return body

    namespace = {"check_status_and_reason": check}
    if replaced:
        namespace |= OURS
    ours = type("Ours", (case,), namespace)
    suite = unittest.TestLoader().loadTestsFromTestCase(ours)
    assert suite.countTestCases() == 12
    result = unittest.TextTestRunner(stream=io.StringIO()).run(suite)
    for test, trace in [*result.failures, *result.errors]:
        print(test, trace)
    return {test.id().rpartition(".")[2] for test, _ in [*result.failures, *result.errors]}


def if_none_match(self):
    headers = {"If-None-Match": "*"}
    self.check_status_and_reason(self.request(self.base_url + "/test", headers=headers), 304)


def without_slash(self):
    response = self.request(self.tempdir_name + "/test")
    self.check_status_and_reason(response, 400)


def domain_injection(self):
    os.mkdir(os.path.join(self.tempdir, "existing_directory"))
    place = f"/{self.tempdir_name}/existing_directory"
    for path in (f"/{place}", f"//{place}"):
        response = self.request(path)
        self.check_status_and_reason(response, 301)
        location = response.getheader("Location")
        self.assertTrue(location.startswith("/") and not location.startswith("//"), location)
    self.check_status_and_reason(self.request(f"//python.org/..%2f..%2f..%2f..%2f..%2f../%0a%0a{place}"), 404)
    self.check_status_and_reason(self.request(f"https://python.org{place}"), 421)


OURS = dict(zip(REPLACED, (if_none_match, without_slash, domain_injection), strict=True))


def test_python_s_own_tests_pass(monkeypatch, tmp_path):
    assert run_them(monkeypatch, tmp_path, replaced=True) == set()


def test_as_written_only_those_fail_that_ask_for_what_is_forbidden(monkeypatch, tmp_path):
    assert run_them(monkeypatch, tmp_path, replaced=False) == set(REPLACED)


# -- a linter -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("/index.html", {}, 200), ("/index.html", {"Range": "bytes=0-3"}, 206), ("/nothing", {}, 404),
        ("/index.html", {"If-None-Match": "*"}, 304), ("/sub/", {}, 200), ("/sub", {}, 301), ("/big.bin", {}, 200),
        ("/big.bin", {"Range": "bytes=0-3,8-9"}, 206), ("/big.bin", {"Range": "bytes=99999999-"}, 416),
    ],
)  # fmt: skip
def test_a_linter_of_http_has_nothing_to_say(server, path, fields, status):
    need_module("httplint", "bench")
    from httplint import HttpResponseLinter
    from httplint.note import levels

    connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
    connection.request("GET", path, headers=fields)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    assert answer.status == status
    linter = HttpResponseLinter()
    linter.process_response_topline(b"HTTP/1.1", str(answer.status).encode(), answer.reason.encode())
    linter.process_headers([(name.encode(), value.encode()) for name, value in answer.getheaders()])
    linter.feed_content(content)
    linter.finish_content(True)
    serious = [str(note) for note in linter.notes if note.level in (levels.WARN, levels.BAD)]
    if b"multipart" in answer.getheader("Content-Type", "").encode():
        # It wants a Content-Range, which RFC 9110 section 15.3.7.2 forbids beside multipart/byteranges.
        serious = [note for note in serious if "Content-Range" not in note]
    assert serious == [], serious


# -- curl ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def curl(server, tmp_path):
    program = need("curl", "curl")

    def run(*options, path="/index.html"):
        command = [program, "-s", "-m", "10", "--path-as-is", *options, server.url.rstrip("/") + path]
        return subprocess.run(command, capture_output=True, cwd=tmp_path.parent, timeout=20).stdout

    return run


def status_of(curl, *options, path="/index.html"):
    return curl("-o", "/dev/null", "-w", "%{http_code}", *options, path=path).decode()


def test_curl_gets_what_it_asks_for(curl, site):
    big = (site / "big.bin").read_bytes()
    digest = hashlib.sha256(big).digest()
    assert hashlib.sha256(curl(path="/big.bin")).digest() == digest
    assert hashlib.sha256(curl("--http1.0", path="/big.bin")).digest() == digest
    assert b"chunked" not in curl("--http1.0", "-i").lower()
    assert curl("-I").partition(b"\r\n")[0] == b"HTTP/1.1 200 OK"
    for wanted, status, content in (
        ("0-0", "206", big[:1]), ("-5", "206", big[-5:]), ("5-", "206", big[5:]), ("99999999-", "416", None)
    ):  # fmt: skip
        assert status_of(curl, "-r", wanted, path="/big.bin") == status
        assert content is None or curl("-r", wanted, path="/big.bin") == content
    assert b"multipart/byteranges" in curl("-i", "-r", "0-1,4-5", path="/big.bin")


def test_curl_resumes_and_asks_only_for_what_changed(curl, site, tmp_path):
    big = (site / "big.bin").read_bytes()
    half = tmp_path.parent / "half.bin"
    half.write_bytes(big[:1_000_000])
    curl("-C", "-", "-o", str(half), path="/big.bin")
    assert half.read_bytes() == big
    half.unlink()
    tag = tmp_path.parent / "tag.txt"
    assert status_of(curl, "--etag-save", str(tag)) == "200"
    assert status_of(curl, "--etag-compare", str(tag)) == "304"
    tag.unlink()
    assert status_of(curl, "-z", "Thu, 01 Jan 2037 00:00:00 GMT") == "304"


OUTSIDE = (
    "/../outside.txt", "/%2e%2e/outside.txt", "/sub/..%2f..%2foutside.txt", "/sub/%2e%2e/%2e%2e/outside.txt",
    "/link.txt", "/.secret", "/sub/%00", "/%5c..%5coutside.txt", "/..;/outside.txt", "/%252e%252e/outside.txt",
)  # fmt: skip


def test_curl_gets_nothing_outside(curl, site):
    (site / ".secret").write_text("top secret")
    for path in OUTSIDE:
        assert status_of(curl, path=path) == "404", path
        assert b"top secret" not in curl(path=path)
    location = curl("-i", path="//sub").split(b"Location: ")[1].split(b"\r\n")[0]
    assert location == b"/sub/"


def test_curl_uploads_nothing_and_does_not_wait(curl, tmp_path):
    data = tmp_path.parent / "upload.bin"
    data.write_bytes(bytes(10_000))
    began = time.monotonic()
    assert status_of(curl, "-T", str(data), "-H", "Expect: 100-continue", "--expect100-timeout", "5") == "405"
    assert time.monotonic() - began < 3
    assert b"Allow: GET, HEAD, OPTIONS" in curl("-i", "-T", str(data), "-H", "Transfer-Encoding: chunked")
    data.unlink()
    assert status_of(curl, "-X", "OPTIONS", "--request-target", "*") == "204" and status_of(curl, "-X", "FOO") == "501"


def test_curl_uses_a_connection_again(server):
    urls = [f"{server.url}index.html", f"{server.url}big.bin"]
    said = subprocess.run(
        [need("curl", "curl"), "-s", "-o", "/dev/null", "-o", "/dev/null", "-w", "%{num_connects} ", *urls],
        capture_output=True, timeout=20,
    )  # fmt: skip
    assert said.stdout == b"1 0 "


# -- slow clients -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [["-H", "-i", "1"], ["-B", "-i", "1"], ["-X", "-w", "1", "-y", "2", "-z", "1"]])
def test_slow_clients_hold_nobody_up_and_leave_nothing(site, mode):
    program = need("slowhttptest", "slowhttptest")
    limits = {"head_time": 2.0, "body_time": 2.0, "write_time": 2.0}
    with netlab.WebServer(site, port=0, limits=limits) as server:
        before = len(os.listdir("/proc/self/fd"))
        command = [program, *mode, "-c", "50", "-l", "4", "-r", "50", "-u", f"{server.url}big.bin"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as slow:
            time.sleep(1.5)
            done = subprocess.run(["curl", "-s", "-m", "1", "-o", "/dev/null", f"{server.url}index.html"], timeout=10)
            slow.wait(30)
        assert done.returncode == 0
        end = time.monotonic() + 10
        while server.connections and time.monotonic() < end:
            time.sleep(0.05)
        assert server.connections == 0 and len(os.listdir("/proc/self/fd")) == before
        assert processor_ms(server, 0.5) < 100
        assert (server.log["status"] == 200).any()
