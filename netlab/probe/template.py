"""Probes like one that was built already: only what differs is written anew.

The probes of one flow to one destination differ in four places, whatever the protocol and the IP version:

==========================  =============================================================================
TTL (hop limit)             IP header
the low 16 bits of number   IPv4: identification; and bytes 6 and 7 behind the IP header, where ICMP has its
                            sequence number, UDP its checksum and TCP the low half of its sequence number
the cookie                  behind the ICMP or UDP header; TCP carries none
the word that balances      it makes up for the others, so that the checksum is right: the checksum itself
                            (TCP, ICMP in ping), or the first word behind the cookie (see ``build.py``)
==========================  =============================================================================

The balance takes no look at the rest of the packet. In a right packet all 16-bit words under the checksum add up to 0
modulo 0xFFFF (see ``wire/checksum.py``); so when some words change, their sum with the balance must stay what it was.
IPv4's header checksum is the balance of TTL and identification in the same way: RFC 1624, with more than one word.
"""

from __future__ import annotations

import struct

WORD = struct.Struct("!H")
NUMBER_AND_COOKIE = struct.Struct("!HQ")
IDENTIFICATION, TTL, HEADER_CHECKSUM, IPV4_HEADER = 4, 8, 10, 20
HOP_LIMIT, IPV6_HEADER = 7, 40
NUMBER, COOKIE, AFTER_COOKIE = 6, 8, 16
"""Bytes behind the IP header; the TCP checksum stands where ICMP and UDP have what comes after the cookie."""
ICMP_CHECKSUM = 2


class Template:
    """See the module.

    Parameters
    ----------
    packet
        A whole probe with right checksums.
    cookie
        Whether it carries a cookie, as ICMP and UDP do.
    balance
        Where, behind the IP header, the word stands that balances.
    never_zero
        Whether the balance is 0xFFFF rather than 0, the other zero of one's complement: the rule of UDP checksums.
    """

    __slots__ = ("_balance", "_cookie", "_header_rest", "_ipv4", "_never_zero", "_number", "_packet", "_rest")

    def __init__(self, packet: bytes, cookie: bool, balance: int, never_zero: bool) -> None:
        self._packet, self._cookie, self._never_zero = packet, cookie, never_zero
        self._ipv4 = packet[0] >> 4 == 4
        start = IPV4_HEADER if self._ipv4 else IPV6_HEADER
        self._number, self._balance = start + NUMBER, start + balance
        changing = [_word(packet, self._number), _word(packet, self._balance)]
        if cookie:
            changing.append(int.from_bytes(packet[start + COOKIE : start + AFTER_COOKIE], "big"))
        self._rest = sum(changing)
        """What the words that change add up to, modulo 0xFFFF, in every packet made from this one."""
        self._header_rest = (packet[TTL] << 8) + _word(packet, IDENTIFICATION) + _word(packet, HEADER_CHECKSUM)
        """The same, of IPv4's header."""

    def packet(self, ttl: int, number: int, cookie: int) -> bytes:
        """Give the packet with this TTL, the low 16 bits of ``number``, and the cookie (64 bits)."""
        packet = bytearray(self._packet)
        number &= 0xFFFF
        if self._ipv4:
            packet[TTL] = ttl
            WORD.pack_into(packet, IDENTIFICATION, number)
            WORD.pack_into(packet, HEADER_CHECKSUM, (self._header_rest - (ttl << 8) - number) % 0xFFFF)
        else:
            packet[HOP_LIMIT] = ttl
        if self._cookie:
            NUMBER_AND_COOKIE.pack_into(packet, self._number, number, cookie)
            balance = (self._rest - number - cookie) % 0xFFFF
        else:
            WORD.pack_into(packet, self._number, number)
            balance = (self._rest - number) % 0xFFFF
        WORD.pack_into(packet, self._balance, balance or (0xFFFF if self._never_zero else 0))
        return bytes(packet)


def _word(packet: bytes, place: int) -> int:
    return int.from_bytes(packet[place : place + 2], "big")
