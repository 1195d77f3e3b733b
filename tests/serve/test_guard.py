"""Where a proxy connects to, and where not: every row of both tables, every disguise."""

import ipaddress

import pytest

from netlab.errors import UsageError
from netlab.serve.access import Access, is_local
from netlab.serve.guard import DENIED, NOT_PUBLIC, Guard, denied, not_public, unwrapped
from netlab.serve.origin import Origins
from netlab.serve.proxy import Proxy, forward
from tests.support.playbook import Play, Script

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
PUBLIC = [
    "93.184.216.34",
    "8.8.8.8",
    "1.1.1.1",
    "100.128.0.1",
    "172.32.0.1",
    "192.0.1.1",
    "198.20.0.1",
    "223.255.255.255",
]
PUBLIC6 = ["2606:2800:220:1::1", "2a00:1450:4001::1", "2001:4860::8888", "64:ff9b::808:808"]


def ends(network):
    """The first and the last address."""
    net = ipaddress.ip_network(network)
    return str(net[0]), str(net[-1])


@pytest.mark.parametrize("network", DENIED)
def test_nobody_reaches(network):
    first, last = ends(network)
    assert denied(first) == denied(last) == DENIED[network]
    for local in (True, False):
        assert Guard().why_not("h", first, 80, local) and Guard().why_not("h", last, 80, local)


@pytest.mark.parametrize("network", NOT_PUBLIC)
def test_only_this_machine_reaches(network):
    first, last = ends(network)
    for address in (first, last):
        assert not_public(address)
        assert Guard().why_not("h", address, 80, local=False)
        if not denied(address):
            assert Guard().why_not("h", address, 80, local=True) == ""


@pytest.mark.parametrize("address", PUBLIC + PUBLIC6)
def test_everybody_reaches_public_addresses(address):
    assert not_public(address) == "" and Guard().why_not("h", address, 80, local=False) == ""


@pytest.mark.parametrize("address", ["4000::1", "1000::1", "::2:3:4", "8000::1", "e000::1"])
def test_what_has_not_been_given_out_is_not_public(address):
    assert "RFC 4291" in not_public(address)


@pytest.mark.parametrize(
    ("address", "inner"),
    [
        ("::ffff:127.0.0.1", ["127.0.0.1"]),
        ("::ffff:169.254.169.254", ["169.254.169.254"]),
        ("::127.0.0.1", ["::7f00:1", "127.0.0.1"]),
        ("64:ff9b::7f00:1", ["64:ff9b::7f00:1", "127.0.0.1"]),
        ("64:ff9b::a9fe:a9fe", ["64:ff9b::a9fe:a9fe", "169.254.169.254"]),
        ("2002:7f00:1::", ["2002:7f00:1::", "127.0.0.1"]),
        ("2002:a9fe:a9fe::1", ["2002:a9fe:a9fe::1", "169.254.169.254"]),
        ("2001:0:a00:1::5601:5601", ["2001:0:a00:1::5601:5601", "10.0.0.1", "169.254.169.254"]),
        ("fe80::1%eth0", ["fe80::1"]),
        ("::1", ["::1"]),
        ("192.0.2.1", ["192.0.2.1"]),
    ],
)
def test_addresses_inside_addresses_are_found(address, inner):
    assert [str(each) for each in unwrapped(address)] == inner


