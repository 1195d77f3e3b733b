"""Packets against scapy: built from the same values they are the same bytes, and each side reads what the other wrote.

``NETLAB_DIFFERENTIAL`` is the number of packets per protocol (200 unless set). Where scapy and the RFC part ways, a
test at the end names the difference.
"""

from __future__ import annotations

import logging
import warnings
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from netlab import wire
from netlab.wire import TCP, UDP, Fragment, IPv4, IPv6, icmpv4, icmpv6
from netlab.wire.extensions import Extension, InterfaceInformation, MplsStack, structure
from tests.support.tools import need_module
from tests.wire import generate, golden

FOUR = ("192.0.2.1", "192.0.2.2")


@pytest.fixture(scope="module")
def scapy() -> Any:
    """The few layers that are compared; quiet, and only now, for scapy looks at the machine's interfaces on import."""
    need_module("scapy")
    logging.getLogger("scapy").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import scapy
        from scapy.contrib import mpls
        from scapy.layers import inet, inet6
        from scapy.packet import Raw
    names = {**vars(inet), **vars(inet6), "MPLS": mpls.MPLS, "ICMPExtension_MPLS": mpls.ICMPExtension_MPLS}
    return SimpleNamespace(**{**names, "Raw": Raw, "version": scapy.__version__})


