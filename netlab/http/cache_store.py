"""Where stored responses lie: in memory, under their URIs, within a limit in bytes.

What was not used for the longest time goes first, and pieces that are still on their way count too: the limit holds at
every moment, however many answers come at once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from netlab.http.cache_rules import Stored
from netlab.http.events import Field

OVERHEAD = 1024
"""Bytes that a stored response costs besides its fields and content, roughly."""
MOST_VARIANTS = 32
"""Responses under one URI: Vary on a field that is always different must not make every look-up slow."""
MOST_INVALIDATED = 1024
PIECE = 64 * 1024
"""Content comes in pieces of any size and is kept in pieces of about this one."""


def cost(fields: Sequence[Field]) -> int:
    """Bytes that a response costs without its content."""
    return OVERHEAD + sum(len(name) + len(value) for name, value in fields)


class Store:
    """Stored responses by URI; ``size`` bytes in all, ``largest`` bytes of content for each."""

    def __init__(self, size: int, largest: int) -> None:
        self.size, self.largest = size, largest
        self.used = 0
        """Bytes that it holds now, those on their way included."""
        self.epoch = 0
        """Counts the invalidations."""
        self._under: dict[bytes, list[Stored]] = {}
        """URI → its responses, the latest first."""
        self._order: OrderedDict[Stored, None] = OrderedDict()
        """All of them, the one that was used last at the end."""
        self._invalidated: OrderedDict[bytes, int] = OrderedDict()
        """URI → the epoch that began when it was invalidated: what was asked for before must not be stored after."""

    def __len__(self) -> int:
        return len(self._order)

    def under(self, uri: bytes) -> Sequence[Stored]:
        """The responses of a URI, the latest first."""
        return self._under.get(uri, ())

    def used_again(self, stored: Stored) -> None:
        if stored in self._order:
            self._order.move_to_end(stored)

    def invalidate(self, uri: bytes) -> None:
        """Forget all responses of a URI; what was asked for before now is not kept either."""
        for stored in list(self.under(uri)):
            self.forget(stored)
        self.epoch += 1
        self._invalidated[uri] = self.epoch
        self._invalidated.move_to_end(uri)
        while len(self._invalidated) > MOST_INVALIDATED:
            self._invalidated.popitem(last=False)

    def outdated(self, uri: bytes, epoch: int) -> bool:
        """Whether a URI has been invalidated since an epoch."""
        return self._invalidated.get(uri, 0) > epoch

    def resize(self, stored: Stored, size: int) -> None:
        """Count a response anew, whose fields have changed."""
        if stored in self._order:
            self.used += size - stored.size
            stored.size = size
            self.make_room(0)

    def make_room(self, size: int) -> bool:
        """Forget what was not used for the longest time, until so many bytes are free."""
        while self.used + size > self.size and self._order:
            self.forget(next(iter(self._order)))
        return self.used + size <= self.size

    def forget(self, stored: Stored) -> None:
        """Give up a response, if it is still there."""
        if stored not in self._order:
            return
        del self._order[stored]
        self.used -= stored.size
        others = self._under[stored.uri]
        others.remove(stored)
        if not others:
            del self._under[stored.uri]

    def keep(self, stored: Stored) -> None:
        """Put a response first under its URI, in the place of the one for the same requests."""
        others = self._under.get(stored.uri, [])
        for each in [each for each in others if each.selecting == stored.selecting] + others[MOST_VARIANTS - 1 :]:
            self.forget(each)
        self._under.setdefault(stored.uri, []).insert(0, stored)
        self._order[stored] = None


class Storing:
    """A response on its way into the cache; after `abandon`, or when it turns out too large, nothing is kept."""

    __slots__ = ("_epoch", "_pieces", "_store", "_stored", "active")

    def __init__(self, store: Store, stored: Stored, epoch: int) -> None:
        self._store, self._stored, self._epoch = store, stored, epoch
        self._pieces: list[bytearray] = []
        self.active = True
        """It still takes what comes."""

    def take(self, size: int) -> bool:
        """Take so many bytes of the cache's room."""
        if not self._store.make_room(size):
            self.abandon()
            return False
        self._store.used += size
        self._stored.size += size
        return True

    def add(self, data: bytes) -> None:
        """Take a piece of content."""
        if not self.active:
            return
        self._stored.length += len(data)
        if self._stored.length > self._store.largest:
            self.abandon()
        elif self.take(len(data)):
            if not self._pieces or len(self._pieces[-1]) >= PIECE:
                self._pieces.append(bytearray())
            self._pieces[-1] += data

    def done(self) -> None:
        """The content is complete: from now on it can be used."""
        if not self.active:
            return
        if self._store.outdated(self._stored.uri, self._epoch):
            self.abandon()
            return
        self.active = False
        self._stored.content = tuple(map(bytes, self._pieces))
        self._pieces = []
        self._store.keep(self._stored)

    def abandon(self) -> None:
        """It broke off, or is not wanted: give back what it took."""
        if self.active:
            self.active = False
            self._store.used -= self._stored.size
            self._pieces = []
