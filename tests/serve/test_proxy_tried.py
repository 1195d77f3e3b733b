"""Where a proxy wanted to go when it did not get there: the address is known, so the row has it."""

import socket

import pytest

import netlab
from netlab.serve.access import Access
from netlab.serve.guard import Guard
from netlab.serve.origin import Origins
from netlab.serve.proxy import Proxy, forward
from netlab.serve.proxy_log import rows_of
from tests.support.playbook import Play
from tests.support.proxying import ask, full, get, no_route, nobody, without_names

pytestmark = pytest.mark.network

END = b"\r\n\r\n"


def row_of(proxy):
    return proxy.log[["status", "error", "upstream_ip"]].values.tolist()[0] + [proxy.details(0)["family"]]


def test_a_refused_call():
    with nobody() as (address, _), netlab.ProxyServer(port=0) as proxy:
        get(proxy, address)
        assert row_of(proxy) == [502, "connection_refused", "127.0.0.1", "IPv4"]
        port = int(address.rpartition(":")[2])
        assert proxy.to_har()["log"]["entries"][0]["serverIPAddress"] == "127.0.0.1"
    with netlab.ProxyServer(port=0, connect_ports=[port]) as proxy:
        ask(proxy, f"CONNECT [::1]:{port} HTTP/1.1\r\nHost: [::1]:{port}\r\n\r\n".encode())
        assert row_of(proxy)[2:] == ["::1", "IPv6"]


def test_a_call_that_nobody_answers():
    with full() as (address, _), netlab.ProxyServer(port=0, connect_timeout=0.3) as proxy:
        get(proxy, address)
        assert row_of(proxy) == [504, "connection_timeout", "127.0.0.1", "IPv4"]


def test_an_address_without_a_way():
    with netlab.ProxyServer(port=0) as proxy:
        no_route(proxy)
        get(proxy, "192.0.2.1:9")
        assert row_of(proxy) == [502, "destination_ip_unroutable", "192.0.2.1", "IPv4"]


@pytest.mark.parametrize("address", ["169.254.169.254", "0.0.0.0", "[ff02::1]"])
def test_a_prohibited_address(address):
    with netlab.ProxyServer(port=0) as proxy:
        get(proxy, address)
        assert row_of(proxy)[:3] == [403, "destination_ip_prohibited", address.strip("[]")]


def test_the_proxy_itself():
    with netlab.ProxyServer(port=0) as proxy:
        get(proxy, f"127.0.0.1:{proxy.port}")
        assert row_of(proxy)[:3] == [403, "destination_ip_prohibited", "127.0.0.1"]


def test_a_name_without_an_address_has_none():
    with netlab.ProxyServer(port=0) as proxy:
        without_names(proxy)
        get(proxy, "a.test")
        assert row_of(proxy) == [502, "dns_error", "", ""]


@pytest.mark.parametrize(
    ("addresses", "client", "error", "last"),
    [
        (["93.184.216.34", "93.184.216.35"], "127.0.0.1:5000", "connection_refused", "93.184.216.35"),
        (["10.0.0.1", "93.184.216.34", "10.0.0.2"], "203.0.113.7:5000", "connection_refused", "93.184.216.34"),
        (["10.0.0.1", "10.0.0.2"], "203.0.113.7:5000", "destination_ip_prohibited", "10.0.0.2"),
    ],
)
def test_of_several_addresses_it_is_the_last_that_was_tried(addresses, client, error, last):
    rows = []
    access = Access(["203.0.113.0/24"])
    proxy = Proxy(lambda record, *heads: rows.append(record), lambda: 0, Origins(Guard(), 5.0), access)
    play = Play({"a.test": addresses}, client=client, refused=addresses)
    back = play.run(lambda connection: forward(connection, proxy), b"GET http://a.test/ HTTP/1.1\r\nHost: a.test" + END)
    (row,) = rows_of(rows)
    assert error in row and last in row and not set(addresses) - {last} & set(row)
    assert error.encode() in back and last.encode() in back + str(play.dialled).encode()


def test_when_time_runs_out_it_is_the_one_that_was_called_last():
    """The first address refuses at once, the second says nothing, and the third has not been called yet."""
    with full() as (address, _), netlab.ProxyServer(port=0, connect_timeout=0.15) as proxy:
        port = int(address.rpartition(":")[2])
        found = [(socket.AF_INET, (text, port)) for text in ("127.0.0.3", "127.0.0.1", "127.0.0.2")]
        proxy._place._loop.look_ups._resolve = lambda host, wanted: found
        get(proxy, f"a.test:{port}")
        assert row_of(proxy) == [504, "connection_timeout", "127.0.0.1", "IPv4"]


def test_on_a_virtual_host_too():
    with netlab.use("campus"), netlab.ProxyServer(host="www", port=8000) as proxy:
        netlab.fetch("http://www.campus.example:9/", proxy=proxy.url)
        ((_, error, address),) = proxy.log[["status", "error", "upstream_ip"]].values.tolist()
    assert error == "connection_refused" and address
