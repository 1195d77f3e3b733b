"""What an incoming packet says about a probe: reading it in one go and taking it apart header by header agree."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from netlab import wire
from netlab.probe import matching
from netlab.probe.build import Builder
from netlab.probe.matching import Answer, Ours, read_answer
from netlab.probe.plan import Probe, Target
from netlab.wire import icmpv4
from netlab.wire.extensions import MplsLabel, MplsStack

TARGET = Target("www", "203.0.113.80", "192.0.2.10")
IDENTIFIER = {"icmp": 4711, "udp": 47_110, "tcp": 47_110}
FIELDS = list(Answer.__slots__)


def ours(protocol):
    return {4: Ours(protocol, IDENTIFIER[protocol], 80 if protocol == "tcp" else 33434, 16)}


def probe(protocol, number=1, size=32, **options):
    port = 80 if protocol == "tcp" else 33434
    builder = Builder(protocol, {4: IDENTIFIER[protocol]}, key=7, port=port, flows="paris", **options)
    return builder.build(Probe(TARGET, 3, 1, 0, size, flow=2), number)


def error(message, source="198.51.100.2", **header):
    return wire.IPv4(source, TARGET.source, wire.PROTOCOL_ICMP, message.to_bytes(), **{"ttl": 253, **header}).to_bytes()


def both_ways(data, marks):
    """What `read_answer` gives, and what it gives when it may not read anything in one go."""
    quick = read_answer(data, marks)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "_plain_error", lambda data, ours: None)
        return quick, read_answer(data, marks)


def values(answer):
    return answer and {name: getattr(answer, name) for name in FIELDS}


protocols = st.sampled_from(["icmp", "udp", "tcp"])


@given(
    protocols,
    st.sampled_from([icmpv4.TimeExceeded, icmpv4.DestinationUnreachable]),
    st.integers(0, 20),
    st.integers(1, 65_535),
    st.integers(0, 60),
    st.binary(max_size=12),
    st.sampled_from([None, 1, 0xFFFF]),
    st.integers(0, 200),
)
def test_a_plain_error_says_the_same_both_ways(protocol, kind, code, number, quoted, padding, checksum, mtu):
    original = probe(protocol, number, tos=0x28)[: 20 + quoted] + padding
    more = {"mtu": mtu} if kind is icmpv4.DestinationUnreachable else {}
    data = error(kind(code, original, checksum=checksum, **more), tos=0xC0)
    quick, careful = both_ways(data, ours(protocol))
    assert values(quick) == values(careful)


@given(protocols, st.integers(0, 75), st.integers(0, 255), st.integers(0, 30))
@example("icmp", 25, 17, 0)
def test_a_changed_byte_and_a_cut_end_say_the_same_both_ways(protocol, place, value, cut):
    data = bytearray(error(icmpv4.TimeExceeded(0, probe(protocol))))
    data[place % len(data)] = value
    quick, careful = both_ways(bytes(data[: len(data) - cut]), ours(protocol))
    assert values(quick) == values(careful)


def test_a_plain_error_is_read_in_one_go():
    data = error(icmpv4.TimeExceeded(0, probe("icmp", 5)))
    answer = matching._plain_error(data, ours("icmp")[4])
    assert answer is not None
    assert (answer.responder, answer.outcome, answer.number, answer.target) == (
        "198.51.100.2", "time-exceeded", 5, TARGET.address,
    )  # fmt: skip
    assert (answer.reply_ttl, answer.quoted.ttl, answer.quoted.payload) == (253, 3, probe("icmp", 5)[20:])


@pytest.mark.parametrize(
    "message",
    [
        icmpv4.DestinationUnreachable(4, probe("icmp"), mtu=1400),
        icmpv4.ParameterProblem(0, 8, probe("icmp")),
        icmpv4.TimeExceeded(0, probe("icmp"), (MplsStack((MplsLabel(24_001),)),)),
        icmpv4.EchoReply(4711, 5, bytes(32)),
    ],
    ids=lambda message: type(message).__name__,
)
def test_what_has_more_to_say_is_looked_at_closely(message):
    data = error(message)
    assert len(data) > matching.PLAIN_MOST or matching._plain_error(data, ours("icmp")[4]) is None
    answer = read_answer(data, ours("icmp"))
    assert answer is not None
    assert answer.mtu == getattr(message, "mtu", None)
    assert answer.mpls == ("24001/0/1/1" if getattr(message, "extensions", ()) else "")


def test_a_quote_with_ip_options_is_looked_at_closely():
    inside = wire.IPv4("192.0.2.10", TARGET.address, wire.PROTOCOL_ICMP, probe("icmp", 9)[20:], options=bytes(4))
    data = error(icmpv4.TimeExceeded(0, inside.to_bytes()))
    assert matching._plain_error(data, ours("icmp")[4]) is None
    assert read_answer(data, ours("icmp")).number == 9


def test_a_foreign_error_is_no_answer():
    data = error(icmpv4.TimeExceeded(0, probe("udp")))
    assert read_answer(data, ours("icmp")) is None
