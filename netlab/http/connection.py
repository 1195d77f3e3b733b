"""Who may say what when: one exchange after the other on a connection, as two small machines (RFC 9112 section 9).

Each side of a connection has a state, and what it says moves it: `CLIENT` and `SERVER` are the whole story, written as
tables from a state and what is said to the next state. What is not in a table cannot be said. Two rules tie the sides
together:

1. The next request may begin only when both messages are complete (`Exchanges.next_exchange`): whoever reads a request
   from bytes that still belong to the one before can be made to read something that its sender never meant.
2. A connection that one side wants to close carries no further exchange; what was pipelined behind it is not answered
   (section 9.6).

After ``tunnel`` the bytes are no HTTP any more (CONNECT, or 101 Switching Protocols).
"""

from __future__ import annotations

from collections.abc import Mapping

from netlab.errors import LocalProtocolError

Table = Mapping[str, Mapping[str, str]]

CLIENT: Table = {
    "idle": {"request": "sending", "close": "closed"},
    "sending": {"content": "sending", "end": "done", "close": "closed"},
    "done": {"next": "idle", "switch": "tunnel", "close": "closed"},
    "tunnel": {"close": "closed"},
    "closed": {},
}
"""What the client says; ``request`` is a head, ``end`` the end of its content, at once where it has none."""

SERVER: Table = {
    "idle": {"response": "sending", "interim": "idle", "close": "closed"},
    "sending": {"content": "sending", "end": "done", "switch": "tunnel", "close": "closed"},
    "done": {"next": "idle", "close": "closed"},
    "tunnel": {"close": "closed"},
    "closed": {},
}
"""What the server says: interim responses (1xx) before the final one. Closing also ends content that has no length."""


class Exchanges:
    """The states of both sides of one connection; the web server keeps one for each.

    Attributes
    ----------
    client, server
        A state each: idle, sending, done, tunnel or closed.
    """

    __slots__ = ("client", "server")

    def __init__(self) -> None:
        self.client = self.server = "idle"

    def __repr__(self) -> str:
        return f"<exchange: client {self.client}, server {self.server}>"

    def client_says(self, what: str) -> None:
        """Note what the client says. Raises LocalProtocolError when it cannot be said in this state."""
        try:
            self.client = CLIENT[self.client][what]
        except KeyError:
            raise _cannot("client", CLIENT[self.client], self.client, what) from None

    def server_says(self, what: str) -> None:
        """Note what the server says; as in `client_says`."""
        try:
            self.server = SERVER[self.server][what]
        except KeyError:
            raise _cannot("server", SERVER[self.server], self.server, what) from None

    def whole_exchange(self) -> None:
        """Note a request and its response, both complete, and begin again: request, end, response, end, next in one
        call, for the exchanges that nearly all are."""
        if self.client != "idle" or self.server != "idle":
            raise LocalProtocolError(f"the client is {self.client} and the server is {self.server}, and not idle both")

    def next_exchange(self) -> None:
        """Both messages are complete, and both sides want the connection to last: begin again."""
        if self.client == self.server == "done":
            self.client = self.server = "idle"
            return
        raise LocalProtocolError(
            f"no new exchange while the client is {self.client} and the server is {self.server} (RFC 9112 section 9.3)"
        )


def _cannot(side: str, allowed: Mapping[str, str], state: str, what: str) -> LocalProtocolError:
    return LocalProtocolError(f"the {side} is {state}: it may say {', '.join(allowed) or 'nothing'}, not {what}")
