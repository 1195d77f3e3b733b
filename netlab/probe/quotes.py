"""What happened to a probe on its way: the packet sent, held against the one that a router quotes.

An ICMP error brings back the beginning of the packet that it is about (RFC 792, RFC 4443 section 3), as the router had
it. So traceroute shows, hop by hop, who rewrites what: address translators, firewalls, carriers that reset the DSCP.

The strategy: take both packets apart with `netlab.wire.fields`, the field map behind ``explain``, and compare field by
field, as far as the quote reaches. Three fields are not compared as they stand:

* *TTL*: every router lowers it, and the one where it runs out sees 1. In a "time exceeded", 0 means that the router
  before forwarded a packet that it should have dropped, and more than 1 that hops are hidden or labels counted.
* *IPv4's header checksum* changes with every TTL.
* *TCP and IP options* are compared by name, wherever they stand; "no operation" only fills gaps.

*Where* it happened. The same change, seen at several hops, was made before the first of them, and after the last hop in
front of it that still saw the field as it was sent. What "the same change" is depends on the field: see `_change`.

*Translators that cover their tracks* (RFC 5508 section 4.2) put the old addresses and ports back into the quotes that
pass them, but may leave the checksum inside as it was. A transport checksum that differs alone is such a translator.
The difference (one's complement, 16 bits) is its "NAT id": hops behind the same translator show the same one.

Compared are answers, late ones too, that quote something. Rows with the flag ``no-quote`` are not: there the system hid
what the router quoted, and the header in ``answer`` was rebuilt from what we sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from netlab import wire
from netlab.errors import PacketError, UsageError
from netlab.probe.quote_words import MSS, TTL, meaning

Row = Mapping[str, Any]

NOT_COMPARED = {"version", "header checksum"}
FILL = {"option: no operation", "option: end of options"}
TIME_EXCEEDED = {4: (11, 0), 6: (3, 0)}
"""IP version → type and code of the error that a router sends when the TTL has run out."""
TRANSPORTS = ("UDP", "TCP", "ICMP", "ICMPv6")
SHOWN_PAYLOAD = 8
"""Bytes of the payload that a row shows, from the first that differs."""


@dataclass(slots=True)
class Quote:
    """One quoted packet and what differs in it."""

    row: Row
    expired: bool
    """The answer says that the TTL has run out."""
    same: set[str] = field(default_factory=set)
    """Fields that are as they were sent."""
    changed: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    """Field → what was sent, what the quote has; None: there is no such field."""


def quote_rows(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Give one row of QUOTES for every field that differs from what was sent, in the order of ``rows``."""
    quotes = [quote for row in rows if (quote := compare(row)) is not None]
    first: dict[Any, int] = {}
    for quote in quotes:
        for name in quote.changed:
            place = _place(quote, name)
            first[place] = min(first.get(place, 256), quote.row["ttl"])
    untouched = _untouched(quotes)
    found = []
    for quote in quotes:
        row = quote.row
        for name, (sent, quoted) in quote.changed.items():
            start = row["ttl"] if name in TTL else first[_place(quote, name)]
            hops = untouched.get((_whose(row), name), ())
            before = max((hop for hop in hops if hop < start), default=0)
            found.append(
                {
                    "destination": row["destination"],
                    "ttl": row["ttl"],
                    "attempt": row["attempt"],
                    "responder": row["responder"],
                    "field": name,
                    "sent": _text(name, sent),
                    "quoted": _text(name, quoted),
                    "first_ttl": start,
                    "meaning": meaning(quote.changed, name) + ("" if name in TTL else _where(before, start)),
                    "network": row["network"],
                }
            )
    return found


def compare(row: Row) -> Quote | None:
    """Hold what a row's answer quotes against its request; None when nothing is quoted that could be compared."""
    for name in ("request", "answer"):
        if not isinstance(row[name], bytes):
            raise UsageError(name, row[name], "must be bytes, as netlab.traceroute gives them (a CSV file loses them)")
    if not row["request"] or not row["answer"] or "no-quote" in row["flags"].split():
        return None
    try:
        packet = wire.parse(row["answer"])
        message: Any = wire.transport(packet)
    except PacketError:
        return None
    original = getattr(message, "original", b"")
    if not original:
        return None
    version = 4 if isinstance(packet, wire.IPv4) else 6
    quote = Quote(row, (message.type, message.code) == TIME_EXCEEDED[version])
    sent, quoted = _fields(row["request"]), _fields(original)
    for (layer, name), value in sent.items():
        found = quoted.get((layer, name))
        if name in TTL:
            if quote.expired and found not in (None, 1):
                quote.changed[name] = value, found
        elif found == value:
            quote.same.add(name)
        elif found is not None:
            quote.changed[name] = value, found
    _compare_options(quote, row["request"], original)
    _compare_payload(quote, row["request"], original)
    return quote


