"""nginx as origin: what comes through the proxy is what comes without it, in status, fields and content."""

import hashlib
import os
import random
import re
import subprocess
from operator import itemgetter

import pytest

import netlab
from tests.support.nginx import nginx
from tests.support.tools import need

pytestmark = pytest.mark.network

OF_ONE_HOP = {"connection", "keep-alive", "transfer-encoding"}
OF_THE_PROXY = {"via", "age", "cache-status"}
BIG = random.Random(5).randbytes(6_000_000)

RULES = """
    if_modified_since before;
    location /words { gzip on; gzip_proxied any; gzip_vary on; gzip_min_length 1; gzip_types text/plain; }
    location /page.html { sub_filter "Hello" "Good day"; }
    location /fresh.txt { expires 1h; add_header Vary Accept-Language; }
    location /cookies { add_header Set-Cookie "a=1; Path=/"; add_header Set-Cookie "b=2"; add_header X-Odd "a  b";
                        add_header Link "</s.css>; rel=preload"; return 200 "set"; }
    location /folder { autoindex on; }
    location /moved { return 308 /index.html?a=b; }
    location /none { return 204; }
    location /teapot { return 418 "short and stout"; }
    location /broken { return 503 "later"; }
    location /hidden { auth_basic "rooms"; auth_basic_user_file %(folder)s/users; }
    location /in { dav_methods PUT DELETE MKCOL; client_max_body_size 10m; create_full_put_path on; }
    location /small/in { client_max_body_size 10; dav_methods PUT; }
    location /nobody { return 444; }
    location /slow { limit_rate 2m; }
"""


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """Gives nginx's address and its folder."""
    folder, site = tmp_path_factory.mktemp("nginx"), tmp_path_factory.mktemp("site")
    (site / "index.html").write_text("<h1>Hello</h1>")
    (site / "page.html").write_text("<h1>Hello, whoever you are</h1>" * 5_000)
    (site / "words.txt").write_text("the same words again and again\n" * 20_000)
    (site / "fresh.txt").write_text("fresh")
    (site / "hidden.txt").write_text("seen")
    (site / "empty.txt").write_bytes(b"")
    (site / "big.bin").write_bytes(BIG)
    (site / "in").mkdir()
    (site / "folder").mkdir()
    (site / "folder" / "a b.txt").write_text("x")
    (folder / "users").write_text("ada:{PLAIN}lovelace\n")
    with nginx(folder, site, RULES % {"folder": folder}) as address:
        yield address, site


@pytest.fixture(scope="module")
def proxy():
    with netlab.ProxyServer(port=0) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def cache():
    with netlab.ProxyServer(port=0, cache=True) as proxy:
        yield proxy


class Got:
    """What curl has got: its exit status, and the final answer."""

    def __init__(self, folder, options, url):
        fields, content = folder / "fields", folder / "content"
        for file in (fields, content):
            file.unlink(missing_ok=True)
        command = [need("curl", "curl"), "-s", "-m", "20", "-D", str(fields), "-o", str(content), *options, url]
        self.exit = subprocess.run(command, timeout=30, cwd=folder).returncode
        head = fields.read_bytes().decode("latin-1") if fields.exists() else ""
        heads = [each for each in head.split("\r\n\r\n") if each]
        start, *lines = heads[-1].split("\r\n") if heads else [""]
        self.status = start.partition(" ")[2]
        self.fields = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        self.content = content.read_bytes() if "-I" not in options and content.exists() else b""  # -I: fields go there
        boundary = re.search(r"multipart/byteranges; boundary=(\S+)", head)
        if boundary:  # counted up by nginx, from one answer to the next
            self.fields = [(name, value.replace(boundary[1], "BOUNDARY")) for name, value in self.fields]
            self.content = self.content.replace(boundary[1].encode(), b"BOUNDARY")

    def end_to_end(self):
        """The fields that are meant for the client; of Date only that it is there. The order counts for fields of one
        name (RFC 9110 section 5.3)."""
        of_others = OF_ONE_HOP | OF_THE_PROXY
        kept = [(name, value) for name, value in self.fields if name.lower() not in of_others]
        return sorted(((name, "some" if name == "Date" else value) for name, value in kept), key=itemgetter(0))

    def all(self, wanted):
        return [value for name, value in self.fields if name.lower() == wanted]

    def whole(self):
        return self.exit, self.status, self.end_to_end(), hashlib.sha256(self.content).hexdigest()