@pytest.mark.parametrize(
    "address",
    ["::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "2001:0:a00:1::5601:5601", "::ffff:0.0.0.0"],
)
def test_no_disguise_helps_anybody(address):
    assert Guard().why_not("h", address, 80, local=True)


@pytest.mark.parametrize(
    "address", ["::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "64:ff9b::a00:1", "::7f00:1"]
)
def test_no_disguise_helps_a_client_from_elsewhere(address):
    assert Guard().why_not("h", address, 80, local=False)


@pytest.mark.parametrize(
    ("exception", "host", "address", "passes"),
    [
        ("intranet.example", "Intranet.Example.", "10.0.0.1", True),
        ("intranet.example", "www.intranet.example", "10.0.0.1", False),
        (".example", "www.intranet.example", "10.0.0.1", True),
        (".example", "myexample", "10.0.0.1", False),
        ("10.0.0.0/8", "h", "10.9.8.7", True),
        ("10.0.0.0/8", "h", "11.0.0.1", True),
        ("10.0.0.0/8", "h", "192.168.0.1", False),
        ("10.0.0.0/8", "h", "::ffff:10.0.0.1", True),
        ("169.254.1.1", "h", "169.254.1.1", True),
        ("fd00::/8", "h", "fd00::1", True),
    ],
)
def test_exceptions_are_made_by_name_address_and_network(exception, host, address, passes):
    assert (Guard([exception]).why_not(host, address, 80, local=False) == "") is passes


@pytest.mark.parametrize("bad", ["", "http://h/", "h:80", "10.0.0.0/33", "a b", 5, None, "*.example"])
def test_exceptions_that_cannot_be(bad):
    with pytest.raises(UsageError, match="allow_targets"):
        Guard([bad])


def test_a_world_s_own_addresses_count_as_public():
    guard = Guard(public=["203.0.113.0/24"])
    assert guard.why_not("h", "203.0.113.80", 80, local=False) == ""
    assert guard.why_not("h", "198.51.100.1", 80, local=False)


@pytest.mark.parametrize(
    ("listens", "address", "port", "own"),
    [
        (("127.0.0.1",), "127.0.0.1", 8000, True), (("127.0.0.1",), "127.0.0.1", 8080, False),
        (("127.0.0.1",), "::ffff:127.0.0.1", 8000, True), (("127.0.0.1",), "127.0.0.2", 8000, False),
        (("127.0.0.1", "::1"), "::1", 8000, True), (("",), "127.0.0.2", 8000, True), (("",), "192.0.2.9", 8000, True),
        (("",), "192.0.2.8", 8000, False),
    ],
)  # fmt: skip
def test_the_proxy_does_not_call_itself(listens, address, port, own):
    guard = Guard(own=lambda: (listens, 8000))
    assert (guard.why_not("h", address, port, local=True, server="192.0.2.9") != "") is own


# -- the guard at work: names, and where the connection really goes -------------------------------------------------


def proxied(play, host, rows=None, access=None, guard=None):
    proxy = Proxy(
        lambda record, *heads: rows is not None and rows.append(record), lambda: 0,
        Origins(guard or Guard(), 5.0), access or Access(["198.51.100.0/24"]),
    )  # fmt: skip
    return play.run(
        lambda connection: forward(connection, proxy), f"GET http://{host}/ HTTP/1.1\r\nHost: h\r\n\r\n".encode()
    )


ELSEWHERE = "198.51.100.7:5000"


def test_the_address_that_was_judged_is_the_one_that_is_dialled():
    play = Play({"a.test": ["93.184.216.34"]}, [Script(OK)], client=ELSEWHERE)
    assert proxied(play, "a.test").endswith(b"hi")
    assert play.looked_up == ["a.test"] and play.dialled == [("93.184.216.34", 80)]


def test_of_mixed_answers_only_the_good_ones_are_dialled():
    play = Play({"a.test": ["127.0.0.1", "10.0.0.1", "93.184.216.34", "::1"]}, [Script(OK)], client=ELSEWHERE)
    assert proxied(play, "a.test").endswith(b"hi")
    assert play.dialled == [("93.184.216.34", 80)]


def test_a_name_that_points_inside_is_403():
    rows = []
    play = Play({"a.test": ["10.0.0.1"]}, client=ELSEWHERE)
    back = proxied(play, "a.test", rows)
    assert back.startswith(b"HTTP/1.1 403 ") and b"error=destination_ip_prohibited" in back and b"RFC 1918" in back
    assert play.dialled == [] and "destination_ip_prohibited" in rows[0]


@pytest.mark.parametrize("host", ["0x7f000001", "2130706433", "0177.0.0.1", "127.1"])
def test_odd_spellings_are_judged_by_what_they_mean(host):
    play = Play({host: ["127.0.0.1"]}, client=ELSEWHERE)  # so says glibc
    assert proxied(play, host).startswith(b"HTTP/1.1 403 ") and play.dialled == []


def test_a_client_on_this_machine_reaches_what_it_could_reach_anyway():
    play = Play({"a.test": ["10.0.0.1"]}, [Script(OK)])
    assert proxied(play, "a.test").endswith(b"hi") and play.dialled == [("10.0.0.1", 80)]


def test_a_name_is_asked_for_once_and_judged_for_every_client():
    guard = Guard()
    origins = Origins(guard, 5.0)
    proxy = Proxy(lambda *_: None, lambda: 0, origins, Access(["198.51.100.0/24"]))
    ask = b"GET http://a.test/ HTTP/1.1\r\nHost: h\r\n\r\n"
    near = Play({"a.test": ["127.0.0.9"]}, [Script(OK)])
    assert near.run(lambda connection: forward(connection, proxy), ask).endswith(b"hi")
    far = Play({}, client=ELSEWHERE)
    far.parked = near.parked
    assert far.run(lambda connection: forward(connection, proxy), ask).startswith(b"HTTP/1.1 403 ")
    assert far.looked_up == []


# -- who may use it -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("client", "server", "local"),
    [
        ("127.0.0.1:5", "127.0.0.1:8000", True), ("[::1]:5", "[::1]:8000", True),
        ("[::ffff:127.0.0.1]:5", "[::ffff:127.0.0.1]:8000", True), ("192.0.2.9:5", "192.0.2.9:8000", True),
        ("192.0.2.7:5", "192.0.2.9:8000", False), ("[2001:db8::7]:5", "[2001:db8::9]:8000", False), ("unix",
        "unix", True),
    ],
)  # fmt: skip
def test_who_is_on_this_machine(client, server, local):
    assert is_local(client, server) is local


@pytest.mark.parametrize(
    ("client", "comes"),
    [
        ("198.51.100.7:5", True), ("[::ffff:198.51.100.7]:5", True), ("198.51.101.7:5", False), ("127.0.0.1:5", True),
        ("[2001:db8::1]:5", True), ("[2001:db9::1]:5", False),
    ],
)  # fmt: skip
def test_clients_come_from_named_networks(client, comes):
    rows = []
    play = Play({}, [Script(OK)], client=client, server="192.0.2.9:8000")
    back = proxied(play, "93.184.216.34", rows, Access(["198.51.100.0/24", "2001:db8::/32"]))
    assert back.startswith(b"HTTP/1.1 200 " if comes else b"HTTP/1.1 403 ")
    if not comes:
        assert b"error=http_request_denied" in back and len(rows) == 1


@pytest.mark.parametrize("bad", ["somebody", "0.0.0.0/0", "::/0", 5, "192.0.2.0/33"])
def test_networks_that_cannot_be(bad):
    with pytest.raises(UsageError, match="allow_clients"):
        Access([bad])


def test_a_head_may_be_cut_anywhere():
    request = b"GET http://93.184.216.34/ HTTP/1.1\r\nHost: h\r\n\r\n"
    proxy = Proxy(lambda *_: None, lambda: 0, Origins(Guard(), 5.0))
    for cut in range(1, len(request)):
        script = Script(OK[:cut], OK[cut:]) if cut < len(OK) else Script(OK)
        play = Play({}, [script])
        assert play.run(lambda connection: forward(connection, proxy), request[:cut], request[cut:]).endswith(b"hi")
        assert script.got == b"GET / HTTP/1.1\r\nHost: 93.184.216.34\r\nVia: 1.1 netlab\r\n\r\n"
