"""The field map of a packet: one row for every field, with its place, its value and what it means.

The strategy is a walk. A cursor moves over the bits of the packet from the first to the last; each field that is
taken adds a row and moves the cursor on. So every bit is in exactly one row, whatever the bytes are: a field that
does not fit into what is left ends its layer, and the rest of the layer becomes one row.

Layers nest. An ICMP error holds the quote of the original datagram (layer ``quoted IPv4``, ``quoted UDP``…) and
perhaps extensions after it. A quote inside a quote is not taken apart: it does not occur (RFC 1122 section 3.2.2),
and would only serve to make the walk deep.
"""

from __future__ import annotations

from netlab.wire import extensions, icmp_layouts, layouts
from netlab.wire.addresses import to_text
from netlab.wire.checksum import checksum, ones_complement_sum, pseudo_sum
from netlab.wire.ipv6 import AUTHENTICATION, EXTENSION_HEADERS, FRAGMENT_HEADER
from netlab.wire.layouts import Field, plural
from netlab.wire.names import protocol_name
from netlab.wire.walk import Row, Walk

QUOTED = "quoted "


def dissect(packet: bytes) -> list[Row]:
    """The rows of `netlab.wire.fields.fields`."""
    walk = Walk(bytes(packet))
    with walk.within(len(walk.data), "link", "padding", "after the end of the packet"):
        _ip(walk, "")
    return walk.rows


def _ip(walk: Walk, quoted: str) -> None:
    data = walk.left
    if not data:
        return
    if data[0] >> 4 == 4:
        _ipv4(walk, quoted)
    elif data[0] >> 4 == 6:
        _ipv6(walk, quoted)
    else:
        walk.bytes(quoted + "unknown", "bytes", len(data), f"IP version {data[0] >> 4} does not exist", "")


def _ipv4(walk: Walk, quoted: str) -> None:
    data, layer, start = walk.left, quoted + "IPv4", walk.place
    header = max(20, (data[0] & 15) * 4)
    length = int.from_bytes(data[2:4], "big")
    meanings = {"header checksum": _right(data[:header], 10, 0), "total length": _lengths(length, header, len(data))}
    if data[0] & 15 < 5:
        meanings["header length"] = "less than 5 words: cannot be"
    end = start + length if header <= length else walk.end
    with walk.within(end, layer, "payload", defined_in=layouts.V4):
        found = walk.header(layer, layouts.IPV4, meanings)
        _options(walk, layer, start + header, layouts.IP_OPTIONS, layouts.IP_OPTION_SECTIONS, layouts.V4)
        if found["fragment offset"]:
            return _fragment(walk, layer, layouts.V4)
        addresses = to_text(data[12:16]), to_text(data[16:20])
        whole = header <= length <= len(data) and not found["more fragments"]
        _transport(walk, quoted, 4, found["protocol"], addresses, whole)


def _ipv6(walk: Walk, quoted: str) -> None:
    data, layer = walk.left, quoted + "IPv6"
    length = int.from_bytes(data[4:6], "big")
    meanings = {"payload length": _lengths(length, 0, len(data) - 40)}
    with walk.within(walk.place + 40 + length, layer, "payload", defined_in=layouts.V6):
        protocol, whole = walk.header(layer, layouts.IPV6, meanings)["next header"], 40 + length <= len(data)
        addresses = to_text(data[8:24]), to_text(data[24:40])
        while protocol in EXTENSION_HEADERS:
            layer = f"{quoted}IPv6 {EXTENSION_HEADERS[protocol]}"
            if protocol == FRAGMENT_HEADER:
                found = walk.header(layer, layouts.FRAGMENT)
                protocol = found["next header"]
                if found["fragment offset"]:
                    return _fragment(walk, layer, "RFC 8200 section 4.5")
                whole = whole and not found["more fragments"]
            else:
                protocol = _extension_header(walk, layer, protocol)
        _transport(walk, quoted, 6, protocol, addresses, whole)


def _extension_header(walk: Walk, layer: str, kind: int) -> int:
    """One of the extension headers that all look alike: next header, length, data."""
    where = layouts.EXTENSION_SECTIONS[kind]
    following = walk.take(layer, Field("next header", 8, where, protocol_name))
    units = walk.number(8)
    size = (units + 2) * 4 if kind == AUTHENTICATION else (units + 1) * 8
    walk.take(layer, Field("header length", 8, where, f"{size} bytes in all"))
    walk.bytes(layer, "data", size - 2, "", where)
    return following