REQUESTS = {
    "a page": ([], "/index.html", "200"),
    "HTTP 1.0": (["--http1.0"], "/big.bin", "200"),
    "a large file": ([], "/big.bin", "200"),
    "nothing in it": ([], "/empty.txt", "200"),
    "HEAD": (["-I"], "/big.bin", "200"),
    "HEAD of what is chunked": (["-I"], "/page.html", "200"),
    "the first byte": (["-r", "0-0"], "/big.bin", "206"),
    "the last five": (["-r", "-5"], "/big.bin", "206"),
    "all but five": (["-r", "5-"], "/big.bin", "206"),
    "two ranges": (["-r", "0-1,400-500000"], "/big.bin", "206"),
    "behind the end": (["-r", "99999999-"], "/big.bin", "416"),
    "ranges of an old version": (["-r", "0-3", "-H", 'If-Range: "other"'], "/big.bin", "200"),
    "not modified": (["-z", "Thu, 01 Jan 2037 00:00:00 GMT"], "/big.bin", "304"),
    "a false condition": (["-H", 'If-Match: "other"'], "/big.bin", "412"),
    "gzip": (["-H", "Accept-Encoding: gzip"], "/words.txt", "200"),
    "gzip, undone by curl": (["--compressed"], "/words.txt", "200"),
    "chunked": ([], "/page.html", "200"),
    "chunked, for HTTP 1.0": (["--http1.0"], "/page.html", "200"),
    "to be kept": ([], "/fresh.txt", "200"),
    "fields that come twice": ([], "/cookies", "200"),
    "a listing": ([], "/folder/", "200"),
    "a slash is missing": ([], "/folder", "301"),
    "moved": ([], "/moved", "308"),
    "no content": ([], "/none", "204"),
    "an odd status": ([], "/teapot", "418"),
    "a broken service": ([], "/broken", "503"),
    "no password": ([], "/hidden.txt", "401"),
    "a password": (["-u", "ada:lovelace"], "/hidden.txt", "200"),
    "not found": ([], "/nothing?a=%20b", "404"),
    "not allowed": (["-d", "a=b"], "/index.html", "405"),
    "not known": (["-X", "FROB"], "/index.html", "405"),
    "OPTIONS": (["-X", "OPTIONS"], "/index.html", "405"),
    "too large": (["-T", "upload.bin"], "/small/in/x", "413"),
    "DELETE of nothing": (["-X", "DELETE"], "/in/nothing", "404"),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_it_is_the_same_with_and_without_the_proxy(origin, proxy, tmp_path, name):
    options, path, status = REQUESTS[name]
    (tmp_path / "upload.bin").write_bytes(bytes(3_000))
    address, _ = origin
    url = f"http://{address}{path}"
    direct = Got(tmp_path, options, url)
    assert direct.exit == 0 and direct.status.startswith(status)
    for _ in range(2):  # the second one meets a connection that waits
        through = Got(tmp_path, ["-x", proxy.url, *options], url)
        assert through.whole() == direct.whole()
        assert through.all("via") == ["1.1 netlab"]
    assert proxy.log["error"].iloc[-1] == ""


@pytest.mark.parametrize("name", REQUESTS)
def test_with_a_cache_it_is_the_same_status_and_content_and_no_field_says_otherwise(origin, cache, tmp_path, name):
    """An answer made out of a stored one may have a field more or less: a 206 the Accept-Ranges of the whole, a 304 no
    Server, and what came in chunks has a length."""
    options, path, _ = REQUESTS[name]
    (tmp_path / "upload.bin").write_bytes(bytes(3_000))
    url = f"http://{origin[0]}{path}"
    direct = Got(tmp_path, options, url)
    for _ in range(2):
        through = Got(tmp_path, ["-x", cache.url, *options], url)
        assert (through.exit, through.status, through.content) == (direct.exit, direct.status, direct.content)
        names = {name for name, _ in through.fields} & {name for name, _ in direct.fields}
        assert [each for each in through.end_to_end() if each[0] in names] == [
            each for each in direct.end_to_end() if each[0] in names
        ]
        assert through.all("cache-status") != []


@pytest.mark.parametrize("how", [[], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect: 100-continue"]])
def test_what_is_uploaded_arrives_whole(origin, proxy, tmp_path, how):
    address, site = origin
    (tmp_path / "big.bin").write_bytes(BIG)
    place = site / "in" / "new" / "copy.bin"
    for existed, status in ((False, "201"), (True, "204")):
        options = ["-x", proxy.url, "-T", "big.bin", "--expect100-timeout", "10", *how]
        got = Got(tmp_path, options, f"http://{address}/in/new/copy.bin")
        assert got.exit == 0 and got.status.startswith(status), existed
        assert place.read_bytes() == BIG
    gone = Got(tmp_path, ["-x", proxy.url, "-X", "DELETE"], f"http://{address}/in/new/copy.bin")
    assert gone.status.startswith("204") and not place.exists()


def test_an_answer_that_was_never_begun_is_502(origin, proxy, tmp_path):
    url = f"http://{origin[0]}/nobody"
    assert Got(tmp_path, [], url).exit == 52  # an empty reply
    through = Got(tmp_path, ["-x", proxy.url], url)
    assert through.exit == 0 and through.status.startswith("502")
    assert through.all("proxy-status") == ["netlab; error=connection_terminated"]


def test_an_origin_that_closes_early_leaves_no_answer_that_looks_complete(origin, proxy, tmp_path):
    """nginx has promised a length; then the file is cut, and it closes the connection."""
    address, site = origin
    exits, statuses = [], []
    for options in ([], ["-x", proxy.url], ["--http1.0", "-x", proxy.url]):
        cut = site / "slow.bin"
        cut.write_bytes(BIG)
        command = [need("curl", "curl"), "-s", "-m", "20", "-D", str(tmp_path / "fields"), "-o", "-", *options]
        with subprocess.Popen([*command, f"http://{address}/slow.bin"], stdout=subprocess.PIPE) as curl:
            curl.stdout.read(100_000)
            os.truncate(cut, 3_500_000)
            rest = curl.stdout.read()
        assert 0 < len(rest) + 100_000 < len(BIG)
        exits.append(curl.returncode)
        statuses.append((tmp_path / "fields").read_bytes().split(b" ")[1])
    assert exits == [18, 18, 18] and statuses == [b"200"] * 3  # 18: closed with bytes remaining to read
    assert proxy.log["error"].tolist()[-2:] == ["http_response_incomplete"] * 2
    cut.unlink()


def test_a_second_answer_of_the_cache_needs_no_origin(origin, tmp_path):
    url = f"http://{origin[0]}/fresh.txt"
    with netlab.ProxyServer(port=0, cache=True) as proxy:
        answers = [Got(tmp_path, ["-x", proxy.url], url) for _ in range(2)]
        head = Got(tmp_path, ["-x", proxy.url, "-I"], url)
        other = Got(tmp_path, ["-x", proxy.url, "-H", "Accept-Language: pt"], url)
        tag = answers[0].all("etag")[0]
        same = Got(tmp_path, ["-x", proxy.url, "-H", f"If-None-Match: {tag}"], url)
        assert proxy.log["cache"].tolist() == ["stored", "hit", "hit", "stored", "hit"]
    assert answers[0].whole() == answers[1].whole() and head.end_to_end() == answers[0].end_to_end()
    assert other.content == b"fresh" and (same.status, same.content) == ("304 Not Modified", b"")


@pytest.mark.parametrize("cached", [False, True], ids=["", "cache"])
def test_many_at_once_each_get_their_own(origin, tmp_path, cached):
    address, site = origin
    folder = site / "many"
    folder.mkdir(exist_ok=True)
    contents = {f"{number}.bin": random.Random(number).randbytes(number * number * 40) for number in range(60)}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    lines = [f'url = "http://{address}/many/{name}"\noutput = "{name}"\n' for name in [*contents, *contents]]
    (tmp_path / "urls").write_text("".join(lines))
    with netlab.ProxyServer(port=0, cache=cached) as proxy:
        command = [need("curl", "curl"), "-s", "-m", "30", "-Z", "--parallel-max", "20", "-x", proxy.url, "-K", "urls"]
        done = subprocess.run(command, cwd=tmp_path, timeout=40)
        assert proxy.log["status"].tolist() == [200] * 120 and set(proxy.log["error"]) == {""}
    assert done.returncode == 0
    assert {name: (tmp_path / name).read_bytes() for name in contents} == contents
