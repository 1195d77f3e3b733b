"""Reading the table of a traceroute for the hop maps: checks, hops, labels, and who is who.

A *hop* is a TTL, not a machine: several addresses may answer at one TTL, and one router may answer at several. The way
ends by the kind of an answer and not by its address: an echo reply, a port unreachable or an answer of TCP comes from
the destination; any other unreachable says that nobody gets further.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from netlab.errors import UsageError
from netlab.plot.data import where
from netlab.plot.style import QUIET, SMALL, Look

if TYPE_CHECKING:
    from pandas import DataFrame

Row = dict[str, Any]

WANTED = "a table as netlab.traceroute gives it"
TEXTS = ("destination", "responder", "responder_name", "outcome", "detail", "mark", "network", "address", "source")
NEEDS = (*TEXTS, "ttl", "attempt", "rtt_ms", "sequence", "flow", "round", "flags", "protocol", "icmp_type")

SMALLEST_INITIAL_TTL = 32
"""Systems send with TTL 32, 64, 128 or 255; a table with one such TTL alone is a ping's and has no hops."""

SILENT = ("timeout", "pending", "not-sent")
"""Outcomes without a responder."""

STAR = Look("no answer (*)", QUIET, (6, 2, 0))
EARLY = Look("no answer in a shortened wait", QUIET, (3, 2, 0))
"""A star is grey: a router that does not answer has, most of the time, lost nothing of what it forwards."""


def traced(data: Any, beyond: bool = True) -> list[Row]:
    """The rows of one trace, hop by hop; UsageError for any other table.

    ``beyond``: also the rows flagged ``beyond-end``, probes with a larger TTL than the one that ended the trace.
    """
    rows = checked(data)
    ttls = {row["ttl"] for row in rows}
    if len(ttls) == 1 and min(ttls) >= SMALLEST_INITIAL_TTL:
        told = f"all its probes left with TTL {min(ttls)}, as those of netlab.ping do"
        raise UsageError("frame", type(data).__name__, f"{told}; wanted: {WANTED}")
    return [row for row in rows if beyond or not flagged(row, "beyond-end")]


def checked(data: Any) -> list[Row]:
    """The rows of a PROBES table with one destination, sorted by TTL and number."""
    missing = [column for column in NEEDS if column not in getattr(data, "columns", ())]
    if missing:
        told = f"has no column {', '.join(missing[:4])}" + (" …" if len(missing) > 4 else "")
        raise UsageError("frame", type(data).__name__, f"{told}; wanted: {WANTED}")
    if not len(data):
        raise UsageError("frame", type(data).__name__, f"has no rows; wanted: {WANTED}, with at least one probe")
    extra = [column for column in ("place", "latitude", "longitude") if column in data.columns]
    rows: list[Row] = data[[*NEEDS, *extra]].to_dict("records")
    for row, absent in zip(rows, data["icmp_type"].isna(), strict=True):
        row["icmp_type"] = None if absent else row["icmp_type"]
    names = list(dict.fromkeys(row["destination"] for row in rows))
    if len(names) > 1:
        choose = f'choose one: frame[frame["destination"] == "{names[0]}"]'
        raise UsageError("frame", type(data).__name__, f"has traces to {', '.join(names)}; {choose}")
    return sorted(rows, key=lambda row: (row["ttl"], row["sequence"]))


def flagged(row: Row, word: str) -> bool:
    return word in row["flags"].split()


def reached(row: Row) -> bool:
    """Whether the destination itself gave this answer."""
    if row["outcome"] == "late":
        kind = row["icmp_type"]
        if kind is None:  # no ICMP at all: an answer of TCP or UDP
            return True
        return kind in _ECHO_REPLY or bool(row["detail"] == "port unreachable")
    return bool(row["outcome"] == "reply" or (row["outcome"] == "unreachable" and row["detail"] == "port unreachable"))


_ECHO_REPLY = (0, 129)
"""ICMP types, RFC 792 and RFC 4443."""


def by_ttl(rows: Iterable[Row]) -> dict[int, list[Row]]:
    hops: dict[int, list[Row]] = {}
    for row in rows:
        hops.setdefault(row["ttl"], []).append(row)
    return hops


def responders(rows: Iterable[Row]) -> list[str]:
    """The addresses that answered, in order of first answer."""
    return list(dict.fromkeys(row["responder"] for row in rows if row["responder"]))


