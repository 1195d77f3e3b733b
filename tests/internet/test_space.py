"""Documentation space: what a world may use, and what may be somebody's."""

from ipaddress import ip_interface, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.internet.space import Prefix, check_asn, check_hostname, check_label, interface, prefix


@pytest.mark.parametrize(
    "text",
    ["192.0.2.1/24", "198.51.100.0/31", "203.0.113.255/32", "198.19.255.254/15", "2001:db8::/127", "3fff:fff::1/20"],
)
def test_documentation_addresses(text):
    assert str(interface(text)) == text


@pytest.mark.parametrize(
    "text", ["10.0.0.1/8", "192.0.3.1/24", "233.252.0.1/24", "fe80::1/64", "2001:db9::1/64", "::1/128"]
)
def test_other_addresses(text):
    with pytest.raises(ValueError, match="outside documentation space"):
        interface(text)


@pytest.mark.parametrize(
    "text", ["", "/24", "192.0.2/24", "192.0.2.01/24", "2001:db8::1%eth0/64", "www", "192.0.2.1/²4"]
)
def test_no_addresses(text):
    with pytest.raises(ValueError):
        interface(text)


@given(st.integers(0, 255), st.integers(24, 32))
def test_networks_are_those_of_the_standard_library(host, length):
    text = f"192.0.2.{host}/{length}"
    try:
        found = interface(text)
    except ValueError:
        return
    expected = ip_interface(text).network
    assert str(found.prefix) == str(expected)
    assert found.prefix == prefix(str(expected))


@given(st.integers(0, 2**32 - 1), st.integers(0, 32), st.integers(0, 2**32 - 1), st.integers(0, 32))
def test_covers_agrees_with_the_standard_library(a, m, b, n):
    mine, other = (ip_network((number, length), strict=False) for number, length in ((a, m), (b, n)))
    left, right = (Prefix(4, int(net.network_address), net.prefixlen) for net in (mine, other))
    assert left.covers(right) == other.subnet_of(mine)


def test_an_address_is_covered_by_its_prefix_only():
    assert prefix("192.0.2.0/24").covers(interface("192.0.2.1/30"))
    assert not prefix("192.0.2.4/30").covers(interface("192.0.2.1/24"))
    assert not prefix("::/0").covers(interface("192.0.2.1/24"))


def test_default_routes_are_prefixes():
    assert str(prefix("0.0.0.0/0")) == "0.0.0.0/0" and str(prefix("::/0")) == "::/0"
    assert str(prefix("192.0.2.7")) == "192.0.2.7/32"
    with pytest.raises(ValueError, match="outside"):
        prefix("10.0.0.0/8")


@pytest.mark.parametrize("number", [64496, 64511, 65536, 65551])
def test_as_numbers_for_documentation(number):
    assert check_asn(number) == number


@pytest.mark.parametrize("number", [0, 64495, 64512, 65535, 65552])
def test_as_numbers_of_others(number):
    with pytest.raises(ValueError, match="RFC 5398"):
        check_asn(number)


def test_host_names():
    assert check_hostname("WWW.Campus.Example.") == "www.campus.example"
    for bad in ("example", "www.campus", "a..example", "-a.example", "x" * 64 + ".example", "a." * 130 + "example"):
        with pytest.raises(ValueError):
            check_hostname(bad)
    assert check_label("r-1") == "r-1"
    for bad in ("", "-r", "r_1", "a.b", "r" * 64):
        with pytest.raises(ValueError):
            check_label(bad)