def _fragment(walk: Walk, layer: str, defined_in: str) -> None:
    """The rest of a packet that is a fragment, and not the first."""
    size = walk.end - walk.place
    walk.bytes(layer, "payload", size, "the middle or the end of a larger packet", defined_in)


def _transport(walk: Walk, quoted: str, version: int, protocol: int, addresses: tuple[str, str], whole: bool) -> None:
    """What the IP packet carries; ``whole``: all bytes under its checksum are there."""
    if protocol == 17:
        _udp(walk, quoted + "UDP", addresses, whole)
    elif protocol == 6:
        _tcp(walk, quoted + "TCP", addresses, whole)
    elif protocol == 1 and version == 4:
        _icmp(walk, quoted, 4, 0, whole)
    elif protocol == 58 and version == 6:
        _icmp(walk, quoted, 6, pseudo_sum(*addresses, 58, walk.end - walk.place), whole)
    else:
        walk.bytes(quoted + protocol_name(protocol), "payload", walk.end - walk.place, "not taken apart", "")


def _udp(walk: Walk, layer: str, addresses: tuple[str, str], whole: bool) -> None:
    data = walk.left
    length, found = int.from_bytes(data[4:6], "big"), int.from_bytes(data[6:8], "big")
    meanings = {"length": _lengths(length, 8, len(data))}
    whole = whole and 8 <= length <= len(data)
    if found == 0:
        meanings["checksum"] = "none computed" if ":" not in addresses[0] else "none: not allowed over IPv6"
    elif whole:
        meanings["checksum"] = _right(data[:length], 6, pseudo_sum(*addresses, 17, length), never_zero=True)
    else:
        meanings["checksum"] = _right(None)
    with walk.within(walk.place + length if whole else walk.end, layer, "payload", defined_in="RFC 768"):
        walk.header(layer, layouts.UDP, meanings)
        _payload(walk, layer, "RFC 768")
    walk.bytes(layer, "surplus", walk.end - walk.place, "after the end of the datagram", "RFC 768")


def _tcp(walk: Walk, layer: str, addresses: tuple[str, str], whole: bool) -> None:
    data, start = walk.left, walk.place
    meanings = {"checksum": _right(data, 16, pseudo_sum(*addresses, 6, len(data))) if whole else _right(None)}
    if len(data) >= 20:
        acknowledged = data[13] & 0x10
        meanings["acknowledgment"] = "next byte expected" if acknowledged else "no meaning without the ACK flag"
        meanings["urgent pointer"] = "end of urgent data" if data[13] & 0x20 else "no meaning without the URG flag"
    with walk.within(walk.end, layer, "payload", defined_in=layouts.TCP_SECTION):
        header = walk.header(layer, layouts.TCP, meanings)["data offset"] * 4
        where = "RFC 9293 section 3.2"
        _options(walk, layer, start + header, layouts.TCP_OPTIONS, layouts.TCP_OPTION_SECTIONS, where)
        _payload(walk, layer, layouts.TCP_SECTION)


def _icmp(walk: Walk, quoted: str, version: int, pseudo: int, whole: bool) -> None:
    data, layer = walk.left, quoted + ("ICMP" if version == 4 else "ICMPv6")
    kind, code = data[0] if data else 0, data[1] if len(data) > 1 else 0
    right = _right(data, 2, pseudo) if whole else _right(None)
    rest = (icmp_layouts.ICMPV4 if version == 4 else icmp_layouts.ICMPV6).get(kind, ())
    if (version, kind, code) == (4, 3, 4):
        rest = (*rest[:2], icmp_layouts.NEXT_HOP_MTU)
    head = icmp_layouts.icmp_head(version, kind)
    with walk.within(walk.end, layer, "body", defined_in=head[0].defined_in):
        walk.header(layer, head, {"checksum": right})
        found = walk.header(layer, rest)
        echo = kind in ((0, 8) if version == 4 else (128, 129))
        error = kind in ((3, 5, 11, 12) if version == 4 else (1, 2, 3, 4))
        if echo:
            _payload(walk, layer, head[0].defined_in)
        elif error and not quoted:
            _quote(walk, version, found.get("length"))


