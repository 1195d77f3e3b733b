"""Every sentence that a panel shows, in one place, and translated by gettext where a catalogue exists.

``say("run")`` looks the English text up here, asks the catalogue ``locale/<language>/LC_MESSAGES/netlab.mo`` beside
this file for its translation, and fills in the values. Without a catalogue the English text stays. Alt texts of
figures are written by ``netlab.plot``.
"""

from __future__ import annotations

import gettext
from pathlib import Path

_catalogue = gettext.translation("netlab", Path(__file__).parent / "locale", fallback=True)

WORDS = {
    # The skeleton of every panel
    "run": "Run",
    "stop": "Stop",
    "run tip": "Start the measurement with the values above",
    "stop tip": "End the measurement now and keep what there is",
    "ready": "Ready. Choose the values, then press Run.",
    "measuring": "Measuring: 0 of {total} done.",
    "progress": "Measuring: {done} of {total} done.",
    "stopped at once": "Stopped after {done} of {total}. The partial result is kept.",
    "stopped": "Stopped: partial result, {done} of {total}. {finding}",
    "done": "Done. {finding}",
    "failed": "Not done: {reason}",
    "failed partly": "Ended early: {reason} The partial result is kept ({done} of {total}). {finding}",
    "set": "{name}: {value}",
    "seeded": "{network}, seed {seed}",
    "nothing yet": "Nothing measured yet.",
    # Replay
    "replay": "Replay",
    "pause": "Pause",
    "replay tip": "Play the finished run again, step by step",
    "step": "step",
    # Ping
    "ping": "Ping",
    "destination": "destination",
    "destination hint": "name or address",
    "network": "network",
    "in use": "{name} (in use)",
    "family": "IP version",
    "either": "as the name says",
    "protocol": "protocol",
    "count": "count (probes)",
    "interval": "interval",
    "timeout": "timeout",
    "size": "payload (bytes)",
    "seed": "seed",
    "speed": "speed",
    "at once": "at once",
    "ten times": "10 × real time",
    "real time": "real time",
    "no destination": "there is no destination; type a name or an address.",
    "probe": "Probe {number} of {total}, sent after {time}: {fate}. So far {answered} answered, {lost} lost.",
    "nothing sent": "Nothing was sent.",
    "results": "Results",
    "partial": "partial",
    "more rows": "Rows {first} to {last} of {total} are left out; panel.result has all.",
    # Faults
    "show faults": "Change a link",
    "show faults tip": "Show or hide the sliders that make a link of the world worse or better",
    "link": "link",
    "reset": "As the world says",
    "reset tip": "Undo all changes of links",
    "loss": "loss (%)",
    "delay": "delay (ms)",
    "jitter": "jitter (ms)",
    "duplicate": "duplicated (%)",
    "reorder": "reordered (%)",
    "corrupt": "corrupted (%)",
    "rate": "rate (Mbit/s)",
    "queue": "queue (packets)",
    "unlimited": "unlimited",
    "changes": "Changed for the next run: {changes}.",
    "no changes": "No link is changed.",
    "faults hint": "Both directions of the link change. A rate of 0 is no limit; a queue forms only with a rate.",
    "only virtual": "Links can be changed on a virtual network only.",
    # Bytes
    "show bytes": "Look at the bytes",
    "show bytes tip": "Show or hide the packets of one probe, byte by byte",
    "packet": "packet",
    "request": "probe {number}: request",
    "answer": "probe {number}: answer",
    "field": "field",
    "byte": "byte",
    "bit": "bit (0 = left)",
    "flip": "Flip this bit",
    "flip tip": "Change the chosen bit of the chosen byte from 0 to 1 or from 1 to 0",
    "restore": "Restore the packet",
    "restore tip": "Undo all flipped bits",
    "send": "Send it",
    "send tip": "Send this packet, as it is now, and see what becomes of it",
    "nothing came of it": "Nothing came of it: the packet did not leave.",
    "grid": "{count} bytes, 8 in a row. Fields have a name, a colour and a pattern; the chosen byte is framed.",
    "no bytes": "There is no packet: nothing was sent, or nobody answered.",
    "byte is": "Byte {offset} is {hex} (binary {binary}).",
    "field is": "{layer}, {field}: {value}. {meaning} Defined in {source}.",
    "field is bare": "{layer}, {field}: {value}. {meaning}",
    "no field": "No field is known to be there.",
    "bits flipped": "Flipped: {bits}.",
    "one bit": "byte {byte} bit {bit}",
    # Titles of columns
    "column destination": "destination",
    "column attempt": "probe",
    "column responder": "answered by",
    "column rtt_ms": "RTT (ms)",
    "column outcome": "outcome",
    "column detail": "detail",
    "column reply_ttl": "TTL of answer",
    "column flags": "flags",
    "column node": "node",
    "column kind": "kind",
    "column addresses": "addresses",
    "column place": "place",
    "column asn": "AS",
    "column link": "link",
    "column delay": "delay (ms)",
    "column rate": "rate (Mbit/s)",
    "column loss": "loss (%)",
    "column mtu": "MTU",
    # Topology
    "map of": "Map of {name}",
    "nobody": "none",
    "node": "node",
    "way to": "way to",
    "nodes": "Nodes",
    "links": "Links",
}


def say(key: str, **values: object) -> str:
    """Give the text for ``key`` in the reader's language, with ``values`` filled in."""
    return _catalogue.gettext(WORDS[key]).format(**values)
