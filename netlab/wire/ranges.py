"""What to say when a header's field holds a value that does not fit its bits.

``to_bytes`` hands its fields to `struct`, which is fast and refuses what does not fit, but says only "argument out
of range". `misfit` then looks for the field that is to blame, so that the message names it, its value and its range.
"""

from __future__ import annotations

from collections.abc import Mapping

from netlab.errors import UsageError


def misfit(header: object, bits: Mapping[str, int]) -> UsageError:
    """The error to raise for ``header``: its first field that does not fit the number of bits given for its name."""
    for name, width in bits.items():
        value = getattr(header, name, None)
        if value is None:
            continue
        if not isinstance(value, int) or not 0 <= value < 1 << width:
            return UsageError(name, value, f"must be an integer from 0 to {(1 << width) - 1}")
    return UsageError("payload", getattr(header, "payload", None), "makes the packet longer than its length field")
