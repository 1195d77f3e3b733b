"""A fan: one router that spreads packets over 1 to 8 ways, and a panel with a slider for its width.

The ways have two routers each, `a1` and `b1` to `a8` and `b8`. Two, because false links need two rows of routers: a
trace whose probes take different ways joins an ``a`` of one with a ``b`` of another. The world `fan` of the package is
``fan(4)``.

Source: Augustin et al., "Avoiding traceroute anomalies with Paris traceroute", IMC 2006.
"""

from __future__ import annotations

from typing import Any, Literal

from netlab import api
from netlab.errors import UsageError
from netlab.widgets import controls
from netlab.widgets.traceroute import TraceroutePanel
from netlab.widgets.words import say

MOST = 8
KINDS = {"flow": "per flow", "packet": "per packet"}
"""What is kept together, and how the control calls it."""

Per = Literal["flow", "packet"]


def fan(width: int = 4, per: Per = "flow") -> Any:
    """Make a world with a load balancer: from the laptop by `fork` over so many equally short ways to `join` and `www`.

    Parameters
    ----------
    width
        How many ways, 1 to 8.
    per
        What it sends the same way: all packets of a ``"flow"``, or nothing but a single ``"packet"``, by chance.

    Returns
    -------
    World
        As `netlab.world` gives it, for `netlab.use` and ``network=``.

    Raises
    ------
    UsageError
        When ``width`` is not 1 to 8, or ``per`` is another word.

    Examples
    --------
    >>> import netlab
    >>> network = netlab.use(netlab.widgets.fan(2))
    >>> network.paths("www")[2:6]
    [('fork', 'a1'), ('fork', 'a2'), ('a1', 'b1'), ('a2', 'b2')]
    """
    if isinstance(width, bool) or width not in range(1, MOST + 1):
        raise UsageError("width", width, f"must be a whole number from 1 to {MOST}")
    if per not in KINDS:
        raise UsageError("per", per, "must be 'flow' or 'packet'")
    nodes: dict[str, dict[str, Any]] = {
        "laptop": {"kind": "host", "address": ["192.0.2.10/26", "2001:db8:1::10/64"]},
        "gateway": {"kind": "router", "address": ["192.0.2.1/26", "2001:db8:1::1/64"]},
        "fork": {"kind": "router", "address": [], "balance": per},
    }
    nodes |= {f"{row}{way}": {"kind": "router", "address": []} for row in "ab" for way in range(1, width + 1)}
    nodes["join"] = {"kind": "router", "address": ["203.0.113.1/26", "2001:db8:2::1/64"]}
    nodes["www"] = {"kind": "host", "address": ["203.0.113.10/26", "2001:db8:2::10/64"], "open": ["tcp/80", "udp/7"]}
    links: list[dict[str, Any]] = [
        {"ends": ["laptop", "gateway"], "delay_ms": 0.3},
        {"ends": ["join", "www"], "delay_ms": 0.2},
    ]

    def link(near: str, far: str, delay_ms: float) -> None:
        number = len(links) - 2
        nodes[near]["address"] += [f"198.51.100.{2 * number}/31", f"2001:db8:1{number:02}::1/64"]
        nodes[far]["address"] += [f"198.51.100.{2 * number + 1}/31", f"2001:db8:1{number:02}::2/64"]
        links.append({"ends": [near, far], "delay_ms": delay_ms})

    link("gateway", "fork", 1.0)
    for way in range(1, width + 1):
        link("fork", f"a{way}", 2.0)
        link(f"a{way}", f"b{way}", 1.0 + way)
        link(f"b{way}", "join", 2.0)
    description = "A router that spreads packets over ways with two routers each, which meet again before the server."
    return api.world({"name": "fan", "vantage": "laptop", "description": description, "node": nodes, "link": links})


class FanPanel(TraceroutePanel):
    """A traceroute panel on a fan, with controls for how wide it is and what it keeps together.

    Parameters
    ----------
    width, per
        Where the two controls stand at first; as in `fan`.
    arguments
        As in `TraceroutePanel`, without network.

    Attributes
    ----------
    result, partial, network
        As in `TraceroutePanel`.

    Examples
    --------
    >>> import netlab
    >>> netlab.widgets.FanPanel(4, flow="classic", protocol="udp")
    <netlab panel: traceroute www>
    """

    def __init__(self, width: int = 4, per: Per = "flow", **arguments: Any) -> None:
        super().__init__("www", fan(width, per), **arguments)
        self.width = controls.whole("width", width, 1, MOST)
        self.per = controls.choice("per", [(say(word), kind) for kind, word in KINDS.items()], per)
        for control in (self.width, self.per):
            control.observe(self._fan_changed, "value")
        parts: list[Any] = list(self.children)
        place = next(i for i, part in enumerate(parts) if self.destination in getattr(part, "children", ()))
        self.children: tuple[Any, ...] = (*parts[:place], controls.grid([self.width, self.per]), *parts[place:])

    def _fan_changed(self, change: Any) -> None:
        self.networks.bound = api.network_for(fan(self.width.value, self.per.value), self.seed.value)
        self.choice.value = ""  # back to the fan, if another world was chosen
        self._network_chosen()
        self._control_moved(change)
