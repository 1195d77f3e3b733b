"""Opening what a path means: a folder on disk, and nothing that is not in it.

Open first, then ask the descriptor what was opened: between a look and an opening the file could change. Symbolic links
may lead anywhere, so where the opened file really lies is checked as well.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from typing import NamedTuple

INDEXES = ("index.html", "index.htm")


class Opened(NamedTuple):
    """A file that is open; whoever has it closes ``descriptor``."""

    descriptor: int
    name: str
    size: int
    modified_ns: int
    inode: int


class Folder(NamedTuple):
    """A folder without an index."""

    entries: list[tuple[str, bool, int]]
    """Name, whether it is a folder, bytes; sorted."""


class Refusal(Exception):
    """Not to be handed out; ``status`` is 403, or 404 where saying more would tell too much."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class Directory:
    """The folder that a server offers."""

    def __init__(self, root: str | os.PathLike[str], follow_symlinks: bool = False) -> None:
        self.root = os.path.realpath(root)
        self._follow = follow_symlinks

    def open(self, names: Sequence[str], folder: bool) -> Opened | Folder | None:
        """Open what the names mean; None: it is a folder, and the path lacks its slash. Raises `Refusal`."""
        where = os.path.join(self.root, *names)
        if os.path.isdir(where):
            if not folder:
                return None
            for index in INDEXES:
                if os.path.isfile(os.path.join(where, index)):
                    return self._open_file(os.path.join(where, index))
            return self._list(where)
        if folder and names:
            raise Refusal(404, "this is a file, and its name ends without a slash")
        return self._open_file(where)

    def _open_file(self, where: str) -> Opened:
        try:
            descriptor = os.open(where, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
        except (FileNotFoundError, NotADirectoryError, ValueError):
            raise Refusal(404, "") from None
        except PermissionError:
            raise Refusal(403, "the server may not read this file") from None
        except OSError as error:
            raise Refusal(404, error.strerror or "") from None
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise Refusal(403, "this is not a file")
            if not self._follow and not self._inside(where):
                raise Refusal(404, "")
        except Refusal:
            os.close(descriptor)
            raise
        return Opened(descriptor, os.path.basename(where), found.st_size, found.st_mtime_ns, found.st_ino)

    def _inside(self, where: str) -> bool:
        real = os.path.realpath(where)
        return real == self.root or real.startswith(self.root.rstrip(os.sep) + os.sep)

    def _list(self, where: str) -> Folder:
        if not self._follow and not self._inside(where):
            raise Refusal(404, "")
        try:
            with os.scandir(where) as entries:
                found = [(entry.name, entry.is_dir(), _size(entry)) for entry in entries if entry.name[:1] != "."]
        except OSError:
            raise Refusal(404, "") from None
        return Folder(sorted(found, key=lambda entry: entry[0].lower()))


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_size
    except OSError:
        return 0
