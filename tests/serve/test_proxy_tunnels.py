"""Tunnels: CONNECT, and a change of protocol; with the kernel's pipe and without."""

import hashlib
import os
import socket
import ssl
import struct
import threading

import pytest
import trustme

import netlab
from netlab.errors import UsageError
from tests.support.proxying import always, answering, ask, client_of, origin_that, read_all, read_head

pytestmark = pytest.mark.network


@pytest.fixture(params=[True, False], ids=["splice", "copy"])
def splicing(request, monkeypatch):
    if request.param and not hasattr(os, "splice"):
        pytest.skip("needs os.splice: Linux")
    monkeypatch.setattr("netlab.serve.moving.CAN_SPLICE", request.param)


def echo(sock, seen):
    """Sends back all that comes, and ends when the other side does."""
    while data := sock.recv(65_536):
        seen.append(data)
        sock.sendall(data)
    sock.shutdown(socket.SHUT_WR)
    read_all(sock)


def tunnel_to(address, **options):
    return netlab.ProxyServer(port=0, connect_ports=[443, int(address.rpartition(":")[2])], **options)


def connect(sock, address, early=b"", version="1.1"):
    sock.sendall(f"CONNECT {address} HTTP/{version}\r\nHost: {address}\r\n\r\n".encode() + early)
    return read_head(sock)


def test_bytes_go_both_ways_and_are_counted(splicing):
    with origin_that(echo) as (address, _), tunnel_to(address) as proxy:
        with client_of(proxy) as sock:
            head, rest = connect(sock, address)
            assert head.startswith(b"HTTP/1.1 200 ") and rest == b""
            assert b"content-length" not in head.lower() and b"transfer-encoding" not in head.lower()
            sock.sendall(b"one")
            assert sock.recv(10) == b"one"
            sock.sendall(b"two")
            assert sock.recv(10) == b"two"
            assert len(proxy.log) == 0  # a tunnel's row is written when it ends
            sock.shutdown(socket.SHUT_WR)
            assert read_all(sock) == b""
        log = proxy.log
    assert log[["method", "status", "target", "tunnel_up_bytes", "tunnel_down_bytes"]].values.tolist() == [
        ["CONNECT", 200, address, 6, 6]
    ]
    assert log["error"].tolist() == [""] and log["upstream"].tolist() == [address]
    assert proxy.details(0)["close_reason"] == "the client closed it first"
    assert proxy.details(0)["framing"] == "tunnel" and proxy.details(0)["family"] == "IPv4"
    parts = log[["queue_ms", "dns_ms", "connect_ms", "send_ms", "wait_ms", "receive_ms"]].sum(axis=1)
    assert parts.round(6).tolist() == log["total_ms"].round(6).tolist()


def test_what_the_client_sends_early_is_kept(splicing):
    with origin_that(echo) as (address, seen), tunnel_to(address) as proxy, client_of(proxy) as sock:
        _, rest = connect(sock, address, early=b"early bytes")
        while len(rest) < 11:
            rest += sock.recv(100)
        assert rest == b"early bytes" and b"".join(seen) == b"early bytes"


def test_an_http_1_0_client_gets_a_tunnel(splicing):
    with origin_that(echo) as (address, _), tunnel_to(address) as proxy, client_of(proxy) as sock:
        assert connect(sock, address, version="1.0")[0].startswith(b"HTTP/1.1 200 ")
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"


def test_a_half_close_passes_and_the_other_direction_goes_on(splicing):
    def late_answer(sock, seen):
        seen.append(read_all(sock))
        sock.sendall(b"answer after the end")

    with origin_that(late_answer) as (address, seen), tunnel_to(address) as proxy, client_of(proxy) as sock:
        connect(sock, address)
        sock.sendall(b"question")
        sock.shutdown(socket.SHUT_WR)
        assert read_all(sock) == b"answer after the end"
    assert seen == [b"question"]


def test_the_origin_s_half_close_passes_too(splicing):
    def first(sock, seen):
        sock.sendall(b"bye")
        sock.shutdown(socket.SHUT_WR)
        seen.append(read_all(sock))

    with origin_that(first) as (address, seen), tunnel_to(address) as proxy:
        with client_of(proxy) as sock:
            _, early = connect(sock, address)
            assert early + read_all(sock) == b"bye"
            sock.sendall(b"I am still here")
        proxy.stop()
        assert proxy.details(0)["close_reason"] == "the origin closed it first"
    assert seen == [b"I am still here"]


