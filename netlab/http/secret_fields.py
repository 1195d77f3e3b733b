"""Fields that prove who somebody is: no log shows what they say (RFC 9110 section 17.16.1, RFC 6265 section 8.3).

Whoever was sent such a field has to know its value; whoever reads a server's log has not, and could be somebody else
with it. The name stays, so that one sees that it was there.
"""

from __future__ import annotations

import re

from netlab.http.reader import SECRET

HIDDEN = "(left out)"

_LINES = re.compile(rb"(?im)^(%s)([ \t]*:[ \t]*)(?:[^\r\n]|\r?\n[ \t])+" % b"|".join(SECRET))


def is_secret(name: bytes) -> bool:
    """Whether the value of a field of this name is left out."""
    return name.strip().lower() in SECRET


def without_secrets(head: bytes) -> bytes:
    """Give a head, or what has come of one, without the values of those fields; folded lines belong to a value."""
    return _LINES.sub(rb"\1\2%s" % HIDDEN.encode(), head)
