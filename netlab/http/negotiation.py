"""What a client can and wants to get: Accept-Encoding and Accept (RFC 9110 section 12.5)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from netlab.http import grammar

# weight = OWS ";" OWS "q=" qvalue ; qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] )     section 12.4.2
_WEIGHT = rb"[ \t]*;[ \t]*[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)"
# codings = content-coding / "identity" / "*"                                                          section 12.5.3
CODING = re.compile(rb"(" + grammar.TOKEN + rb")(?:" + _WEIGHT + rb")?")
# media-range = ( "*/*" / ( type "/" "*" ) / ( type "/" subtype ) ) parameters                         section 12.5.1
MEDIA_RANGE = re.compile(
    rb"(" + grammar.TOKEN + rb")/(" + grammar.TOKEN + rb")([ \t]*(?:;[ \t]*" + grammar.TOKEN + rb"=[^;,]*)*)"
)
OLD_NAMES = {b"x-gzip": b"gzip"}
"""To be taken for the same (section 8.4.1.3)."""
_Q = re.compile(_WEIGHT + rb"[ \t]*\Z")


def content_coding(values: Sequence[bytes], available: Sequence[bytes]) -> bytes:
    """Choose the coding to send: the one that the client values most, of equal ones the first of ``available``.

    Parameters
    ----------
    values
        The Accept-Encoding fields of the request. Without one nothing is coded: who does not ask may not be able to
        undo it.
    available
        The codings that there are, in the server's order of liking.

    Returns
    -------
    bytes
        One of ``available``; ``b""``: the plain content, which is always there.
    """
    weights: dict[bytes, float] = {}
    for element in _elements(values):
        match = CODING.fullmatch(element)
        if match:
            name = match[1].lower()
            weights[OLD_NAMES.get(name, name)] = float(match[2]) if match[2] else 1.0
    others = weights.get(b"*", 0.0)
    plain = weights.get(b"identity", others if b"*" in weights else 0.0005)  # acceptable, and liked least
    best, most = b"", plain
    for coding in available:
        weight = weights.get(coding, others)
        if weight > most or (weight == most and weight > 0 and not best):
            best, most = coding, weight
    return best


def wants_json(values: Sequence[bytes]) -> bool:
    """Whether an Accept field prefers JSON to a page."""
    return _weight(values, b"application", b"json") > _weight(values, b"text", b"html")


def _weight(values: Sequence[bytes], kind: bytes, subtype: bytes) -> float:
    """What the most exact range says about a media type; 0 when none matches."""
    found: tuple[int, float] = (-1, 0.0)
    for element in _elements(values):
        match = MEDIA_RANGE.fullmatch(element)
        if not match:
            continue
        wanted = match[1].lower(), match[2].lower()
        if wanted not in ((kind, subtype), (kind, b"*"), (b"*", b"*")):
            continue
        weight = _Q.search(match[3])
        found = max(found, (2 - wanted.count(b"*"), float(weight[1]) if weight else 1.0))
    return found[1]


def _elements(values: Sequence[bytes]) -> list[bytes]:
    return [part.strip(b" \t") for value in values for part in value.split(b",")]
