"""The virtual internet: worlds as plain data, their names, and the engine that runs them.

`parse` reads a world file, `build` makes a world in Python, `Names` is its DNS. The engine is ``engine.Engine``.
"""

from netlab.internet.builder import build, grid, tree
from netlab.internet.check import check
from netlab.internet.model import (
    EPOCH,
    Control,
    Direction,
    FirewallRule,
    Link,
    Nat,
    Node,
    RateLimit,
    Route,
    Traffic,
    Tunnel,
    World,
)
from netlab.internet.names import Names, edge_rows, node_rows
from netlab.internet.world import from_dict, parse, to_dict, to_toml

__all__ = [
    "EPOCH",
    "World",
    "Node",
    "Link",
    "Direction",
    "Traffic",
    "Tunnel",
    "Control",
    "Nat",
    "RateLimit",
    "FirewallRule",
    "Route",
    "parse",
    "from_dict",
    "to_dict",
    "to_toml",
    "check",
    "build",
    "grid",
    "tree",
    "Names",
    "node_rows",
    "edge_rows",
]
