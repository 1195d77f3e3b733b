"""Reading tables of a world file strictly: every value is checked, every complaint says where and what instead.

`Table` wraps one table (``[node] core``, ``[[link]] 3``) and hands out its values by kind. Which keys a table
takes, with their units and limits, stands in the literals below; `world.py` reads by them and `serialise.py`
writes by them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from math import isfinite
from typing import Any, NamedTuple

from netlab.errors import WorldError

WORLD_KEYS = ("name", "vantage", "description", "node", "link", "traffic", "tunnel")
NODE_KEYS = (
    "kind", "address", "name", "place", "latitude", "longitude", "asn", "initial_ttl", "open", "icmp", "silent",
    "answers_echo", "down", "hides_too_big", "firewall", "routes", "balance", "answers_from", "interface_information",
    "quotes", "control", "nat", "tos",
)  # fmt: skip
ICMP_KEYS = ("rate", "burst", "count", "interval_ms", "limit", "per_destination")
FIREWALL_KEYS = ("action", "protocol", "port", "source", "destination", "reject_with")
ROUTE_KEYS = ("to", "via")
NAT_KEYS = ("inside", "address", "fix_quotes")
TUNNEL_KEYS = ("path", "mode", "labels", "label")
TRAFFIC_KEYS = ("path", "kind", "rate_mbps", "size", "on_ms", "off_ms")

FLAGS = ("silent", "down", "hides_too_big", "interface_information")
BALANCERS = ("flow", "packet", "destination")
MODES = ("uniform", "pipe")
ANSWERS_FROM = ("return", "incoming")
"""What ``answers_from`` may say besides one of the node's addresses."""
LABELS = range(16, 1 << 20)
"""MPLS labels below 16 mean something else (RFC 3032 section 2.1)."""
LARGEST = 65_535
"""Bytes of an IP packet (RFC 791); also the highest port."""
LEAST_QUOTE = 8
"""Bytes behind the IP header that every ICMP error quotes (RFC 792)."""
MOST_COST = 65_535
"""As in OSPF (RFC 2328 section A.4.2)."""
REJECTIONS = (
    "administratively-prohibited", "host-prohibited", "net-prohibited", "port-unreachable", "source-policy",
    "reject-route", "tcp-reset",
)  # fmt: skip
NO_NEIGHBOUR = ("unreachable", "prohibit", "blackhole")
"""What a route may say instead of a neighbour, the words of ``ip route``."""


class Quantity(NamedTuple):
    """A number with a unit in a file, and where it goes in the model."""

    key: str
    field: str
    unit: float
    """The model's units in one of the file's: 1,000,000 ns in a ms."""
    low: float
    high: float
    meaning: str


HOUR_MS = 3_600_000
"""No delay is longer; light from Mars takes a third of it."""

SHARE = "a share of the packets from 0 to 1: 0.01 is 1 %"

DELAY = Quantity("delay_ms", "delay", 1e6, 0, HOUR_MS, "a time in milliseconds, 0 to 3600000")
DISTANCE = Quantity("distance_km", "delay", 5000, 0, 1e9, "a length in kilometres")
ON = Quantity("on_ms", "on", 1e6, 0.001, HOUR_MS, "the mean length of a burst in milliseconds, more than 0")
OFF = Quantity("off_ms", "off", 1e6, 0.001, HOUR_MS, "the mean length of a pause in milliseconds, more than 0")
RATE = Quantity("rate_mbps", "rate", 1e6, 1e-6, 1e6, "megabits per second, more than 0 (no limit: leave it out)")

DIRECTION = (
    Quantity("jitter_ms", "jitter", 1e6, 0, HOUR_MS, "a time in milliseconds, 0 to 3600000"),
    Quantity("loss", "loss", 1, 0, 1, SHARE),
    Quantity("duplicate", "duplicate", 1, 0, 1, SHARE),
    Quantity("reorder", "reorder", 1, 0, 1, SHARE),
    Quantity("reorder_delay_ms", "reorder_delay", 1e6, 0, HOUR_MS, "a time in milliseconds, 0 to 3600000"),
    Quantity("corrupt", "corrupt", 1, 0, 1, SHARE),
    RATE,
)
"""What both directions of a link have besides delay and queue."""

