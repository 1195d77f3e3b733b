"""Where worlds come from: those inside the package by name, files by path, TOML text, and dicts.

`internet.world` only parses; this is the one place that opens world files.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from netlab.errors import UsageError, WorldError
from netlab.internet.check import check
from netlab.internet.model import World
from netlab.internet.tables import did_you_mean
from netlab.internet.world import from_dict, parse


def load(x: str | Path | Mapping[str, Any] | World, argument: str = "world") -> World:
    """Give a world: by name (``"campus"``), from a path, from TOML text, or from a dict; a World is just checked.

    ``argument`` is what the UsageError calls it when there is no such world.
    """
    if isinstance(x, World):
        return check(x)
    if isinstance(x, Mapping):
        return from_dict(x)
    if isinstance(x, Path):
        return parse(_read(x, argument))
    if not isinstance(x, str):
        raise UsageError(
            argument, x, "give the name of a world, the path of a .toml file, TOML text, a dict or a World"
        )
    if is_text(x):
        return parse(x)
    if is_path(x):
        return parse(_read(Path(x), argument))
    if x not in names():
        raise UsageError(
            argument, x, f"there is no such world{did_you_mean(x, names())}; there are {', '.join(names())}"
        )
    return parse(_folder().joinpath(f"{x}.toml").read_text("utf-8"))


def is_text(x: str) -> bool:
    """Whether this is TOML: it has several lines, or an equals sign."""
    return "\n" in x or "=" in x


def is_path(x: str) -> bool:
    """Whether this is a path: it ends with ``.toml``, or has a slash."""
    return x.endswith(".toml") or "/" in x or "\\" in x


@lru_cache(maxsize=1)
def names() -> tuple[str, ...]:
    """The worlds inside the package, in the order of the alphabet."""
    files = (entry.name for entry in _folder().iterdir())
    return tuple(sorted(file.removesuffix(".toml") for file in files if file.endswith(".toml")))


def describe() -> dict[str, str]:
    """One sentence about each world inside the package."""
    return {name: load(name).description for name in names()}


def _folder() -> Traversable:
    return resources.files("netlab.internet") / "worlds"


def _read(path: Path, argument: str) -> str:
    try:
        return path.read_text("utf-8-sig")  # Windows editors put a mark before the text
    except UnicodeDecodeError:
        raise WorldError(str(path), "this is not a text in UTF-8, so it is no world file") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(argument, str(path), f"cannot be read: {reason}") from None
