"""What is written down at the end of an incident: an HTML page and a capture, for those who were not there.

The page needs nothing from outside: verdict, Monday's figures, the board with the chosen evidence marked, and figures
if there are some (their pictures are in it). The capture is pcapng, for Wireshark: what the laptop sent and received.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netlab.teach.cases import Incident

STYLE = """body { font: 16px/1.5 sans-serif; max-width: 60em; margin: 2em auto; color: #111; background: #fff }
table { border-collapse: collapse } th, td { border: 1px solid #767676; padding: .3em .6em; text-align: left }
tr.evidence { background: #e8f3fb; font-weight: bold } img { max-width: 100% }"""


def page(case: Incident, cause: str, evidence: Sequence[str], meaning: str, figures: Sequence[Any]) -> str:
    """Give the page as text."""
    rows = []
    for id, row in case.board.table.iterrows():
        mark = ' class="evidence"' if id in evidence else ""
        cells = "".join(f"<td>{escape(str(text))}</td>" for text in row)
        star = "evidence" if mark else ""
        rows.append(f'<tr{mark}><th scope="row">{escape(str(id))}</th>{cells}<td>{star}</td></tr>')
    monday = "".join(
        f'<tr><th scope="row">{escape(str(text))}</th><td>{row["ms"]:.1f} ms</td></tr>'
        for text, row in case.monday.iterrows()
    )
    verdict = f"{cause}: {meaning}" if cause else "open"
    drawn = "\n".join(figure._repr_mimebundle_()["text/html"] for figure in figures)
    return f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Incident: {escape(case.url)}</title><style>{STYLE}</style></head>
<body>
<h1>{escape(case.url)} is slow since Tuesday</h1>
<p>Case of {escape(case.name)}, in a virtual internet; seed {case.network.seed}.</p>
<h2>Cause</h2><p><strong>{escape(verdict)}</strong></p>
<p>Evidence: {escape(", ".join(evidence)) or "none yet"}</p>
<h2>Incident board</h2>
<table><tr><th>id</th><th>tool</th><th>about</th><th>shows</th><th>chosen</th></tr>{"".join(rows)}</table>
{drawn}
<h2>On Monday</h2><table>{monday}</table>
</body></html>
"""


def write(case: Incident, folder: str, text: str) -> dict[str, int]:
    """Write both files; gives their names, and how many lines and packets they have."""
    from netlab.network.files import write as write_file

    write_file(Path(folder, "incident.html"), text.encode())
    packets = case.network.to_pcap(Path(folder, "incident.pcapng"), node="laptop")
    return {"incident.html": text.count("\n"), "incident.pcapng": packets}