def test_megabytes_both_ways_at_once_arrive_whole(splicing):
    data = os.urandom(6_000_000)

    def both(sock, seen):
        sender = threading.Thread(target=sock.sendall, args=(data[::-1],))
        sender.start()
        digest, count = hashlib.sha256(), 0
        while count < len(data):
            piece = sock.recv(65_536)
            digest.update(piece)
            count += len(piece)
        seen.append(digest.digest())
        sender.join()

    with origin_that(both) as (address, seen), tunnel_to(address) as proxy:
        with client_of(proxy) as sock:
            _, early = connect(sock, address)
            sender = threading.Thread(target=sock.sendall, args=(data,))
            sender.start()
            back = early + read_all(sock)
            sender.join()
        proxy.stop()
        assert proxy.log["tunnel_up_bytes"].tolist() == proxy.log["tunnel_down_bytes"].tolist() == [len(data)]
    assert back == data[::-1] and seen == [hashlib.sha256(data).digest()]


def test_a_reader_that_does_not_read_holds_the_sender_back(splicing):
    """The proxy keeps a pipe or a piece, not what was sent."""
    go = threading.Event()

    def reads_late(sock, seen):
        go.wait(10)
        seen.append(len(read_all(sock)))

    with origin_that(reads_late) as (address, seen), tunnel_to(address) as proxy, client_of(proxy) as sock:
        connect(sock, address)
        sock.setblocking(False)
        sent = 0
        idle = 0
        while idle < 20:
            try:
                sent += sock.send(bytes(65_536))
                idle = 0
            except BlockingIOError:
                idle += 1
                proxy.log  # noqa: B018 - waits until the loop has done what it can
        assert sent < 64 << 20
        go.set()
        sock.setblocking(True)
        sock.shutdown(socket.SHUT_WR)
        read_all(sock)
    assert seen == [sent]


def test_a_reset_ends_both_sides_and_is_told(splicing):
    def resets(sock, seen):
        sock.recv(10)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with origin_that(resets) as (address, _), tunnel_to(address) as proxy:
        with client_of(proxy) as sock:
            connect(sock, address)
            sock.sendall(b"hello")
            assert read_all(sock) == b""
        assert proxy.details(0)["close_reason"] == "the origin has broken it off"
        assert proxy.log["tunnel_up_bytes"].tolist() == [5]


def test_a_silent_tunnel_ends_by_its_limit(splicing):
    with origin_that(echo) as (address, _), tunnel_to(address, limits={"tunnel_time": 0.2}) as proxy:
        with client_of(proxy) as sock:
            connect(sock, address)
            assert read_all(sock) == b""
        assert proxy.details(0)["close_reason"] == "nothing has moved for 0.2 seconds"


def test_stop_ends_tunnels_and_they_have_their_rows():
    with origin_that(echo) as (address, _), tunnel_to(address) as proxy:
        with client_of(proxy) as sock:
            connect(sock, address)
            sock.sendall(b"x")
            assert sock.recv(1) == b"x"
            proxy.stop(grace=0)
            assert read_all(sock) == b""
    assert proxy.log["tunnel_up_bytes"].tolist() == [1] and proxy.log["error"].tolist() == ["the proxy was stopped"]


