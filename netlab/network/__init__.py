"""The edge for packets: networks that a measurement can run on, and `choose`, which finds one by its name."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any

from netlab.errors import UsageError
from netlab.network.base import Network

if TYPE_CHECKING:
    from netlab.internet.model import World

# The virtual internet is imported where it is asked for: the command on the live network starts without it.


def choose(x: str | PathLike[str] | Mapping[str, Any] | World | Network, seed: int = 1) -> Network:
    """Give the network that is meant.

    Parameters
    ----------
    x
        ``"campus"`` or ``"virtual:campus"``: a virtual network with this world. ``"lab:campus"``: the same world with
        real kernel packets (Linux). ``"live"``: the real network. In place of a world's name a path of a TOML file
        may stand. A World, a dict or a ``Path`` makes a virtual network; a Network is given back as it is.
    seed
        Of everything random in a world.

    Raises
    ------
    UsageError
        When there is no such network; the message lists those there are.
    WorldError
        When a world of one's own cannot be built.
    """
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise UsageError("seed", seed, "must be a whole number; the same one gives the same tables")
    if isinstance(x, str):
        return _by_name(x.strip(), seed)
    from pathlib import Path

    from netlab.internet.model import World
    from netlab.network import worlds

    if isinstance(x, PathLike):
        return _virtual(worlds.load(Path(x)), seed)
    if isinstance(x, (World, Mapping)):
        return _virtual(worlds.load(x), seed)
    if isinstance(x, Network):
        return x
    raise UsageError("network", x, f'give "live", "lab:campus", a World, a Network or one of {_listed()}')


def _by_name(name: str, seed: int) -> Network:
    if name == "live":
        from netlab.network.live import LiveNetwork

        return LiveNetwork()
    from netlab.internet.tables import did_you_mean
    from netlab.network import worlds

    kind, colon, world = name.partition(":")
    if colon and kind in ("lab", "virtual") and world:
        loaded = worlds.load(world, "network")
        return _lab(loaded, seed) if kind == "lab" else _virtual(loaded, seed)
    if name in worlds.names() or worlds.is_text(name) or worlds.is_path(name):
        return _virtual(worlds.load(name, "network"), seed)
    hint = did_you_mean(name, [*worlds.names(), "live", *(f"lab:{world}" for world in worlds.names())])
    raise UsageError(
        "network",
        name,
        f'there is no such network{hint}; there are "live", {_listed()}, each of these as "lab:campus", too, '
        "and the paths of world files (.toml)",
    )


def _virtual(world: World, seed: int) -> Network:
    from netlab.network.virtual import VirtualNetwork

    return VirtualNetwork(world, seed)


def _lab(world: World, seed: int) -> Network:
    from netlab.network.lab import LabNetwork

    network: Network = LabNetwork(world, seed=seed)
    return network


def _listed() -> str:
    from netlab.network import worlds

    return ", ".join(f'"{name}"' for name in worlds.names())
