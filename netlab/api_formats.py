"""The façade for tables that come from files or go there, and for what quotes tell: RIPE Atlas, `quote_diff`.

The work is done in ``formats`` and ``probe``, on rows; here are the files, the tables, and the words for the learner.
"""

from __future__ import annotations

import bz2
import gzip
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from netlab import frames
from netlab.errors import UsageError
from netlab.formats import atlas, atlas_json, atlas_write
from netlab.network.files import write
from netlab.probe.flight import return_hops
from netlab.probe.matching import UNREACHABLE_V4, UNREACHABLE_V6
from netlab.probe.quotes import quote_rows
from netlab.probe.rows import EMPTY, Row

if TYPE_CHECKING:
    from pandas import DataFrame

UNPACK = {b"\x1f\x8b": gzip.decompress, b"BZ": bz2.decompress}
"""How a packed file begins → what unpacks it; the archive's daily dumps are bzip2."""

ATLAS_NEEDS = [
    "destination", "ttl", "responder", "rtt_ms", "outcome", "detail", "address", "source", "protocol", "sequence",
    "flow", "round", "packet_size", "sent_at", "waited_ms", "reply_ttl", "icmp_type", "icmp_code", "quoted_ttl",
    "quoted_tos", "mtu", "mpls", "duplicates", "flags", "answer",
]  # fmt: skip
QUOTE_NEEDS = [
    "destination", "ttl", "attempt", "responder", "address", "source", "protocol", "network", "flags", "request",
    "answer",
]  # fmt: skip


