"""The control plane: the part of a router that makes ICMP messages, while others forward.

In large routers it is a small processor beside fast forwarding hardware. So its answers may be late, or not come at
all, although all packets that pass through the router are on time: what a traceroute shows of such a hop says
nothing about the path. Messages leave in the order in which their causes came.
"""

from __future__ import annotations

from netlab.internet import randomness
from netlab.internet.model import Control


class ControlPlane:
    """What one machine's own ICMP messages wait for."""

    def __init__(self, config: Control, seed: int, node: str) -> None:
        self.config = config
        self.drops = randomness.stream(seed, "node", node, "control", "drop")
        self.jitters = randomness.stream(seed, "node", node, "control", "jitter")
        self.latest = 0
        """When the message that was made last leaves."""

    def leaves(self, now: int) -> int | None:
        """When a message caused now leaves; None: never."""
        what = self.config
        dropped = what.drop > 0 and self.drops.random() < what.drop
        extra = randomness.jitter(self.jitters, what.jitter) if what.jitter else 0
        if dropped:
            return None
        self.latest = max(self.latest, now + what.delay + extra)
        return self.latest