# What is in a packet -----------------------------------------------------------------------------------------------


def _fields(packet: bytes) -> dict[tuple[str, str], Any]:
    """The fields that are compared one by one: (layer, name) → value. Options and payloads are bytes, and left out."""
    found: dict[tuple[str, str], Any] = {}
    for entry in wire.fields(packet):
        if entry["field"] not in NOT_COMPARED and not isinstance(entry["value"], bytes):
            found.setdefault((str(entry["layer"]), _name(entry)), entry["value"])
    return found


def _name(entry: Mapping[str, Any]) -> str:
    """The field's name in ``explain``, with the layer where two layers have the same."""
    name, layer = str(entry["field"]), str(entry["layer"])
    if name in ("checksum", "reserved", "length") and layer in TRANSPORTS:
        return f"{layer} {name}"
    return f"{layer} {name}" if layer.startswith("IPv6 ") else name


def _compare_options(quote: Quote, request: bytes, original: bytes) -> None:
    """Options by name, where the quote has the whole header: one that is missing was removed, a new one added."""
    for layer in ("IPv4", "TCP"):
        sent, quoted = _options(request, layer), _options(original, layer)
        if sent is None or quoted is None:
            continue
        for name in [*sent, *(name for name in quoted if name not in sent)]:
            if sent.get(name) == quoted.get(name):
                quote.same.add(name)
            else:
                quote.changed[name] = sent.get(name), quoted.get(name)


def _options(packet: bytes, layer: str) -> dict[str, bytes] | None:
    """Option → its bytes; None when the header is not there to its end."""
    entries = [entry for entry in wire.fields(packet) if entry["layer"] == layer]
    names = [entry["field"] for entry in entries]
    last, words = ("destination", "header length") if layer == "IPv4" else ("urgent pointer", "data offset")
    if last not in names:
        return None
    start = int(str(entries[0]["offset"]))
    end = start + 4 * next(int(str(entry["value"])) for entry in entries if entry["field"] == words)
    if len(packet) < end:
        return None
    found: dict[str, bytes] = {}
    for entry in entries:
        name = str(entry["field"])
        if name.startswith("option") and name not in FILL and isinstance(entry["value"], bytes):
            found[name] = found.get(name, b"") + entry["value"]
    return found


def _compare_payload(quote: Quote, request: bytes, original: bytes) -> None:
    """The payload, as far as it was quoted."""
    sent, quoted = _payload(request), _payload(original)
    if not sent or not quoted:
        return
    wrong = next((place for place, (one, two) in enumerate(zip(sent, quoted, strict=False)) if one != two), None)
    if wrong is None:
        quote.same.add("payload")
    else:
        end = min(wrong + SHOWN_PAYLOAD, len(quoted))
        quote.changed["payload"] = (wrong, sent[wrong:end]), (wrong, quoted[wrong:end])


def _payload(packet: bytes) -> bytes:
    for entry in wire.fields(packet):
        if entry["field"] == "payload" and entry["layer"] in TRANSPORTS and isinstance(entry["value"], bytes):
            return entry["value"]
    return b""


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name == "payload":
        return f"byte {value[0]}: {value[1].hex()}"
    if name == MSS and len(value) == 4:
        return str(int.from_bytes(value[2:], "big"))
    if isinstance(value, bytes):
        return value.hex()
    return f"0x{value:04x}" if name.endswith("checksum") else str(value)


# Where it happened -------------------------------------------------------------------------------------------------


def _whose(row: Row) -> tuple[Any, ...]:
    """What hops are compared within: one measurement's packets to one destination."""
    return row["destination"], row["address"], row["source"], row["protocol"], row["network"]


def _place(quote: Quote, name: str) -> tuple[Any, ...]:
    return _whose(quote.row), name, _change(name, *quote.changed[name])


def _change(name: str, sent: Any, quoted: Any) -> Any:
    """What two changes have in common when the same machine made them.

    Checksums and TCP's sequence numbers are shifted by the same amount in every probe; addresses, code points and most
    other fields get the same new value; ports and identifications may get another one in every probe.
    """
    if name.endswith("checksum"):
        return (quoted - sent) % 0xFFFF
    if name in ("sequence", "acknowledgment") and isinstance(sent, int):
        return (quoted - sent) % (1 << 32)
    if name in ("source port", "destination port", "identifier", "identification", "flow label", "payload"):
        return None
    return quoted


def _untouched(quotes: Iterable[Quote]) -> dict[Any, set[int]]:
    """(Whose, field) → TTLs at which the field was as it was sent."""
    found: dict[Any, set[int]] = {}
    for quote in quotes:
        for name in quote.same:
            found.setdefault((_whose(quote.row), name), set()).add(quote.row["ttl"])
    return found


def _where(before: int, start: int) -> str:
    return f" (between hop {before} and hop {start})" if before else f" (before hop {start})"
