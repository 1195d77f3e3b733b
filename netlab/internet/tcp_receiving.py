"""The receiving half of a TCP connection: bytes are put in order, and the other side is told how many more may come.

::

        read by the program   waits in the buffer    may come           may not come
    ─────────────────────────┼─────────────────────┼──────────────────┼──────────────►  sequence numbers
                                                  next               edge

``next`` is RCV.NXT, ``edge`` the right edge of the window as it was told last (RFC 9293 section 3.3.1). The edge never
goes back, and goes on only in steps that are worth a segment (section 3.8.6.2.2). What comes too early waits in
``pieces``.
"""

from __future__ import annotations

from bisect import bisect_left

from netlab.internet.tcp_options import Options

LARGEST_FIELD = 65_535
"""The header has 16 bits for the window."""


class Receiving:
    """What one side receives."""

    def __init__(self, options: Options) -> None:
        self.capacity = options.receive_buffer
        self.delayed = options.delayed_ack
        self.buffer = bytearray()
        self.pieces: list[tuple[int, bytes]] = []
        """What came too early, by sequence number."""
        self.next = self.edge = 0
        self.fin: int | None = None
        """The number of the other side's FIN; None: it did not come yet."""
        self.finished = False
        """Whether the other side's FIN came, and everything before it."""
        self.mss = 1
        """The largest payload that came, for deciding what is worth a segment."""
        self.scale = 0
        """By how many bits our windows are shifted (RFC 7323 section 2)."""
        self.owed = 0
        """Segments that are not acknowledged yet."""

    def begin(self, sequence: int) -> None:
        """The other side's first byte has this number."""
        self.next = self.edge = sequence

    def take(self, sequence: int, payload: bytes, fin: bool) -> bool:
        """Put a segment in its place; True: it has to be acknowledged at once (RFC 5681 section 4.2)."""
        if self.finished:
            return True  # text behind a FIN is to be ignored (RFC 9293 section 3.10.7.4, seventh)
        end = sequence + len(payload)
        if fin and self.fin is None and self.next <= end <= self.edge:
            self.fin = end
            self.pieces = [(start, piece[: end - start]) for start, piece in self.pieces if start < end]
        if len(payload) > self.mss:
            self.mss = len(payload)
        if sequence == self.next and not self.pieces and end <= self.edge and self.fin is None:
            self.buffer += payload  # what nearly always happens
            self.next = end
            self.owed += 1
            return self.owed > 1 or not self.delayed
        last = self.edge if self.fin is None else self.fin  # of two FINs the first counts
        if end > last:
            payload = payload[: max(0, last - sequence)]
        if payload and sequence + len(payload) > self.next:
            self._keep(sequence, payload)
        self._join()
        return True

    def _keep(self, start: int, piece: bytes) -> None:
        """Of two pieces that begin at the same number the longer one stays, so that repetitions take no room."""
        place = bisect_left(self.pieces, (start, b""))
        if place == len(self.pieces) or self.pieces[place][0] != start:
            self.pieces.insert(place, (start, piece))
        elif len(self.pieces[place][1]) < len(piece):
            self.pieces[place] = start, piece

    def _join(self) -> None:
        """Move the pieces that have their turn into the buffer."""
        done = 0
        for start, piece in self.pieces:
            if start > self.next:
                break
            done += 1
            fresh = piece[self.next - start :] if start + len(piece) > self.next else b""
            self.buffer += fresh
            self.next += len(fresh)
        del self.pieces[:done]
        if self.fin == self.next and not self.finished:
            self.next += 1
            self.finished = True

    def read(self, limit: int) -> bytes:
        data = bytes(self.buffer[:limit])
        del self.buffer[:limit]
        return data

    def told(self, syn: bool = False) -> int:
        """The window field of the segment that leaves now; it also acknowledges what was owed.

        While a piece is missing the edge stays: only acknowledgements with the same window are duplicates to the sender
        (RFC 5681 section 2).
        """
        self.owed = 0
        shift = 0 if syn else self.scale
        open_now = max(0, self.edge - self.next)
        free = self.capacity - len(self.buffer)
        if free - open_now >= self._step() and not self.pieces:
            field = free >> shift
        else:
            field = (open_now + (1 << shift) - 1) >> shift
        field = min(field, LARGEST_FIELD)
        self.edge = max(self.edge, self.next + (field << shift))
        return field

    def worth_telling(self) -> bool:
        """Whether the program has read so much that the other side, which may be stopped, should hear of it now."""
        open_now = max(0, self.edge - self.next)
        if self.pieces or self.finished or open_now >= max(self.capacity // 8, 2 * self.mss):
            return False
        free = min(self.capacity - len(self.buffer), LARGEST_FIELD << self.scale)
        return free >= 2 * open_now and free - open_now >= self._step()

    def _step(self) -> int:
        """The least by which the right edge goes on."""
        return min(self.mss, max(1, self.capacity // 2))