DIRECTION_KEYS = ("delay_ms", "distance_km", *(quantity.key for quantity in DIRECTION), "queue", "cost")

CONTROL = (
    Quantity("delay_ms", "delay", 1e6, 0, HOUR_MS, "a time in milliseconds, 0 to 3600000"),
    Quantity("jitter_ms", "jitter", 1e6, 0, HOUR_MS, "a time in milliseconds, 0 to 3600000"),
    Quantity("drop", "drop", 1, 0, 1, "a share of the messages from 0 to 1: 0.01 is 1 %"),
)
CONTROL_KEYS = tuple(quantity.key for quantity in CONTROL)
LINK_KEYS = ("ends", "name", "mtu", "down", "forward", "backward", *DIRECTION_KEYS)


class Table:
    """One table: knows its name and its keys, hands out checked values."""

    def __init__(self, where: str, data: object, keys: Sequence[str]) -> None:
        self.where = where
        if not isinstance(data, Mapping):
            raise WorldError(where, f"must be a table of keys and values, not {data!r}")
        self.data: Mapping[str, Any] = data
        for key in data:
            if key not in keys:
                raise self.wrong(key, f"no such key{did_you_mean(key, keys)}; allowed are {', '.join(keys)}")

    def wrong(self, key: object, message: str) -> WorldError:
        return WorldError(f"{self.where}, key {key!r}", message)

    def __contains__(self, key: str) -> bool:
        return key in self.data

    def text(self, key: str, default: str | None = None) -> str:
        value = self.data.get(key, default)
        if value is None:
            raise WorldError(self.where, f"key {key!r} is missing")
        if not isinstance(value, str) or (value == "" and default is None):
            raise self.wrong(key, f'must be a text in quotes such as "r1", not {value!r}')
        return value

    def texts(self, key: str) -> list[str]:
        """A list of texts, or one text alone."""
        value = self.data.get(key, ())
        if isinstance(value, str):
            return [value]
        if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
            raise self.wrong(key, f'must be a list of texts such as ["a", "b"], not {value!r}')
        return list(value)

    def choice(self, key: str, options: Sequence[str], default: str | None = None) -> str:
        value = self.text(key, default)
        if value not in options:
            raise self.wrong(key, f"{value!r}{did_you_mean(value, options)}; write one of {', '.join(options)}")
        return value

    def flag(self, key: str, default: bool = False) -> bool:
        value = self.data.get(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, f"must be true or false, not {value!r}")
        return value

    def number(self, key: str, default: float | None, low: float, high: float, meaning: str) -> float:
        value = self.data.get(key, default)
        if value is None:
            raise WorldError(self.where, f"key {key!r} is missing: {meaning}")
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.wrong(key, f"must be a number without quotes, not {value!r}: {meaning}")
        if not (isfinite(value) and low <= value <= high):
            raise self.wrong(key, f"{value!r} cannot be: {meaning}")
        return value

    def integer(self, key: str, default: int | None, low: int, high: int, meaning: str) -> int:
        value = self.number(key, default, low, high, meaning)
        if value != int(value):
            raise self.wrong(key, f"{value!r} must be a whole number: {meaning}")
        return int(value)

    def quantity(self, what: Quantity) -> float | int:
        """The value in the model's unit: times and rates as whole numbers, shares as they are."""
        value = self.number(what.key, None, what.low, what.high, what.meaning)
        return value if what.unit == 1 else round(value * what.unit)

    def list_of_tables(self, key: str) -> list[Any]:
        value = self.data.get(key, [])
        if not isinstance(value, (list, tuple)):
            raise self.wrong(key, f"must be a list of tables (in TOML: [[{key}]]), not {value!r}")
        return list(value)


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """`` (did you mean 'loss'?)`` or nothing."""
    matches = get_close_matches(str(word).lower(), list(known), n=1, cutoff=0.6)
    return f" (did you mean {matches[0]!r}?)" if matches else ""