def _quote(walk: Walk, version: int, length_words: int | None) -> None:
    """The original datagram, and the extensions after it when this type of error has a length field."""
    place = 0
    if length_words is not None:
        place, _ = extensions.locate(walk.left, length_words, 4 if version == 4 else 8)
    end = walk.place + place if place else walk.end
    with walk.within(end, QUOTED.strip(), "padding", "after the end of the original datagram", "RFC 4884 section 3"):
        _ip(walk, QUOTED)
    if place:
        _extensions(walk)


def _extensions(walk: Walk) -> None:
    layer, data, start = "ICMP extensions", walk.left, walk.place
    checksum_text = "none computed" if data[2:4] == b"\0\0" else _right(data, 2, 0)
    with walk.within(walk.end, layer, "bytes", "not an object: the length cannot be", "RFC 4884 section 8"):
        walk.header(layer, icmp_layouts.EXTENSION_HEAD, {"checksum": checksum_text})
        for place, class_number, c_type, body in extensions.objects(data):
            end = start + place + extensions.OBJECT_HEADER_LENGTH + len(body)
            with walk.within(end, layer, "data", "not taken apart", "RFC 4884 section 8"):
                walk.header(layer, icmp_layouts.OBJECT_HEAD)
                _object(walk, layer, extensions.parse_object(class_number, c_type, body))


def _object(walk: Walk, layer: str, extension: extensions.Extension) -> None:
    """C-Type and data of one object."""
    if isinstance(extension, extensions.MplsStack):
        walk.take(layer, icmp_layouts.C_TYPE, "incoming label stack (RFC 4950 section 5)")
        for _ in extension.labels:
            walk.header("MPLS label", icmp_layouts.LABEL)
    elif isinstance(extension, extensions.InterfaceInformation):
        walk.header(layer, icmp_layouts.INTERFACE_TYPE)
        if extension.index is not None:
            walk.take(layer, icmp_layouts.INTERFACE_INDEX)
        if extension.address:
            bits = 128 if ":" in extension.address else 32
            walk.header(layer, icmp_layouts.INTERFACE_FAMILY)
            walk.take(layer, Field("interface address", bits, "RFC 5837 section 4.2", address=True))
        if extension.name:
            size = walk.take(layer, icmp_layouts.INTERFACE_NAME)
            walk.bytes(layer, "interface name", size - 1, "", "RFC 5837 section 4.3", extension.name)
        if extension.mtu is not None:
            walk.take(layer, icmp_layouts.INTERFACE_MTU)
    else:
        walk.take(layer, icmp_layouts.C_TYPE)


def _options(walk: Walk, layer: str, end: int, names: dict[int, str], sections: dict[int, str], where: str) -> None:
    """IPv4's and TCP's options up to byte ``end``: one byte alone, or kind, length and data; one row for each."""
    with walk.within(end, layer, "options", "not taken apart", where):
        while walk.left:
            kind, left = walk.left[0], walk.left
            size = 1 if kind < 2 else left[1] if len(left) > 1 else 0
            if not 1 <= size <= len(left) or (kind > 1 and size < 2):
                break
            name, numbers = names.get(kind, f"option {kind}"), left[2:size]
            meaning = str(int.from_bytes(numbers, "big")) if 0 < len(numbers) <= 2 else ""
            walk.bytes(layer, f"option: {name}", size, meaning, sections.get(kind, where))
            if kind == 0:
                walk.bytes(layer, "padding", len(left) - 1, "up to a whole word", where)


def _payload(walk: Walk, layer: str, defined_in: str) -> None:
    size = walk.end - walk.place
    walk.bytes(layer, "payload", size, plural(size, "byte"), defined_in)


def _lengths(stated: int, least: int, there: int) -> str:
    """What a length field says, compared with what is there."""
    if stated < least:
        return f"{plural(stated, 'byte')}: less than the header, cannot be"
    if stated > there:
        return f"{plural(stated, 'byte')}, of which {max(there, 0)} are here"
    return plural(stated, "byte")


def _right(data: bytes | None, place: int = 0, start: int = 0, never_zero: bool = False) -> str:
    """Whether the checksum at byte ``place`` of ``data`` is right; None: not all that it covers is there."""
    if data is None:
        return "cannot be checked: not all that it covers is here"
    if ones_complement_sum(data, start) == 0xFFFF:
        return "correct"
    right = checksum(data[:place] + b"\0\0" + data[place + 2 :], start)
    return f"wrong, should be 0x{right or (0xFFFF if never_zero else 0):04x}"
