"""From what a page or a Location field says to a URL: the examples of RFC 3986, and what browsers tolerate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.http import grammar
from netlab.http.references import encode, host_name, resolve

PAGE = "http://www/a/page.html?from=here#there"


@pytest.mark.parametrize(
    ("reference", "url"),
    [
        ("g", "http://a/b/c/g"),
        ("./g", "http://a/b/c/g"),
        ("g/", "http://a/b/c/g/"),
        ("/g", "http://a/g"),
        ("//g", "http://g/"),
        ("?y", "http://a/b/c/d;p?y"),
        ("g?y", "http://a/b/c/g?y"),
        ("#s", "http://a/b/c/d;p?q"),
        ("g#s", "http://a/b/c/g"),
        ("g;x?y#s", "http://a/b/c/g;x?y"),
        ("", "http://a/b/c/d;p?q"),
        ("..", "http://a/b/"),
        ("../g", "http://a/b/g"),
        ("../../../g", "http://a/g"),
        ("g?y/../x", "http://a/b/c/g?y/../x"),
        ("http:g", "http://a/b/c/g"),
    ],
)
def test_references_mean_what_rfc_3986_section_5_4_says(reference, url):
    assert resolve("http://a/b/c/d;p?q", reference) == url


@pytest.mark.parametrize(
    ("reference", "url"),
    [
        ("日本.png", "http://www/a/%E6%97%A5%E6%9C%AC.png"),
        ("é.png?q=ü", "http://www/a/%C3%A9.png?q=%C3%BC"),
        ("a b.png", "http://www/a/a%20b.png"),
        ("  a.png\n", "http://www/a/a.png"),
        ("long\r\n\tname.png", "http://www/a/longname.png"),
        ("%C3%A9%20.png", "http://www/a/%C3%A9%20.png"),
        ("100%.png", "http://www/a/100%.png"),
        (r"img\new\b.png?c:\d", r"http://www/a/img/new/b.png?c:\d"),
        ('a"<b>`{c}^|[d].png', "http://www/a/a%22%3Cb%3E%60%7Bc%7D%5E|[d].png"),
        ("a?q=\"<b>'`{c}^|[d]?", "http://www/a/a?q=%22%3Cb%3E%27`{c}^|[d]?"),
        ("a\x01\x7f.png", "http://www/a/a%01%7F.png"),
        ("\udce9.png", "http://www/a/%E9.png"),  # a byte of a Location field that is not UTF-8
        ("a//b.png", "http://www/a/a//b.png"),
        ("%2E./%2e/b.png", "http://www/b.png"),
        ("//例え.jp/é", "http://例え.jp/%C3%A9"),
        ("///other/é", "http://other/%C3%A9"),
        ("HTTP://WWW?é", "http://WWW/?%C3%A9"),
        ("data:,é b", "data:,é b"),
        ("https://www/é", "https://www/é"),
        ("http://[x/é", "http://[x/%C3%A9"),
    ],
)
def test_what_no_url_may_hold_is_encoded_as_browsers_do(reference, url):
    assert resolve(PAGE, reference) == url


@pytest.mark.parametrize("base", ["http://www/a/b", " http://www/a/b", "HTTP://www/a/b#c?d"])
def test_a_page_is_the_same_however_its_url_was_typed(base):
    assert resolve(base, "é") == resolve(base, "http:é") == "http://www/a/%C3%A9"


@given(st.text(max_size=40) | st.text("a/.?#%:\\é <", max_size=20))
def test_whatever_a_page_says_is_something_that_can_be_asked_for(reference):
    url = resolve(PAGE, reference)
    if url.startswith("http://www/"):
        target = url.removeprefix("http://www").encode("ascii")
        assert grammar.ORIGIN_FORM.fullmatch(target)
        assert resolve(PAGE, url) == url


def test_only_what_is_not_ascii_is_encoded_where_nobody_asks_for_more():
    assert encode('/é "{a b}"') == '/%C3%A9 "{a b}"'
    with pytest.raises(ValueError):
        encode("\ud800")


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("www", "www"),
        ("a_b.example.", "a_b.example."),
        ("例え.jp", "xn--r8jz45g.jp"),
        ("例え。jp", "xn--r8jz45g.jp"),  # the full stop of Japanese
        ("%E4%BE%8B%E3%81%88.jp", "xn--r8jz45g.jp"),  # RFC 3986 section 3.2.2
        ("bücher.example", "xn--bcher-kva.example"),
        ("a" + ".a" * 126 + ".", "a" + ".a" * 126 + "."),
        ("::1", "[::1]"),
    ],
)
def test_a_host_is_written_as_dns_has_it(host, name):
    assert host_name(host) == name


@pytest.mark.parametrize(
    "host",
    [
        "a" + ".a" * 127,
        "a b",
        "a..b",
        "a" * 64,
        "ü" * 64,
        "straße.example",
        "a%2Fb",
        "a%FFb",
        'a"b',
        "\udce9",
        "fe80::1%é",
        "%",
    ],
)
def test_a_host_that_cannot_be_is_told(host):
    with pytest.raises(ValueError):
        host_name(host)
