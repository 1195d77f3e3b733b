"""HTTP/1.1 without sockets: bytes in, events out; values in, bytes out (RFC 9110, RFC 9112).

Read in this order: ``grammar.py`` (what the bytes may be), ``events.py`` (what they mean), ``framing.py`` (where a
message ends), ``reader.py``, ``writer.py``, ``connection.py`` (who may say what when).
"""

from netlab.http.events import Data, EndOfMessage, Request, Response
from netlab.http.reader import Limits, Reader

__all__ = ["Data", "EndOfMessage", "Limits", "Reader", "Request", "Response"]
