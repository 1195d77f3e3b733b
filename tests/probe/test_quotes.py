"""Quoted packets against sent ones: every edit is found, nothing else is, and the place is right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import netlab
from netlab import frames, wire
from netlab.api_formats import quote_diff
from netlab.errors import UsageError
from netlab.probe.quotes import quote_rows
from netlab.probe.rows import EMPTY
from netlab.wire import IPv4, IPv6, icmpv4, icmpv6
from netlab.wire.extensions import MplsLabel, MplsStack

ENDS = {4: ("192.0.2.10", "203.0.113.80"), 6: ("2001:db8:1::10", "2001:db8:3::80")}
ROUTER = {4: "198.51.100.{}", 6: "2001:db8:9::{}"}
PAYLOAD = bytes(range(32))
SYN_OPTIONS = bytes.fromhex("020405b4 0402 0101 01030307")
NUMBERS = {(4, "icmp"): 1, (6, "icmp"): 58, (4, "udp"): 17, (6, "udp"): 17, (4, "tcp"): 6, (6, "tcp"): 6}
KINDS = list(NUMBERS)


def transport(family, protocol, options=SYN_OPTIONS):
    ends = ENDS[family]
    if protocol == "udp":
        return wire.UDP(40_000, 33_434, PAYLOAD).to_bytes(*ends)
    if protocol == "tcp":
        return wire.TCP(40_000, 80, sequence=0x12340007, options=options, flags=0xC2).to_bytes(*ends)
    if family == 4:
        return icmpv4.EchoRequest(77, 7, PAYLOAD).to_bytes()
    return icmpv6.EchoRequest(77, 7, PAYLOAD).to_bytes(*ends)


def packet(family, protocol, ttl=5, tos=0b101110_10, body=None, **more):
    body = transport(family, protocol) if body is None else body
    if family == 4:
        more = {"identification": 7, "dont_fragment": True} | more
        return IPv4(*ENDS[4], NUMBERS[4, protocol], body, ttl=ttl, tos=tos, **more).to_bytes()
    more = {"flow_label": 0xABCDE} | more
    return IPv6(*ENDS[6], NUMBERS[6, protocol], body, hop_limit=ttl, traffic_class=tos, **more).to_bytes()


def with_ttl(data, ttl):
    place = 8 if data[0] >> 4 == 4 else 7
    return data[:place] + bytes([ttl]) + data[place + 1 :]


def error(quote, hop=5, message=None, extensions=()):
    """An ICMP error of the router at this hop about the quoted bytes."""
    family = quote[0] >> 4
    source, destination = ROUTER[family].format(hop), ENDS[family][0]
    if family == 4:
        body = message or icmpv4.TimeExceeded(0, quote, extensions)
        return IPv4(source, destination, 1, body.to_bytes(), ttl=250).to_bytes()
    body6 = message or icmpv6.TimeExceeded(0, quote, extensions)
    return IPv6(source, destination, 58, body6.to_bytes(source, destination), hop_limit=250).to_bytes()


def row(request, quote, hop=5, answer=None, **more):
    family = request[0] >> 4
    protocol = next(protocol for (version, protocol), n in NUMBERS.items() if (version, n) == (family, number(request)))
    found = EMPTY | {"destination": "www", "address": ENDS[family][1], "source": ENDS[family][0], "protocol": protocol}
    found |= {"ttl": hop, "attempt": 1, "sequence": hop, "responder": ROUTER[family].format(hop), "network": "test"}
    found |= {"outcome": "time-exceeded", "request": request, "answer": answer or error(quote, hop)}
    return found | more


def number(request):
    return request[9] if request[0] >> 4 == 4 else request[6]


def changes(*rows):
    return {found["field"]: found for found in quote_rows(rows)}


# Nothing happened -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [8, 12, 20, 28, None])
@pytest.mark.parametrize(("family", "protocol"), KINDS)
def test_an_honest_quote_of_any_length_shows_nothing(family, protocol, length):
    request = packet(family, protocol)
    head = 20 if family == 4 else 40
    quote = with_ttl(request, 1)[: None if length is None else head + length]
    assert quote_rows([row(request, quote)]) == []


@pytest.mark.parametrize(("family", "protocol"), KINDS)
def test_a_quote_before_extensions_is_filled_up_and_shows_nothing(family, protocol):
    request = packet(family, protocol)
    answer = error(with_ttl(request, 1), extensions=(MplsStack((MplsLabel(24001),)),))
    assert quote_rows([row(request, b"", answer=answer)]) == []


@pytest.mark.parametrize("family", [4, 6])
def test_the_ttl_of_a_packet_that_arrived_says_nothing(family):
    request = packet(family, "udp", ttl=30)
    quote = with_ttl(request, 17)
    if family == 4:
        answer = error(quote, message=icmpv4.DestinationUnreachable(3, quote))
    else:
        answer = error(quote, message=icmpv6.DestinationUnreachable(4, quote))
    assert quote_rows([row(request, quote, answer=answer, outcome="unreachable")]) == []


def test_what_quotes_nothing_is_not_compared():
    request = packet(4, "icmp")
    reply = IPv4(ENDS[4][1], ENDS[4][0], 1, icmpv4.EchoReply(77, 7, PAYLOAD).to_bytes()).to_bytes()
    edited = with_ttl(packet(4, "icmp", tos=0), 1)
    unread = [
        row(request, b"", answer=reply),
        row(request, b"", answer=b"\x45nothing"),
        row(request, edited) | {"answer": b""},
        row(request, edited) | {"request": b""},
        row(request, edited, flags="no-quote rebuilt"),
    ]
    assert quote_rows(unread) == []
    # Rebuilt alone says that the answer's own header was put together here; the quote in it is the router's.
    assert set(changes(row(request, edited, flags="rebuilt"))) == {"DSCP", "ECN"}


def test_a_table_that_lost_its_packets_is_refused():
    with pytest.raises(UsageError, match=r"request=.* must be bytes"):
        quote_rows([row(packet(4, "icmp"), packet(4, "icmp")) | {"request": "b''"}])


# Every single edit is found, and nothing else -----------------------------------------------------------------------

IP_FIELDS = {
    # family → field: first bit in the packet, bits
    4: {
        "DSCP": (8, 6), "ECN": (14, 2), "total length": (16, 16), "identification": (32, 16), "reserved flag": (48, 1),
        "don't fragment": (49, 1), "more fragments": (50, 1), "fragment offset": (51, 13), "protocol": (72, 8),
        "source": (96, 32), "destination": (128, 32),
    },
    6: {
        "DSCP": (4, 6), "ECN": (10, 2), "flow label": (12, 20), "payload length": (32, 16), "next header": (48, 8),
        "source": (64, 128), "destination": (192, 128),
    },
}  # fmt: skip
ICMP_FIELDS = {"type": (0, 8), "code": (8, 8), "checksum": (16, 16), "identifier": (32, 16), "sequence": (48, 16)}
TRANSPORT_FIELDS = {
    "icmp": ICMP_FIELDS,
    "udp": {"source port": (0, 16), "destination port": (16, 16), "UDP length": (32, 16), "UDP checksum": (48, 16)},
    "tcp": {
        "source port": (0, 16), "destination port": (16, 16), "sequence": (32, 32), "acknowledgment": (64, 32),
        "TCP reserved": (100, 4), "CWR": (104, 1), "ECE": (105, 1), "URG": (106, 1), "ACK": (107, 1), "PSH": (108, 1),
        "RST": (109, 1), "SYN": (110, 1), "FIN": (111, 1), "window": (112, 16), "TCP checksum": (128, 16),
        "urgent pointer": (144, 16), "option: maximum segment size": (176, 16), "option: window scale": (248, 8),
    },
}  # fmt: skip


def fields_of(family, protocol):
    head = 160 if family == 4 else 320
    found = dict(IP_FIELDS[family])
    for name, (bit, bits) in TRANSPORT_FIELDS[protocol].items():
        named = f"{'ICMP' if family == 4 else 'ICMPv6'} checksum" if name == "checksum" else name
        found[named] = head + bit, bits
    if protocol != "tcp":
        found["payload byte"] = head + 64, 8
    return found


@given(st.data())
def test_a_random_edit_of_one_field_is_found_exactly(data):
    family, protocol = data.draw(st.sampled_from(KINDS))
    request = packet(family, protocol)
    places = fields_of(family, protocol)
    name = data.draw(st.sampled_from(sorted(places)))
    bit, bits = places[name]
    if name == "payload byte":
        bit += 8 * data.draw(st.integers(0, len(PAYLOAD) - 1))
    shift = 8 * len(request) - bit - bits
    whole = int.from_bytes(request, "big")
    before = whole >> shift & (1 << bits) - 1
    after = data.draw(st.integers(0, (1 << bits) - 1).filter(lambda value: value != before))
    edited = (whole ^ (before ^ after) << shift).to_bytes(len(request), "big")
    length = data.draw(st.integers(-(-(bit + bits) // 8), len(request)) if "option" not in name else st.none())
    (found,) = quote_rows([row(request, with_ttl(edited, 1)[:length])])
    assert found["field"] == name.removesuffix(" byte")
    assert found["first_ttl"] == 5 and found["meaning"].endswith("(before hop 5)")
    assert found["sent"] != found["quoted"]


@given(st.sampled_from(KINDS), st.binary(max_size=120), st.binary(max_size=120))
def test_any_bytes_at_all_are_compared_or_left(kind, quote, tail):
    request = packet(*kind)
    for each in (quote, with_ttl(request, 1)[: len(quote)] + tail):
        body = bytes([11, 0, 0, 0, 0, 0, 0, 0]) + each if kind[0] == 4 else bytes([3, 0, 0, 0, 0, 0, 0, 0]) + each
        ends = ENDS[kind[0]]
        answer = IPv4(*ends, 1, body) if kind[0] == 4 else IPv6(*ends, 58, body)
        for found in quote_rows([row(request, b"", answer=answer.to_bytes())]):
            assert found["sent"] != found["quoted"] or "hidden hops" in found["meaning"]
    assert quote_rows([row(request, request) | {"answer": quote}]) == []


# What it means -----------------------------------------------------------------------------------------------------


def edited(family, protocol, **more):
    return with_ttl(packet(family, protocol, **more), 1)


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize(
    ("tos", "expected"),
    [
        (0b000000_10, {"DSCP": ("46", "0", "bleaching")}),
        (0b001000_10, {"DSCP": ("46", "8", "another class of service")}),
        (0b101110_00, {"ECN": ("2", "0", "ECN cleared")}),
        (0b101110_11, {"ECN": ("2", "3", "congestion experienced")}),
        (0b101110_01, {"ECN": ("2", "1", "ECN rewritten to ECN-capable, ECT(1)")}),
        (0, {"DSCP": ("46", "0", "bleaching"), "ECN": ("2", "0", "ECN cleared")}),
    ],
)
def test_bleaching_and_ecn(family, tos, expected):
    found = changes(row(packet(family, "udp"), edited(family, "udp", tos=tos)))
    assert found.keys() == expected.keys()
    for name, (sent, quoted, meaning) in expected.items():
        assert (found[name]["sent"], found[name]["quoted"]) == (sent, quoted)
        assert meaning in found[name]["meaning"]


@pytest.mark.parametrize("protocol", ["icmp", "udp", "tcp"])
@pytest.mark.parametrize(("ttl", "meaning"), [(0, "zero-TTL forwarding"), (3, "hidden hops"), (255, "hidden hops")])
@pytest.mark.parametrize("family", [4, 6])
def test_a_ttl_that_should_not_be(family, protocol, ttl, meaning):
    request = packet(family, protocol)
    (found,) = quote_rows([row(request, with_ttl(request, ttl))])
    assert found["field"] == ("ttl" if family == 4 else "hop limit")
    assert (found["sent"], found["quoted"], found["first_ttl"]) == ("5", str(ttl), 5)
    assert found["meaning"].startswith(meaning)


def test_a_dont_fragment_flag_that_was_cleared():
    found = changes(row(packet(4, "udp"), edited(4, "udp", dont_fragment=False)))
    assert found.keys() == {"don't fragment"}
    assert found["don't fragment"]["meaning"].startswith("DF cleared")


def test_a_first_fragment():
    request = packet(4, "udp", dont_fragment=False)
    quote = edited(4, "udp", dont_fragment=False, more_fragments=True, body=transport(4, "udp")[:24])
    found = changes(row(request, quote))
    assert found.keys() == {"total length", "more fragments"}
    assert all(each["meaning"].startswith("the packet was fragmented") for each in found.values())


def test_a_router_that_swaps_the_bytes_of_the_length_that_it_quotes():
    request = packet(4, "udp")
    quote = with_ttl(request, 1)
    found = changes(row(request, quote[:2] + quote[3:1:-1] + quote[4:]))
    assert found.keys() == {"total length"}
    assert "its mistake" in found["total length"]["meaning"]


def syn(family, options):
    return edited(family, "tcp", body=transport(family, "tcp", options))


@pytest.mark.parametrize("family", [4, 6])
def test_options_of_tcp(family):
    request, mss = packet(family, "tcp"), "option: maximum segment size"
    found = changes(row(request, syn(family, bytes.fromhex("02040550 0402 0101 01030307"))))
    assert (found[mss]["sent"], found[mss]["quoted"]) == ("1460", "1360")
    assert found[mss]["meaning"].startswith("MSS clamp")
    assert found.keys() == {mss, "TCP checksum"}
    assert found["TCP checksum"]["meaning"].startswith("adjusted to what else was changed")

    removed = changes(row(request, syn(family, bytes.fromhex("020405b4 0101 0101 01030307"))))
    assert removed.keys() == {"option: SACK permitted", "TCP checksum"}
    assert removed["option: SACK permitted"]["quoted"] == ""
    assert "taken out" in removed["option: SACK permitted"]["meaning"]

    added = changes(
        row(packet(family, "tcp", body=transport(family, "tcp", b"")), syn(family, bytes.fromhex("020405b4")))
    )
    assert "put in" in added[mss]["meaning"] and added[mss]["sent"] == ""
    assert "options were put in" in added["data offset"]["meaning"]


def test_options_are_compared_only_where_the_quote_has_them_all():
    request = packet(4, "tcp")
    quote = syn(4, bytes.fromhex("020405b4 0101 0101 01010101"))
    for length in range(28, len(quote)):
        assert not any(name.startswith("option") for name in changes(row(request, quote[:length])))
    assert "option: SACK permitted" in changes(row(request, quote))


def test_ecn_negotiation_that_was_suppressed():
    request = packet(4, "tcp")
    body = transport(4, "tcp")
    quote = with_ttl(packet(4, "tcp", body=body[:13] + b"\x02" + body[14:]), 1)
    found = changes(row(request, quote))
    assert found.keys() == {"CWR", "ECE"}
    assert all("ECN negotiation suppressed" in each["meaning"] for each in found.values())


def test_a_payload_says_where_it_was_edited():
    request = packet(4, "udp")
    quote = with_ttl(request, 1)
    found = changes(row(request, quote[:40] + b"\xff" + quote[41:46]))
    assert (found["payload"]["sent"], found["payload"]["quoted"]) == ("byte 12: 0c0d0e0f1011", "byte 12: ff0d0e0f1011")


# Translators -------------------------------------------------------------------------------------------------------

OUTSIDE = {4: "198.51.100.200", 6: "2001:db8:9::200"}


def translated(family, protocol, ttl=1, again=0):
    """The probe behind a translator: another source address and port or identifier, and right checksums."""
    ends = OUTSIDE[family], ENDS[family][1]
    if protocol == "udp":
        body = wire.UDP(50_000 + again, 33_434, PAYLOAD).to_bytes(*ends)
    elif protocol == "tcp":
        body = wire.TCP(50_000 + again, 80, sequence=0x12340007, options=SYN_OPTIONS, flags=0xC2).to_bytes(*ends)
    elif family == 4:
        body = icmpv4.EchoRequest(900 + again, 7, PAYLOAD).to_bytes()
    else:
        body = icmpv6.EchoRequest(900 + again, 7, PAYLOAD).to_bytes(*ends)
    if family == 4:
        more = {"identification": 7, "dont_fragment": True}
        return IPv4(*ends, NUMBERS[4, protocol], body, ttl=ttl, tos=0b101110_10, **more).to_bytes()
    return IPv6(
        *ends, NUMBERS[6, protocol], body, hop_limit=ttl, traffic_class=0b101110_10, flow_label=0xABCDE
    ).to_bytes()


@pytest.mark.parametrize(("family", "protocol"), KINDS)
def test_a_translator_shows_between_the_hops(family, protocol):
    request = packet(family, protocol)
    honest = with_ttl(request, 1)
    rows = [row(request, honest, 1), row(request, honest, 2)]
    rows += [row(request, translated(family, protocol), hop) for hop in (4, 5)]
    found = quote_rows(rows)
    port = "identifier" if protocol == "icmp" else "source port"
    checksum = {"udp": "UDP", "tcp": "TCP", "icmp": "ICMP" if family == 4 else "ICMPv6"}[protocol] + " checksum"
    assert {each["field"] for each in found} == {"source", port, checksum}
    assert [each["ttl"] for each in found if each["field"] == "source"] == [4, 5]
    assert all(each["first_ttl"] == 4 for each in found)
    assert all(each["meaning"].endswith("(between hop 2 and hop 4)") for each in found)
    meanings = {each["field"]: each["meaning"] for each in found}
    assert meanings["source"].startswith("NAT") and meanings[port].startswith("NAT")
    assert meanings[checksum].startswith("adjusted to the rewritten address, port or identifier")


@pytest.mark.parametrize(("family", "protocol"), KINDS)
def test_a_translator_that_tidies_the_quote_is_betrayed_by_the_checksum(family, protocol):
    request = packet(family, protocol)
    head = 20 if family == 4 else 40
    offset = head + {"icmp": 2, "udp": 6, "tcp": 16}[protocol]
    other = translated(family, protocol)[offset : offset + 2]
    tidy = with_ttl(request[:offset] + other + request[offset + 2 :], 1)
    found = quote_rows([row(request, with_ttl(request, 1), 1), row(request, tidy, 2), row(request, tidy, 3)])
    assert len(found) == 2 and len({each["field"] for each in found}) == 1
    assert found[0]["field"].endswith("checksum") and found[0]["first_ttl"] == found[1]["first_ttl"] == 2
    assert found[0]["meaning"].startswith("NAT:") and "(between hop 1 and hop 2)" in found[0]["meaning"]
    difference = (int.from_bytes(other, "big") - int.from_bytes(request[offset : offset + 2], "big")) % 0xFFFF
    assert f"0x{difference:04x}" in found[0]["meaning"], "the NAT id: the same at every hop behind it"


def udp_with(checksum, number):
    return packet(
        4, "udp", body=wire.UDP(40_000, 33_434, PAYLOAD, checksum=checksum).to_bytes(*ENDS[4]), identification=number
    )


def test_a_second_translator_has_a_place_of_its_own():
    """Every probe has another checksum; what one translator adds to it stays the same."""
    rows = []
    for hop in range(1, 6):
        request = udp_with(1000 + hop, hop)
        shift = 0 if hop == 1 else 50 if hop < 4 else 70
        rows.append(row(request, with_ttl(udp_with(1000 + hop + shift, hop), 1), hop))
    found = quote_rows(rows)
    assert [(each["ttl"], each["first_ttl"]) for each in found] == [(2, 2), (3, 2), (4, 4), (5, 4)]
    assert all("(between hop 1 and" in each["meaning"] for each in found)


def test_a_checksum_that_was_taken_out():
    found = changes(row(udp_with(1000, 1), with_ttl(udp_with(0, 1), 1)))
    assert "taken out" in found["UDP checksum"]["meaning"]
    assert (found["UDP checksum"]["sent"], found["UDP checksum"]["quoted"]) == ("0x03e8", "0x0000")


def test_measurements_do_not_get_mixed():
    request = packet(4, "udp")
    bleached = edited(4, "udp", tos=0)
    one, other = row(request, bleached, 2), row(request, bleached, 4) | {"destination": "other"}
    assert [each["first_ttl"] for each in quote_rows([one, other])] == [2, 2, 4, 4]


def test_each_probe_of_a_hop_has_its_own_row_and_late_answers_count():
    request = packet(4, "udp")
    bleached = edited(4, "udp", tos=0b000000_10)
    rows = [row(request, bleached, 3, attempt=n, outcome=how) for n, how in ((1, "time-exceeded"), (2, "late"))]
    assert [(each["ttl"], each["attempt"]) for each in quote_rows(rows)] == [(3, 1), (3, 2)]


# The table ---------------------------------------------------------------------------------------------------------


def test_the_table():
    request = packet(4, "udp")
    frame = frames.probes([row(request, with_ttl(request, 1), 1), row(request, edited(4, "udp", tos=0b000000_10), 2)])
    table = quote_diff(frame)
    assert list(table.columns) == list(frames.QUOTES)
    assert table.iloc[0].to_dict() == {
        "destination": "www",
        "ttl": 2,
        "attempt": 1,
        "responder": "198.51.100.2",
        "field": "DSCP",
        "sent": "46",
        "quoted": "0",
        "first_ttl": 2,
        "meaning": "bleaching: the DSCP was reset to 0 (between hop 1 and hop 2)",
        "network": "test",
    }
    assert len(table) == 1 and str(table["network"].dtype) == "category"
    nothing = quote_diff(frame.iloc[:1])
    assert len(nothing) == 0 and list(nothing.columns) == list(frames.QUOTES)
    assert str(nothing["ttl"].dtype) == "int64"


def test_the_table_wants_a_table_of_probes():
    with pytest.raises(UsageError, match="lacks"):
        quote_diff(frames.probes([])[["destination", "ttl"]])


# In worlds ---------------------------------------------------------------------------------------------------------


def seen(frame):
    """Field → the hops that saw it changed, and the first of them."""
    table = quote_diff(frame)
    return {name: (sorted(set(part["ttl"])), set(part["first_ttl"])) for name, part in table.groupby("field")}


def test_a_world_with_a_translator_that_shows_and_a_router_that_bleaches():
    with netlab.use("nat"):
        open_nat = netlab.traceroute("mirror", protocol="udp", source="guest", tos=184, attempts=1, window=1)
        tidy_nat = netlab.traceroute("mirror", protocol="udp", source="laptop", attempts=1, window=1)
    found = seen(open_nat)
    assert found.keys() == {"source", "UDP checksum", "DSCP"}
    last = int(open_nat["ttl"].max())
    assert found["source"] == found["UDP checksum"] == (list(range(2, last + 1)), {2})
    hops, first = found["DSCP"]
    assert first == {hops[0]} and hops == list(range(hops[0], last + 1)) and hops[0] > 2
    assert seen(tidy_nat) == {}, "this one puts everything back into the quotes"


def test_a_world_with_tunnels():
    with netlab.use("mpls"):
        implicit, plain = (netlab.traceroute(name, attempts=1, window=1) for name in ("implicit", "edge"))
    (name,) = seen(implicit)
    assert name == "ttl"
    table = quote_diff(implicit)
    assert table["quoted"].tolist() == ["2", "3"] and table["first_ttl"].tolist() == table["ttl"].tolist()
    assert seen(plain) == {}
