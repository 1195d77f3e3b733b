"""How much may be on its way: slow start, congestion avoidance, fast retransmit and fast recovery, in bytes.

RFC 5681 (the four algorithms), 6582 (NewReno), 6928 (initial window), 3042 (limited transmit), 3465 (bytes are counted
and not acknowledgements, so that a window doubles in a round trip also when every second segment is acknowledged),
7661 (a window that is not used does not grow).

The class decides and counts; what it is asked to send is sent by `tcp_sending`. Left out: SACK (RFC 6675), so each
round trip repairs one loss; ECN; CUBIC (RFC 9438), which is Linux's default.
"""

from __future__ import annotations

UNLIMITED = 1 << 30
"""The slow start threshold before anything was lost: as high as can be (RFC 5681 section 3.1)."""

DUPLICATES = 3
"""So many duplicate acknowledgements mean a loss (RFC 5681 section 3.2)."""

ORDINARY = 1460
"""The MSS of an Ethernet, for which RFC 6928 section 2 states its limit of 14,600 bytes."""


class Congestion:
    """The congestion window of one connection."""

    __slots__ = (
        "counted", "duplicates", "initial", "mark", "most", "mss", "partial", "recover", "recovering", "threshold",
        "window",
    )  # fmt: skip

    def __init__(self, mss: int, segments: int, start: int) -> None:
        self.mss = mss
        """SMSS; the path may lower it later."""
        self.initial = min(segments * mss, max(2 * mss, segments * ORDINARY))
        self.window = self.initial
        """cwnd"""
        self.threshold = UNLIMITED
        """ssthresh"""
        self.counted = 0
        """Bytes acknowledged since the window last grew, in congestion avoidance."""
        self.duplicates = 0
        self.recovering = False
        self.partial = 0
        """Partial acknowledgements in this recovery."""
        self.recover = start - 2
        """The highest sequence number sent when the last loss was noticed (RFC 6582 section 3.2)."""
        self.most, self.mark = 0, start
        """The most that was on its way in the last round trip, and the sequence number after it; see `sent`."""

    @property
    def limit(self) -> int:
        """How many bytes may be on their way: limited transmit lets two duplicates send a new segment each."""
        return self.window if self.recovering else self.window + self.mss * min(self.duplicates, 2)

    def sent(self, una: int, highest: int) -> None:
        """Something new has left: now everything from ``una`` to ``highest`` is on its way.

        Whether the window is used is judged by the most that was on its way in a round trip, and not by what is left
        of it when an acknowledgement comes: the last flight of an answer always drains, and had filled the window all
        the same. Such a most counts until its own last byte is acknowledged and something else is sent. (pipeACK of
        RFC 7661 section 4.2 is a maximum as well; Linux's tcp_cwnd_validate keeps it like this, as max_packets_out.)
        """
        flight = highest - una
        if flight >= self.most or una >= self.mark:
            self.most, self.mark = flight, highest

    def acknowledged(self, una: int, count: int, flight: int) -> bool:
        """``count`` of ``flight`` bytes are acknowledged, up to ``una``; True: send the segment there again, now."""
        self.duplicates = 0
        if self.recovering:
            return self._recovery(una, count, flight)
        if 2 * self.most < self.window:
            return False  # the program, not the network, is what limits: nothing was learned (RFC 7661 section 4.3)
        if self.window < self.threshold:
            again = una <= self.recover + 1  # after a timeout the numbers say little about what has left the network
            self.window += min(count, self.mss if again else 2 * self.mss)  # RFC 3465 section 2.3
        else:
            self.counted += count
            if self.counted >= self.window:
                self.counted -= self.window
                self.window += self.mss
        return False

    def _recovery(self, una: int, count: int, flight: int) -> bool:
        """RFC 6582 section 3.2, step 3."""
        if una > self.recover:
            self.window = min(self.threshold, max(flight - count, self.mss) + self.mss)
            self.recovering = False
            self.recover = una - 2  # all that was sent before the loss is there: a new duplicate tells of a new loss
            return False
        # Partial: the next hole begins here. Deflate by what has left the network, and add one segment back.
        self.partial += 1
        self.window = max(self.window - count, 0) + (self.mss if count >= self.mss else 0)
        self.window = max(self.window, self.mss)
        return True

    def duplicate(self, una: int, highest: int) -> bool:
        """A duplicate acknowledgement; True: send the first segment again, it is lost (RFC 5681 section 3.2)."""
        self.duplicates += 1
        if self.recovering:
            self.window += self.mss  # one more segment has left the network
        elif self.duplicates == DUPLICATES and una > self.recover + 1:
            self._halve(highest - una)
            self.window = self.threshold + DUPLICATES * self.mss
            self.recover = highest - 1
            self.recovering, self.partial = True, 0
            return True
        return False

    def expired(self, una: int, highest: int, again: bool) -> None:
        """The retransmission timer has expired, for the same segment again or not (RFC 5681 section 3.1).

        Within a recovery it is still the loss that has halved the window, so the threshold stays, as in Linux; half of
        what is then not acknowledged, most of which has arrived, would be far too much.
        """
        if not again and not self.recovering:
            self._halve(highest - una)
        self.window = self.mss
        self.recover = highest - 1
        self.recovering, self.duplicates, self.counted = False, 0, 0

    def idle(self) -> None:
        """Nothing was sent for longer than a timeout: what was known about the path is old (section 4.1)."""
        self.window = min(self.window, self.initial)

    def _halve(self, flight: int) -> None:
        self.threshold = max(flight // 2, 2 * self.mss)
        self.counted = 0