def test_tls_goes_through_untouched(splicing):
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(client)

    def talk(sock, seen):
        with server.wrap_socket(sock, server_side=True) as secure:
            seen.append(read_head(secure)[0])
            secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret")
            secure.unwrap()

    with origin_that(talk) as (address, seen), tunnel_to(address) as proxy, client_of(proxy) as sock:
        connect(sock, address)
        with client.wrap_socket(sock, server_hostname="localhost") as secure:
            secure.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"secret" in secure.recv(1000)
            assert secure.getpeercert()["subjectAltName"] == (("DNS", "localhost"),)
    assert seen == [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"]


@pytest.mark.parametrize("port", [22, 25, 80, 8443])
def test_only_443_is_tunnelled_to_unless_more_is_asked_for(port):
    with netlab.ProxyServer(port=0) as proxy:
        back = ask(proxy, f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        assert back.startswith(b"HTTP/1.1 403 ") and b"error=http_request_denied" in back
        assert proxy.log[["method", "status", "rule"]].values.tolist() == [["CONNECT", 403, "RFC 9110 9.3.6"]]


def test_200_comes_only_when_the_origin_is_there():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    with tunnel_to(address) as proxy:
        back = ask(proxy, f"CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
        assert back.startswith(b"HTTP/1.1 502 ") and b"error=connection_refused" in back


@pytest.mark.parametrize(
    "target", ["127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "http://127.0.0.1:443/", "user@h:443", ":443"]
)
def test_connect_wants_host_and_port(target):
    with netlab.ProxyServer(port=0) as proxy:
        assert ask(proxy, f"CONNECT {target} HTTP/1.1\r\nHost: h\r\n\r\n".encode()).startswith(b"HTTP/1.1 400 ")


def test_connect_with_content_is_refused():
    with netlab.ProxyServer(port=0) as proxy:
        back = ask(proxy, b"CONNECT 127.0.0.1:443 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
        assert back.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("ports", [[0], [70_000], ["443"], [True]])
def test_ports_that_cannot_be(ports):
    with pytest.raises(UsageError, match="connect_ports"):
        netlab.ProxyServer(port=0, connect_ports=ports)


# -- a change of protocol -------------------------------------------------------------------------------------------

SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n"
)


def switches(sock, seen):
    head, rest = read_head(sock)
    seen.append(head)
    sock.sendall(SWITCH + b"frame 0")
    sock.sendall(rest)
    echo(sock, [])


def upgrade(address, more="Connection: Upgrade\r\nUpgrade: websocket\r\n"):
    return f"GET http://{address}/chat HTTP/1.1\r\nHost: {address}\r\n{more}Sec-WebSocket-Key: k\r\n\r\n".encode()


def test_websocket_frames_pass_both_ways(splicing):
    with origin_that(switches) as (address, seen), netlab.ProxyServer(port=0) as proxy:
        with client_of(proxy) as sock:
            sock.sendall(upgrade(address))
            head, rest = read_head(sock)
            while len(rest) < 7:
                rest += sock.recv(100)
            assert rest == b"frame 0"
            sock.sendall(b"\x81\x05hello")
            assert sock.recv(100) == b"\x81\x05hello"
        proxy.stop()
        log = proxy.log
    assert head.startswith(b"HTTP/1.1 101 ") and b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" in head
    assert b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" in seen[0] and b"Sec-WebSocket-Key: k" in seen[0]
    assert log[["status", "tunnel_up_bytes", "tunnel_down_bytes"]].values.tolist() == [[101, 7, 14]]


@pytest.mark.parametrize(
    "fields",
    [
        "Upgrade: websocket\r\n",
        "Connection: close\r\nUpgrade: websocket\r\n",
        "Connection: Upgrade\r\nUpgrade: h2c\r\n",
    ],
)
def test_an_upgrade_that_was_not_properly_asked_for_is_not_passed_on(fields):
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    with origin_that(always(ok)) as (address, seen), netlab.ProxyServer(port=0) as proxy:
        assert ask(proxy, upgrade(address, fields)).startswith(b"HTTP/1.1 200 ")
    assert b"pgrade" not in seen[0] and b"Connection" not in seen[0]


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ("", SWITCH),
        ("Connection: Upgrade\r\nUpgrade: websocket\r\n", SWITCH.replace(b"websocket", b"irc")),
        ("Connection: Upgrade\r\nUpgrade: websocket\r\n", SWITCH.replace(b"Upgrade: websocket\r\n", b"")),
    ],
)
def test_a_change_that_nobody_asked_for_is_502(fields, answer):
    with origin_that(answering(answer)) as (address, _), netlab.ProxyServer(port=0) as proxy:
        back = ask(proxy, upgrade(address, fields))
        assert back.startswith(b"HTTP/1.1 502 ") and b"error=http_upgrade_failed" in back


# -- somebody's own way to pass bytes on ----------------------------------------------------------------------------


def test_a_relay_of_one_s_own_carries_a_tunnel():
    def shout(source, sink):
        while data := (yield from source.receive()):
            yield from sink.send(data.upper())

    with origin_that(echo) as (address, _), tunnel_to(address, relay=shout) as proxy:
        with client_of(proxy) as sock:
            connect(sock, address)
            sock.sendall(b"hello")
            assert sock.recv(10) == b"HELLO"
        proxy.stop()
        assert proxy.log["tunnel_up_bytes"].tolist() == [5]
