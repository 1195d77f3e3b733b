"""AS numbers by DNS: a name server on loopback plays the service; nobody else is asked anything."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

import netlab
from netlab import api, cli
from netlab.errors import UsageError
from netlab.network import as_numbers
from netlab.network.as_numbers import Origins, origin_name
from netlab.probe.rows import EMPTY
from netlab.run import Lookups

FOUR, SIX = "8.8.4.4", "2001:4860:4860::8844"
KNOWN = {
    "4.4.8.8.origin.asn.cymru.com.": ['"15169 | 8.8.4.0/24 | US | arin | 2000-03-30"'],
    origin_name(SIX): ['"64500 64501 | 2001:4860::/32 | US | arin | 2005-03-14"'],
    "1.1.8.8.origin.asn.cymru.com.": ['"NA | nobody"', '"64502 | 8.8.1.0/24 | | |"'],
    "2.1.8.8.origin.asn.cymru.com.": ['"no number at all"'],
    "3.1.8.8.origin.asn.cymru.com.": ['"99999999999 | 8.8.1.0/24 | | |"'],
}
NEVER = "9.1.8.8.origin.asn.cymru.com."


class Service:
    """A name server in a thread: answers what is in ``KNOWN``, is silent about ``NEVER``, else "no such name"."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.asked: list[str] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            data, client = self.socket.recvfrom(4096)
            if not data:
                return
            query = dns.message.from_wire(data)
            name = query.question[0].name.to_text()
            self.asked.append(name)
            if name == NEVER:
                continue
            reply = dns.message.make_response(query)
            if name in KNOWN:
                reply.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", *KNOWN[name]))
            else:
                reply.set_rcode(dns.rcode.NXDOMAIN)
            self.socket.sendto(reply.to_wire(), client)

    def close(self) -> None:
        self.socket.sendto(b"", self.socket.getsockname())
        self._thread.join(5)
        self.socket.close()


@pytest.fixture
def service() -> Iterator[Service]:
    running = Service()
    yield running
    running.close()


@pytest.mark.parametrize(
    ("address", "number"),
    [(FOUR, 15169), (SIX, 64500), ("8.8.1.1", 64502), ("8.8.1.2", None), ("8.8.1.3", None), ("8.8.1.4", None)],
    ids=["IPv4", "IPv6 with two origins", "second record", "no number", "too large", "no such name"],
)
def test_the_number_of_an_address(service: Service, address: str, number: int | None) -> None:
    assert Origins(["127.0.0.1"], service.port)(address) == number
    assert service.asked == [origin_name(address)]


def test_the_name_is_the_address_backwards() -> None:
    assert origin_name("216.90.108.31") == "31.108.90.216.origin.asn.cymru.com."
    nibbles = "4.4.8.8" + ".0" * 16 + ".0.6.8.4.0.6.8.4.1.0.0.2"
    assert origin_name(SIX) == f"{nibbles}.origin6.asn.cymru.com."


@pytest.mark.parametrize(
    "address",
    ["192.0.2.1", "203.0.113.80", "10.1.2.3", "127.0.0.1", "169.254.1.1", "224.0.0.1", "2001:db8::1", "fe80::1%eth0",
     "ff02::1", "::1", "", "www"],
)  # fmt: skip
def test_nobody_is_asked_about_what_is_private(service: Service, address: str) -> None:
    assert Origins(["127.0.0.1"], service.port)(address) is None
    assert service.asked == []


def test_an_answer_is_asked_for_once(service: Service) -> None:
    origins = Origins(["127.0.0.1"], service.port)
    assert [origins(FOUR), origins(FOUR)] == [15169, 15169]
    assert len(service.asked) == 1


def test_a_silent_server_costs_the_number_and_nothing_else(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(as_numbers, "ANSWER_LIMIT", 0.3)
    assert Origins(["127.0.0.1"], service.port)("8.8.1.9") is None
    assert service.asked and set(service.asked) == {NEVER}


def test_the_rows_of_a_trace_get_their_numbers(service: Service) -> None:
    rows = [{**EMPTY, "responder": each} for each in (FOUR, "", "192.0.2.1", SIX, FOUR)]
    api.with_as_numbers(rows, Origins(["127.0.0.1"], service.port))
    assert [row["asn"] for row in rows] == [15169, None, None, 64500, 15169]
    assert sorted(service.asked) == sorted([origin_name(FOUR), origin_name(SIX)])


def test_the_limit_holds_for_all_together() -> None:
    asked, go_on = [], threading.Event()

    def slow(address: str) -> int:
        asked.append(address)
        go_on.wait(10)
        return 64500

    lookups: Lookups[int | None] = Lookups(slow, None)
    try:
        assert lookups.get([FOUR, SIX], limit=0.05) == {FOUR: None, SIX: None}
        assert sorted(asked) == sorted([FOUR, SIX])
        go_on.set()
        assert lookups.get([FOUR, SIX], limit=10) == {FOUR: 64500, SIX: 64500}
    finally:
        go_on.set()
        lookups.close()


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dns.resolver", None)
    with pytest.raises(UsageError, match="pip install 'netlab-workbook"):
        Origins()


def test_on_the_live_network_it_is_refused_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dns.resolver", None)
    monkeypatch.setattr(api, "run_trace", lambda *_, **__: pytest.fail("it went on"))
    with pytest.raises(UsageError, match="dnspython"):
        netlab.traceroute("127.0.0.1", as_numbers=True, network="live")
    with pytest.raises(UsageError, match="as_numbers"):
        netlab.traceroute("127.0.0.1", as_numbers="yes", network="live")  # type: ignore[arg-type]


def test_the_command_refuses_it_as_well(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "dns.resolver", None)
    assert cli.main(["traceroute", "127.0.0.1", "-A", "--network", "live"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and "dnspython" in err


def test_a_world_knows_its_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    frame = netlab.traceroute("www", attempts=1, window=1, as_numbers=True, network="campus")
    assert frame["asn"].tolist()[:2] == [64500, 64500] and frame["asn"].isna().tolist()[2:] == [True]
    assert cli.main(["traceroute", "www", "-A", "-n", "-q1", "--network", "campus"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith(" 1  192.0.2.1 [AS64500]  ") and lines[3].startswith(" 3  203.0.113.80 [*]  ")
    assert cli.main(["traceroute", "www", "-A", "--json", "-q1", "-N1", "--network", "campus"]) == 0
    assert [line.count('"asn": 64500') for line in capsys.readouterr().out.splitlines()] == [1, 1, 0]


def test_in_the_real_command_the_numbers_stand_on_the_lines(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On loopback, which the command is told to take for a public address."""
    monkeypatch.setattr(as_numbers, "origin_name", lambda address: "4.4.8.8.origin.asn.cymru.com.")
    monkeypatch.setattr("netlab.network.as_numbers.Origins", lambda: Origins(["127.0.0.1"], service.port))
    assert cli.main(["traceroute", "127.0.0.1", "-A", "-n", "-q1", "-pudp", "--network", "live"]) == 0
    assert "127.0.0.1 [AS15169]" in capsys.readouterr().out
