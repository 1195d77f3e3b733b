"""The grammar of HTTP/1.1 as patterns over bytes: above each, the rule of the RFC that it is.

All are used with ``fullmatch``, because ``$`` lets a final LF pass. They are stricter than the grammar where it
tolerates old mistakes (obs-fold, bare LF), and never laxer. Nothing here asks Python's `int` or `str` methods what a
digit or a blank is: those know far more of both than HTTP does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

# tchar = "!" / "#" / "$" / "%" / "&" / "'" / "*" / "+" / "-" / "." / "^" / "_" / "`" / "|" / "~" / DIGIT / ALPHA
# token = 1*tchar                                                                            RFC 9110 section 5.6.2
TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"

# method = token                                                                             RFC 9110 section 9.1
METHOD = re.compile(TOKEN)

# HTTP-version = "HTTP" "/" DIGIT "." DIGIT                                                  RFC 9112 section 2.3
VERSION = re.compile(rb"HTTP/([0-9])\.([0-9])")

# origin-form = absolute-path [ "?" query ]                                                  RFC 9112 section 3.2.1
# pchar = unreserved / pct-encoded / sub-delims / ":" / "@"                                  RFC 3986 section 3.3
# Browsers send a few characters more unencoded ([ ] | and others), so every visible one but "#" is let through.
ORIGIN_FORM = re.compile(rb"/[!\"$-~]*")

# absolute-form = absolute-URI                                                               RFC 9112 section 3.2.2
ABSOLUTE_FORM = re.compile(rb"([A-Za-z][A-Za-z0-9+.\-]*)://([^/?#]*)([/?][!\"$-~]*)?")

# uri-host = IP-literal / IPv4address / reg-name                                             RFC 3986 section 3.2.2
HOST = rb"(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9\-._~!$&'()*+;=]|%[0-9A-Fa-f]{2})+)"

# Host = uri-host [ ":" port ]                                                               RFC 9110 section 7.2
AUTHORITY = re.compile(rb"(" + HOST + rb")(?::([0-9]{0,5}))?")

# authority-form = uri-host ":" port                                                         RFC 9112 section 3.2.3
AUTHORITY_FORM = re.compile(rb"(" + HOST + rb"):([0-9]{1,5})")

# request-line = method SP request-target SP HTTP-version                                    RFC 9112 section 3
REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([!-~]+) (HTTP/[0-9]\.[0-9])")

# status-line = HTTP-version SP status-code SP [ reason-phrase ]                             RFC 9112 section 4
# reason-phrase = 1*( HTAB / SP / VCHAR / obs-text ). Many servers leave out the second blank, too.
STATUS_LINE = re.compile(rb"(HTTP/[0-9]\.[0-9]) ([1-5][0-9][0-9])(?: ([\t -~\x80-\xff]*))?")

# field-line = field-name ":" OWS field-value OWS                                            RFC 9112 section 5
# field-value = *( VCHAR / obs-text / SP / HTAB )                                            RFC 9110 section 5.5
FIELD_LINE = re.compile(rb"(" + TOKEN + rb"):[ \t]*((?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?)[ \t]*")
FIELD_NAME = re.compile(TOKEN)
FIELD_VALUE = re.compile(rb"(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?")

# Content-Length = 1*DIGIT                                                                   RFC 9110 section 8.6
# Eighteen digits are more than all disks of the world hold, and fit into 64 bits.
CONTENT_LENGTH = re.compile(rb"[0-9]{1,18}")

# chunk-size = 1*HEXDIG ; chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )
#                                                                                            RFC 9112 section 7.1
# BWS is what a recipient should put up with. Here it may stand behind a ";" only, not before one nor around a "=": two
# readers of such lines have disagreed before about where the size ends.
QUOTED = rb"\"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*\""
EXTENSION = rb";[ \t]*" + TOKEN + rb"(?:=(?:" + TOKEN + rb"|" + QUOTED + rb"))?"
CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})((?:" + EXTENSION + rb")*)")


def decimal(digits: bytes) -> int:
    """Give a number that `CONTENT_LENGTH` has matched."""
    return int(digits)


def tokens(values: Sequence[bytes]) -> list[bytes]:
    """Give the elements of a comma-separated list, in lower case; empty ones are left out (RFC 9110 section 5.6.1)."""
    parts = (part.strip(b" \t").lower() for value in values for part in value.split(b","))
    return [part for part in parts if part]