def read_atlas(data: str | os.PathLike[str] | Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> DataFrame:
    """Read RIPE Atlas results, ping and traceroute: the same table as of `ping` and `traceroute`; delays in ms.

    Parameters
    ----------
    data
        A path (also of a file packed with gzip or bzip2), the JSON text itself, one result as a dict, or a list of
        them. In a file or text: one result, a list, or one result per line.

    Returns
    -------
    DataFrame
        PROBES, with ``network`` = "atlas" and ``clock`` = "user". What Atlas does not tell is NaN, ``<NA>`` or ``""``.
        ``sent_at`` is the result's time stamp in whole seconds for all its probes, so ``ipg_ms`` and ``pipe`` of
        `summary` say nothing. ``round`` counts the results for a destination. ``flow`` is Atlas's ``paris_id``. The
        ``ttl`` of pings is not told: 0. Late answers over IPv4 have no RTT.

    Raises
    ------
    UsageError
        When the file cannot be read, or is not as Atlas writes it; the message names result and key. Other types of
        measurement (dns, http, ntp, sslcert, wifi) are refused by name.

    Examples
    --------
    >>> import netlab
    >>> ping = '{"type": "ping", "af": 4, "dst_addr": "192.0.2.1", "result": [{"rtt": 1.5}, {"x": "*"}]}'
    >>> netlab.read_atlas(ping)[["destination", "attempt", "rtt_ms", "outcome"]]
      destination  attempt  rtt_ms  outcome
    0   192.0.2.1        1     1.5    reply
    1   192.0.2.1        2     NaN  timeout

    Source
    ------
    https://atlas.ripe.net/docs/apis/result-format; how each key is read: ``netlab/formats/atlas.py``.
    """
    rows = atlas.rows_of(_results(data), {4: UNREACHABLE_V4, 6: UNREACHABLE_V6})
    for row in rows:
        if row.get("reply_ttl"):
            row["return_hops"] = return_hops(row["reply_ttl"])
    return frames.probes(EMPTY | row for row in rows)


def _results(data: Any) -> Iterable[Any]:
    if isinstance(data, Mapping):
        return [data]
    if isinstance(data, str) and (data.lstrip()[:1] in ("{", "[") or "\n" in data):
        return atlas_json.results_of(data)
    if isinstance(data, str | os.PathLike):
        return atlas_json.results_of(_read(data))
    if isinstance(data, Sequence) and not isinstance(data, bytes | bytearray):
        return data
    raise UsageError("data", data, "must be a path, JSON text, or results as dicts")


def _read(path: str | os.PathLike[str]) -> str:
    try:
        with open(path, "rb") as file:
            content = file.read()
        unpack = UNPACK.get(content[:2])
        return (unpack(content) if unpack else content).decode("utf-8-sig")
    except (OSError, EOFError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise UsageError("data", str(path), f"cannot be read: {reason}") from None
    except ValueError:
        raise UsageError("data", str(path), "is not a text file, nor one packed with gzip or bzip2") from None


@overload
def to_atlas(frame: DataFrame, path: None = None) -> list[dict[str, Any]]: ...


@overload
def to_atlas(frame: DataFrame, path: str | os.PathLike[str]) -> int: ...


def to_atlas(frame: DataFrame, path: str | os.PathLike[str] | None = None) -> list[dict[str, Any]] | int:
    """Write a table of probes as RIPE Atlas results: what an Atlas probe would have written, had it measured this.

    Parameters
    ----------
    frame
        A table of `ping` or `traceroute`, or a part of one.
    path
        Of the JSON file to write, one result per line of a list; packed when it ends in ``.gz``. None: give the
        results.

    Returns
    -------
    list of dict, or int
        The results, or how many were written. Each round, destination and flow makes a result: a ping where ICMP
        probes that left with one TTL of 32 or more met nothing but echo replies and silence, else a traceroute.
        Lost is what Atlas has no key for: ports, names, places, packets, waits, the time of each probe, a ping's TTL;
        and ``pending`` rows, for an Atlas probe always waits.

    Raises
    ------
    UsageError
        When it is no table of probes, or the file cannot be written.

    Examples
    --------
    >>> import netlab
    >>> _ = netlab.use("line")
    >>> netlab.to_atlas(netlab.ping("server", count=2))[0]["result"]
    [{'rtt': 22.0}, {'rtt': 22.0}]

    Source
    ------
    https://atlas.ripe.net/docs/apis/result-format
    """
    frames.need_columns(frame, ATLAS_NEEDS)
    results = atlas_write.results_from(_rows(frame, ATLAS_NEEDS))
    if path is None:
        return results
    lines = ",\n".join(json.dumps(result, ensure_ascii=False, allow_nan=False) for result in results)
    content = f"[{lines}]\n".encode()
    write(path, gzip.compress(content, mtime=0) if str(path).endswith(".gz") else content)
    return len(results)


def quote_diff(frame: DataFrame) -> DataFrame:
    """Compare what routers quote with what was sent: who rewrites what, and where on the way.

    An ICMP error brings back the beginning of the packet that it is about, as the router had it. Every field of it is
    held against the packet sent, as far as the quote reaches: addresses, DSCP, ECN, identification, lengths, flags,
    the transport's ports, numbers, flags, window, options (MSS) and checksum, and the payload. The header checksum is
    left out, and of the TTL only odd values are told.

    Parameters
    ----------
    frame
        A table of `traceroute` or `ping` with its columns ``request`` and ``answer``. Rows whose ``flags`` say
        ``no-quote`` are not compared: without root, the system hides the quoted header. Those flagged ``rebuilt``
        alone are, for only the answer's own header was put together from what the system told.

    Returns
    -------
    DataFrame
        QUOTES, one row per probe and changed field: ``destination`` (str), ``ttl``, ``attempt`` (int64),
        ``responder``, ``field`` (as in `explain`), ``sent``, ``quoted`` (str; ``""``: there is no such option),
        ``first_ttl`` (int64, the first hop that saw this change), ``meaning`` (str, what it mostly is: NAT,
        bleaching, ECN cleared, MSS clamp, zero-TTL forwarding, hidden hops…), ``network`` (category). No rows: nothing
        was changed, as far as the quotes show.

    Raises
    ------
    UsageError
        When it is no table of probes, or ``request`` and ``answer`` are not bytes.

    Examples
    --------
    >>> import netlab
    >>> _ = netlab.use("line")
    >>> len(netlab.quote_diff(netlab.ping("server", count=1, ttl=1)))
    0

    Source
    ------
    RFC 792 and RFC 4443 section 3 (what is quoted), RFC 5508 section 4.2 (quotes and NAT).
    """
    frames.need_columns(frame, QUOTE_NEEDS)
    return frames.table(quote_rows(_rows(frame, QUOTE_NEEDS)), frames.QUOTES)


def _rows(frame: DataFrame, columns: list[str]) -> list[Row]:
    """A table's rows as the pure layers have them: None for what is missing, times in wall-clock ns."""
    rows: list[Row] = []
    whole = [name for name in columns if frames.PROBES[name][0] in "iI"]
    listed: list[dict[Any, Any]] = frame[columns].to_dict("records")
    for record in listed:
        row: Row = {str(name): value for name, value in record.items()}
        for name in whole:
            row[name] = int(row[name]) if row[name] == row[name] and row[name] is not None else None
        rows.append(row)
    if "sent_at" in columns:
        for row, stamp in zip(rows, frames.wall_ns(frame["sent_at"]), strict=True):
            row["sent_at"] = stamp
    return rows
