"""Hypothesis strategies for packets: any value that a header can hold."""

from __future__ import annotations

from hypothesis import strategies as st

from netlab.wire import TCP, UDP, Fragment, IPv4, IPv6, icmpv4, icmpv6, to_text
from netlab.wire.extensions import InterfaceInformation, MplsLabel, MplsStack, UnknownObject


def number(bits: int) -> st.SearchStrategy[int]:
    return st.integers(0, (1 << bits) - 1)


addresses4 = st.binary(min_size=4, max_size=4).map(to_text)
addresses6 = st.binary(min_size=16, max_size=16).map(to_text)
payloads = st.binary(max_size=80)
offsets = number(13).map(lambda units: units * 8)
options = st.integers(0, 10).flatmap(lambda words: st.binary(min_size=4 * words, max_size=4 * words))

ipv4 = st.builds(
    IPv4,
    addresses4,
    addresses4,
    number(8),
    payloads,
    ttl=number(8),
    tos=number(8),
    identification=number(16),
    dont_fragment=st.booleans(),
    more_fragments=st.booleans(),
    fragment_offset=offsets,
    reserved_flag=st.booleans(),
    options=options,
)
ipv6 = st.builds(
    IPv6,
    addresses6,
    addresses6,
    number(8),
    payloads,
    hop_limit=number(8),
    traffic_class=number(8),
    flow_label=number(20),
)
fragment = st.builds(
    Fragment,
    number(8),
    payloads,
    fragment_offset=offsets,
    more_fragments=st.booleans(),
    identification=number(32),
    reserved=number(10),
)
udp = st.builds(UDP, number(16), number(16), payloads)
tcp = st.builds(
    TCP,
    number(16),
    number(16),
    sequence=number(32),
    acknowledgment=number(32),
    flags=number(8),
    window=number(16),
    urgent=number(16),
    options=options,
    payload=payloads,
    reserved=number(4),
)

label = st.builds(MplsLabel, number(20), number(3), st.booleans(), number(8))
stack = st.builds(MplsStack, st.lists(label, min_size=1, max_size=4).map(tuple))
names = st.text(st.characters(min_codepoint=1, exclude_categories=("Cs",)), max_size=15)
interface = st.builds(
    InterfaceInformation,
    number(2),
    st.none() | number(32),
    st.just("") | addresses4 | addresses6,
    names,
    st.none() | number(32),
)
unknown_object = st.builds(UnknownObject, st.integers(3, 255), number(8), st.binary(max_size=4).map(lambda b: b * 4))
extensions = st.lists(stack | interface | unknown_object, max_size=3).map(tuple)

originals4 = st.builds(lambda packet: packet.to_bytes(), ipv4)
originals6 = st.builds(lambda packet: packet.to_bytes(), ipv6)

messages4 = st.one_of(
    st.builds(icmpv4.EchoRequest, number(16), number(16), payloads, code=number(8)),
    st.builds(icmpv4.EchoReply, number(16), number(16), payloads, code=number(8)),
    st.builds(icmpv4.DestinationUnreachable, number(8), originals4, number(16), extensions),
    st.builds(icmpv4.TimeExceeded, number(8), originals4, extensions),
    st.builds(icmpv4.ParameterProblem, number(8), number(8), originals4, extensions),
    st.builds(icmpv4.Redirect, number(8), addresses4, originals4),
    st.builds(icmpv4.TimestampRequest, number(16), number(16), number(32), number(32), number(32), payload=payloads),
    st.builds(icmpv4.TimestampReply, number(16), number(16), number(32), number(32), number(32), code=number(8)),
    st.builds(icmpv4.Unknown, st.sampled_from([1, 2, 4, 15, 42, 255]), number(8), payloads),
)
messages6 = st.one_of(
    st.builds(icmpv6.EchoRequest, number(16), number(16), payloads, code=number(8)),
    st.builds(icmpv6.EchoReply, number(16), number(16), payloads, code=number(8)),
    st.builds(icmpv6.DestinationUnreachable, number(8), originals6, extensions),
    st.builds(icmpv6.TimeExceeded, number(8), originals6, extensions),
    st.builds(icmpv6.PacketTooBig, number(32), originals6, code=number(8)),
    st.builds(icmpv6.ParameterProblem, number(8), number(32), originals6),
    st.builds(icmpv6.Redirect, addresses6, addresses6, payloads, code=number(8), unused=number(32)),
    st.builds(icmpv6.Unknown, st.sampled_from([0, 5, 127, 130, 135, 255]), number(8), payloads),
)
