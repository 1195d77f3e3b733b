"""Opening what a path means: a folder on disk, and nothing that is not in it.

Open first, then ask the descriptor what was opened: between a look and an opening the file could change. Symbolic links
may lead anywhere, so where the opened file really lies is checked as well, unless no link was followed.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

INDEXES = ("index.html", "index.htm")
FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
"""Without O_NONBLOCK, opening a fifo would wait until somebody writes into it."""
SEP = os.sep
NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
DIRECT = FLAGS | NOFOLLOW
WINDOWS = os.name == "nt"
SHORTENED = re.compile(r".{1,6}~[0-9]+(\..{0,3})?")
"""An old short name of a file (``PROGRA~1``), under which one that is hidden could be reached."""
DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])( *\..*)?", re.IGNORECASE)
FULL = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""The process or the machine has no room for one more open file: that passes, and says nothing about the file."""
DESCRIPTORS = "/proc/self/fd"
"""Where Linux says what a descriptor stands for."""


class Opened(NamedTuple):
    """A file that is open; whoever has it closes ``descriptor``."""

    descriptor: int
    name: str
    size: int
    modified_ns: int
    inode: int
    where: str


class Place(NamedTuple):
    """Where a file would be."""

    where: str
    name: str
    direct: bool
    """It is right in the root: no folder on the way can be a link, so it is enough not to follow one at the end."""


class Entry(NamedTuple):
    """One line of a folder's listing."""

    name: str
    folder: bool
    size: int
    modified_ns: int


class Folder(NamedTuple):
    """A folder without an index; `entries` reads it."""

    where: str
    below: str
    """What the real path of everything in it begins with; ``""``: links may lead anywhere."""

    def entries(self) -> Iterator[Entry]:
        """What is in it, in the order of the disk, without hidden names and links that lead out; raises `Refusal`."""
        try:
            with os.scandir(self.where) as found:
                for entry in found:
                    if entry.name[:1] != "." and not (entry.is_symlink() and self._leads_out(entry)):
                        yield _entry(entry)
        except OSError as error:
            raise refusal_for(error) from None

    def _leads_out(self, link: os.DirEntry[str]) -> bool:
        real = os.path.realpath(link.path) + os.sep  # a link to the root itself is in it
        return not real.startswith(self.below)


class Refusal(Exception):
    """Not to be handed out; ``status`` is 403, or 404 where saying more would tell too much; 503 or 500 when it is not
    the file's fault."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


def refusal_for(error: OSError) -> Refusal:
    """Why the system did not open something that may well be there."""
    if error.errno in FULL:
        return Refusal(503, "so many files and connections are open that this one cannot be opened now")
    if error.errno == errno.EIO:
        return Refusal(500, "the disk could not be read")
    return Refusal(404, error.strerror or "")  # a name that is too long, a socket


class Directory:
    """The folder that a server offers."""

    def __init__(self, root: str | os.PathLike[str], follow_symlinks: bool = False) -> None:
        self.root = os.path.realpath(root)
        self._below = self.root.rstrip(os.sep) + os.sep
        self._follow = follow_symlinks
        self._ask_descriptor = os.path.exists(DESCRIPTORS)

    def open(self, names: Sequence[str], folder: bool) -> Opened | Folder | None:
        """Open what the names mean; None: it is a folder, and the path lacks its slash. Raises `Refusal`."""
        if WINDOWS and not all(map(plain_on_windows, names)):
            raise Refusal(404, "")
        place = _place(self._below, tuple(names))
        found = self._open(place)
        if type(found) is Opened:
            if folder:
                os.close(found.descriptor)
                raise Refusal(404, "this is a file, and its name ends without a slash")
            return found
        if not folder:
            return None
        for index in INDEXES:
            try:
                page = self._open(Place(os.path.join(place.where, index), index, False))
            except Refusal as refusal:
                if refusal.status == 404:
                    continue
                raise
            if isinstance(page, Opened):
                return page
        return found

    def folder(self, names: Sequence[str]) -> Folder:
        """Give a folder, whether it has an index or not. Raises `Refusal`."""
        found = self._open(_place(self._below, tuple(names)))
        if isinstance(found, Opened):
            os.close(found.descriptor)
            raise Refusal(404, "this is a file")
        return found

    def sidecar(self, file: Opened, suffix: str) -> Opened | None:
        """Open a compressed copy that lies beside a file; None when there is none, or it is older than the file."""
        try:
            beside = self._open(Place(file.where + suffix, file.name + suffix, False))
        except Refusal:
            return None
        if not isinstance(beside, Opened):
            return None
        if beside.modified_ns < file.modified_ns:
            os.close(beside.descriptor)
            return None
        return beside

    def _open(self, place: Place) -> Opened | Folder:
        where, name, direct = place
        try:
            descriptor = os.open(where, DIRECT if direct else FLAGS)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            raise Refusal(404, "") from None
        except PermissionError:
            return self._closed(where)
        except OSError as error:
            if direct and error.errno == errno.ELOOP:
                return self._open(place._replace(direct=False))
            raise refusal_for(error) from None
        try:
            found = os.fstat(descriptor)
            if not direct and not self._follow and not self._inside(where, descriptor):
                raise Refusal(404, "")
            if not stat.S_ISREG(found.st_mode):
                if stat.S_ISDIR(found.st_mode):
                    os.close(descriptor)
                    return Folder(where, "" if self._follow else self._below)
                raise Refusal(403, "this is not a file")
        except OSError as error:
            os.close(descriptor)
            raise refusal_for(error) from None
        except Refusal:
            os.close(descriptor)
            raise
        return Opened(descriptor, name, found.st_size, found.st_mtime_ns, found.st_ino, where)

    def _closed(self, where: str) -> Folder:
        """What may not be read: a folder can still have an index that may (Windows opens no folder at all)."""
        try:
            found = os.stat(where)
        except OSError:
            raise Refusal(404, "") from None  # its folder may not be entered, so nobody knows whether it exists
        if not stat.S_ISDIR(found.st_mode):
            raise Refusal(403, "the server may not read this file")
        if not self._follow and not self._inside(where, None):
            raise Refusal(404, "")
        return Folder(where, "" if self._follow else self._below)

    def _inside(self, where: str, descriptor: int | None) -> bool:
        if descriptor is not None and self._ask_descriptor:
            real = os.readlink(f"{DESCRIPTORS}/{descriptor}")
        else:
            real = os.path.realpath(where)
        return real.startswith(self._below) or real == self.root


@lru_cache(1024)
def _place(below: str, names: tuple[str, ...]) -> Place:
    where = below + SEP.join(names)
    direct = NOFOLLOW != 0 and len(names) == 1 and SEP not in names[0] and names[0] != os.pardir
    return Place(where, where[where.rfind(SEP) + 1 :], direct)


def plain_on_windows(name: str) -> bool:
    """Whether Windows takes a name for what it says: no drive or stream (``:``), no short form of another name, no
    device, and no blank or dot at the end, which it would leave out."""
    odd = ":" in name or name[-1:] in (" ", ".") or SHORTENED.fullmatch(name) or DEVICES.fullmatch(name)
    return not odd


def _entry(entry: os.DirEntry[str]) -> Entry:
    try:
        found = entry.stat()
        return Entry(entry.name, stat.S_ISDIR(found.st_mode), found.st_size, found.st_mtime_ns)
    except OSError:  # a link that leads nowhere
        return Entry(entry.name, False, 0, 0)