@pytest.mark.parametrize("name", generate.PROTOCOLS)
def test_scapy_builds_the_same_bytes_from_the_same_values(
    scapy: Any, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for packet, message in generate.packets(name):
        theirs = bytes(Build(scapy).whole(packet, message))
        assert theirs == packet.to_bytes()
        assert wire.parse(theirs) == packet
        if not isinstance(message, Fragment):
            assert wire.transport(wire.parse(theirs)) == message
    generate.announce(capsys, f"scapy {scapy.version}, {name}: {generate.COUNT} packets built alike")


@pytest.mark.parametrize("name", generate.PROTOCOLS)
def test_scapy_reads_the_same_values_and_writes_the_same_bytes(
    scapy: Any, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for packet, message in generate.packets(name):
        ours = packet.to_bytes()
        read = (scapy.IP if isinstance(packet, IPv4) else scapy.IPv6)(ours)
        assert values(read, ip_fields(packet)) == ip_fields(packet)
        if message is not None:
            expected = message_fields(message)
            assert values(read.payload, expected) == expected
        if getattr(message, "extensions", ()):
            assert_extensions(scapy, read.payload.ext, message.extensions)  # type: ignore[union-attr]
            continue  # what scapy read is written again by the test above
        for layer, names in ((read, ("len", "plen", "chksum", "ihl")), (read.payload, ("len", "chksum", "cksum"))):
            for each in names:  # scapy shall compute these itself
                if each in layer.fields and not (layer is read.payload and message is None):
                    delattr(layer, each)
        assert bytes(read) == ours
    generate.announce(capsys, f"scapy {scapy.version}, {name}: {generate.COUNT} packets read alike")


def values(layer: Any, expected: dict[str, Any]) -> dict[str, Any]:
    """The same fields as scapy has them; ``payload`` is all after the header."""
    found = {name: bytes(layer.payload) if name == "payload" else getattr(layer, name) for name in expected}
    return {name: int(value) if isinstance(value, int) else value for name, value in found.items()}


def ip_fields(packet: IPv4 | IPv6) -> dict[str, Any]:
    ends = {"src": packet.source, "dst": packet.destination, "payload": packet.payload}
    if isinstance(packet, IPv6):
        names = {"tc": packet.traffic_class, "fl": packet.flow_label, "nh": packet.next_header}
        return {**ends, **names, "hlim": packet.hop_limit, "plen": len(packet.payload)}
    flags = packet.dont_fragment * 2 + packet.more_fragments
    names = {"tos": packet.tos, "id": packet.identification, "ttl": packet.ttl, "proto": packet.protocol}
    return {**ends, **names, "frag": packet.fragment_offset // 8, "flags": flags}


def message_fields(message: Any) -> dict[str, Any]:
    if isinstance(message, UDP):
        return {"sport": message.source_port, "dport": message.destination_port, "payload": message.payload}
    if isinstance(message, TCP):
        ports = {"sport": message.source_port, "dport": message.destination_port, "payload": message.payload}
        numbers = {"seq": message.sequence, "ack": message.acknowledgment, "flags": message.flags}
        return {**ports, **numbers, "window": message.window, "urgptr": message.urgent}
    if isinstance(message, Fragment):
        place = {"offset": message.fragment_offset // 8, "m": message.more_fragments, "id": message.identification}
        return {"nh": message.next_header, **place, "payload": message.payload}
    fields = {"type": message.type, "code": message.code}
    for ours, theirs in NAMES.items():
        if hasattr(message, ours):
            fields[theirs] = getattr(message, ours)
    if isinstance(message, icmpv6.EchoRequest | icmpv6.EchoReply):
        fields["data"] = fields.pop("payload")
    if isinstance(message, icmpv4.DestinationUnreachable):
        fields["nexthopmtu"] = fields.pop("mtu")
    if getattr(message, "extensions", ()):
        fields["length"] = 128 // (4 if isinstance(message, icmpv4.Message) else 8)
    return fields


NAMES = {
    "identifier": "id",
    "sequence": "seq",
    "payload": "payload",
    "original": "payload",
    "mtu": "mtu",
    "pointer": "ptr",
    "gateway": "gw",
    "target": "tgt",
    "destination": "dst",
    "originate": "ts_ori",
    "receive": "ts_rx",
    "transmit": "ts_tx",
}
"""What scapy calls the fields of ICMP."""


class Build:
    """Our values as scapy's layers."""

    def __init__(self, scapy: Any) -> None:
        self.scapy = scapy

    def whole(self, packet: IPv4 | IPv6, message: object) -> Any:
        fields = {name: value for name, value in ip_fields(packet).items() if name not in ("payload", "plen")}
        if isinstance(packet, IPv4):
            blank = bytes([0x45 + len(packet.options) // 4]) + bytes(19)
            head = self.scapy.IP(**fields, options=self.scapy.IP(blank + packet.options).options)
        else:
            head = self.scapy.IPv6(**fields)
        return head / (self.message(message) if message is not None else self.scapy.Raw(packet.payload))

    def message(self, message: Any) -> Any:
        scapy, fields = self.scapy, message_fields(message)
        payload = scapy.Raw(fields.pop("payload", b""))
        if isinstance(message, UDP):
            return scapy.UDP(**fields) / payload
        if isinstance(message, TCP):
            return scapy.TCP(**fields, options=self.options(message.options)) / payload
        if isinstance(message, Fragment):
            return scapy.IPv6ExtHdrFragment(**fields) / payload
        kind = scapy.ICMP if isinstance(message, icmpv4.Message) else getattr(scapy, ICMPV6[type(message)])
        if getattr(message, "extensions", ()):
            fields["ext"] = scapy.ICMPExtension_Header()
            for extension in message.extensions:
                fields["ext"] = fields["ext"] / self.extension(extension)
        return kind(**fields) / payload

    def options(self, data: bytes) -> list[tuple[Any, Any]]:
        found: list[tuple[Any, Any]] = []
        while data and data[0] != 0:
            if data[0] == 1:
                found, data = [*found, ("NOP", None)], data[1:]
            else:
                found, data = [*found, (data[0], data[2 : data[1]])], data[data[1] :]
        return found

    def extension(self, extension: Extension) -> Any:
        scapy = self.scapy
        if isinstance(extension, MplsStack):
            stack = [scapy.MPLS(label=e.label, cos=e.tc, s=e.bottom, ttl=e.ttl) for e in extension.labels]
            return scapy.ICMPExtension_MPLS(len=len(extension.to_bytes()), stack=stack)
        if isinstance(extension, InterfaceInformation):
            return scapy.ICMPExtension_InterfaceInformation(**interface_fields(extension))
        head = {"classnum": extension.class_number, "classtype": extension.c_type, "len": 4 + len(extension.data)}
        return scapy.Raw(bytes(scapy.ICMPExtension_Object(**head)) + extension.data)


def interface_fields(interface: InterfaceInformation) -> dict[str, Any]:
    fields: dict[str, Any] = {"classtype": interface.role, "len": len(interface.to_bytes())}
    if interface.index is not None:
        fields |= {"has_ifindex": 1, "ifindex": interface.index}
    if interface.address:
        version = wire.family(interface.address)
        fields |= {"has_ipaddr": 1, "afi": 1 if version == 4 else 2, f"ip{version}": interface.address}
    if interface.name:  # written with the length that RFC 5837 wants: see the test of this below
        name = interface.name.encode()
        name += bytes(-(1 + len(name)) % 4)
        fields |= {"has_ifname": 1, "ifname_len": 1 + len(name), "ifname": name}
    if interface.mtu is not None:
        fields |= {"has_mtu": 1, "mtu": interface.mtu}
    return fields


ICMPV6 = {
    icmpv6.EchoRequest: "ICMPv6EchoRequest",
    icmpv6.EchoReply: "ICMPv6EchoReply",
    icmpv6.DestinationUnreachable: "ICMPv6DestUnreach",
    icmpv6.PacketTooBig: "ICMPv6PacketTooBig",
    icmpv6.TimeExceeded: "ICMPv6TimeExceeded",
    icmpv6.ParameterProblem: "ICMPv6ParamProblem",
    icmpv6.Redirect: "ICMPv6ND_Redirect",
}


def assert_extensions(scapy: Any, read: Any, extensions: tuple[Extension, ...]) -> None:
    """Scapy finds the structure; the objects are then given to it one by one."""
    assert (read.version, bytes(read)) == (2, structure(extensions))
    for extension in extensions:
        if isinstance(extension, InterfaceInformation):
            extension = replace(extension, name="")  # scapy is lost after a name: see the next test
        one = scapy.ICMPExtension_Object(extension.to_bytes())
        assert (one.len, one.classnum) == (len(extension.to_bytes()), extension.class_number)
        if isinstance(extension, MplsStack):
            labels, entry = [], one.stack[0]
            while entry.name == "MPLS":  # scapy nests the entries
                labels.append((entry.label, entry.cos, entry.s, entry.ttl))
                entry = entry.payload
            assert labels == [(e.label, e.tc, e.bottom, e.ttl) for e in extension.labels]
        elif isinstance(extension, InterfaceInformation):
            assert values(one, interface_fields(extension)) == interface_fields(extension)
        else:
            assert (one.classtype, bytes(one.payload)) == (extension.c_type, extension.data)


def test_scapy_reads_one_byte_too_many_of_an_interface_name(scapy: Any) -> None:
    """RFC 5837 section 4.3 decides: the length of the name counts the length byte itself."""
    ours = InterfaceInformation(0, name="eth")
    read = scapy.ICMPExtension_InterfaceInformation(ours.to_bytes() + b"X")
    assert (read.ifname_len, read.ifname) == (4, b"ethX")
    assert InterfaceInformation.parse(0x02, ours.to_bytes()[4:]) == ours


def test_scapy_counts_the_objects_after_an_object_into_its_length(scapy: Any) -> None:
    """RFC 4884 section 8 decides: the length is that of the object. (So the tests above tell scapy the lengths.)"""
    one = scapy.ICMPExtension_MPLS(stack=[scapy.MPLS(label=1)])
    assert (bytes(one)[1], bytes(one / one.copy())[1]) == (8, 16)


def test_scapy_takes_a_long_quote_for_extensions_whatever_its_checksum(scapy: Any) -> None:
    """RFC 4884 section 5 decides: only what has version 2 and a right checksum is a structure."""
    message = icmpv4.TimeExceeded(0, golden.ECHO_REQUEST + bytes(200))
    assert scapy.ICMP(message.to_bytes()).ext is not None
    assert icmpv4.parse(message.to_bytes()) == message


def test_scapy_reads_the_packets_of_our_capture_files(scapy: Any, tmp_path: Any) -> None:
    from scapy.utils import PcapNgReader

    path = tmp_path / "netlab.pcapng"
    packets = [(1_767_225_600_000_000_001 + number, data) for number, data in enumerate(golden.WHOLE.values())]
    path.write_bytes(wire.pcapng.to_pcapng(packets))
    with PcapNgReader(str(path)) as reader:
        read = list(reader)
    assert [bytes(packet) for packet in read] == [data for _, data in packets]
    assert [round(packet.time * 10**9) for packet in read] == [at for at, _ in packets]
