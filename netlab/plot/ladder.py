"""The lines of the hop ladder: one per address that answered at a TTL, or per silent hop."""

from __future__ import annotations

from dataclasses import dataclass, field

from netlab.plot import trace
from netlab.plot.trace import Row

AGAIN = "↻"
"""Before the label of an address that has answered at an earlier TTL already."""

RUN = 3
"""More silent hops in a row than this are drawn as one line."""

LABEL = 37
"""Characters of a line's label: about half of the figure's width."""


@dataclass(slots=True)
class Line:
    """One line of the ladder: what one address said at one TTL, or a hop that is silent."""

    hop: str
    """The TTL in words, ``""`` on the second and further lines of a hop."""
    ttl: int
    label: str
    rows: list[Row] = field(default_factory=list)
    silent: list[Row] = field(default_factory=list)
    end: str = ""
    """What is written under it when the way ends here."""

    @property
    def beyond(self) -> bool:
        return any(trace.flagged(row, "beyond-end") for row in self.rows)


def lines_of(rows: list[Row], labels: trace.Labels) -> list[Line]:
    """The lines from top to bottom; the last one before the way ends says how it ends."""
    hops = trace.by_ttl(rows)
    end = min((ttl for ttl, group in hops.items() if any(map(trace.reached, group))), default=None)
    lines: list[Line] = []
    for ttl, group in hops.items():
        silent = [row for row in group if not row["responder"]]
        last_try = "last try: " if trace.last_try(group) else ""
        name = str(ttl)
        addresses = trace.responders(group)
        if not addresses:
            lines.append(Line(name, ttl, last_try + "no answer", silent=silent))
        for number, address in enumerate(addresses):
            answers = [row for row in group if row["responder"] == address]
            again = any(trace.flagged(row, "loop") or trace.flagged(row, "repeated-hop") for row in answers)
            label = last_try + (AGAIN + " ") * again + _label(address, labels)
            lines.append(Line("" if number else name, ttl, label, answers, [] if number else silent))
        stop = next((row for row in group if row["mark"] and not trace.reached(row)), None)
        if ttl == end:
            lines[-1].end = "the destination answered"
        elif stop is not None and end is None and stop["outcome"] == "unreachable":
            lines[-1].end = f"the way ends: {stop['detail'] or 'unreachable'}"
    if lines and not any(line.end for line in lines):
        lines[-1].end = "the destination did not answer" if any(line.rows for line in lines) else "no hop answered"
    return _shortened(lines)


def _label(address: str, labels: trace.Labels) -> str:
    name = labels.name(address)
    if not name:
        return trace.trimmed(address, LABEL)
    between = " " if len(name) + len(address) + 3 <= LABEL else "\n"
    return f"{trace.trimmed(name, LABEL)}{between}({address})"


def _shortened(lines: list[Line]) -> list[Line]:
    """Draw a long run of silent hops as one line."""
    short: list[Line] = []
    start = 0
    while start < len(lines):
        stop = start
        while stop < len(lines) and not lines[stop].rows and not trace.last_try(lines[stop].silent):
            stop += 1
        run = lines[start:stop]
        if len(run) > RUN:
            silent = [row for line in run for row in line.silent]
            name = f"{run[0].hop}–{run[-1].hop}"
            short.append(Line(name, run[0].ttl, f"no answer, {len(run)} hops", silent=silent, end=run[-1].end))
        else:
            short += run
        if stop < len(lines):
            short.append(lines[stop])
        start = stop + 1
    return short
