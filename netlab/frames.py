"""The tables: their columns and dtypes as literals, rows → DataFrame, and `summary`.

Plain DataFrames, with units in the column names. A number that does not exist is NaN or ``<NA>``, a text that
does not exist is ``""``. pandas is loaded inside the functions only, so that the command never pays for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache, lru_cache
from math import nan
from operator import itemgetter
from types import NoneType
from typing import TYPE_CHECKING, Any

from netlab import stats
from netlab.errors import UsageError

if TYPE_CHECKING:
    from pandas import DataFrame, Series

OUTCOMES = ("reply", "time-exceeded", "unreachable", "late", "timeout", "pending", "not-sent")
PROTOCOLS = ("icmp", "udp", "tcp")
CLOCKS = ("kernel", "user", "virtual")
BALANCERS = ("none", "flow", "packet", "destination", "unknown")
VERDICT_CLASSES = (
    "path loss",
    "rate limit",
    "loss of this router's answers only",
    "slow control plane",
    "cannot tell",
    "no loss",
)

PROBES: dict[str, str] = {
    "destination": "str",
    "ttl": "int64",
    "attempt": "int64",
    "responder": "str",
    "responder_name": "str",
    "rtt_ms": "float64",
    "outcome": "category:outcome",
    "detail": "str",
    "mark": "str",
    "network": "category",
    "address": "str",
    "source": "str",
    "protocol": "category:protocol",
    "port": "Int32",
    "sequence": "int64",
    "flow": "int64",
    "round": "int64",
    "packet_size": "int64",
    "sent_at": "time",
    "waited_ms": "float64",
    "clock": "category:clock",
    "rtt_user_ms": "float64",
    "reply_ttl": "Int16",
    "return_hops": "Int16",
    "icmp_type": "Int16",
    "icmp_code": "Int16",
    "quoted_ttl": "Int16",
    "quoted_tos": "Int16",
    "mtu": "Int32",
    "mpls": "str",
    "interface": "str",
    "asn": "Int64",
    "duplicates": "Int64",
    "corrupt_at": "Int64",
    "flags": "str",
    "place": "str",
    "latitude": "float64",
    "longitude": "float64",
    "request": "bytes",
    "answer": "bytes",
}

SUMMARY: dict[str, str] = {
    "destination": "str",
    "protocol": "category:protocol",
    "ttl": "int64",
    "round": "int64",
    "sent": "int64",
    "received": "int64",
    "late": "int64",
    "lost": "int64",
    "pending": "int64",
    "duplicates": "int64",
    "reordered": "int64",
    "loss": "float64",
    "loss_low": "float64",
    "loss_high": "float64",
    "rtt_min_ms": "float64",
    "rtt_mean_ms": "float64",
    "rtt_median_ms": "float64",
    "rtt_p95_ms": "float64",
    "rtt_max_ms": "float64",
    "rtt_mdev_ms": "float64",
    "rtt_last_ms": "float64",
    "rtt_ewma_ms": "float64",
    "jitter_rfc3550_ms": "float64",
    "jitter_mean_abs_ms": "float64",
    "ipdv_mean_ms": "float64",
    "pdv_p95_ms": "float64",
    "ipg_ms": "float64",
    "pipe": "Int64",
    "longest_loss_run": "Int64",
    "reordering_extent": "Int64",
    "bad_checksum": "Int64",
    "responders": "Int64",
}

EXCHANGES: dict[str, str] = {
    "started_at": "time",
    "client": "str",
    "method": "str",
    "target": "str",
    "version": "str",
    "status": "Int64",
    "request_bytes": "Int64",
    "response_bytes": "Int64",
    "queue_ms": "float64",
    "dns_ms": "float64",
    "connect_ms": "float64",
    "send_ms": "float64",
    "wait_ms": "float64",
    "receive_ms": "float64",
    "total_ms": "float64",
    "reused": "boolean",
    "cache": "str",
    "upstream": "str",
    "upstream_ip": "str",
    "error": "str",
    "rule": "str",
    "tunnel_up_bytes": "Int64",
    "tunnel_down_bytes": "Int64",
    "connection": "Int64",
    "request": "Int64",
    "network": "category",
}

PACKETS: dict[str, str] = {
    "time": "time",
    "at": "str",
    "action": "str",
    "reason": "str",
    "source": "str",
    "destination": "str",
    "protocol": "str",
    "ttl": "Int16",
    "summary": "str",
    "data": "bytes",
}

FIELDS: dict[str, str] = {
    "layer": "str",
    "offset": "int64",
    "bits": "str",
    "field": "str",
    "value": "str",
    "meaning": "str",
    "defined_in": "str",
}

NODES: dict[str, str] = {
    "name": "str",
    "kind": "str",
    "hostname": "str",
    "addresses": "str",
    "place": "str",
    "latitude": "float64",
    "longitude": "float64",
    "asn": "Int64",
    "vantage": "bool",
}

EDGES: dict[str, str] = {
    "link": "str",
    "a": "str",
    "b": "str",
    "delay_ms": "float64",
    "distance_km": "float64",
    "rate_mbps": "float64",
    "mtu": "int64",
    "loss": "float64",
    "queue": "int64",
    "down": "bool",
}

LINKS: dict[str, str] = {
    "destination": "str",
    "ttl": "int64",
    "near": "str",
    "far": "str",
    "near_name": "str",
    "far_name": "str",
    "flows": "int64",
    "probes": "int64",
    "balancer": "category:balancer",
    "certain": "bool",
    "network": "category",
    "address": "str",
    "protocol": "category:protocol",
    "sent": "int64",
}

PATH_MTU: dict[str, str] = {
    "destination": "str",
    "ttl": "int64",
    "responder": "str",
    "responder_name": "str",
    "mtu": "Int32",
    "evidence": "str",
    "probes": "int64",
    "detail": "str",
    "network": "category",
    "address": "str",
}

VERDICTS: dict[str, str] = {
    "destination": "str",
    "ttl": "int64",
    "responder": "str",
    "verdict": "category:verdict",
    "direction": "str",
    "sent": "int64",
    "received": "int64",
    "loss": "float64",
    "loss_low": "float64",
    "loss_high": "float64",
    "loss_after": "float64",
    "p_value": "float64",
    "evidence": "str",
    "sentence": "str",
    "network": "category",
}

QUOTES: dict[str, str] = {
    "destination": "str",
    "ttl": "int64",
    "attempt": "int64",
    "responder": "str",
    "field": "str",
    "sent": "str",
    "quoted": "str",
    "first_ttl": "int64",
    "meaning": "str",
    "network": "category",
}

PHASE_NAMES = ["queue", "dns", "connect", "tls", "send", "wait", "receive"]
"""What a request goes through: waiting for a connection, name, handshake, TLS, sending, first byte, the rest."""

PHASES: dict[str, str] = {
    "url": "str",
    "object": "int64",
    "phase": "category:phase",
    "start_ms": "float64",
    "end_ms": "float64",
    "duration_ms": "float64",
    "status": "Int64",
    "bytes": "Int64",
    "connection": "Int64",
    "number": "Int64",
    "reused": "boolean",
    "method": "str",
    "address": "str",
    "started_at": "time",
    "error": "str",
    "network": "category",
    "request": "bytes",
    "answer": "bytes",
}

CROWD_OUTCOMES = ["answered", "refused", "reset", "timeout", "unreachable"]
"""What becomes of a request of a load: an answer of whatever status, or none."""

LOAD: dict[str, str] = {
    "at_ms": "float64",
    "client": "str",
    "target": "str",
    "slow": "bool",
    "outcome": "category:crowd",
    "status": "Int64",
    "connect_ms": "float64",
    "queue_ms": "float64",
    "wait_ms": "float64",
    "receive_ms": "float64",
    "latency_ms": "float64",
    "bytes": "int64",
    "connection": "Int64",
    "error": "str",
    "started_at": "time",
    "network": "category",
}

QUEUE: dict[str, str] = {
    "time_ms": "float64",
    "waiting": "int64",
    "busy": "int64",
    "refused": "int64",
    "at": "time",
}

LISTING: dict[str, str] = {
    "name": "str",
    "kind": "str",
    "size": "Int64",
    "modified": "time",
    "media_type": "str",
    "url": "str",
}

CAPABILITIES: dict[str, str] = {"capability": "str", "works": "str", "evidence": "str", "remedy": "str"}

FEW = 1000
"""Rows of a small table."""

ALL_ROUNDS = 0
"""In ``round`` of a summary: not one round, but all of them."""

_CATEGORIES = {
    "outcome": OUTCOMES,
    "protocol": PROTOCOLS,
    "clock": CLOCKS,
    "balancer": BALANCERS,
    "verdict": VERDICT_CLASSES,
    "phase": PHASE_NAMES,
    "crowd": CROWD_OUTCOMES,
}
_NOTHING: dict[str, Any] = {"str": "", "bytes": b"", "bool": False, "float64": nan, "int64": 0}


def table(rows: Iterable[Mapping[str, Any]], schema: Mapping[str, str]) -> DataFrame:
    """Build a DataFrame with exactly the columns of ``schema``, in its order; what a row lacks is "nothing there"."""
    import pandas as pd

    listed = list(rows)
    values = _gathered(listed, schema)
    texts = _texts(pd, values, [name for name, dtype in schema.items() if dtype == "str"], len(listed))
    columns = {
        name: texts[name] if name in texts else _column(pd, values[name], dtype) for name, dtype in schema.items()
    }
    return pd.DataFrame(columns, index=pd.RangeIndex(len(listed)), copy=False)


def _gathered(rows: list[Mapping[str, Any]], schema: Mapping[str, str]) -> dict[str, Sequence[Any]]:
    """The values column by column: in one go in a small table whose rows lack nothing."""
    if 0 < len(rows) <= FEW and len(schema) > 1:
        with suppress(KeyError):
            return dict(zip(schema, zip(*map(itemgetter(*schema), rows), strict=True), strict=True))
    return {name: [row.get(name, _NOTHING.get(dtype)) for row in rows] for name, dtype in schema.items()}


def from_columns(columns: Mapping[str, Sequence[Any]], schema: Mapping[str, str]) -> DataFrame:
    """Build the same from whole columns; what lacks, and -1 in whole numbers, is "nothing there"."""
    import numpy as np
    import pandas as pd

    rows = len(next(iter(columns.values())))
    made: dict[str, Any] = {}
    for name, dtype in schema.items():
        values = columns[name] if name in columns else [_NOTHING.get(dtype, -1)] * rows
        if dtype in ("Int64", "boolean"):
            numbers = np.asarray(values, dtype="int64")
            missing = numbers < 0
            if dtype == "Int64":
                made[name] = pd.arrays.IntegerArray(numbers, missing)
            else:
                made[name] = pd.arrays.BooleanArray(numbers > 0, missing)
        elif dtype == "float64":
            made[name] = np.asarray(values, dtype="float64")
        elif dtype == "time":
            made[name] = pd.DatetimeIndex(np.asarray(values, dtype="int64").view("datetime64[ns]"), tz="UTC")
        else:
            made[name] = _column(pd, list(values), dtype)
    return pd.DataFrame(made, copy=False)


def _texts(pd: Any, values: Mapping[str, Sequence[Any]], names: list[str], rows: int) -> dict[str, Any]:
    """All columns of text, cut from one array: in a small table the making of an array costs more than its values."""
    text = pd.api.types.pandas_dtype("str")
    if not isinstance(text, pd.StringDtype) or rows > FEW:  # before pandas 3; or memory is what matters
        return {}
    together = pd.array([value for name in names for value in values[name]], dtype=text)
    return {name: together[at * rows : (at + 1) * rows] for at, name in enumerate(names)}


def _column(pd: Any, values: Sequence[Any], dtype: str) -> Any:
    """One column, as an array: a Series for each would take half of the time of a small table."""
    import numpy as np

    if dtype == "time":
        nat = pd.NaT.value
        stamps = np.array([nat if value is None else value for value in values], dtype="int64")
        return pd.DatetimeIndex(stamps.view("datetime64[ns]"), tz="UTC").array
    if dtype.startswith("category"):
        kind = dtype.partition(":")[2]
        categories = _categories(kind) if kind else _words(tuple(dict.fromkeys(values)))
        codes = {category: code for code, category in enumerate(categories.categories)}
        return pd.Categorical.from_codes([codes[value] for value in values], dtype=categories)
    if dtype == "bytes":
        column = np.empty(len(values), dtype=object)
        column[:] = values
        return column
    whole = {int, NoneType}.issuperset(map(type, values))
    if dtype[0] == "I" and whole:
        if None not in values:
            return pd.arrays.IntegerArray(np.array(values, dtype=dtype.lower()), np.zeros(len(values), dtype=bool))
        missing = np.array([value is None for value in values], dtype=bool)
        numbers = np.array([0 if value is None else value for value in values], dtype=dtype.lower())
        return pd.arrays.IntegerArray(numbers, missing)
    if dtype[0] == "I" or dtype == "boolean":
        return pd.array(values, dtype=dtype)
    if dtype == "float64":
        return np.array([nan if value is None else value for value in values], dtype=dtype)
    if dtype == "int64" and whole:
        return np.array(values, dtype=dtype)
    if dtype == "str" and isinstance(text := pd.api.types.pandas_dtype("str"), pd.StringDtype):  # from pandas 3 on
        return pd.array(values, dtype=text)
    return pd.Series(values, dtype=dtype)


@cache
def _categories(kind: str) -> Any:
    """The dtype of a column whose values are known beforehand."""
    import pandas as pd

    return pd.CategoricalDtype(list(_CATEGORIES[kind]))


@lru_cache(64)
def _words(words: tuple[str, ...]) -> Any:
    """The dtype of a column whose values are its categories: of one network, mostly."""
    import pandas as pd

    return pd.CategoricalDtype(list(words))


def probes(rows: Iterable[Mapping[str, Any]]) -> DataFrame:
    """Turn rows of probes into a PROBES table, in the order of their sequence numbers."""
    return table(sorted(rows, key=lambda row: row["sequence"]), PROBES)


def packets(rows: Iterable[Mapping[str, Any]]) -> DataFrame:
    """Turn the rows of ``network.packets()`` into a PACKETS table."""
    return table(rows, PACKETS)


def fields(rows: Iterable[Mapping[str, Any]]) -> DataFrame:
    """Turn the rows of ``wire.fields`` into a FIELDS table."""
    return table(({**row, "value": str(row["value"])} for row in rows), FIELDS)


def nodes(rows: Iterable[Mapping[str, Any]]) -> DataFrame:
    """Turn the rows of ``internet.world.node_rows`` into a NODES table."""
    return table(({**row, "addresses": _joined(row["addresses"])} for row in rows), NODES)


def edges(rows: Iterable[Mapping[str, Any]]) -> DataFrame:
    """Turn the rows of ``internet.world.edge_rows`` into an EDGES table."""
    return table(rows, EDGES)


def capabilities(rows: Iterable[Mapping[str, Any]]) -> DataFrame:
    """Turn the rows of ``doctor`` into a CAPABILITIES table."""
    return table(rows, CAPABILITIES)


def _joined(addresses: object) -> str:
    return addresses if isinstance(addresses, str) else " ".join(map(str, addresses))  # type: ignore[call-overload]


GIVEN_BY: list[tuple[str, dict[str, str]]] = [
    ("netlab.ping, netlab.traceroute, netlab.monitor or netlab.read_atlas", PROBES),
    ("netlab.summary", SUMMARY),
    ("the log of a WebServer or ProxyServer", EXCHANGES),
    ("packets() of a network", PACKETS),
    ("netlab.explain", FIELDS),
    ("a world's nodes", NODES),
    ("a world's edges", EDGES),
    ("netlab.multipath", LINKS),
    ("netlab.path_mtu", PATH_MTU),
    ("netlab.verdict or netlab.investigate", VERDICTS),
    ("netlab.quote_diff", QUOTES),
    ("netlab.fetch or netlab.fetch_page", PHASES),
    ("WebServer.load", LOAD),
    ("WebServer.queue", QUEUE),
    ("WebServer.listing", LISTING),
    ("netlab.doctor", CAPABILITIES),
]
"""Who gives a table, and what that has for columns."""
NAMED = 5
"""Missing columns that a message names; nobody reads more."""


def need_columns(frame: DataFrame, columns: Sequence[str]) -> None:
    """Raise UsageError unless this is a table with these columns; it says whose tables have them, and whose this is."""
    has = set(getattr(frame, "columns", ()))
    missing = [name for name in columns if name not in has]
    if not missing:
        return
    wanted = [giver for giver, schema in GIVEN_BY if set(columns) <= set(schema)]
    given = next((f", and this is one of {giver}" for giver, schema in GIVEN_BY if set(schema) <= has), "")
    more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
    text = f"must be a table of {' or '.join(wanted) or 'netlab'} with its columns{given}; "
    raise UsageError("frame", frame, f"{text}lacks {', '.join(missing[:NAMED])}{more}")


def wall_ns(times: Series[Any]) -> list[int | None]:
    """Give a column of times as wall-clock ns, None where there is no time."""
    return [None if missing else stamp.value for stamp, missing in zip(times, times.isna(), strict=True)]


def summary_rows(rows: Iterable[Mapping[str, Any]], by_round: bool = True) -> list[dict[str, Any]]:
    """Summarise rows of probes without pandas: rows of SUMMARY, one per (destination, protocol, ttl, round).

    ``by_round=False`` takes all rounds together, with 0 as the round.
    """
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        key = (row["destination"], row["protocol"], row["ttl"], row["round"] if by_round else ALL_ROUNDS)
        groups.setdefault(key, []).append(row)
    return [
        {"destination": key[0], "protocol": key[1], "ttl": key[2], "round": key[3], **_summarise(group)}
        for key, group in groups.items()
    ]


def _summarise(group: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    group = sorted((row for row in group if row["outcome"] != "not-sent"), key=lambda row: row["sequence"])
    outcomes = [row["outcome"] for row in group]
    late, lost, pending = (outcomes.count(word) for word in ("late", "timeout", "pending"))
    received = len(group) - late - lost - pending
    decided = len(group) - pending
    low, high = stats.wilson(lost, decided)
    delays = [None if row["rtt_ms"] != row["rtt_ms"] else row["rtt_ms"] for row in group]
    arrived = [delay for delay in delays if delay is not None]
    known = [row for row in group if row["sent_at"] is not None]
    sent_at = [row["sent_at"] for row in known]
    ends = [_length_ns(row) for row in known]
    by_arrival = sorted(
        (start + length, row["sequence"])
        for start, length, row in zip(sent_at, ends, known, strict=True)
        if row["rtt_ms"] == row["rtt_ms"]
    )
    return {
        "sent": len(group),
        "received": received,
        "late": late,
        "lost": lost,
        "pending": pending,
        "duplicates": sum(row["duplicates"] for row in group),
        "reordered": sum("reordered" in row["flags"].split() for row in group),
        "loss": lost / decided if decided else nan,
        "loss_low": low,
        "loss_high": high,
        "rtt_min_ms": min(arrived, default=nan),
        "rtt_mean_ms": stats.mean(arrived),
        "rtt_median_ms": stats.percentile(arrived, 50),
        "rtt_p95_ms": stats.percentile(arrived, 95),
        "rtt_max_ms": max(arrived, default=nan),
        "rtt_mdev_ms": stats.mdev(arrived),
        "rtt_last_ms": arrived[-1] if arrived else nan,
        "rtt_ewma_ms": stats.ewma(arrived),
        "jitter_rfc3550_ms": stats.jitter_rfc3550(delays),
        "jitter_mean_abs_ms": stats.jitter_mean_abs(delays),
        "ipdv_mean_ms": stats.ipdv_mean(delays),
        "pdv_p95_ms": stats.pdv_percentile(arrived),
        "ipg_ms": (max(sent_at) - min(sent_at)) / 1e6 / (len(sent_at) - 1) if len(sent_at) > 1 else nan,
        "pipe": stats.most_in_flight([(start, start + length) for start, length in zip(sent_at, ends, strict=True)]),
        "longest_loss_run": stats.longest_run([word == "timeout" for word in outcomes]),
        "reordering_extent": stats.reordering_extent([number for _, number in by_arrival]),
        "bad_checksum": sum("bad-checksum" in row["flags"].split() for row in group),
        "responders": len({row["responder"] for row in group if row["responder"]}),
    }


def _length_ns(row: Mapping[str, Any]) -> int:
    """How long a probe was in flight: its RTT, else how long it was waited for; 0 where neither is told (Atlas)."""
    length = row["waited_ms"] if row["rtt_ms"] != row["rtt_ms"] else row["rtt_ms"]
    return 0 if length != length else int(length * 1e6)


def summary(frame: DataFrame, by_round: bool = True) -> DataFrame:
    """Summarise a PROBES table: one row per (destination, protocol, ttl, round), delays in ms.

    Parameters
    ----------
    frame
        A table of `ping`, `traceroute` or `monitor`, or a part of one.
    by_round
        False: all rounds of `monitor` together, one row per hop as mtr shows it; ``round`` is then 0.

    Returns
    -------
    DataFrame
        SUMMARY: ``sent``, ``received`` (in time), ``late``, ``lost``, ``pending``, ``duplicates``, ``reordered``
        (int64); ``loss`` = lost / (sent - pending) with its 95 % Wilson interval ``loss_low``, ``loss_high``;
        ``rtt_min_ms``, ``_mean_``, ``_median_``, ``_p95_``, ``_max_``, ``_mdev_`` (population), ``_last_``, ``_ewma_``
        (gain 1/8); ``jitter_rfc3550_ms``, ``jitter_mean_abs_ms``, ``ipdv_mean_ms`` (signed), ``pdv_p95_ms``,
        ``ipg_ms`` (mean gap between sends); ``pipe`` (most in flight), ``longest_loss_run``, ``reordering_extent``,
        ``bad_checksum``, ``responders``. Late answers are in the RTT figures (leaving them out would flatter the
        network), duplicates are not.

    Examples
    --------
    >>> import netlab
    >>> _ = netlab.use("line")
    >>> netlab.summary(netlab.ping("server", count=3))[["sent", "received", "loss_high"]].round(2)
       sent  received  loss_high
    0     3         3       0.56

    Source
    ------
    RFC 2681 (round-trip delay), RFC 3393 and 5481 (delay variation), RFC 3550 section 6.4.1, RFC 4737 section 4.2.
    """
    need_columns(frame, _SUMMARY_NEEDS)
    rows: list[Any] = frame[_SUMMARY_NEEDS].to_dict("records")
    for row, stamp in zip(rows, wall_ns(frame["sent_at"]), strict=True):
        row["sent_at"] = stamp
        if row["duplicates"] is None or row["duplicates"] != row["duplicates"]:
            row["duplicates"] = 0
    return table(summary_rows(rows, by_round), SUMMARY)


_SUMMARY_NEEDS = [
    "destination", "protocol", "ttl", "round", "outcome", "sequence", "rtt_ms", "waited_ms", "duplicates", "flags",
    "responder",
]  # fmt: skip
