"""What turns a notebook into a workbook: a guess before the run, a check after it, a hint in between.

``predict`` stores the learner's guess, ``check`` looks at an answer and says what is wrong with it,
``hint`` gives the next of three hints. The rest (``hexdump``, ``flip``, ``launch`` …) are the hands-on parts of single
notebooks.

The strategy of a check: the exercise's checker (``checkers/<notebook>.py``) runs the answer on networks
or packets made from a seed, computes what the right answer and every known mistake would give there, and
names the mistake whose results the answer has. ``guard`` sees to it that nothing a learner writes can
raise, print to stderr or run for ever.
"""

from __future__ import annotations

from netlab.api_raw import converse
from netlab.streams import talk
from netlab.teach.cases import incident
from netlab.teach.checkers.freshness import cache_decision
from netlab.teach.dissection import messages
from netlab.teach.grading import check
from netlab.teach.hints import hint, hints_used
from netlab.teach.listening import overheard
from netlab.teach.predictions import guess, predict
from netlab.teach.site import folder
from netlab.teach.waiting import wait
from netlab.teach.webparts import path, refuse, request
from netlab.teach.workbench import example, flip, hexdump, launch, puzzle, recorded
from netlab.ways import three_ways

__all__ = [
    "cache_decision", "check", "converse", "example", "flip", "folder", "guess", "hexdump", "hint", "hints_used",
    "incident", "launch", "messages", "overheard", "path", "predict", "puzzle", "recorded", "refuse", "request", "talk",
    "three_ways", "wait",
]  # fmt: skip
