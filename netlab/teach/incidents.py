"""The mystery worlds of notebook 13: one site, a name as the seed, and exactly one thing that is wrong since Tuesday.

Every name gives another world: other cities on the way, other machines that only look bad, another cause out of
`CAUSES`. How it was on Monday is the same world without the cause, so "slow" always means "slower than this".

Each cause is one change to one part, and all of them are settings that real people have got wrong. The parts are those
of the whole workbook: links and routes (notebooks 02 to 07), TCP (08), the web server (09 to 11), the proxy and its
cache (12 and 13).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

from netlab.teach.exercise import dice

CAUSES = {
    "packet loss": "a link on the way loses some packets",
    "congestion": "packets wait in a full queue on the way",
    "narrow link": "a link has only a small part of its rate left",
    "detour": "packets take a long way to the site",
    "way back": "answers take a long way back",
    "black hole": "large packets vanish without a word (MTU)",
    "far replica": "the name of the site leads to its copy on another continent",
    "far proxy": "the name of the proxy leads to one on another continent",
    "slow origin": "the web server needs long to make an answer",
    "one at a time": "the web server serves one connection after the other",
    "short backlog": "the web server's accept queue is too short for a crowd",
    "no keep-alive": "the web server closes after every answer",
    "small window": "the web server keeps only a few bytes on their way",
    "never kept": "the site forbids the proxy to keep its answers",
    "always asked": "answers are kept, and each time the site is asked whether they still hold",
    "kept apart": "answers are kept for each kind of browser apart",
}
"""The sixteen causes, and what each means."""

PAGE: dict[str, str | bytes | int] = {
    "index.html": '<link rel="stylesheet" href="style.css">'
    + "".join(f'<img src="{n}.png">' for n in range(1, 7))
    + " " * 700,
    "style.css": 3_000,
    **{f"{n}.png": 4_000 + 1_500 * n for n in range(1, 7)},
    "photo.jpg": 400_000,
}
"""The site: a page of eight objects, and a photo."""

TOWN = "203.0.113.10"
"""Where crowds come from."""
NORTH = ("Madrid", "Barcelona")
MIDDLE = ("Paris", "Geneva", "Marseille", "Zurich")
SITES = ("London", "Amsterdam", "Brussels", "Frankfurt")
FAR = ("Singapore", "Tokyo", "Sydney", "Hong Kong")
HOMES = ("Porto", "Coimbra", "Faro", "Braga")


@dataclass(slots=True)
class Plan:
    """All that is decided about a case: a world, and how its servers are set up."""

    cause: str
    """``""``: Monday."""
    place: str
    """Where the cause is, in a few words, for the end."""
    world: dict[str, Any]
    web: dict[str, Any] = field(default_factory=dict)
    """Arguments of WebServer."""
    seed: int = 1
    """Of the network."""


def cause_of(name: str) -> str:
    """The cause that a name draws."""
    return tuple(CAUSES)[dice("13", f"{name}/cause").getrandbits(32) * len(CAUSES) >> 32]


def plan(name: str, cause: str) -> Plan:
    """Decide everything about the case of a name; ``cause`` is one of `CAUSES`, or ``""`` for Monday."""
    made = _healthy(name)
    made.cause = cause
    if cause:
        _break(made, dice("13", f"{name}/{cause}"))
    return made


def _healthy(name: str) -> Plan:
    """Monday: a laptop in Portugal, a proxy in Lisbon, the site somewhere in Europe with a copy far away."""
    random = dice("13", f"{name}/world")
    home, north, middle, near, far = (
        random.choice(cities) for cities in (HOMES, NORTH, MIDDLE, SITES, FAR)
    )  # fmt: skip

    def router(place: str, *addresses: str, asn: int) -> dict[str, Any]:
        return {"kind": "router", "place": place, "asn": asn, "answers_from": "incoming", "address": list(addresses)}

    node: dict[str, Any] = {
        "laptop": {"kind": "host", "place": home, "address": ["192.0.2.10/26"]},
        "gateway": router(home, "192.0.2.1/26", "198.51.100.0/31", asn=64496),
        "lisbon": router(
            "Lisbon", "198.51.100.1/31", "198.51.100.2/31", "198.51.100.12/31", "192.0.2.65/26", asn=64496
        ),
        "north": router(north, "198.51.100.3/31", "198.51.100.4/31", asn=64497),
        "middle": router(middle, "198.51.100.5/31", "198.51.100.6/31", asn=64497),
        "near": router(near, "198.51.100.7/31", "198.51.100.8/31", "198.51.100.14/31", "203.0.113.1/26", asn=64498),
        "far": router(far, "198.51.100.9/31", "203.0.113.65/26", asn=64498),
        "newyork": router("New York", "198.51.100.13/31", "198.51.100.15/31", asn=64499),
        "proxy": {"kind": "host", "place": "Lisbon", "address": ["192.0.2.80/26"]},
        "town": {"kind": "host", "place": near, "address": [f"{TOWN}/26"]},
        "www": {"kind": "host", "place": near, "address": ["203.0.113.20/26"]},
        "www2": {"kind": "host", "place": far, "address": ["203.0.113.80/26"]},
    }
    for each, words in node.items():
        words["name"] = f"{each}.news.example"
    link: list[dict[str, Any]] = [
        {"ends": ["laptop", "gateway"], "delay_ms": 0.3 + random.getrandbits(2) / 10},
        {
            "ends": ["gateway", "lisbon"],
            "delay_ms": 1.0 + random.getrandbits(3) / 4,
            "rate_mbps": 100,
            "jitter_ms": 0.3,
        },
        {"ends": ["lisbon", "north"]},
        {"ends": ["north", "middle"], "jitter_ms": 0.3},
        {"ends": ["middle", "near"]},
        {"ends": ["near", "far"]},
        {"ends": ["lisbon", "newyork"], "cost": 20},
        {"ends": ["newyork", "near"], "cost": 20},
        {"ends": ["lisbon", "proxy"], "delay_ms": 0.4},
        {"ends": ["near", "town"], "delay_ms": 8},
        {"ends": ["near", "www"], "delay_ms": 0.2},
        {"ends": ["far", "www2"], "delay_ms": 0.2},
    ]
    innocent = random.choice(("north", "middle"))  # it looks bad, on Monday as well
    if random.getrandbits(1):
        node[innocent]["icmp"] = {"count": 1, "interval_ms": 400 + 100 * random.getrandbits(2)}
    else:
        node[innocent]["control"] = {"delay_ms": 40 + random.getrandbits(5), "jitter_ms": 50}
    world = {"name": "news", "vantage": "laptop", "node": node, "link": link}
    fields = {"Cache-Control": "public, max-age=3600"}
    web = {"service_ms": 4.0, "mode": "loop", "workers": 4, "headers": fields}
    return Plan("", "", world, web, random.getrandbits(24))


def _break(made: Plan, random: Random) -> None:
    """Change the one thing."""
    node, web, fields = made.world["node"], made.web, made.web["headers"]
    between = ("north", "middle"), ("middle", "near")
    ends = random.choice(between)
    line = _link(made, *ends)
    here = f"between {node[ends[0]]['place']} and {node[ends[1]]['place']}"
    cause = made.cause
    if cause == "packet loss":
        share = 0.03 + random.getrandbits(3) / 400
        line["forward" if random.getrandbits(1) else "backward"] = {"loss": round(share, 4)}
        made.place = f"{100 * share:.1f} % {here}"
    elif cause == "congestion":
        line["backward"] = {"rate_mbps": 20, "queue": 60 + random.getrandbits(5)}
        path = [ends[1], ends[0]]
        made.world["traffic"] = [
            {"path": path, "kind": "poisson", "rate_mbps": 12},
            {"path": path, "kind": "on-off", "rate_mbps": 13.5, "on_ms": 40, "off_ms": 40},
        ]
        made.place = here
    elif cause == "narrow link":
        rate = 0.8 + random.getrandbits(3) / 10
        line["rate_mbps"] = rate
        made.place = f"{rate:.1f} Mbit/s {here}"
    elif cause == "detour":
        line["cost"] = 60
        made.place = "over New York"
    elif cause == "way back":
        line["backward"] = {"cost": 60}
        made.place = "over New York"
    elif cause == "black hole":
        line["mtu"] = 1280 + 4 * random.getrandbits(5)
        for each in ends:
            node[each]["hides_too_big"] = True
        made.place = f"more than {line['mtu']} bytes, {here}"
    elif cause == "far replica":
        node["www"], node["www2"] = (
            {**node["www2"], "name": "www.news.example"},
            {**node["www"], "name": "www2.news.example"},
        )
        _link(made, "near", "www")["ends"], _link(made, "far", "www2")["ends"] = ["near", "www2"], ["far", "www"]
        made.place = f"in {node['www']['place']}"
    elif cause == "far proxy":
        where = random.choice(("newyork", "far"))
        node["lisbon"]["address"].remove("192.0.2.65/26")
        node[where]["address"].append("203.0.113.129/26")
        node["proxy"] |= {"place": node[where]["place"], "address": ["203.0.113.150/26"]}
        _link(made, "lisbon", "proxy")["ends"] = [where, "proxy"]
        made.place = f"in {node['proxy']['place']}"
    elif cause == "slow origin":
        web["service_ms"] = 150.0 + 10 * random.getrandbits(4)
        web["workers"] = 16
        made.place = f"{web['service_ms']:.0f} ms for each request"
    elif cause == "one at a time":
        web |= {"mode": "iterative", "workers": 1}
        made.place = "the next one waits until the client has closed"
    elif cause == "short backlog":
        web |= {"mode": "threads", "workers": 2, "backlog": random.getrandbits(1)}
        made.place = f"room for {web['backlog']}"
    elif cause == "no keep-alive":
        web["parse_head"] = closing
        made.place = "Connection: close in every answer"
    elif cause == "small window":
        web["tcp"] = {"send_buffer": 4096}
        made.place = "a send buffer of 4096 bytes"
    elif cause == "never kept":
        fields["Cache-Control"] = random.choice(("no-store", "private, max-age=3600", "no-store, max-age=0"))
        made.place = f"Cache-Control: {fields['Cache-Control']}"
    elif cause == "always asked":
        fields["Cache-Control"] = random.choice(("no-cache", "public, max-age=0", "max-age=3600, s-maxage=0"))
        made.place = f"Cache-Control: {fields['Cache-Control']}"
    else:
        fields["Vary"] = "User-Agent"
        made.place = "Vary: User-Agent"


def _link(made: Plan, one: str, other: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in made.world["link"] if set(each["ends"]) == {one, other})
    return found


def closing(head: bytes) -> Any:
    """Read a request as if its client wanted the connection closed: a server that knows no keep-alive."""
    from netlab.http.reader import Reader

    reader = Reader("server")
    reader.feed(head + b"\r\nConnection: close\r\n\r\n")
    return reader.next_event()
