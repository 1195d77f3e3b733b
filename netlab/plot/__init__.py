"""Figures: a table in, a picture with an alt text and a fingerprint out.

Data first, everything else by keyword, ``ax=None``, and nothing is ever "shown": the last line of a cell is. A
guess comes in as ``prediction=``, what the simulator knows as ``truth=``; both are drawn as labelled lines.
"""

from netlab.plot.figure import Figure
from netlab.plot.interval import loss
from netlab.plot.map import topology
from netlab.plot.over_time import rtt
from netlab.plot.parts import delays
from netlab.plot.spread import distribution

__all__ = ["Figure", "delays", "distribution", "loss", "rtt", "topology"]
