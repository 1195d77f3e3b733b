"""The façade for measurements of a path over time, and for what its losses mean: monitor, investigate, verdict.

The plans are in ``probe/rounds.py``, the judge in ``probe/verdict.py``; both work on rows. Here are the arguments, what
is considerate on a real network, and the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netlab import frames
from netlab.api import complete, network_for, with_names, yes_or_no
from netlab.errors import UsageError
from netlab.network.base import Network
from netlab.probe.ladder import mark_path
from netlab.probe.rounds import PacedSession, Phase, Rounds, mark_beyond, three_spacings
from netlab.probe.rows import Row
from netlab.probe.verdict import judge
from netlab.probing import LEAST_SPACING, SECOND, is_loopback, seconds, whole
from netlab.run import measure
from netlab.tracing import TraceOptions, builder_for, check_total, one_target

if TYPE_CHECKING:
    from pandas import DataFrame

    from netlab.internet.model import World

IN_FLIGHT = 65_000
"""Probes at once: no window, the spacing is the limit (and 65,536 numbers fit on the wire)."""
LEAST_INTERVAL = 0.001
"""s from round to round, on any network."""
LEAST_PACE = 0.05
"""s between two probes of one hop of a real path that is watched: routers limit their answers."""
MOST_ROUNDS = 1_000_000
MOST_FLOWS = 1000

VERDICT_NEEDS = [
    "destination", "ttl", "responder", "rtt_ms", "outcome", "network", "address", "protocol", "sequence", "round",
    "sent_at", "return_hops", "icmp_type", "flags", "answer",
]  # fmt: skip


def monitor(
    destination: str,
    rounds: int | None = 10,
    interval: float = 1.0,
    *,
    flows: int = 1,
    network: str | World | Network | Path | None = None,
    names: bool = False,
    **arguments: Any,
) -> DataFrame:
    """Trace a path again and again, as mtr does: a table with one row per probe; delays in ms.

    Parameters
    ----------
    destination
        As in `traceroute`.
    rounds
        How often. None: until CTRL+C (not on a virtual network).
    interval
        Seconds from round to round. The probes of a round are spread over it, so every hop is asked at an even pace;
        on the live network at least 0.05 s from one probe of a hop to the next.
    flows
        How many flows the rounds take in turn, 1 to 1000. 1: all rounds take one path. More: each round is a true path,
        and where routers balance load the next one may be another, as with RIPE Atlas. Column ``flow`` tells.
    network, names
        As in `traceroute`.
    **arguments
        As in `traceroute`: protocol, first_ttl, max_ttl, timeout, flow, size, port, dont_fragment, tos, family, source,
        gap_limit; ``attempts``, probes per hop and round, is 1. There is no window and no early star. (Without root,
        TCP has one probe in flight, and a lost one holds up the next for 0.95 s; ``flow="classic"`` does not wait.)

    Returns
    -------
    DataFrame
        PROBES, as for `traceroute`; ``round`` counts from 1. The first round finds the end of the path, the later ones
        go no farther. ``summary(frame, by_round=False)`` has mtr's figures: one row per hop.

    Raises
    ------
    UsageError
        For an argument that cannot be; NameNotFound, NoRoute, PermissionNeeded as in `traceroute`.

    Examples
    --------
    >>> import netlab
    >>> _ = netlab.use("line")
    >>> frame = netlab.monitor("server", rounds=5)
    >>> netlab.summary(frame, by_round=False)[["ttl", "sent", "received", "rtt_median_ms"]]
       ttl  sent  received  rtt_median_ms
    0    1     5         5            2.0
    1    2     5         5            6.0
    2    3     5         5           12.0
    3    4     5         5           22.0

    Source
    ------
    mtr(8). RFC 792 and RFC 4443 (the messages), RFC 2681 (round-trip delay).
    """
    chosen = network_for(network)
    yes_or_no("names", names)
    rows = list(_monitor(destination, rounds, interval, flows, arguments, chosen, on_interrupt=_say_interrupted))
    return frames.probes(with_names(complete(rows, chosen), chosen, names))


def monitoring(
    destination: str,
    rounds: int | None = 10,
    interval: float = 1.0,
    *,
    flows: int = 1,
    network: str | World | Network | Path | None = None,
    stop: Callable[[], bool] | None = None,
    **arguments: Any,
) -> Iterator[Row]:
    """Monitor row by row: rows of PROBES, each as soon as it is decided; arguments as in `monitor`.

    ``stop`` as in `netlab.api.pinging`. A late answer changes its row in place.
    """
    names = yes_or_no("names", arguments.pop("names", False))
    chosen = network_for(network)
    rows: list[Row] = []
    for row in _monitor(destination, rounds, interval, flows, arguments, chosen, stop=stop):
        rows.append(row)
        complete([row], chosen)
        yield row
    with_names(complete(rows, chosen), chosen, names)


def verdict(frame: DataFrame) -> DataFrame:
    """Say what the losses and delays of each hop mean: a table with one row per hop.

    Parameters
    ----------
    frame
        PROBES of `traceroute`, `monitor` or `investigate`; the more probes per hop, the more can be said (20 at least).
        Only `investigate` asks at several spacings, and so can prove most rate limits.

    Returns
    -------
    DataFrame
        VERDICTS: ``verdict`` (category) is ``path loss`` (packets get lost at or before this hop), ``rate limit`` (the
        router limits how often it answers), ``loss of this router's answers only``, ``slow control plane`` (it answers
        late, but forwards in time), ``cannot tell`` or ``no loss``. ``direction`` of a path loss: ``forward``,
        ``backward``, or ``""`` where nothing proves it. ``sent``, ``received`` (int64, late answers are received),
        ``loss`` with its 95 % interval ``loss_low``, ``loss_high``, and ``loss_after``, that of all later hops
        (float64, shares). ``p_value``: of the test that decided, NaN where none did. ``evidence``: the numbers;
        ``sentence``: what it means.

    Raises
    ------
    UsageError
        When the table lacks columns of PROBES.

    Examples
    --------
    >>> import netlab
    >>> _ = netlab.use("line")
    >>> netlab.verdict(netlab.traceroute("server", attempts=30))[["ttl", "verdict", "loss_high"]].round(2)
       ttl  verdict  loss_high
    0    1  no loss       0.11
    1    2  no loss       0.11
    2    3  no loss       0.11
    3    4  no loss       0.11

    Source
    ------
    RFC 1812 section 4.3.2.8 and RFC 4443 section 2.4 (f) (routers limit ICMP errors), RFC 2680 (loss). How often the
    verdicts are right is measured in docs/verdicts.md.
    """
    frames.need_columns(frame, VERDICT_NEEDS)
    rows: list[Any] = frame[VERDICT_NEEDS].to_dict("records")
    for row, stamp in zip(rows, frames.wall_ns(frame["sent_at"]), strict=True):
        row["sent_at"] = stamp
        if row["return_hops"] != row["return_hops"]:
            row["return_hops"] = None
    return frames.table(judge(rows), frames.VERDICTS)


def investigate(
    destination: str,
    probes: int = 100,
    *,
    network: str | World | Network | Path | None = None,
    **arguments: Any,
) -> DataFrame:
    """Find out where packets are really lost: probe at three spacings, then judge each hop.

    Parameters
    ----------
    destination
        As in `traceroute`.
    probes
        Per hop, at least 20: a fifth of them 1 s apart, three tenths 100 ms, the rest 10 ms. With 100 it takes about 25
        seconds on a real network, and no time on a virtual one. All hops are asked side by side.
    network
        As in `traceroute`.
    **arguments
        As in `monitor`, without rounds and interval.

    Returns
    -------
    DataFrame
        VERDICTS, as for `verdict`.

    Raises
    ------
    UsageError
        For an argument that cannot be; NameNotFound, NoRoute, PermissionNeeded as in `traceroute`.

    Examples
    --------
    >>> import netlab
    >>> _ = netlab.use("campus")
    >>> netlab.investigate("www.campus.example")[["ttl", "verdict", "loss", "loss_after"]].round(2)
       ttl      verdict  loss  loss_after
    0    1      no loss  0.00        0.36
    1    2   rate limit  0.70        0.01
    2    3  cannot tell  0.01         NaN

    Source
    ------
    As for `verdict`. RFC 1812 section 4.3.2.8; the token bucket of Linux: icmp_ratelimit in ip-sysctl.
    """
    chosen = network_for(network)
    rows = list(_investigate(destination, probes, arguments, chosen, on_interrupt=_say_interrupted))
    return frames.table(judge(rows), frames.VERDICTS)


def investigating(
    destination: str,
    probes: int = 100,
    *,
    network: str | World | Network | Path | None = None,
    stop: Callable[[], bool] | None = None,
    **arguments: Any,
) -> Iterator[Row]:
    """The probes of `investigate` row by row: rows of PROBES, for `verdict` or for a panel that shows them."""
    chosen = network_for(network)
    rows: list[Row] = []
    for row in _investigate(destination, probes, arguments, chosen, stop=stop):
        rows.append(row)
        complete([row], chosen)
        yield row
    complete(rows, chosen)


def _monitor(
    destination: str,
    rounds: int | None,
    interval: float,
    flows: int,
    arguments: dict[str, Any],
    network: Network,
    **how: Any,
) -> Iterator[Row]:
    options = _options(arguments)
    flows = whole("flows", flows, 1, MOST_FLOWS)
    if flows > 1 and options.flow == "classic":
        raise UsageError("flows", flows, "with flow='classic' every probe is a flow of its own; leave one of them out")
    if rounds is None:
        if network.virtual:
            raise UsageError("rounds", None, "a virtual network has no CTRL+C to wait for: give a number")
    else:
        rounds = whole("rounds", rounds, 1, MOST_ROUNDS)
    interval = seconds("interval", interval, least=LEAST_INTERVAL)
    phases = [Phase(rounds, round(interval * SECOND) // options.attempts)]
    return run_rounds(destination, phases, options, network, flows=flows, **how)


def investigation(destination: str, probes: int, network: Network, **arguments: Any) -> Iterator[Row]:
    """The probes of `investigate` as bare rows, without names and places."""
    return _investigate(destination, probes, arguments, network)


def _investigate(
    destination: str, probes: int, arguments: dict[str, Any], network: Network, **how: Any
) -> Iterator[Row]:
    if "attempts" in arguments:
        raise UsageError("attempts", arguments["attempts"], "investigate counts probes per hop: give probes= instead")
    phases = three_spacings(whole("probes", probes, 20, 10_000))
    return run_rounds(destination, phases, _options(arguments), network, judging=True, **how)


def _options(arguments: dict[str, Any]) -> TraceOptions:
    """The arguments of `traceroute` that make sense round after round."""
    for name in ("plan", "match", "window"):
        if name in arguments:
            raise UsageError(name, arguments[name], "is for traceroute only; here the rounds are the plan")
    try:
        return TraceOptions(**{"attempts": 1, **arguments})
    except TypeError:
        known = [name for name in TraceOptions.__slots__ if name not in ("plan", "match", "window")]
        strange = next(name for name in arguments if name not in known)
        raise UsageError(
            strange, arguments[strange], f"there is no such argument; there are {', '.join(known)}"
        ) from None


def run_rounds(
    destination: str,
    phases: Sequence[Phase],
    options: TraceOptions,
    network: Network,
    *,
    judging: bool = False,
    flows: int = 1,
    stop: Callable[[], bool] | None = None,
    on_interrupt: Callable[[], None] | None = None,
) -> Iterator[Row]:
    """Run phases of rounds: give the row of every probe as soon as it is decided; flags of the path come at the end.

    ``judging``: a short measurement that may ask a hop of a real path more often than a long one. ``flows``: how many
    flows the rounds take in turn.
    """
    rows: list[Row] = []
    network.begin()
    try:
        target = one_target(destination, network, options.family, options.source)
        real = not network.virtual and network.name == "live" and not is_loopback(target.address)
        if real and not judging and phases[0].spacing < LEAST_PACE * SECOND:
            raise UsageError(
                "interval",
                phases[0].spacing * options.attempts / SECOND,
                f"must be at least {LEAST_PACE} s times attempts on a real network, or its routers stop to answer",
            )
        ttls = options.max_ttl - options.first_ttl + 1
        check_total(sum((phase.rounds or 0) * options.attempts for phase in phases) * ttls, network)
        plan = Rounds(
            target,
            options.first_ttl,
            options.max_ttl,
            phases,
            attempts=options.attempts,
            size=options.size,
            gap_limit=options.gap_limit,
            least_step=LEAST_SPACING if real else 0,
            flows=flows,
        )
        session = PacedSession(
            plan,
            builder_for(options, network, target),
            timeout=int(options.timeout * SECOND),
            network=network.name,
            epoch=network.epoch,
            virtual=network.virtual,
            window=IN_FLIGHT,
            adaptive=False,
        )
        for row in measure(session, network, stop=stop, on_interrupt=on_interrupt):
            rows.append(row)
            yield row
        mark_path(rows)
        mark_beyond(rows, plan.end_of)
    finally:
        network.end()


def _say_interrupted() -> None:
    print("Interrupted: the table holds what was measured up to now.")
