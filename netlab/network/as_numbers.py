"""The AS number that announces an address, asked by DNS from the Team Cymru's mapping of routes to origins.

The question is a name made from the address, the answer a TXT record::

    31.108.90.216.origin.asn.cymru.com.   TXT   "23028 | 216.90.108.0/24 | US | arin | 1998-09-25"

IPv6 addresses are turned nibble by nibble, as for reverse names (RFC 3596 section 2.5), under origin6. A route may have
several origins ("23028 64500"), of which the first counts. Who asks tells a third party which addresses he is
interested in: so nobody asks unless told to, and addresses that no route leads to (private, documentation, loopback:
RFC 6890) are never asked about. DNS itself is dnspython's, an optional package.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from netlab.errors import UsageError

ZONE = {4: "origin.asn.cymru.com.", 6: "origin6.asn.cymru.com."}
ANSWER_LIMIT = 2.0
"""s that a question may take, repetitions included."""
REMEDY = "needs the package dnspython: pip install 'netlab-workbook[asn]', or pip install dnspython"


class Origins:
    """Asks for AS numbers; answers are kept.

    Parameters
    ----------
    servers, port
        Name servers to ask instead of the system's.

    Raises
    ------
    UsageError
        When dnspython is not installed, or this machine has no name servers.
    """

    def __init__(self, servers: Sequence[str] = (), port: int = 53) -> None:
        try:
            import dns.resolver
        except ImportError:
            raise UsageError("as_numbers", True, REMEDY) from None
        try:
            self._resolver = dns.resolver.Resolver(configure=not servers)
        except dns.resolver.NoResolverConfiguration:
            raise UsageError("as_numbers", True, "needs DNS, and this machine names no server for it") from None
        if servers:
            self._resolver.nameservers, self._resolver.port = list(servers), port
        self._resolver.cache = dns.resolver.LRUCache()

    def __call__(self, address: str) -> int | None:
        """Give the AS number; None when nobody knows one, or nobody answers in time."""
        question = origin_name(address)
        if question is None:
            return None
        from dns.exception import DNSException

        try:
            answer: Any = self._resolver.resolve(question, "TXT", lifetime=ANSWER_LIMIT, search=False)
        except DNSException:
            return None
        numbers = [_first_number(b"".join(record.strings)) for record in answer]
        return next((number for number in numbers if number is not None), None)


def origin_name(address: str) -> str | None:
    """The name to ask for; None for an address that no route on the Internet leads to."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if not parsed.is_global or parsed.is_multicast:
        return None
    digits = parsed.packed.hex() if parsed.version == 6 else str(parsed).split(".")
    return ".".join([*reversed(digits), ZONE[parsed.version]])


def _first_number(text: bytes) -> int | None:
    words = text.partition(b"|")[0].split()
    return int(words[0]) if words and words[0].isdigit() and int(words[0]) < 1 << 32 else None
