"""What no log shows of a head: the values of the fields that prove who somebody is, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.http.reader import SECRET
from netlab.http.secret_fields import is_secret, without_secrets


@pytest.mark.parametrize(
    ("head", "shown"),
    [
        (b"Cookie: a=1; b=2\r\nX: y\r\n\r\n", b"Cookie: (left out)\r\nX: y\r\n\r\n"),
        (b"authorization:Basic YTpi\r\n", b"authorization:(left out)\r\n"),
        (b"PROXY-Authorization \t: Basic YTpi\r\n", b"PROXY-Authorization \t: (left out)\r\n"),
        (b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n", b"Set-Cookie: (left out)\r\nSet-Cookie: (left out)\r\n"),
        (b"Cookie: a\r\n b\r\n\tc\r\nX: y\r\n", b"Cookie: (left out)\r\nX: y\r\n"),  # folded: refused, and logged
        (b"Cookie: a\n b\nX: y\n", b"Cookie: (left out)\nX: y\n"),
        (b"GET / HTTP/1.1\r\nCookie: cut o", b"GET / HTTP/1.1\r\nCookie: (left out)"),
        (b"X-Cookie: a\r\nCookies: b\r\nX: Cookie: c\r\n", b"X-Cookie: a\r\nCookies: b\r\nX: Cookie: c\r\n"),
        (b"Cookie:\r\nX: y\r\n", b"Cookie:\r\nX: y\r\n"),
        (b"", b""),
    ],
)
def test_the_value_goes_and_the_rest_stays(head, shown):
    assert without_secrets(head) == shown


@given(st.sampled_from(SECRET), st.from_regex(rb"[!-~]([ -~]{0,20}[!-~])?", fullmatch=True))
def test_no_value_gets_through(name, value):
    shown = without_secrets(b"GET / HTTP/1.1\r\nHost: h\r\n%s: %s\r\n\r\n" % (name, value))
    assert shown == b"GET / HTTP/1.1\r\nHost: h\r\n%s: (left out)\r\n\r\n" % name


def test_the_names_are_known_however_they_are_written():
    assert is_secret(b"Set-COOKIE") and is_secret(b" cookie\t") and not is_secret(b"x-cookie")
