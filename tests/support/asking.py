"""Speaking HTTP to a server under test: byte by byte, and with Python's own client."""

import http.client
import socket


def ask(server, data, end=True):
    """Send bytes, give everything that comes back until the server closes."""
    with socket.create_connection((server.host, server.port), timeout=10) as sock:
        sock.sendall(data)
        if end:
            sock.shutdown(socket.SHUT_WR)
        back = b""
        while piece := sock.recv(65_536):
            back += piece
        return back


def get(server, path, method="GET", **fields):
    connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
    try:
        connection.request(method, path, headers=fields)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()
