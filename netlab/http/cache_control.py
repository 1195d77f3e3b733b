"""The directives of Cache-Control, of requests and responses alike (RFC 9111 section 5.2).

    Cache-Control: max-age=60, no-cache="set-cookie, x-user", foo

The strategy: whoever reads this wrongly keeps something that was not to be kept, so every doubt ends on the careful
side. What does not fit the grammar still counts by its name; a number that is none is 0, which makes a response stale
at once (section 4.2.1); the first of two equal directives counts, and what speaks of the whole response beats what
speaks of some fields.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from netlab.http import grammar
from netlab.http.events import Request, Response

# Cache-Control = #cache-directive ; cache-directive = token [ "=" ( token / quoted-string ) ]  RFC 9111 section 5.2
DIRECTIVE = re.compile(rb"(" + grammar.TOKEN + rb")(?:=(" + grammar.TOKEN + rb"|" + grammar.QUOTED + rb"))?")
NAME = re.compile(grammar.TOKEN)
# A comma inside a quoted string separates nothing; a quote without its other half is an ordinary character.
ELEMENT = re.compile(rb'(?:[^,"]|"(?:[^"\\]|\\.)*"|")+')
DIGITS = re.compile(rb"[0-9]+")

MOST_SECONDS = 2**31
"""A larger number means this one (section 1.2.2): 68 years."""
SCOPED = (b"no-cache", b"private")
"""With a list of field names these speak of those fields only, without one of the whole response."""


class Directives(dict[bytes, bytes | None]):
    """Name in lower case → value without quotes, None where there is none; the order is that of the field."""

    def seconds(self, name: bytes) -> int | None:
        """The number of a directive; None: it is not there; 0 also for what is no number."""
        if name not in self:
            return None
        value = self[name] or b""
        if not DIGITS.fullmatch(value):
            return 0
        return min(int(value), MOST_SECONDS) if len(value) <= 20 else MOST_SECONDS

    def whole(self, name: bytes) -> bool:
        """Whether a directive is there and speaks of the whole response."""
        return name in self and not self[name]

    def names(self, name: bytes) -> list[bytes]:
        """The fields that ``no-cache="…"`` or ``private="…"`` names, in lower case."""
        return grammar.tokens([self.get(name) or b""])


def directives(message: Request | Response) -> Directives:
    """Give the directives of a message's Cache-Control fields."""
    values = message.index.get(b"cache-control")
    return parse(tuple(values)) if values else NONE


@lru_cache(512)
def parse(values: Sequence[bytes]) -> Directives:
    """Give the directives of field values, which are one list (RFC 9110 section 5.3)."""
    found = Directives()
    for element in ELEMENT.findall(b",".join(values)):
        text = element.strip(b" \t")
        match = DIRECTIVE.fullmatch(text)
        if match:
            name, value = match[1].lower(), _unquoted(match[2])
        elif begins := NAME.match(text):
            name, value = begins[0].lower(), b""
        else:
            continue
        if name not in found or (name in SCOPED and not value):
            found[name] = value
    return found


def _unquoted(value: bytes | None) -> bytes | None:
    if value is None or not value.startswith(b'"'):
        return value
    return re.sub(rb"\\(.)", rb"\1", value[1:-1])


NONE = Directives()
