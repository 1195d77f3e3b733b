"""What measurements of the network show, beside Monday's: pings, traces, verdicts, path MTUs, packets.

The thresholds are far apart from what chance does in these worlds; tests/teach/test_incidents.py measures that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netlab import stats
from netlab.teach.reading import Monday, Reading
from netlab.wire.ipv4 import IPv4
from netlab.wire.tcp import TCP

if TYPE_CHECKING:
    from pandas import DataFrame

LARGE = 1000
"""Bytes of a packet from which it counts as a large one."""
FARTHER_MS = 8.0
"""More than on Monday: a longer way. Nothing else moves the fastest of several small pings."""
SLOWER_MS = 8.0
"""The same for large ones: a longer way, or a smaller rate."""
WAITING_MS = 6.0
"""From the fastest to 95 of 100: a queue. The lines themselves vary by less than 1 ms."""
ENOUGH = 20
"""Probes, before a spread is believed."""
LOST, LEAST_LOSS = 2, 0.004
"""Packets, and the lower end of the 95 % interval of the loss, from which a loss is believed."""
LITTLE = 8192
"""Bytes on their way: a window that holds a sender back."""


def probes(table: DataFrame, monday: Monday) -> Reading:
    """A ping, or a trace: whatever has rows of probes."""
    host = str(table["destination"].iloc[0])
    trace = table["ttl"].nunique() > 1
    last = table[table["ttl"] == table["ttl"].max()] if not trace else _of_the_end(table)
    size = int(table["packet_size"].iloc[0])
    times = last["rtt_ms"].dropna()
    sent, lost = len(last), int((last["outcome"] == "timeout").sum())
    found: set[str] = set()
    named = "traceroute" if trace else "ping"
    rounds = table["round"].nunique() > 1
    about = host if size < LARGE else f"{host}, {size} bytes"
    if not len(times):
        words = f"none of {sent} answered"
        if size >= LARGE:
            found.add("large ones lost")
        return Reading("monitor" if rounds else named, about, words, frozenset(found))
    low, middle, high = times.min(), times.median(), times.quantile(0.95)
    words = f"{sent - lost} of {sent} answered; fastest {low:.1f}, median {middle:.1f}, 95 of 100 within {high:.1f} ms"
    if size < LARGE:
        if lost >= LOST and stats.wilson(lost, sent)[0] > LEAST_LOSS:
            found.add("loss")
        usual = monday.small_ms.get(host)
        if usual is not None and low > usual + FARTHER_MS:
            found.add("proxy farther" if host == "proxy" else "farther")
            words += f" (Monday: fastest {usual:.1f})"
    else:
        usual = monday.large_ms.get(host)
        if usual is not None:
            found.add("large ones slower" if low > usual + SLOWER_MS else "large ones as on Monday")
            words += f" (Monday: fastest {usual:.1f})"
    if sent >= ENOUGH and high > low + WAITING_MS and size < LARGE:
        found.add("waiting")
    if host in monday.address and table["address"].iloc[0] != monday.address[host]:
        found.add("another proxy" if host == "proxy" else "another machine")
        words += f"; it is {table['address'].iloc[0]} (Monday: {monday.address[host]})"
    if trace:
        found |= _way(table, last, host, monday)
        back = last["return_hops"].dropna()
        words = f"{last['ttl'].iloc[0]} hops there, {int(back.min()) if len(back) else '?'} back; {words}"
        strangers = _strangers(table, host, monday)
        if strangers:
            words += f"; not on the way on Monday: {', '.join(strangers)}"
        elif host in monday.way:
            words += "; the way there as on Monday"
    return Reading("monitor" if rounds else named, about, words, frozenset(found))


def _of_the_end(table: DataFrame) -> DataFrame:
    """The probes to the last hop that is the destination itself."""
    there = table[table["responder"] == table["address"]]
    last: DataFrame = table[table["ttl"] == (there["ttl"].min() if len(there) else table["ttl"].max())]
    return last


def _strangers(table: DataFrame, host: str, monday: Monday) -> list[str]:
    known = monday.way.get(host)
    return [] if known is None else [each for each in dict.fromkeys(table["responder"]) if each and each not in known]


def _way(table: DataFrame, last: DataFrame, host: str, monday: Monday) -> set[str]:
    found = set()
    between = [each for each in _strangers(table, host, monday) if each != table["address"].iloc[0]]
    if between and host != "proxy":
        found.add("another way")
    back = last["return_hops"].dropna()
    if len(back) and int(back.min()) != int(last["ttl"].iloc[0]) and not between:
        found.add("another way back")
    return found


def verdicts(table: DataFrame, monday: Monday) -> Reading:
    """What `investigate` says."""
    last = table[table["ttl"] == table["ttl"].max()].iloc[0]
    found = {"loss"} if str(last["verdict"]) == "path loss" else set()
    words = f"the last hop: {last['verdict']}, {100 * last['loss']:.1f} % of {last['sent']}"
    return Reading("investigate", str(last["destination"]), words, frozenset(found))


def path_mtu(table: DataFrame, monday: Monday) -> Reading:
    holes = table[table["evidence"] == "black hole"]
    mtu = table["mtu"].iloc[-1]
    words = f"path MTU {mtu}"
    if len(holes):
        words += f"; black hole behind hop {holes['ttl'].iloc[0]}"
    return Reading(
        "path_mtu", str(table["destination"].iloc[0]), words, frozenset({"large ones lost"} if len(holes) else ())
    )


def packets(table: DataFrame, monday: Monday) -> Reading:
    """What was seen of TCP at a host: how many bytes were on their way at most."""
    most = _in_flight(table)
    words = f"at most {most} bytes of a connection on their way"
    return Reading("packets", "TCP", words, frozenset({"little in flight"} if 0 < most <= LITTLE else ()))


def _in_flight(table: DataFrame) -> int:
    """The most bytes that one side had sent and the other not yet acknowledged."""
    ends: dict[Any, int] = {}
    most = 0
    for action, data in zip(table["action"], table["data"], strict=True):
        if action not in ("sent", "delivered") or len(data) < 40 or data[9] != 6:
            continue
        packet = IPv4.parse(data)
        segment = TCP.parse(packet.payload, packet.source, packet.destination)
        flow = packet.source, segment.source_port, packet.destination, segment.destination_port
        length = len(segment.payload)
        if action == "sent" and length:
            ends[flow] = segment.sequence + length
        elif action == "delivered":
            back = flow[2], flow[3], flow[0], flow[1]
            if back in ends:
                most = max(
                    most,
                    (ends[back] - segment.acknowledgment) & 0xFFFFFFFF if ends[back] > segment.acknowledgment else 0,
                )
    return most
