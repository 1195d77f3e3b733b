"""``python -m netlab proxy``: its options, and what it says."""

import http.client
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from netlab.cli import main
from tests.support.proxying import always, origin_that

pytestmark = pytest.mark.network

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nCache-Control: max-age=60\r\n\r\nhi"


@contextmanager
def running(*options):
    command = [sys.executable, "-m", "netlab", "proxy", "-p0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process, int(process.stdout.readline().rpartition(":")[2].partition("/")[0])
        finally:
            process.kill()


def end(process):
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    return process.returncode, out, err


def ask(port, address, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", f"http://{address}/", headers=headers or {})
    answer = connection.getresponse()
    found = answer.status, answer.getheader("Via"), answer.getheader("Cache-Status"), answer.read()
    connection.close()
    return found


def test_cache_name_and_password_are_options(tmp_path):
    users = tmp_path / "users"
    users.write_text("ada:secret\n\nbob:other\n")
    with origin_that(always(OK)) as (address, seen):
        options = ["--cache", "1", "--pseudonym", "mine", "--users", str(users), "--forwarded", "on"]
        with running(*options) as (process, port):
            assert ask(port, address)[0] == 407
            right = {"Proxy-Authorization": "Basic YWRhOnNlY3JldA=="}
            assert ask(port, address, right) == (200, "1.1 mine", "mine; fwd=uri-miss; stored", b"hi")
            assert ask(port, address, right)[2].startswith("mine; hit")
            code, out, err = end(process)
    assert (code, err) == (0, "") and out.endswith("3 answers: 2 × 200, 1 × 407\n") and "secret" not in out
    assert len(seen) == 1 and b"by=_mine" in seen[0]


def test_ports_of_tunnels_are_an_option():
    with origin_that(lambda sock, seen: sock.sendall(sock.recv(10))) as (address, _):
        host, _, number = address.rpartition(":")
        with running("--connect-port", number) as (process, port):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.set_tunnel(host, int(number))
            connection.connect()
            connection.sock.sendall(b"hello")
            assert connection.sock.recv(10) == b"hello"
            connection.close()
            assert f'"CONNECT {address} HTTP/1.0" 200' in process.stdout.readline()
            assert end(process)[0] == 0


def test_every_address_needs_networks_and_is_warned_about():
    with running("--host", "", "--allow", "192.0.2.0/24") as (process, _):
        code, _, err = end(process)
    assert code == 0 and err == "netlab: warning: others can reach this proxy at every address\n"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--host", ""], "--allow"), (["--allow", "0.0.0.0/0"], "everybody"), (["--allow-target", "a b"],
        "allow_targets"),
        (["--connect-port", "0"], "connect_ports"), (["--pseudonym", "a b"], "pseudonym"), (["--users",
        "/nowhere"], "--users"),
        (["-t", "0"], "connect_timeout"), (["--cache", "0"], "--cache"),
    ],
)  # fmt: skip
def test_options_that_cannot_be_are_refused_with_a_reason(capsys, options, says):
    assert main(["proxy", "-p0", *options]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "name\n", ":x\n", "a:\n"])
def test_a_file_of_users_must_be_one(capsys, tmp_path, text):
    file = tmp_path / "users"
    file.write_text(text)
    assert main(["proxy", "-p0", "--users", str(file)]) == 2
    assert "name:password" in capsys.readouterr().err
