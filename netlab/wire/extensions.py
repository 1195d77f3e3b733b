"""What routers append to their ICMP errors: the multi-part messages of RFC 4884.

::

    | ICMP header, 8 bytes; one byte of it is the length of the quote | original datagram, zeros up to 128 bytes |
    | version 2, reserved, checksum | object | object | ...
    object: | length, 2 bytes, with these 4 | class | C-Type | data |

Two kinds of objects are understood: MPLS label stacks (RFC 4950) and interface information (RFC 5837). All others
are `UnknownObject`.

Finding the structure. The length field was added to bytes that had been unused for 25 years, and is unreliable: many
routers leave it 0, some count wrongly (17 words, but the structure at byte 128, was seen in
https://github.com/secdev/scapy/issues/4281). So `split` looks at the place stated, then at byte 128 of the quote, and
believes what it finds only if it has version 2, a right checksum and at least one object. "No checksum" (0) is believed
only at a place that was properly stated. An object whose length cannot be ends the reading; a length of 0 must not
make it loop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from netlab.errors import UsageError
from netlab.wire.addresses import to_packed, to_text
from netlab.wire.checksum import checksum, ones_complement_sum

VERSION = 2
HEADER_LENGTH = 4
OBJECT_HEADER_LENGTH = 4
QUOTE_LENGTH = 128
"""With extensions the quote has at least this length (RFC 4884 section 3), and old routers always had it."""

MPLS_CLASS, MPLS_TYPE = 1, 1
INTERFACE_CLASS = 2


@dataclass(frozen=True, slots=True)
class MplsLabel:
    """One label stack entry (RFC 3032 section 2.1; ``tc`` is the traffic class of RFC 5462)."""

    label: int
    tc: int = 0
    bottom: bool = True
    ttl: int = 1

    @classmethod
    def parse(cls, data: bytes) -> MplsLabel:
        word = int.from_bytes(data[:4], "big")
        return cls(word >> 12, word >> 9 & 7, word >> 8 & 1 == 1, word & 0xFF)

    def to_bytes(self) -> bytes:
        for name, value, width in (("label", self.label, 20), ("tc", self.tc, 3), ("ttl", self.ttl, 8)):
            if value >> width:
                raise UsageError(name, value, f"must be an integer from 0 to {(1 << width) - 1}")
        return (self.label << 12 | self.tc << 9 | self.bottom << 8 | self.ttl).to_bytes(4, "big")

    def __str__(self) -> str:
        return f"{self.label}/{self.tc}/{int(self.bottom)}/{self.ttl}"


@dataclass(frozen=True, slots=True)
class MplsStack:
    """The label stack with which the original datagram arrived, top label first (RFC 4950 section 5)."""

    class_number: ClassVar[int] = MPLS_CLASS
    c_type: ClassVar[int] = MPLS_TYPE
    labels: tuple[MplsLabel, ...]

    @classmethod
    def parse(cls, data: bytes) -> MplsStack:
        return cls(tuple(MplsLabel.parse(data[place : place + 4]) for place in range(0, len(data), 4)))

    def to_bytes(self) -> bytes:
        return _object(self.class_number, self.c_type, b"".join(label.to_bytes() for label in self.labels))

    def __str__(self) -> str:
        """``24001/0/1/1``: label, traffic class, bottom of stack, TTL; several labels with blanks between."""
        return " ".join(map(str, self.labels))


@dataclass(frozen=True, slots=True)
class InterfaceInformation:
    """An interface of the router that sent the error (RFC 5837 section 4); what it did not tell is None or ``""``."""

    ROLES: ClassVar[tuple[str, ...]] = ("incoming", "incoming sub-IP", "outgoing", "next hop")
    INDEX: ClassVar[int] = 0x08
    ADDRESS: ClassVar[int] = 0x04
    NAME: ClassVar[int] = 0x02
    MTU: ClassVar[int] = 0x01
    """The C-Type says what follows, in this order: the top two bits are the role, the low four these flags."""
    MOST_NAME: ClassVar[int] = 63
    """Bytes of a name: it is at most 64 long together with its length byte (section 4.3)."""

    class_number: ClassVar[int] = INTERFACE_CLASS
    role: int = 0
    index: int | None = None
    address: str = ""
    name: str = ""
    mtu: int | None = None

    @property
    def c_type(self) -> int:
        flags = (self.index is not None) * self.INDEX | bool(self.address) * self.ADDRESS
        return self.role << 6 | flags | bool(self.name) * self.NAME | (self.mtu is not None) * self.MTU

    @classmethod
    def parse(cls, c_type: int, data: bytes) -> InterfaceInformation:
        """Raises ValueError (`IndexError`, `UnicodeError` become one) where the data are not what the C-Type says."""
        index, address, name, mtu = None, "", "", None
        if c_type & cls.INDEX:
            index, data = _word(data), data[4:]
        if c_type & cls.ADDRESS:
            size = {1: 4, 2: 16}.get(_word(data) >> 16)  # IANA address family numbers: 1 is IPv4, 2 is IPv6
            if size is None or len(data) < 4 + size:
                raise ValueError("no such address family, or cut short")
            address, data = to_text(data[4 : 4 + size]), data[4 + size :]
        if c_type & cls.NAME:
            size = data[0] if data else 0
            name, data = data[1:size].rstrip(b"\0").decode("utf-8"), data[size:]
        if c_type & cls.MTU:
            mtu = _word(data)
        return cls(c_type >> 6, index, address, name, mtu)

    def to_bytes(self) -> bytes:
        data = b""
        if self.index is not None:
            data += self._number("index", self.index)
        if self.address:
            packed = to_packed(self.address)
            data += (b"\0\1\0\0" if len(packed) == 4 else b"\0\2\0\0") + packed
        if self.name:
            name = self.name.encode("utf-8")
            if len(name) > self.MOST_NAME:
                raise UsageError("name", self.name, f"must be at most {self.MOST_NAME} bytes in UTF-8")
            name += bytes(-(1 + len(name)) % 4)
            data += bytes([1 + len(name)]) + name
        if self.mtu is not None:
            data += self._number("mtu", self.mtu)
        if self.role not in range(4):
            raise UsageError("role", self.role, "must be an integer from 0 to 3")
        return _object(self.class_number, self.c_type, data)

    @staticmethod
    def _number(name: str, value: int) -> bytes:
        if value >> 32:
            raise UsageError(name, value, "must be an integer from 0 to 4294967295")
        return value.to_bytes(4, "big")

    def __str__(self) -> str:
        """``incoming eth0 192.0.2.1 index 3 mtu 1500``: what is known of it."""
        parts = [self.ROLES[self.role], self.name, self.address]
        parts += [f"index {self.index}" if self.index is not None else "", f"mtu {self.mtu}" if self.mtu else ""]
        return " ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class UnknownObject:
    """An object of another class, or one whose data are not as its RFC says."""

    class_number: int
    c_type: int
    data: bytes = b""

    def to_bytes(self) -> bytes:
        return _object(self.class_number, self.c_type, self.data)

    def __str__(self) -> str:
        return f"class {self.class_number} type {self.c_type}: {len(self.data)} bytes"


Extension = MplsStack | InterfaceInformation | UnknownObject


def split(quote: bytes, length_words: int, unit: int) -> tuple[bytes, tuple[Extension, ...], int | None]:
    """The original datagram, the extensions, and the length field (None: right) of an ICMP error.

    ``quote`` is the error without its 8-byte header, ``length_words`` its length field and ``unit`` what that counts
    in: 4 bytes in ICMPv4, 8 bytes in ICMPv6. The zeros with which `join` fills up a quote are taken off again.
    """
    if len(quote) <= QUOTE_LENGTH and not length_words:
        return quote, (), None
    place, found = locate(quote, length_words, unit)
    if not found:
        return quote, (), length_words or None
    # The plainest values that `join` writes as these very bytes: without the fill, without a length field of its own.
    whole = quote[:place]
    short = whole[: _quoted_length(whole)]
    original, words = whole, None if length_words * unit == place >= QUOTE_LENGTH else length_words
    if not any(whole[len(short) :]) and _place(len(short), words, unit) == place:
        original = short
    return original, found, words


def join(original: bytes, extensions: tuple[Extension, ...], length_words: int | None, unit: int) -> tuple[int, bytes]:
    """The length field and the bytes after the ICMP header: the reverse of `split`."""
    if not extensions:
        return length_words or 0, original
    place = _place(len(original), length_words, unit)
    words = place // unit if length_words is None else length_words
    if length_words is None and words > 0xFF:
        raise UsageError("original", original, f"must be at most {0xFF * unit} bytes when extensions follow")
    return words, original + bytes(place - len(original)) + structure(extensions)


def structure(extensions: tuple[Extension, ...]) -> bytes:
    """The extension structure (RFC 4884 section 7): version, checksum, objects."""
    objects = b"".join(extension.to_bytes() for extension in extensions)
    first = VERSION << 12
    return first.to_bytes(2, "big") + checksum(objects, first).to_bytes(2, "big") + objects


def locate(quote: bytes, length_words: int, unit: int) -> tuple[int, tuple[Extension, ...]]:
    """Where in the quote the extension structure begins, and its objects; (0, ()) when there is none."""
    stated = length_words * unit
    for place in (stated, QUOTE_LENGTH) if stated else (QUOTE_LENGTH,):
        data = quote[place:]
        if len(data) < HEADER_LENGTH + OBJECT_HEADER_LENGTH or data[0] >> 4 != VERSION:
            continue
        none_sent = data[2:4] == b"\0\0" and place == stated >= QUOTE_LENGTH
        if none_sent or (data[2:4] != b"\0\0" and ones_complement_sum(data) == 0xFFFF):
            found = tuple(parse_object(*each[1:]) for each in objects(data))
            if found:
                return place, found
    return 0, ()


def objects(data: bytes) -> list[tuple[int, int, int, bytes]]:
    """The objects of an extension structure as (place, class, C-Type, data), up to the first impossible length."""
    found, place = [], HEADER_LENGTH
    while place + OBJECT_HEADER_LENGTH <= len(data):
        length = int.from_bytes(data[place : place + 2], "big")
        if length < OBJECT_HEADER_LENGTH or place + length > len(data):
            break
        body = data[place + OBJECT_HEADER_LENGTH : place + length]
        found.append((place, data[place + 2], data[place + 3], body))
        place += length
    return found


def parse_object(class_number: int, c_type: int, data: bytes) -> Extension:
    """One object. It is understood only if it would be written again byte for byte, so nothing is lost."""
    extension: Extension
    if (class_number, c_type) == (MPLS_CLASS, MPLS_TYPE) and data and len(data) % 4 == 0:
        return MplsStack.parse(data)
    if class_number == INTERFACE_CLASS:
        try:
            extension = InterfaceInformation.parse(c_type, data)
        except ValueError:
            pass
        else:
            if extension.to_bytes() == _object(class_number, c_type, data):
                return extension
    return UnknownObject(class_number, c_type, data)


def _object(class_number: int, c_type: int, data: bytes) -> bytes:
    length = OBJECT_HEADER_LENGTH + len(data)
    if class_number >> 8 or c_type >> 8 or length >> 16:
        raise UsageError("extension", (class_number, c_type), "class and C-Type are bytes, length at most 65535")
    return length.to_bytes(2, "big") + bytes((class_number, c_type)) + data


def _place(length: int, length_words: int | None, unit: int) -> int:
    """Where the structure begins: after at least 128 bytes and a whole unit (RFC 4884 section 3).

    A router that states its length itself may break that rule, with a quote of exactly the length stated.
    """
    if length_words and length_words * unit == length:
        return length
    return max(QUOTE_LENGTH, length + -length % unit)


def _quoted_length(original: bytes) -> int:
    """The length that the quoted IP header states; that of all the bytes when there is no such header."""
    if len(original) >= 20 and original[0] >> 4 == 4:
        return int.from_bytes(original[2:4], "big")
    if len(original) >= 40 and original[0] >> 4 == 6:
        return 40 + int.from_bytes(original[4:6], "big")
    return len(original)


def _word(data: bytes) -> int:
    if len(data) < 4:
        raise ValueError("cut short")
    return int.from_bytes(data[:4], "big")