def last_try(rows: Sequence[Row]) -> bool:
    """Whether these are the last-ditch probes, whose TTL of 255 says nothing of a distance."""
    return bool(rows) and all(flagged(row, "last-ditch") for row in rows)


# Labels ----------------------------------------------------------------------------------------------------


class Labels:
    """Short texts for addresses: their names without the ending that all of them share, and the address itself."""

    def __init__(self, named: Iterable[tuple[str, str]]) -> None:
        self.names = {address: name for address, name in named if address and name and name != address}
        self.ending = _common_ending(list(dict.fromkeys(self.names.values())))

    def name(self, address: str) -> str:
        return self.names.get(address, "").removesuffix(self.ending)

    def both(self, address: str) -> str:
        name = self.name(address)
        return f"{name} ({address})" if name else address

    def fitting(self, address: str, most: int) -> str:
        """Name and address in so many characters; an address is never cut, half of it is nobody's."""
        name = self.name(address)
        room = most - len(address) - 3
        if not name or room < min(len(name), 8):
            return trimmed(name, most) if name else address
        return f"{trimmed(name, room)} ({address})"

    @property
    def told(self) -> str:
        """For captions: what was cut off."""
        return f" Names end in {self.ending}." if self.ending else ""


def labels_of(rows: Iterable[Row]) -> Labels:
    return Labels((row["responder"], row["responder_name"]) for row in rows)


def _common_ending(names: list[str]) -> str:
    if len(names) < 2:
        return ""
    parts = [name.split(".")[::-1] for name in names]
    common = []
    for words in zip(*(part[:-1] for part in parts), strict=False):  # at least one word of each name stays
        if len(set(words)) > 1:
            break
        common.append(words[0])
    return "." + ".".join(reversed(common)) if len(common) > 1 else ""  # a top-level domain alone is not worth it


def trimmed(text: str, most: int) -> str:
    """Cut out the middle of a text that is too long: both ends of a router's name tell something."""
    if len(text) <= most:
        return text
    tail = (most - 1) // 2
    return f"{text[: most - 1 - tail]}…{text[-tail:]}"


@lru_cache(maxsize=4096)
def width_of(text: str, size: float = SMALL, bold: bool = False) -> float:
    """Inches that a text takes."""
    font = FontProperties(weight="bold" if bold else "normal", size=size)
    return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]) / 72


# Who is who ------------------------------------------------------------------------------------------------


class Known:
    """Whether an address of a trace and a node of the truth are the same machine.

    A truth speaks of addresses or of names. A name is compared with what ``names=`` says of the address; else with
    the responder's name, whole or up to its first dot (``core`` is ``core.campus.example``).
    """

    def __init__(self, labels: Labels, names: Any = None) -> None:
        self._names = owners(names)
        self._labels = labels

    def node(self, address: str) -> str:
        """The node that ``names=`` gives for an address, ``""`` if it gives none."""
        return self._names.get(address, "")

    def called(self, address: str) -> set[str]:
        """All words by which a truth may mean this address."""
        given = self._names.get(address)
        if given:
            return {address, given}
        name = self._labels.names.get(address, "")
        return {address, name, name.split(".")[0]} - {""}


def owners(names: Any) -> dict[str, str]:
    """``names=`` as a dict of address and name: a mapping, or a world or network, whose nodes have addresses."""
    if names is None:
        return {}
    if isinstance(names, Mapping):
        return {str(address): str(name) for address, name in names.items()}
    nodes = getattr(getattr(names, "world", names), "nodes", None)
    if not isinstance(nodes, Mapping):
        allowed = "a dict of address and name, or a world or virtual network"
        raise UsageError("names", names, f"wanted: {allowed}")
    return {address.split("/")[0]: name for name, node in nodes.items() for address in node.addresses}


def count(number: int, word: str, plural: str = "") -> str:
    return f"{number} {word if number == 1 else plural or word + 's'}"


def frame_where(frame: DataFrame, rows: Sequence[Row]) -> str:
    """ "to www (virtual:campus), ICMP": what was measured, for captions."""
    protocols = dict.fromkeys(str(row["protocol"]).upper() for row in rows)
    return f"{where(rows[0]['destination'], frame)}, {' and '.join(protocols)}"
