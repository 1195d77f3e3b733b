"""Origins and clients for the tests of the proxy: byte by byte, on loopback only."""

import errno
import socket
import threading
from contextlib import ExitStack, contextmanager


def read_head(sock, data=b""):
    """Read until the end of a head; gives it, and what came behind it."""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(65_536)
        if not piece:
            return data, b""
        data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    return head + b"\r\n\r\n", rest


def read_all(sock):
    data = b""
    try:
        while piece := sock.recv(65_536):
            data += piece
    except ConnectionResetError:
        pass
    return data


@contextmanager
def origin_that(*conversations, family=socket.AF_INET):
    """An origin whose nth connection is served by the nth function (the last one also serves all others).

    Gives its address (``127.0.0.1:port``) and a list that each function can add to: it is called with a socket and
    that list.
    """
    seen, sockets, threads = [], [], []
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    listener = socket.create_server((host, 0), family=family)

    def serve(sock, talk):
        with sock:
            sock.settimeout(10)
            try:
                talk(sock, seen)
            except OSError:
                pass

    def run():
        number = 0
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            sockets.append(sock)
            talk = conversations[min(number, len(conversations) - 1)]
            number += 1
            threads.append(threading.Thread(target=serve, args=(sock, talk), daemon=True))
            threads[-1].start()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        port = listener.getsockname()[1]
        yield (f"127.0.0.1:{port}" if family == socket.AF_INET else f"[::1]:{port}"), seen
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
        for sock in sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for each in threads:
            each.join(5)


def answering(*answers):
    """A conversation: each request without content gets the next answer, on one connection."""

    def talk(sock, seen):
        rest = b""
        for answer in answers:
            head, rest = read_head(sock, rest)
            if not head:
                return
            seen.append(head)
            sock.sendall(answer)
        sock.shutdown(socket.SHUT_WR)
        read_all(sock)

    return talk


def always(answer):
    """A conversation: every request without content gets the same answer."""

    def talk(sock, seen):
        rest = b""
        while True:
            head, rest = read_head(sock, rest)
            if not head.endswith(b"\r\n\r\n"):
                return
            seen.append(head)
            sock.sendall(answer)

    return talk


@contextmanager
def client_of(proxy):
    with socket.create_connection((proxy.host, proxy.port), timeout=15) as sock:
        yield sock


def without_names(proxy):
    """Let nobody have a name: a test asks no resolver outside."""

    def resolve(host, port):
        raise OSError(f"nobody is called {host}")

    proxy._place._loop.look_ups._resolve = resolve


@contextmanager
def nobody():
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    yield f"127.0.0.1:{port}", []


@contextmanager
def full():
    """A host whose queue is full: a call gets no answer."""
    with socket.socket() as listener, ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield f"127.0.0.1:{listener.getsockname()[1]}", []


def no_route(proxy):
    """Every call fails as it does on a machine that has no route to there."""

    class Unroutable(socket.socket):
        def connect_ex(self, address):
            return errno.EHOSTUNREACH

    proxy._place._loop.open_socket = Unroutable


def ask(proxy, data, end=True):
    """Send bytes to the proxy; give everything that comes back until it closes."""
    with client_of(proxy) as sock:
        sock.sendall(data)
        if end:
            sock.shutdown(socket.SHUT_WR)
        return read_all(sock)


def get(proxy, address, path="/", fields="", version="1.1", method="GET"):
    return ask(proxy, f"{method} http://{address}{path} HTTP/{version}\r\nHost: {address}\r\n{fields}\r\n".encode())


def read_answer(sock, data=b""):
    """Read one answer with Content-Length; gives head, content, and what came behind it."""
    head, rest = read_head(sock, data)
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(rest) < length:
        piece = sock.recv(65_536)
        if not piece:
            break
        rest += piece
    return head, rest[:length], rest[length:]
